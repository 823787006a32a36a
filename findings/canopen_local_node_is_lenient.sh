#!/usr/bin/env bash
# canopen 2.4.1: LocalNode, the stand-in for a device in many tests, grants what CiA 301 has a device
# refuse: SDO while STOPPED (no answer is due), sub-index 1 of a VAR (abort 0609 0011h), a value below
# LowLimit (abort 0609 0032h). A client tested against it alone meets these refusals first in the field.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check canopen==2.4.1
cd "$folder"
cat > device.eds <<'EDS'
[FileInfo]
FileName=device.eds
[DeviceInfo]
BaudRate_250=1
[MandatoryObjects]
SupportedObjects=1
1=0x1000
[1000]
ParameterName=Device type
ObjectType=0x7
DataType=0x0007
AccessType=const
DefaultValue=0x191
PDOMapping=0
[ManufacturerObjects]
SupportedObjects=1
1=0x2000
[2000]
ParameterName=Limit
ObjectType=0x7
DataType=0x0003
AccessType=rw
LowLimit=-400
HighLimit=400
DefaultValue=-5
PDOMapping=0
EDS
venv/bin/python - <<'PY'
import time

import canopen

server, client = canopen.Network(), canopen.Network()
for network in (server, client):
    network.connect(interface="virtual", channel="lenient")
try:
    local = server.create_node(5, "device.eds")
    remote = client.add_node(5, "device.eds")
    remote.sdo[0x2000].raw = -500
    stored = remote.sdo[0x2000].raw
    print("written -500 where LowLimit is -400: reads", stored)
    sub = remote.sdo.upload(0x1000, 1)
    print("sub-index 1 of a VAR:", sub.hex())
    remote.nmt.send_command(2)
    until = time.monotonic() + 60
    while local.nmt.state != "STOPPED" and time.monotonic() < until:
        time.sleep(0.01)
    assert local.nmt.state == "STOPPED"
    stopped = remote.sdo[0x1000].raw
    print("SDO read while STOPPED:", hex(stopped))
    assert (stored, sub, stopped) == (-500, (0x191).to_bytes(4, "little"), 0x191)
finally:
    for network in (server, client):
        network.disconnect()
PY
