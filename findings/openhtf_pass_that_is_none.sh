#!/usr/bin/env bash
# openhtf 1.6.3: two tests that end in PASS. PhaseOptions(timeout_s=1) is looked at every 3 s only: a phase
# that takes 2 s has passed, one of 5 s is ended after 3; "the contactor opens within 1 s" is not tested by it.
# And a plug whose tearDown() raises (the supply cannot be switched off) is a line in the log; outcome, outcome
# details and execute() say PASS. Only a teardown phase of a PhaseGroup is heard.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openhtf==1.6.3
cd "$folder"
cat > bench.py <<'PY'
import time

import openhtf
from openhtf.plugs import BasePlug


class Supply(BasePlug):
    def tearDown(self):
        raise RuntimeError("the supply is still on")


@openhtf.PhaseOptions(timeout_s=1)
def two_seconds(test):
    time.sleep(2)


@openhtf.PhaseOptions(timeout_s=1)
def five_seconds(test):
    time.sleep(5)


@openhtf.plug(supply=Supply)
def with_supply(test, supply):
    pass


def switch_off(test):
    raise RuntimeError("the supply is still on")


seen = {}
for name, phase in (
    ("timeout_s=1, takes 2 s", two_seconds),
    ("timeout_s=1, takes 5 s", five_seconds),
    ("plug's tearDown raises", with_supply),
    ("teardown phase raises", openhtf.PhaseGroup(main=[two_seconds], teardown=[switch_off])),
):
    records = []
    test = openhtf.Test(phase)
    test.add_output_callbacks(records.append)
    passed = test.execute(test_start=lambda: "cabinet")
    duration = (records[0].end_time_millis - records[0].start_time_millis) / 1000
    seen[name] = records[0].outcome.name
    print(f"{name}: {seen[name]} after {duration:.1f} s, execute() gives {passed}")
    assert passed is (seen[name] == "PASS")
assert list(seen.values()) == ["PASS", "TIMEOUT", "PASS", "ERROR"]
PY
venv/bin/python bench.py 2>/dev/null
