"""Dew point of air, by Magnus' formula over water (Sonntag 1990: 17.62, 243.12 degC)."""

from math import log

_A = 17.62
_B_C = 243.12


def dew_point_dc(air_dc, humidity_permille):
    """0.1 degC, within 0.1 K for -45..60 degC; humidity_permille: relative, 1..1000."""
    air_c = air_dc / 10
    part = log(humidity_permille / 1000) + _A * air_c / (_B_C + air_c)
    return round(10 * _B_C * part / (_A - part))
