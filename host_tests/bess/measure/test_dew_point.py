"""Dew point against CoolProp's humid air (ASHRAE RP-1485), and what it can never be."""

import pytest
from CoolProp.HumidAirProp import HAPropsSI

from bess.measure.dew_point import dew_point_dc


@pytest.mark.parametrize("air_c", [20, 25, 30, 35, 50])
@pytest.mark.parametrize("permille", [300, 500, 700, 900, 1000])
def test_it_is_within_two_tenths_of_humid_air(air_c: int, permille: int) -> None:
    kelvin = HAPropsSI("D", "T", air_c + 273.15, "R", permille / 1000, "P", 101325)
    assert abs(dew_point_dc(10 * air_c, permille) - 10 * (kelvin - 273.15)) <= 2


def test_it_rises_with_humidity_and_never_passes_the_air() -> None:
    for air_dc in range(-450, 601, 50):
        found = [dew_point_dc(air_dc, permille) for permille in range(10, 1001, 10)]
        assert found == sorted(found)
        assert found[-1] == air_dc
