"""Moist air there and back; against the real gas in test_against_coolprop.py."""

import numpy as np
import pytest

from autarky.plant.moist_air import (
    dew_point_c,
    humid_kg_kg,
    relative_humidity,
    saturated_kg_kg,
)


def test_humidity_there_and_back() -> None:
    celsius = np.linspace(-30.0, 50.0, 17)
    for humidity in (0.05, 0.5, 1.0):
        water = humid_kg_kg(np.full(17, humidity), celsius)
        assert relative_humidity(water, celsius) == pytest.approx(humidity, rel=1e-9)
    assert dew_point_c(saturated_kg_kg(celsius)) == pytest.approx(celsius, abs=1e-9)


def test_fog_is_no_more_than_one_and_dry_air_has_a_dew_point() -> None:
    assert relative_humidity(np.array([0.1]), np.array([10.0]))[0] == 1.0
    assert dew_point_c(np.array([0.0]))[0] < -60.0
