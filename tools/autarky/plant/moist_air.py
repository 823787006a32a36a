"""Moist air: saturation, dew point and the water in a cabinet's air, vectorised over cabinets.

Saturation by the Magnus formula with Sonntag's coefficients over water (WMO-No. 8, annex 4.B),
within 0.3 % of the real gas from 0 to 50 degC; at sea level.
"""

from __future__ import annotations

import numpy as np

from autarky.plant.cells import Floats

PRESSURE_PA = 101_325.0
AIR_J_KG_K = 1006.0
EVAPORATION_J_KG = 2.45e6  # of water at 20 degC
_MOLAR_RATIO = 0.62198  # water over dry air
_PA, _SLOPE, _OFFSET_C = 611.2, 17.62, 243.12
_LEAST_KG_KG = 1e-9  # the logarithm of dry air's dew point


def saturated_kg_kg(temperature_c: Floats) -> Floats:
    """Water that air can hold, kg per kg of dry air."""
    vapour_pa = _PA * np.exp(_SLOPE * temperature_c / (_OFFSET_C + temperature_c))
    return _MOLAR_RATIO * vapour_pa / (PRESSURE_PA - vapour_pa)


def _vapour_pa(water_kg_kg: Floats) -> Floats:
    return PRESSURE_PA * water_kg_kg / (_MOLAR_RATIO + water_kg_kg)


def dew_point_c(water_kg_kg: Floats) -> Floats:
    """Below this temperature a surface gets wet."""
    log = np.log(_vapour_pa(np.maximum(water_kg_kg, _LEAST_KG_KG)) / _PA)
    return _OFFSET_C * log / (_SLOPE - log)


def relative_humidity(water_kg_kg: Floats, temperature_c: Floats) -> Floats:
    """0..1; fog is 1."""
    saturation_pa = _vapour_pa(saturated_kg_kg(temperature_c))
    return np.minimum(_vapour_pa(water_kg_kg) / saturation_pa, 1.0)


def humid_kg_kg(humidity: Floats, temperature_c: Floats) -> Floats:
    """Water in air of a relative humidity 0..1."""
    vapour_pa = humidity * _vapour_pa(saturated_kg_kg(temperature_c))
    return _MOLAR_RATIO * vapour_pa / (PRESSURE_PA - vapour_pa)
