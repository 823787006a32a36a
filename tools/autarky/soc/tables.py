"""Tables of measured data out of files: Parquet, CSV as loggers write it, Excel, MATLAB.

What a file is, its first bytes say. A unit that a file names beside a column, in a row of its
own, stands in the field's metadata under `unit`.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from autarky.errors import missing_package
from autarky.soc.units import is_unit

PART = "part"  # which of several tables of one file a row is from
_HEAD_LINES = 200  # a logger's own lines before its header are fewer
_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[+-]?(\d[\d.,' ]*|[.,]\d+)([eE][+-]?\d+)?$")
_CLOCK = re.compile(r"(\d+[dT ]?\s*)?\d+:\d\d|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")
_SHORT_CLOCK = re.compile(r"\d{1,3}:\d\d$")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+([eE][+-]?\d+)?$")
_LEAST_COLUMNS = 2
_FEW_HUNDRED = 400  # tables of one file


class TraceError(ValueError):
    """A trace that cannot serve, with the reason and what to do."""


def read_table(path: Path) -> pa.Table:
    """Columns of a file. Raises TraceError with what it is and what to do instead."""
    if not path.is_file():
        raise TraceError(f"{path}: there is no such file")
    try:
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise TraceError(f"{path}: cannot be read ({_first_line(error)})") from None
    kind, reader = next(
        ((kind, reader) for magic, kind, reader in _KINDS if data.startswith(magic)),
        ("CSV", _read_csv),
    )
    try:
        table = reader(path, data)
    except TraceError:
        raise
    except ModuleNotFoundError as error:
        raise TraceError(f"{path}: {kind}: {missing_package(error)}, or save it as CSV") from None
    except Exception as error:  # whatever a damaged file makes of a library
        raise TraceError(f"{path}: damaged or no {kind} ({_first_line(error)})") from None
    if not table.num_rows:
        raise TraceError(f"{path}: has a header and no row of data")
    return table


def unit_of(table: pa.Table, name: str) -> str:
    """The unit that the file names for a column in a row of its own, else ""."""
    return ((table.schema.field(name).metadata or {}).get(b"unit") or b"").decode()


def _first_line(error: Exception) -> str:
    """What a library says, without the content of the file."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    return "".join(c if c.isprintable() else "?" for c in text.split(": ...")[0])[:160]


def _read_parquet(path: Path, data: bytes) -> pa.Table:
    import pyarrow.parquet

    # without threads: one that still runs when a sentence ends the command can abort the process
    return pyarrow.parquet.read_table(pa.BufferReader(data), use_threads=False, pre_buffer=False)


def _no_hdf(path: Path, data: bytes) -> pa.Table:
    raise TraceError(
        f"{path}: HDF5 or a MATLAB file of version 7.3, which is not read; in MATLAB save it "
        "with -v7, or export it as CSV or Parquet"
    )


def _no_archive(path: Path, data: bytes) -> pa.Table:
    raise TraceError(f"{path}: an archive; unpack it and give a file of it")


# --- CSV ---


def _text_of(path: Path, data: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding)
    if b"\0" in data[:65536]:
        raise TraceError(
            f"{path}: a binary file that is not read; export it as CSV, Parquet or Excel"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # degree signs of older loggers


def _read_csv(path: Path, data: bytes) -> pa.Table:
    from pyarrow import csv as arrow_csv

    text = _text_of(path, data)
    lines = text.splitlines()
    if not any(line.strip() for line in lines):
        raise TraceError(f"{path}: is empty")
    if not any(mark in line for mark in _DELIMITERS for line in lines):
        lines = ["\t".join(line.split()) for line in lines]  # columns set by spaces
    delimiter = _delimiter_of(lines[:_HEAD_LINES])
    rows = list(csv.reader(lines[:_HEAD_LINES], delimiter=delimiter))
    header, names, units = _header_of(path, rows)
    first = header + 1 + bool(units) if header >= 0 else 0
    sample = [field.strip() for row in rows[first:] for field in row]
    if short := next((field for field in sample if _SHORT_CLOCK.match(field)), None):
        raise TraceError(f"{path}: {short!r} may be HH:MM or MM:SS; write HH:MM:SS, or seconds")
    comma = delimiter != "," and any(_DECIMAL_COMMA.match(field) for field in sample)
    body = [line for line in lines[first:] if line.strip(delimiter + " ")]
    blank = max((len(row) for row in rows[first:] if not any(row[len(names) :])), default=0)
    names += [f"column {i + 1}" for i in range(len(names), blank)]  # a delimiter at the end
    wrong: list[arrow_csv.InvalidRow] = []
    table = arrow_csv.read_csv(
        io.BytesIO("\n".join([*body, ""]).encode()),
        arrow_csv.ReadOptions(column_names=names, use_threads=False),
        arrow_csv.ParseOptions(
            delimiter=delimiter, invalid_row_handler=lambda row: wrong.append(row) or "skip"
        ),
        arrow_csv.ConvertOptions(decimal_point="," if comma else "."),
    )
    if wrong:
        row = wrong[0]
        raise TraceError(
            f"{path}: {len(wrong)} rows do not have the header's {row.expected_columns} columns, "
            f"one has {row.actual_columns}: "
            + (
                "leave lines out that are no data"
                if row.actual_columns < row.expected_columns
                else "with a decimal comma, put semicolons between columns"
            )
        )
    return _with_units(table, units)


def _delimiter_of(lines: list[str]) -> str:
    """What splits most lines into the same number of fields, more than one."""

    def even(delimiter: str) -> tuple[int, int]:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        counts.pop(1, None)
        fields, rows = max(counts.items(), key=lambda item: item[1], default=(0, 0))
        return rows, -_DELIMITERS.index(delimiter) if fields else -9

    # 1,5;3,33 splits evenly at both: numbers with commas are told by the semicolon's being there
    best = max(_DELIMITERS, key=even)
    semicolons = even(";")[0]
    return ";" if semicolons and semicolons >= 0.8 * even(best)[0] else best


def _is_value(field: Any) -> bool:
    if not isinstance(field, str):
        return field is not None
    text = field.strip()
    return bool(_NUMBER.match(text) or _CLOCK.match(text)) or text.lower() in ("nan", "-nan")


def _header_of(path: Path, rows: list[list[Any]]) -> tuple[int, list[str], list[str]]:
    """(row of the names or -1, names, units or []) of a table whose first rows may be prose."""
    for at, (row, after) in enumerate(pairwise(rows)):
        if len(row) < _LEAST_COLUMNS or any(_is_value(field) for field in row if field != ""):
            if at == 0 and sum(map(_is_value, row)) >= _LEAST_COLUMNS:
                return -1, [str(i + 1) for i in range(len(row))], []
            continue
        names = [_clean(field) for field in row]
        if sum(map(bool, names)) < _LEAST_COLUMNS:
            continue
        below = rows[at + 2] if at + 2 < len(rows) else []
        if sum(map(_is_value, after)) >= _LEAST_COLUMNS:
            return at, _distinct(names), []
        units = ["" if f is None else str(f).strip().strip("[]()") for f in after]
        given = [unit for unit in units if unit]
        if sum(map(is_unit, given)) >= _LEAST_COLUMNS and sum(map(_is_value, below)) >= (
            _LEAST_COLUMNS
        ):
            return at, _distinct(names), units
    if rows and all(len(row) < _LEAST_COLUMNS for row in rows):
        raise TraceError(
            f"{path}: no table: columns are separated by comma, semicolon, tab or space"
        )
    if len(rows) == 1 or not any(sum(map(_is_value, row)) >= _LEAST_COLUMNS for row in rows):
        raise TraceError(f"{path}: there is no row of numbers in its first {_HEAD_LINES} lines")
    raise TraceError(
        f"{path}: no row names the columns; write one before the numbers, such as "
        "time,current,voltage"
    )


def _clean(field: Any) -> str:
    return "" if field is None else str(field).strip().lstrip("#% ").strip()


def _distinct(names: list[str]) -> list[str]:
    """Names that stand once; of equal ones none is taken for granted."""
    count = Counter(names)
    return [
        name if name and count[name] == 1 else f"{name or 'column'} {i + 1}"
        for i, name in enumerate(names)
    ]


def _with_units(table: pa.Table, units: list[str]) -> pa.Table:
    fields = [
        field.with_metadata({"unit": unit}) if unit else field
        for field, unit in zip(table.schema, [*units, *[""] * table.num_columns], strict=False)
    ]
    return table.cast(pa.schema(fields))


# --- Excel ---


def _read_excel(path: Path, data: bytes) -> pa.Table:
    if data.startswith(b"PK") and b"xl/" not in data:
        return _no_archive(path, data)
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    tables: dict[str, pa.Table] = {}
    for name in book.sheet_names:
        rows: list[list[Any]] = book.get_sheet_by_name(name).to_python()
        try:
            header, names, units = _header_of(path, rows[:_HEAD_LINES])
        except TraceError:
            continue  # a sheet of remarks
        first = header + 1 + bool(units) if header >= 0 else 0
        body = [row for row in rows[first:] if any(field not in ("", None) for field in row)]
        columns = {n: _cells([row[i] for row in body]) for i, n in enumerate(names)}
        tables[name] = _with_units(pa.table(columns), units)
    if not tables:
        raise TraceError(f"{path}: no sheet has a row of names above rows of numbers")
    most = max(tables.values(), key=lambda table: table.num_rows)
    same = {n: t for n, t in tables.items() if t.column_names == most.column_names}
    return _joined(path, same)


def _cells(values: list[Any]) -> pa.Array:
    values = [None if value == "" else value for value in values]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values])


def _joined(path: Path, tables: dict[str, pa.Table]) -> pa.Table:
    """One table, with the name of each in the column `part` where there are several."""
    if len(tables) > _FEW_HUNDRED:
        raise TraceError(f"{path}: holds {len(tables)} tables; export those you mean as CSV")
    if len(tables) == 1:
        return next(iter(tables.values()))
    parts = [t.append_column(PART, pa.array([n] * t.num_rows)) for n, t in tables.items()]
    return pa.concat_tables(parts, promote_options="permissive")


# --- MATLAB ---


def _read_matlab(path: Path, data: bytes) -> pa.Table:
    from scipy.io import loadmat

    content = loadmat(io.BytesIO(data), simplify_cells=True)
    found = dict(_structures("", content))
    if not found:
        raise TraceError(
            f"{path}: holds no columns of equal length; export time, current and voltage as CSV"
        )
    most = max(found.values(), key=lambda table: (table.num_columns > 2, table.num_rows))
    wanted = set(most.column_names)
    return _joined(path, {n: t for n, t in found.items() if set(t.column_names) == wanted})


def _structures(name: str, value: Any) -> Iterator[tuple[str, pa.Table]]:
    """Every structure that holds vectors of one length, by its path."""
    if isinstance(value, dict):
        vectors = {
            str(key): np.ravel(item)
            for key, item in value.items()
            if isinstance(item, np.ndarray) and item.dtype.kind in "fiub" and item.ndim
            and item.size == max(item.shape) > 1
        }  # fmt: skip
        lengths = Counter(len(vector) for vector in vectors.values())
        length, count = max(lengths.items(), key=lambda item: item[1], default=(0, 0))
        if count > 1:
            yield name, pa.table({k: v for k, v in vectors.items() if len(v) == length})
        items = [(k, v) for k, v in value.items() if not str(k).startswith("__")]
    elif isinstance(value, list | np.ndarray) and getattr(value, "dtype", None) in (None, object):
        items = list(enumerate(value))
    else:
        return
    for key, item in items:
        yield from _structures(f"{name}.{key}".lstrip("."), item)


_KINDS: tuple[tuple[bytes, str, Callable[[Path, bytes], pa.Table]], ...] = (
    (b"PAR1", "Parquet", _read_parquet),
    (b"PK\x03\x04", "Excel", _read_excel),
    (b"\xd0\xcf\x11\xe0", "Excel", _read_excel),
    (b"MATLAB 5.0", "MATLAB file", _read_matlab),
    (b"MATLAB 7.3", "MATLAB file", _no_hdf),
    (b"\x89HDF", "HDF5", _no_hdf),
    (b"7z\xbc\xaf", "archive", _no_archive),
    (b"Rar!", "archive", _no_archive),
    (b"BZh", "archive", _no_archive),
    (b"\xfd7zXZ", "archive", _no_archive),
)
