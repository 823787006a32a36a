#!/usr/bin/env bash
# canopen 2.4.1: the SDO client does not look whose confirmation it gets. A write to 2000h times out, its
# confirmation comes late, while a write to 2001h is on its way: it counts as the confirmation of 2001h,
# and that this write was refused (abort 0601 0002h) is never said. The abort that the time-out sends
# names object 0000h, so that no server can tell which transfer was meant.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check canopen==2.4.1
cd "$folder"
venv/bin/python - 2>/dev/null <<'PY'
import struct
import threading

import can
import canopen
from canopen.objectdictionary import UNSIGNED16, ODVariable

od = canopen.ObjectDictionary()
for index in (0x2000, 0x2001):
    variable = ODVariable(f"object {index:04X}h", index, 0)
    variable.data_type, variable.access_type = UNSIGNED16, "rw"
    od.add_object(variable)
client = canopen.Network()
client.connect(interface="virtual", channel="late")
bus = can.Bus(interface="virtual", channel="late")
requests = []


def answer(*data):
    bus.send(can.Message(arbitration_id=0x585, is_extended_id=False, data=bytes(data)))


def slow_server():
    """Says nothing until 2001h is written; then what it owes, in order."""
    while not requests or requests[-1][:4] != bytes((0x2B, 0x01, 0x20, 0)):
        frame = bus.recv(60)
        requests.append(bytes(frame.data))
    answer(0x60, 0x00, 0x20, 0, 0, 0, 0, 0)
    answer(0x80, 0x01, 0x20, 0, *struct.pack("<I", 0x06010002))


thread = threading.Thread(target=slow_server)
try:
    sdo = client.add_node(5, od).sdo
    thread.start()
    try:
        sdo.RESPONSE_TIMEOUT = 0.2
        sdo[0x2000].raw = 1
        raise SystemExit("the first write was confirmed")
    except canopen.SdoCommunicationError as error:
        print("write of 2000h:", error)
    sdo.RESPONSE_TIMEOUT = 60
    sdo[0x2001].raw = 2
    print("write of 2001h, which the server refused: no error")
    thread.join()
    print("requests:", *(request.hex() for request in requests))
    assert bytes.fromhex("8000000000000405") in requests  # abort 0504 0000h of 0000h
finally:
    client.disconnect()
    bus.shutdown()
PY
