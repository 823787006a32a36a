"""Reads an EnergyPlus weather file: a place's year, hour by hour.

The format is that of EnergyPlus, Auxiliary Programs, "EPW Data Dictionary": eight lines of
header, then rows in local standard time; row and column of a value are told in every refusal.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from autarky.errors import AutarkyError
from autarky.plant.cells import Floats

_HEADER_LINES = 8
_HOURS = (8760, 8784)
# column, name, from which number on it means "missing", least and most that can be
_COLUMNS = (
    (6, "dry bulb temperature", 99.9, -70.0, 70.0),
    (8, "relative humidity", 999.0, 0.0, 110.0),
    (13, "global horizontal radiation", 9999.0, 0.0, 1500.0),
)


def read_columns(path: Path) -> tuple[str, Floats, Floats, Floats]:
    """Place; degC, humidity in percent and Wh/m2 of each hour, which belong to its end.

    Raises AutarkyError for a file that is none or has not one full year of whole hours.
    """
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise AutarkyError(f"{path}: nobody reads weather there: {error}") from error
    place = _place(path, lines)
    rows = [
        _row(f"{path}:{number}", line.split(","))
        for number, line in enumerate(lines[_HEADER_LINES:], _HEADER_LINES + 1)
        if line.strip()
    ]
    if len(rows) not in _HOURS:
        raise AutarkyError(
            f"{path}: {len(rows)} rows are no year of hours: give a file with 8760 or 8784"
        )
    temperature_c, percent, sun_wh_m2 = np.array(rows).T
    return place, temperature_c, percent, sun_wh_m2


def _place(path: Path, lines: list[str]) -> str:
    """Where it is, by a header that is well."""
    if len(lines) < _HEADER_LINES or not lines[0].upper().startswith("LOCATION,"):
        raise AutarkyError(
            f"{path}:1: no EPW file begins so: give one that starts with LOCATION and has "
            "eight lines of header"
        )
    for number, line in enumerate(lines[:_HEADER_LINES], 1):
        fields = [part.strip() for part in line.split(",")]
        if fields[0].upper() == "DATA PERIODS" and len(fields) > 2 and fields[2] != "1":
            raise AutarkyError(
                f"{path}:{number}: {fields[2]} records an hour are not read: give an hourly file"
            )
    return ", ".join(part.strip() for part in lines[0].split(",")[1:4] if part.strip(" -"))


def _row(where: str, fields: list[str]) -> tuple[float, ...]:
    if len(fields) <= _COLUMNS[-1][0]:
        raise AutarkyError(f"{where}: {len(fields)} columns are too few for a row of an EPW file")
    if fields[4].strip() not in ("0", "60", "00"):
        raise AutarkyError(
            f"{where}: minute {fields[4].strip()} is no whole hour: give an hourly file"
        )
    return tuple(_value(where, fields, *column) for column in _COLUMNS)


def _value(
    where: str, fields: list[str], column: int, name: str, missing: float, least: float, most: float
) -> float:
    text = fields[column].strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if value >= missing:
        raise AutarkyError(
            f"{where}: the {name} is missing ({text}): fill the gap or take another file"
        )
    if not least <= value <= most:
        raise AutarkyError(
            f"{where}: {text!r} cannot be a {name}: column {column + 1} takes {least:g} to {most:g}"
        )
    return value
