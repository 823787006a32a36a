#!/usr/bin/env bash
# python-can 4.6.1: a log that is read and written again is another log. ASC: a CAN FD frame without data
# comes back as a remote frame, which CAN FD does not have (ISO 11898-1: an FD frame carries no remote
# request). TRC: channels are counted from 1 in the file and stay so when read, so that each pass moves every
# frame to the next channel; a player that sends by channel then sends on the neighbour's bus. BLF keeps both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-can==4.6.1
cd "$folder"
venv/bin/python - <<'PY'
import can


def through(name, frame):
    with can.Logger(f"bus.{name}") as logger:
        logger.on_message_received(frame)
    (read,) = can.LogReader(f"bus.{name}")
    return read


empty = can.Message(timestamp=1e9, arbitration_id=0x701, is_extended_id=False, is_fd=True, channel=0)
for name, changes in (("blf", False), ("asc", True)):
    read = through(name, empty)
    print(f"{name}: empty FD frame comes back as FD: {read.is_fd}, remote: {read.is_remote_frame}")
    assert read.is_fd and read.is_remote_frame is changes
for name, channels in (("blf", [0, 0, 0]), ("asc", [0, 0, 0]), ("trc", [1, 2, 3])):
    frame = can.Message(timestamp=1e9, arbitration_id=0x701, is_extended_id=False, data=b"\x05", channel=0)
    seen = []
    for _ in range(3):
        frame = through(name, frame)
        seen.append(frame.channel)
    print(f"{name}: channel 0 after one, two, three passes: {seen}")
    assert seen == channels
PY
