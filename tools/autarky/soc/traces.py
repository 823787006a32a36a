"""Measured or simulated traces of one cell, from Parquet or CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TEMPERATURE = ("temp", "T_test", "T_amb")
_GROUPS = ("T_test", "script", "test", "T_amb")
_CHARGE = ("soc", "soc_ref")
_MOST_TRACES = 200


class TraceError(ValueError):
    """A trace that cannot serve, with the reason and what to do."""


@dataclass(frozen=True)
class Trace:
    """One cell over time, all arrays (n,): s, A (+ = discharge), V, degC, soc 0..1 or None."""

    name: str
    time_s: Floats
    current_a: Floats
    voltage_v: Floats
    temperature_c: Floats
    soc: Floats | None
    capacity_ah: float | None

    @property
    def hours(self) -> float:
        return float(self.time_s[-1] - self.time_s[0]) / 3600

    def counted_ah(self) -> Floats:
        """Charge discharged since the first sample; a sample's current held since the last one."""
        moved = self.current_a[1:] * np.diff(self.time_s) / 3600
        return np.concatenate([[0.0], np.cumsum(moved)])

    def cut(self, start: int, stop: int | None = None) -> Trace:
        """The samples start..stop as a trace of their own."""
        part = slice(start, stop)
        return replace(
            self,
            time_s=self.time_s[part], current_a=self.current_a[part],
            voltage_v=self.voltage_v[part], temperature_c=self.temperature_c[part],
            soc=None if self.soc is None else self.soc[part],
        )  # fmt: skip


def read_table(path: Path) -> pa.Table:
    """Columns of a .parquet, .csv or .csv.gz file. Raises TraceError."""
    if not path.is_file():
        raise TraceError(f"{path}: there is no such file")
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet

            return pyarrow.parquet.read_table(path)
        import pyarrow.csv

        return pyarrow.csv.read_csv(path)
    except (pa.ArrowException, OSError) as error:
        raise TraceError(f"{path}: neither Parquet nor CSV ({error})") from None


def read_traces(
    path: Path,
    select: dict[str, str] | None = None,
    temperature_c: float | None = None,
    invert_current: bool = False,
) -> list[Trace]:
    """Every trace of a file: rows belong together while their group columns stay the same.

    Columns: time s, current A (+ = discharge), voltage V; optional temp, T_test or T_amb degC
    (else temperature_c or 25), soc or soc_ref 0..1, Q_ref Ah. select: column -> wanted value;
    invert_current: the file counts + in charge.
    Raises TraceError.
    """
    table = read_table(path)
    names = set(table.column_names)
    missing = [name for name in ("time", "current", "voltage") if name not in names]
    if missing:
        raise TraceError(
            f"{path}: no column {', '.join(missing)}; needed are time (s), current (A, + = "
            f"discharge) and voltage (V), found {', '.join(table.column_names)}"
        )
    columns = {
        name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names
    }
    keep = np.ones(table.num_rows, dtype=bool)
    for name, value in (select or {}).items():
        if name not in columns:
            raise TraceError(f"{path}: --select {name}: there is no such column")
        column = columns[name]
        number = np.issubdtype(column.dtype, np.number)
        keep &= column == (float(value) if number else value)
    columns = {name: column[keep] for name, column in columns.items()}
    if not len(columns["time"]):
        raise TraceError(f"{path}: no row is left to read")
    if invert_current:
        columns["current"] = -columns["current"]
    return list(_split(path, columns, temperature_c))


def _split(path: Path, columns: dict[str, NDArray], temperature_c: float | None) -> Iterator[Trace]:
    groups = [name for name in _GROUPS if name in columns]
    changes = np.diff(columns["time"].astype(float)) < 0
    for name in groups:
        changes |= columns[name][1:] != columns[name][:-1]
    edges = [0, *(np.flatnonzero(changes) + 1), len(columns["time"])]
    if len(edges) > _MOST_TRACES + 1:
        raise TraceError(
            f"{path}: time goes backwards or groups change {len(edges) - 2} times; rows must be in "
            "the order of time, one trace after the other"
        )
    for start, stop in pairwise(edges):
        part = {name: column[start:stop] for name, column in columns.items()}
        labels = [f"{name}={part[name][0]}" for name in groups]
        yield _trace(path, " ".join([path.stem, *labels]), part, temperature_c)


def _trace(path: Path, name: str, part: dict[str, NDArray], temperature_c: float | None) -> Trace:
    def floats(column: str) -> Floats:
        try:
            values = part[column].astype(float)
        except (TypeError, ValueError):
            raise TraceError(f"{path}: column {column} is not numeric") from None
        if not np.isfinite(values).all():
            raise TraceError(f"{path}: column {column} has gaps (not a number)")
        return values

    time_s = floats("time")
    found = next((column for column in _TEMPERATURE if column in part), None)
    charge = next((column for column in _CHARGE if column in part), None)
    soc = floats(charge) if charge else None
    if soc is not None and (soc.min() < -0.05 or soc.max() > 1.05):
        raise TraceError(f"{path}: column {charge} must be 0..1, found {soc.min()}..{soc.max()}")
    if found is None:
        temperature = np.full(len(time_s), 25.0 if temperature_c is None else temperature_c)
    else:
        temperature = floats(found)
    fresh = np.concatenate([[True], np.diff(time_s) > 0])  # a logger may repeat a time
    trace = Trace(
        name, time_s[fresh], floats("current")[fresh], floats("voltage")[fresh],
        temperature[fresh], None if soc is None else soc[fresh],
        float(floats("Q_ref")[0]) if "Q_ref" in part else None,
    )  # fmt: skip
    _check_sign(path, trace)
    return trace


def _check_sign(path: Path, trace: Trace) -> None:
    """Charge that flows out lowers the reference charge, or the voltage where there is none."""
    other = trace.voltage_v if trace.soc is None else trace.soc
    counted = trace.counted_ah()
    moved = np.ptp(other) > (0.3 if trace.soc is None else 0.05)
    if moved and np.ptp(counted) > 0 and np.corrcoef(counted, other)[0, 1] > 0.5:
        raise TraceError(
            f"{path}: {trace.name} grows fuller while current says discharge: current must be + "
            "in discharge; turn its sign (--invert-current)"
        )


def capacity_from(trace: Trace) -> float:
    """Capacity in Ah that fits the reference charge. Raises TraceError where it moves little."""
    if trace.capacity_ah:
        return trace.capacity_ah
    if trace.soc is None or np.ptp(trace.soc) < 0.2:
        raise TraceError(
            f"{trace.name}: the capacity cannot be told from the trace; give --capacity-ah"
        )
    counted = trace.counted_ah()
    gone = trace.soc[0] - trace.soc
    counted = counted - counted.mean()
    return float(counted @ counted / (counted @ (gone - gone.mean())))
