#!/usr/bin/env bash
# frequenz-quantities 1.0.3: a quantity formatted without decimals loses the zeros of its integer part.
# The format ".N" promises to omit trailing zeros; with N = 0 there is no decimal point, and what is
# stripped are digits: 100 kW is shown as "1 kW", 80 % as "8 %", 1 GW as "1 MW". "0.0" and ".1" are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check frequenz-quantities==1.0.3
cd "$folder"
venv/bin/python - <<'PY'
from frequenz.quantities import Frequency, Percentage, Power, Temperature

shown = {
    "100 kW": f"{Power.from_kilowatts(100):.0}",
    "250 kW": f"{Power.from_kilowatts(250):.0}",
    "1.2 MW": f"{Power.from_kilowatts(1200):.0}",
    "999.96 W": f"{Power.from_watts(999.96):.0}",
    "1000 MW": f"{Power.from_megawatts(1000):.0}",
    "80 %": f"{Percentage.from_percent(80):.0}",
    "20 degC": f"{Temperature.from_celsius(20):.0}",
    "50 Hz": f"{Frequency.from_hertz(50):.0}",
}
for quantity, text in shown.items():
    print(f"{quantity:9} with :.0 is shown as {text!r}")
assert list(shown.values()) == ["1 kW", "25 kW", "1 MW", "1 W", "1 MW", "8 %", "2 °C", "5 Hz"]
assert f"{Power.from_kilowatts(100):0.0}" == f"{Power.from_kilowatts(100):.1}" == "100 kW"
PY
