"""Moist air against CoolProp's real gas."""

import numpy as np
import pytest
from CoolProp.HumidAirProp import HAPropsSI

from autarky.plant.moist_air import (
    dew_point_c,
    humid_kg_kg,
    relative_humidity,
    saturated_kg_kg,
)


@pytest.mark.parametrize("celsius", [1.0, 10.0, 20.0, 35.0, 50.0])
@pytest.mark.parametrize("humidity", [0.2, 0.6, 0.95])
def test_water_and_dew_point_are_those_of_the_real_gas(celsius: float, humidity: float) -> None:
    state = ("T", 273.15 + celsius, "R", humidity, "P", 101325)
    water = humid_kg_kg(np.array([humidity]), np.array([celsius]))
    assert water[0] == pytest.approx(HAPropsSI("W", *state), rel=0.01)
    dew_c = HAPropsSI("D", *state) - 273.15
    if dew_c > 0.0:  # below, CoolProp tells the frost point
        assert dew_point_c(water)[0] == pytest.approx(dew_c, abs=0.1)


def test_humidity_there_and_back() -> None:
    celsius = np.linspace(-30.0, 50.0, 17)
    for humidity in (0.05, 0.5, 1.0):
        water = humid_kg_kg(np.full(17, humidity), celsius)
        assert relative_humidity(water, celsius) == pytest.approx(humidity, rel=1e-9)
    assert dew_point_c(saturated_kg_kg(celsius)) == pytest.approx(celsius, abs=1e-9)


def test_fog_is_no_more_than_one_and_dry_air_has_a_dew_point() -> None:
    assert relative_humidity(np.array([0.1]), np.array([10.0]))[0] == 1.0
    assert dew_point_c(np.array([0.0]))[0] < -60.0
