"""Which column of a table is what, and its values in s, A, V, degC and 0..1.

Names are those of common cyclers and public data sets. Where neither a name nor a number says
the unit beyond doubt, the column is refused: what is guessed here moves every result after it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from autarky.soc.tables import TraceError, unit_of
from autarky.soc.units import SCALES, scale, split_unit

Floats = NDArray[np.float64]

# role -> names in the order of preference, as `_plain` writes them
_NAMES = {
    "time": (
        "testtime", "totaltime", "elapsedtime", "runtime", "progtime", "time", "t", "seconds",
        "timestamp", "datetime", "datetimeutc", "absolutetime", "realtime", "zeit", "date",
    ),
    "current": (
        "current", "I", "i", "currentmeasured", "measuredcurrent", "cellcurrent",
        "batterycurrent", "amps", "strom",
    ),
    "voltage": (
        "voltage", "U", "u", "V", "v", "ecell", "ewe", "voltagemeasured", "measuredvoltage",
        "cellvoltage", "batteryvoltage", "terminalvoltage", "volts", "spannung",
    ),
    "temperature": (
        "temp", "ttest", "tamb", "temperature", "T", "celltemp", "celltemperature", "batterytemp",
        "batterytemperature", "temperaturemeasured", "surfacetemp", "surfacetemperature",
        "auxtemperature1", "temperatur", "chambertemp",
    ),
    "soc": ("soc", "socref", "stateofcharge"),
    "capacity": ("qref",),
}  # fmt: skip
ROLES = tuple(role for role in _NAMES if role != "capacity")
_NEEDED = ("time", "current", "voltage")
_CELL_V = (0.5, 6.5)
_LARGEST_CELL_A = 400  # above it a number without a unit may as well be in mA
_LEAST_STEP_S, _MOST_STEP_S = 0.005, 90  # between samples, where no unit is named
_DAYS = ("date", "datum", "day")
_EPOCHS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3), (1e8, 1.0))  # from this on: since 1970
_TICK_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DAY_S = 86400
_CLOCK = re.compile(
    r"(?:(\d+)\s*(?:d|days?|\s)[\s,]*)?(\d+):(\d{1,2}):(\d{1,2}(?:[.,:]\d+)?)\s*([AaPp][Mm])?$"
)
_DATES = tuple(
    f"{date} {time}"
    for date in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%Y", "%m/%d/%Y",
                 "%d-%b-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y")
    for time in ("%H:%M:%S", "%H:%M:%S.%f", "%I:%M:%S %p")
)  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """Values by role, (n,) each; what the numbers of time are; what had to be found out."""

    values: dict[str, Floats]
    is_date: bool
    notes: tuple[str, ...]


def find(path: Path, table: pa.Table, given: Mapping[str, str] | None = None) -> Columns:
    """The columns of a table. given: role -> its column, or COLUMN:UNIT. Raises TraceError."""
    notes: list[str] = []
    places = {role: _given(path, table, role, text) for role, text in (given or {}).items()}
    for role in _NAMES:
        if role not in places:
            name = _search(path, table, role)
            if name:
                places[role] = (name, split_unit(name, role)[1] or unit_of(table, name))
    missing = [role for role in _NEEDED if role not in places]
    if missing:
        raise TraceError(
            f"{path}: no column {', '.join(missing)}; found {', '.join(table.column_names)}. "
            f"Say which it is: --columns {','.join(f'{role}=NAME' for role in missing)}, with "
            "NAME:UNIT where the unit is not s, A, V"
        )
    values: dict[str, Floats] = {}
    is_date = False
    for role, (name, unit) in places.items():
        raw = table.column(name)
        if role == "time":
            on_days = _on_days(path, table, name, raw)
            values[role], is_date = (
                _seconds(path, name, raw, unit) if on_days is None else (on_days, True)
            )
            continue
        numbers = _numbers(path, name, raw)
        convert = _CONVERT.get(role, _by_unit)
        values[role], note = convert(path, role, name, numbers, unit)
        if note:
            notes.append(f"{path.name}: {note}")
    name, unit = places["current"]
    if notes and not unit:  # a logger in mV may well count in mA
        raise TraceError(
            f"{'; '.join(notes)}, and column {name} names no unit: A or mA? Say "
            f"--columns current={name}:mA (or :A)"
        )
    return Columns(values, is_date, tuple(notes))


def _given(path: Path, table: pa.Table, role: str, text: str) -> tuple[str, str]:
    if role not in ROLES:
        raise TraceError(f"--columns {role}={text}: the roles are {', '.join(ROLES)}")
    name, _, unit = text.rpartition(":")
    if text in table.column_names:
        name, unit = text, split_unit(text, role)[1] or unit_of(table, text)
    if name not in table.column_names:
        raise TraceError(
            f"{path}: --columns {role}={text}: there is no column {name or text}; found "
            + ", ".join(table.column_names)
        )
    return name, unit


def _plain(name: str) -> str:
    """A name without spaces, marks and case; one letter keeps its case (t is not T)."""
    bare = re.sub(r"[^0-9A-Za-zÀ-ÿ]", "", name)
    return bare if len(bare) == 1 else bare.lower()


def _search(path: Path, table: pa.Table, role: str) -> str | None:
    plain = {name: {_plain(name), _plain(split_unit(name, role)[0])} for name in table.column_names}
    for wanted in _NAMES[role]:
        found = [name for name, forms in plain.items() if wanted in forms]
        if len(found) > 1:
            raise TraceError(
                f"{path}: {role} may be {' or '.join(found)}: say --columns {role}={found[0]}"
            )
        if found:
            return found[0]
    return None


def _numbers(path: Path, name: str, raw: pa.ChunkedArray) -> Floats:
    """The values of a column as numbers, NaN where there is none."""
    kind = raw.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return raw.to_numpy(zero_copy_only=False).astype(float)
    if pa.types.is_null(kind):
        return np.full(len(raw), np.nan)
    texts = _texts(raw)
    kinds = {_shape(text) for text in texts if text}
    for shapes, translation in _SEPARATORS:
        if kinds <= shapes:
            return np.array([float(t.translate(translation)) if t else np.nan for t in texts])
    odd = [(i, t) for i, t in enumerate(texts) if t and _shape(t) is None]
    row, text = odd[0] if odd else next((i, t) for i, t in enumerate(texts) if t)
    raise TraceError(f"{path}: column {name} is not numeric: {text[:40]!r} in row {row + 1}")


def _texts(raw: pa.ChunkedArray) -> list[str]:
    return ["" if value is None else str(value).strip() for value in raw.to_pylist()]


_SHAPES = {
    "plain": re.compile(r"[+-]?(\d+|\d+\.\d*|\.\d+)([eE][+-]?\d+)?$"),
    "comma": re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?$"),
    "thousands comma": re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"),
    "thousands point": re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+$"),
    "thousands space": re.compile(r"[+-]?\d{1,3}([ '\u00a0\u202f]\d{3})+(\.\d*)?$"),
}
_SEPARATORS: tuple[tuple[set[str], dict[int, Any]], ...] = (
    ({"plain"}, {}),
    ({"plain", "thousands comma"}, str.maketrans("", "", ",")),
    ({"plain", "comma", "thousands comma", "thousands point"}, str.maketrans(",", ".", ".")),
    ({"plain", "thousands space"}, str.maketrans("", "", " '\u00a0\u202f")),
)


def _shape(text: str) -> str | None:
    return next((name for name in reversed(_SHAPES) if _SHAPES[name].match(text)), None)


def _by_unit(
    path: Path, role: str, name: str, numbers: Floats, unit: str
) -> tuple[Floats, str]:  # fmt: skip
    if not unit:
        return numbers, ""
    try:
        factor, zero = scale(role, unit)
    except KeyError:
        known = ", ".join(SCALES[role])
        raise TraceError(
            f"{path}: column {name}: {unit!r} is no unit of {role}; known are {known}: say "
            f"--columns {role}={name}:UNIT"
        ) from None
    return (numbers - zero) * factor, ""


def _volts(path: Path, role: str, name: str, numbers: Floats, unit: str) -> tuple[Floats, str]:
    volts, _ = _by_unit(path, role, name, numbers, unit)
    typical = float(np.nanmedian(np.abs(volts))) if np.isfinite(volts).any() else 1.0
    low, high = _CELL_V
    if low <= typical <= high:
        return volts, ""
    for factor, what in ((1e-3, "mV"), (1e-6, "uV")):
        if not unit and low <= typical * factor <= high:
            return volts * factor, f"column {name} taken as {what}: it reads about {typical:.4g}"
    raise TraceError(
        f"{path}: column {name} reads about {typical:.4g} {unit or 'V'}: the voltage of one cell "
        f"is meant, {low:g}..{high:g} V; name its unit (--columns voltage={name}:mV), or divide a "
        "string's voltage by its cells in series"
    )


def _amperes(path: Path, role: str, name: str, numbers: Floats, unit: str) -> tuple[Floats, str]:
    amperes, _ = _by_unit(path, role, name, numbers, unit)
    most = float(np.abs(amperes[np.isfinite(amperes)]).max(initial=0.0))
    if not unit and most > _LARGEST_CELL_A:
        raise TraceError(
            f"{path}: column {name} reads up to {most:.4g} and names no unit: A or mA? Say "
            f"--columns current={name}:mA (or :A)"
        )
    return amperes, ""


def _celsius(path: Path, role: str, name: str, numbers: Floats, unit: str) -> tuple[Floats, str]:
    celsius, _ = _by_unit(path, role, name, numbers, unit)
    known = celsius[np.isfinite(celsius)]
    if len(known) and (known.min() < -60 or known.max() > 150):
        raise TraceError(
            f"{path}: column {name} reads {known.min():.4g}..{known.max():.4g} degC; name its unit "
            f"(--columns temperature={name}:K) or leave the false values out"
        )
    return celsius, ""


_CONVERT: dict[str, Callable[[Path, str, str, Floats, str], tuple[Floats, str]]] = {
    "voltage": _volts, "current": _amperes, "temperature": _celsius,
}  # fmt: skip


def _seconds(path: Path, name: str, raw: pa.ChunkedArray, unit: str) -> tuple[Floats, bool]:
    """(s, whether they are dates) of stamps, times of day, durations, or numbers of a unit."""
    kind = raw.type
    if pa.types.is_dictionary(kind):
        return _seconds(path, name, raw.cast(kind.value_type), unit)
    if pa.types.is_date(kind):
        raise TraceError(f"{path}: column {name} has days without a time: --columns time=NAME")
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        ticks = raw.cast(pa.int64())
        return _since_first(path, name, ticks, _TICK_S[kind.unit]), pa.types.is_timestamp(kind)
    clock = _clock(raw)
    if clock is not None:
        return _over_midnight(clock), False
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = _texts(raw)
        dates = _dates(path, name, texts)
        if dates is not None:
            return dates, True
    numbers = _numbers(path, name, raw)
    if unit:
        return _by_unit(path, "time", name, numbers, unit)[0], False
    first = abs(float(numbers[np.isfinite(numbers)][0])) if np.isfinite(numbers).any() else 0.0
    for least, factor in _EPOCHS:
        if first >= least:
            ticks = raw if pa.types.is_integer(kind) else pa.chunked_array([numbers])
            return _since_first(path, name, ticks, factor), True
    steps = np.diff(numbers)
    steps = np.sort(steps[np.isfinite(steps) & (steps > 0)])
    typical = float(steps[(len(steps) - 1) // 2]) if len(steps) else 1.0
    if not _LEAST_STEP_S <= typical <= _MOST_STEP_S:
        raise TraceError(
            f"{path}: column {name} names no unit and steps by {typical:.3g}: seconds would be "
            f"odd. Say --columns time={name}:ms (or ns, us, s, min, h, d)"
        )
    return numbers, False


def _on_days(path: Path, table: pa.Table, name: str, raw: pa.ChunkedArray) -> Floats | None:
    """Times of day with the days of a column beside them, None where there is none."""
    beside = next((n for n in table.column_names if n != name and _plain(n) in _DAYS), None)
    clock = _clock(raw) if beside else None
    if beside is None or clock is None:
        return None
    days = table.column(beside)
    if pa.types.is_date(days.type) and not days.null_count:
        numbers = days.cast(pa.date32()).cast(pa.int32()).to_numpy(zero_copy_only=False)
        return clock + _DAY_S * (numbers - numbers[0]).astype(float)
    midnights = _dates(path, beside, [f"{text} 00:00:00" for text in _texts(days)])
    return None if midnights is None else clock + midnights


def _since_first(path: Path, name: str, ticks: pa.ChunkedArray, factor: float) -> Floats:
    """Differences before factors: nanoseconds since 1970 do not fit a double."""
    if ticks.null_count:
        raise TraceError(f"{path}: column {name} has {ticks.null_count} gaps (no time)")
    numbers = ticks.to_numpy(zero_copy_only=False)
    return (numbers - numbers[:1]).astype(float) * factor


def _over_midnight(clock_s: Floats) -> Floats:
    """Times of day as one time that goes on: half a day back is the next day."""
    days = np.cumsum(np.diff(clock_s, prepend=clock_s[:1]) < -_DAY_S / 2)
    return clock_s + _DAY_S * days


def _clock(raw: pa.ChunkedArray) -> Floats | None:
    """Seconds of times, or of texts [days] HH:MM:SS[.fff] [AM|PM]; None where it is neither."""
    kind = raw.type
    if pa.types.is_time(kind) and not raw.null_count:
        ticks = raw.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        return ticks.to_numpy(zero_copy_only=False) * _TICK_S[kind.unit]
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    out = []
    for text in _texts(raw):
        found = _CLOCK.match(text)
        if not found:
            return None
        days, hours, minutes, seconds, half = found.groups()
        hour = int(hours)
        if half:
            hour = hour % 12 + (12 if half.lower() == "pm" else 0)
        second = float(re.sub("[,:]", ".", seconds))
        if int(minutes) > 59 or second >= 61:
            return None
        out.append(int(days or 0) * _DAY_S + hour * 3600 + int(minutes) * 60 + second)
    return np.array(out)


def _dates(path: Path, name: str, texts: list[str]) -> Floats | None:
    """Seconds since the first of dates with a time, None where they are written in no known way."""
    readings = []
    for form in _DATES:
        try:
            stamps = [dt.datetime.strptime(text.replace(",", "."), form) for text in texts]
        except ValueError:
            continue
        readings.append(np.array([(stamp - stamps[0]).total_seconds() for stamp in stamps]))
    if not readings:
        try:  # ISO 8601, each with an offset of its own
            stamps = [dt.datetime.fromisoformat(text) for text in texts]
            return np.array([(stamp - stamps[0]).total_seconds() for stamp in stamps])
        except (ValueError, TypeError):
            return None
    if any(not np.array_equal(readings[0], other) for other in readings[1:]):
        raise TraceError(
            f"{path}: column {name}: {texts[0]!r} may put the day or the month first; write dates "
            "as YYYY-MM-DD"
        )
    return readings[0]
