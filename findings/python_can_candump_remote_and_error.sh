#!/usr/bin/env bash
# python-can 4.6.1: its candump log keeps every data frame and loses what other frames say. A remote
# frame that asks for 3 bytes is written as "123#R" (can-utils writes "123#R3") and comes back with DLC 0.
# Every error frame is written with class 80h (bus error), whatever its class was, and is read back
# without identifier and without its eight bytes of detail. BLF keeps all of it, ASC the DLC.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-can==4.6.1
cd "$folder"
venv/bin/python - <<'PY'
import can

frames = [
    can.Message(timestamp=1e9, arbitration_id=0x123, is_extended_id=False, is_remote_frame=True, dlc=3),
    # SocketCAN: 4 = controller problem, byte 1: 04h receive warning level reached
    can.Message(timestamp=1e9 + 1, arbitration_id=0x4, is_extended_id=False, is_error_frame=True,
                dlc=8, data=bytes((0, 4, 0, 0, 0, 0, 0, 0))),
]
seen = {}
for name in ("log", "blf", "asc"):
    with can.Logger(f"bus.{name}") as logger:
        for frame in frames:
            logger.on_message_received(frame)
    remote, error = can.LogReader(f"bus.{name}")
    assert remote.is_remote_frame and error.is_error_frame
    seen[name] = (remote.dlc, error.arbitration_id, bytes(error.data).hex())
    print(f"{name}: remote frame DLC {remote.dlc}; error frame id {error.arbitration_id:X}h data {seen[name][2]!r}")
text = open("bus.log").read()
print(text, end="")
assert "123#R " in text and "20000080#0004000000000000" in text
assert seen == {"log": (0, 0, ""), "blf": (3, 4, "0004000000000000"), "asc": (3, 0, "")}
PY
