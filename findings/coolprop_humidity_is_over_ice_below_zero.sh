#!/usr/bin/env bash
# CoolProp 8.0.0: below 0 degC HAPropsSI counts relative humidity and dew point over ice, and nothing says so.
# Humidity sensors and weather files count over water at every temperature (WMO-No. 8, chapter 4): 80 % at
# -20 degC becomes air with 18 % less water than it has. For "D" the switch stands at 0 degC of the dew point, not of
# the air: in air of +5 degC at 50 % it is a frost point already, half a kelvin above the dew point.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check CoolProp==8.0.0
cd "$folder"
venv/bin/python - <<'PY'
from math import exp, log

from CoolProp.HumidAirProp import HAPropsSI

PA = 101325


def over_water_pa(celsius):  # WMO-No. 8, annex 4.B
    return 611.2 * exp(17.62 * celsius / (243.12 + celsius))


def dew_c(pascal):
    part = log(pascal / 611.2)
    return 243.12 * part / (17.62 - part)


seen = {}
print("air degC, 80 %   vapour over water Pa  CoolProp's Pa")
for celsius in (-30, -20, -10, 5, 20):
    ratio = HAPropsSI("W", "T", celsius + 273.15, "R", 0.8, "P", PA)
    pascal = ratio * PA / (0.621945 + ratio)
    print(f"{celsius:14} {0.8 * over_water_pa(celsius):22.1f} {pascal:14.1f}")
    seen[celsius] = pascal / (0.8 * over_water_pa(celsius))
frost_c = HAPropsSI("D", "T", 278.15, "R", 0.5, "P", PA) - 273.15
dew = dew_c(0.5 * over_water_pa(5))
print(f"air of 5 degC at 50 %: dew point {dew:.2f} degC over water, CoolProp's D {frost_c:.2f}")
assert 0.81 < seen[-20] < 0.84 and 0.73 < seen[-30] < 0.77, seen
assert 0.99 < seen[5] < 1.01 and 0.99 < seen[20] < 1.01, seen
assert 0.3 < frost_c - dew < 0.8
PY
