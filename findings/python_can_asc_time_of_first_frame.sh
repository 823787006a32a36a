#!/usr/bin/env bash
# python-can 4.6.1: absolute times of its ASC logs. The start is written with its milliseconds unpadded:
# 12:00:00.005 becomes "12:00:00.5", and what ASCReader(relative_timestamp=False) reads is late by up to 0.9 s
# (one log in ten, beside a BLF or MF4 of the same frames). A frame that is 1 ms older than the first one, as
# comes of two buses on one Notifier, gets its seconds since 1970 in a column of seconds since the start; the
# documentation promises it the time of the frame before. And LogReader("bus.asc.gz", ...) drops the option.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-can==4.6.1
cd "$folder"
venv/bin/python - <<'PY'
import can

start = 1_700_000_000.005  # 5 ms after a full second
seen = {}
absolute = {"relative_timestamp": False}
for name, options in (("blf", {}), ("asc", absolute), ("asc.gz", absolute)):
    with can.Logger(f"bus.{name}") as logger:
        for channel, offset in ((0, 0.0), (1, -0.001), (0, 0.010)):
            logger.on_message_received(can.Message(timestamp=start + offset, arbitration_id=1, channel=channel))
    times = [frame.timestamp for frame in can.LogReader(f"bus.{name}", **options)]
    seen[name] = [round(time - start, 3) for time in times]
    print(f"{name}: seconds after the true start: {seen[name]}")
lines = open("bus.asc").read().splitlines()
print(*lines[3:-1], sep="\n")
assert ":20.5 2023" in lines[3]
assert seen["blf"] == [0.0, 0.0, 0.01]
assert seen["asc"][0] == 0.495 and seen["asc"][2] == 0.505 and seen["asc"][1] > 1.69e9
assert seen["asc.gz"][0] == -start and seen["asc.gz"][2] == round(0.01 - start, 3)
PY
