"""Coolant, moist air and the firmware's dew point against CoolProp (ASHRAE RP-1485).

All in one file, which one process runs: reading its fluids takes CoolProp four seconds.
"""

from types import ModuleType

import numpy as np
import pytest

from autarky.plant import thermal_model
from autarky.plant.moist_air import dew_point_c, humid_kg_kg
from autarky.plant.weather import generate
from bess.measure.dew_point import dew_point_dc


@pytest.fixture(scope="module")
def real() -> ModuleType:
    from CoolProp import CoolProp

    return CoolProp


@pytest.mark.parametrize("celsius", [1.0, 10.0, 20.0, 35.0, 50.0])
@pytest.mark.parametrize("humidity", [0.2, 0.6, 0.95])
def test_water_and_dew_point_are_those_of_the_real_gas(
    real: ModuleType, celsius: float, humidity: float
) -> None:
    state = ("T", 273.15 + celsius, "R", humidity, "P", 101325)
    water = humid_kg_kg(np.array([humidity]), np.array([celsius]))
    assert water[0] == pytest.approx(real.HAPropsSI("W", *state), rel=0.01)
    dew_c = real.HAPropsSI("D", *state) - 273.15
    if dew_c > 0.0:  # below, CoolProp tells the frost point
        assert dew_point_c(water)[0] == pytest.approx(dew_c, abs=0.1)


def test_coolant_holds_and_weighs_what_coolprop_says(real: ModuleType) -> None:
    at = ("T", 293.15, "P", 101325, "INCOMP::MEG-50%")
    assert real.PropsSI("D", *at) == pytest.approx(thermal_model.COOLANT_KG_M3, rel=1e-3)
    assert real.PropsSI("C", *at) == pytest.approx(thermal_model.COOLANT_J_KG_K, rel=1e-3)
    for celsius in (-30, 0, 35, 50):
        at = ("T", 273.15 + celsius, "P", 101325, "INCOMP::MEG-50%")
        by_volume = real.PropsSI("D", *at) * real.PropsSI("C", *at) / 1000
        assert by_volume == pytest.approx(thermal_model.COOLANT_J_L_K, rel=0.07)


def test_water_outside_is_that_of_humid_air(real: ModuleType) -> None:
    year = generate("tropical")
    temp_c, humidity, _ = year.at(7200.0)
    expected = real.HAPropsSI("W", "T", temp_c + 273.15, "R", humidity, "P", 101325)
    assert year.outside_kg_kg(7200.0) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("air_c", [20, 25, 30, 35, 50])
@pytest.mark.parametrize("permille", [300, 500, 700, 900, 1000])
def test_the_firmwares_dew_point_is_within_two_tenths_of_humid_air(
    real: ModuleType, air_c: int, permille: int
) -> None:
    kelvin = real.HAPropsSI("D", "T", air_c + 273.15, "R", permille / 1000, "P", 101325)
    assert abs(dew_point_dc(10 * air_c, permille) - 10 * (kelvin - 273.15)) <= 2
