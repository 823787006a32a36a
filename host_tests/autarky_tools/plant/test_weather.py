"""Generated years are plausible, repeat by their seed, and go over into the next."""

import numpy as np
import pytest

from autarky.errors import AutarkyError
from autarky.plant.weather import CLIMATES, Weather, generate

# 1991-2020 normals (FMI, NOAA, Met Office, Meteorological Service Singapore), Kuwait by the WMO as
# the Hong Kong Observatory gives it: mean of the year, January, July; humidity in %; typical
# coldest and hottest hour of a year; kWh/m2 of sun a year by the Global Solar Atlas
TYPICAL = {
    "subarctic": (1.2, -11.4, 15.2, 79, -31, 28, 850),
    "continental": (8.1, -8.8, 23.5, 69, -27, 35, 1430),
    "temperate": (11.6, 5.5, 18.9, 78, -5, 32, 1020),
    "tropical": (27.8, 26.8, 28.2, 82, 22, 34, 1600),
    "desert": (27.1, 14.0, 38.7, 40, 3, 50, 2080),
}
YEARS = {name: [generate(name, seed) for seed in range(4)] for name in CLIMATES}


def months_c(year: Weather, start: int, end: int) -> float:
    return float(year.temp_c[24 * start : 24 * end].mean())


def test_there_are_the_five() -> None:
    assert set(CLIMATES) == set(TYPICAL)


@pytest.mark.parametrize("name", CLIMATES)
def test_a_year_is_like_the_place_s_normals(name: str) -> None:
    mean_c, january_c, july_c, percent, coldest_c, hottest_c, sun_kwh_m2 = TYPICAL[name]
    years = YEARS[name]
    assert np.mean([y.temp_c.mean() for y in years]) == pytest.approx(mean_c, abs=1.0)
    assert np.mean([months_c(y, 0, 31) for y in years]) == pytest.approx(january_c, abs=2.5)
    assert np.mean([months_c(y, 181, 212) for y in years]) == pytest.approx(july_c, abs=2.0)
    assert np.mean([y.relative_humidity.mean() for y in years]) == pytest.approx(
        percent / 100, abs=0.05
    )
    assert np.mean([y.temp_c.min() for y in years]) == pytest.approx(coldest_c, abs=4.0)
    assert np.mean([y.temp_c.max() for y in years]) == pytest.approx(hottest_c, abs=4.0)
    assert np.mean([y.sun_w_m2.sum() / 1000 for y in years]) == pytest.approx(sun_kwh_m2, rel=0.1)


def test_the_range_of_the_design_is_reached_and_not_left() -> None:
    assert min(y.temp_c.min() for y in YEARS["subarctic"]) == -30.0
    assert max(y.temp_c.max() for y in YEARS["desert"]) == 50.0
    for years in YEARS.values():
        for year in years:
            assert year.temp_c.min() >= -30.0
            assert year.temp_c.max() <= 50.0


@pytest.mark.parametrize("name", CLIMATES)
def test_hours_hang_together(name: str) -> None:
    year = YEARS[name][0]
    assert len(year.temp_c) == len(year.relative_humidity) == len(year.sun_w_m2) == 8760
    assert np.all((year.relative_humidity > 0.0) & (year.relative_humidity <= 1.0))
    # an hour changes little, over New Year too; the sun shines by day only
    assert np.abs(np.diff(year.temp_c, append=year.temp_c[0])).max() < 6.0
    assert year.sun_w_m2.max() < 1150.0
    nights = year.sun_w_m2.reshape(365, 24)
    assert nights[350:, :2].max() == 0.0
    assert nights[:, 12].min() >= 0.0
    # warm afternoons are drier than the mornings before
    humid = year.relative_humidity.reshape(365, 24)
    assert humid[:, 14].mean() < humid[:, 4].mean() - 0.05


def test_the_midnight_sun_is_where_it_should_be() -> None:
    polar = YEARS["subarctic"][0].sun_w_m2.reshape(365, 24)
    assert polar[354].max() < 20.0
    assert polar[171, 2] > 5.0
    assert YEARS["temperate"][0].sun_w_m2.reshape(365, 24)[171, 2] == 0.0


def test_a_seed_makes_one_year() -> None:
    again, other = generate("desert", 1), generate("desert", 2)
    assert np.array_equal(again.temp_c, YEARS["desert"][1].temp_c)
    assert np.array_equal(again.relative_humidity, YEARS["desert"][1].relative_humidity)
    assert not np.array_equal(again.temp_c, other.temp_c)


def test_between_hours_lies_what_lies_between_them() -> None:
    year = Weather("ramp", np.arange(4.0), np.full(4, 0.5), np.array([0.0, 100.0, 0.0, 0.0]))
    temp_c, humidity, sun_w_m2 = year.at(np.array([0.0, 1800.0, 5400.0, 3.5 * 3600, 4 * 3600.0]))
    assert temp_c.tolist() == [0.0, 0.5, 1.5, 1.5, 0.0]
    assert humidity.tolist() == [0.5] * 5
    assert sun_w_m2.tolist() == [0.0, 50.0, 50.0, 0.0, 0.0]
    assert year.year_s == 4 * 3600.0


def test_a_climate_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(AutarkyError, match="there is no climate 'lunar': choose of subarctic, co"):
        generate("lunar")
