"""A load that was measured: a CSV file with columns time_s and power_kw."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from autarky.errors import AutarkyError

_COLUMNS = ["time_s", "power_kw"]
_SHOWN = ",".join(_COLUMNS)


class TraceFileError(AutarkyError):
    """The file cannot serve; the message says which line."""


@dataclass(frozen=True)
class Trace:
    """times_s rise from 0 or later; powers_w as many, each until the next."""

    times_s: tuple[float, ...]
    powers_w: tuple[float, ...]


def read(path: Path) -> Trace:
    """A trace with at least one row. Raises TraceFileError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "no table in it"
        raise TraceFileError(f"{path}: {reason}; name a CSV file with {_SHOWN}") from None
    if head != _COLUMNS or not rows:
        raise TraceFileError(f"{path}: a trace begins with the line {_SHOWN}, rows below")
    times_s, powers_w = [], []
    for line, row in enumerate(rows, 2):
        time_s, power_kw = _numbers(row)
        if not 0 <= time_s < math.inf or (times_s and time_s <= times_s[-1]):
            raise TraceFileError(f"{path}:{line}: times are numbers that rise from 0 on")
        if not 0 <= power_kw < math.inf:
            raise TraceFileError(f"{path}:{line}: a load's power is a number from 0 on")
        times_s.append(time_s)
        powers_w.append(1000 * power_kw)
    return Trace(tuple(times_s), tuple(powers_w))


def _numbers(row: list[str]) -> tuple[float, float]:
    """Of a row; not a number where there is none."""
    try:
        time_s, power_kw = map(float, row)
    except ValueError:
        return math.nan, math.nan
    return time_s, power_kw
