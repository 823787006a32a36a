"""A place's weather file is read as EnergyPlus writes it, or refused by file, line and reason."""

from pathlib import Path

import numpy as np
import pytest

from autarky.errors import AutarkyError
from autarky.plant.weather import read_epw

HEADER = [
    "LOCATION,Somewhere,-,SWE,TMY,024600,65.5,22.1,1.0,16.0",
    "DESIGN CONDITIONS,0",
    "TYPICAL/EXTREME PERIODS,0",
    "GROUND TEMPERATURES,0",
    "HOLIDAYS/DAYLIGHT SAVINGS,No,0,0,0",
    "COMMENTS 1,written by a test",
    "COMMENTS 2,",
    "DATA PERIODS,1,1,Data,Sunday, 1/ 1,12/31",
]


def row(hour: int, temp_c: str = "-5.0", percent: str = "80", sun: str = "0") -> str:
    """Of an hour of the year; what nobody reads is missing."""
    start = ["2001", "1", "1", str(hour % 24 + 1), "60", "?9?9"]
    return ",".join([*start, temp_c, "99.9", percent, "999999", "9999", "9999", "9999", sun])


def rows(hours: int = 8760) -> list[str]:
    return [row(hour) for hour in range(hours)]


def written(folder: Path, lines: list[str]) -> Path:
    path = folder / "place.epw"
    path.write_text("\r\n".join(lines) + "\r\n")
    return path


@pytest.mark.parametrize("hours", [8760, 8784])
def test_a_year_is_read(tmp_path: Path, hours: int) -> None:
    body = rows(hours)
    body[12] = row(12, "21.5", "104", "600")
    year = read_epw(written(tmp_path, HEADER + body))
    assert year.place == "Somewhere, SWE"
    assert len(year.temp_c) == hours
    # the row of 13 o'clock: its temperature then, its sun in the hour before
    assert year.temp_c[13] == 21.5
    assert year.relative_humidity[13] == 1.0
    assert year.sun_w_m2[12:15].tolist() == [300.0, 300.0, 0.0]
    assert np.delete(year.temp_c, 13).tolist() == [-5.0] * (hours - 1)
    # the last row ends the year, where the first begins
    body[-1] = row(23, "7.0")
    assert read_epw(written(tmp_path, HEADER + body)).temp_c[0] == 7.0


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            row(2, temp_c="99.9"),
            r"place.epw:11: the dry bulb temperature is missing \(99.9\): fill",
        ),
        (row(2, percent="999"), r"place.epw:11: the relative humidity is missing \(999\): fill"),
        (row(2, sun="9999"), r"global horizontal radiation is missing \(9999\): fill the gap"),
        (
            row(2, temp_c="cold"),
            "place.epw:11: 'cold' cannot be a dry bulb temperature: column 7 t",
        ),
        (row(2, temp_c=""), "place.epw:11: '' cannot be a dry bulb"),
        (row(2, temp_c="nan"), "'nan' cannot be a dry bulb temperature: column 7 takes -70 to 70"),
        (row(2, percent="-1"), "'-1' cannot be a relative humidity: column 9 takes 0 to 110"),
        (
            row(2).replace(",60,", ",30,"),
            "place.epw:11: minute 30 is no whole hour: give an hourly",
        ),
        ("2001,1,1,3,60", "place.epw:11: 5 columns are too few for a row of an EPW file"),
    ],
)
def test_a_row_that_is_not_well_is_named(tmp_path: Path, changed: str, told: str) -> None:
    body = rows()
    body[2] = changed
    with pytest.raises(AutarkyError, match=told):
        read_epw(written(tmp_path, HEADER + body))


def test_another_length_is_no_year(tmp_path: Path) -> None:
    with pytest.raises(AutarkyError, match="8759 rows are no year of hours: give a file with 8760"):
        read_epw(written(tmp_path, HEADER + rows(8759)))


def test_sub_hourly_records_are_refused_by_the_header(tmp_path: Path) -> None:
    header = [*HEADER[:-1], "DATA PERIODS,1,4,Data,Sunday, 1/ 1,12/31"]
    with pytest.raises(AutarkyError, match=r"place.epw:8: 4 records an hour are not read: give an"):
        read_epw(written(tmp_path, header + rows()))


@pytest.mark.parametrize("lines", [[], HEADER[:5], ["time;temp", *HEADER[1:], row(0)]])
def test_another_kind_of_file_is_refused(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(AutarkyError, match=r"place.epw:1: no EPW file begins so: give one that"):
        read_epw(written(tmp_path, lines))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AutarkyError, match=r"nobody reads weather there: .*No such file"):
        read_epw(tmp_path / "nowhere.epw")
