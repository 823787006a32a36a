#!/usr/bin/env bash
# asammdf 8.8.28 with an MF4 bus log of python-can 4.6.1: MDF.cut() of some seconds out of the log adds two
# CAN frames that never were on the bus, copies of earlier ones at exactly the two cut times: its default
# include_ends=True interpolates, bus events (ASAM MDF 4: an event group has no value in between) included. A
# check of cycle times or of counters then fails on them. And in a log that was converted (here from BLF), the
# measurement starts at the time of conversion: all frames lie before it, and cut(0, ...) finds none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-can==4.6.1 asammdf==8.8.28
cd "$folder"
venv/bin/python - <<'PY'
import time

import can
from asammdf import MDF


def write(name, frames):
    with can.Logger(name) as logger:
        for frame in frames:
            logger.on_message_received(frame)


def counters(name):
    return [frame.data[0] for frame in can.LogReader(name)]


start = time.time() + 10  # the writer takes the time of its making for the start of the measurement
frames = [can.Message(timestamp=start + i * 0.1, arbitration_id=1, data=[i], channel=0) for i in range(10)]
write("live.mf4", frames)
first = MDF("live.mf4").get_master(0)[0]
for include_ends in (False, True):
    cut = MDF("live.mf4").cut(first + 0.25, first + 0.75, include_ends=include_ends)
    cut.save("cut.mf4", overwrite=True)
    cut.close()
    seen = counters("cut.mf4")
    print(f"cut from 0.25 s to 0.75 s, include_ends={include_ends}: counters {seen}")
    assert seen == ([2, 3, 4, 5, 6, 7, 7] if include_ends else [3, 4, 5, 6, 7])

write("old.blf", [can.Message(timestamp=1.7e9 + i, arbitration_id=1, data=[i], channel=0) for i in range(10)])
write("converted.mf4", can.LogReader("old.blf"))
converted = MDF("converted.mf4")
print(f"converted: start {converted.start_time:%Y-%m-%d}, first frame at {converted.get_master(0)[0]:.0f} s")
assert counters("converted.mf4") == list(range(10))
assert converted.get_master(0)[-1] < -1e7
assert converted.cut(0, 5).groups[0].channel_group.cycles_nr == 0
PY
