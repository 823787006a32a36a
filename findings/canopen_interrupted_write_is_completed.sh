#!/usr/bin/env bash
# canopen 2.4.1: leaving "with node.sdo.open(..., "wb", size=1000)" by an exception does not abort the
# download. The stream's close() sends a last, empty segment marked "no more": the server is told that
# the transfer is whole after 14 of 1000 bytes. LocalNode stores them; a device that trusts the end
# marker and not the announced size would start half a program.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check canopen==2.4.1
cd "$folder"
venv/bin/python - <<'PY'
import can
import canopen
from canopen.objectdictionary import DOMAIN, ODVariable

od = canopen.ObjectDictionary()
program = ODVariable("program", 0x1F50, 0)
program.data_type, program.access_type = DOMAIN, "rw"
od.add_object(program)
server, client = canopen.Network(), canopen.Network()
for network in (server, client):
    network.connect(interface="virtual", channel="interrupted")
listener = can.Bus(interface="virtual", channel="interrupted")
try:
    stored = []
    server.create_node(5, od).add_write_callback(lambda data, **_: stored.append(bytes(data)))
    sdo = client.add_node(5, od).sdo
    try:
        with sdo.open(0x1F50, 0, "wb", size=1000, buffering=7) as stream:
            stream.write(b"A" * 7)
            stream.write(b"B" * 7)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        print("interrupted after 14 of 1000 bytes")
    requests = []
    while (frame := listener.recv(0.2)) is not None:
        if frame.arbitration_id == 0x605:
            requests.append(frame.data.hex())
    print("requests:", *requests)
    print("stored by the server:", stored)
    assert requests[-1] == "0f00000000000000"  # segment, toggle 0, 7 bytes unused, no more
    assert not any(request.startswith("80") for request in requests)
    assert stored == [b"A" * 7 + b"B" * 7]
finally:
    for network in (server, client):
        network.disconnect()
    listener.shutdown()
PY
