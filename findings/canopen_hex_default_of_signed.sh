#!/usr/bin/env bash
# canopen 2.4.1: an EDS may write a negative number of a signed object in hexadecimal two's complement.
# LowLimit and HighLimit are read so (8000h is -32768), DefaultValue and ParameterValue are not (FFFBh is
# 65531). A LocalNode made of that EDS cannot send its own default: the read ends in abort 0800 0000h.
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
DefaultValue=0
PDOMapping=0
[ManufacturerObjects]
SupportedObjects=2
1=0x2000
2=0x2001
[2000]
ParameterName=Lowest temperature, decimal
ObjectType=0x7
DataType=0x0003
AccessType=rw
LowLimit=-32768
HighLimit=32767
DefaultValue=-5
PDOMapping=0
[2001]
ParameterName=Lowest temperature, hexadecimal
ObjectType=0x7
DataType=0x0003
AccessType=rw
LowLimit=0x8000
HighLimit=0x7FFF
DefaultValue=0xFFFB
PDOMapping=0
EDS
venv/bin/python - 2>/dev/null <<'PY'
import canopen

server, client = canopen.Network(), canopen.Network()
for network in (server, client):
    network.connect(interface="virtual", channel="eds")
try:
    od = server.create_node(5, "device.eds").object_dictionary
    remote = client.add_node(5, "device.eds")
    for index in (0x2000, 0x2001):
        print(f"{index:04X}h: limits {od[index].min}..{od[index].max}, default {od[index].default}")
    assert (od[0x2000].min, od[0x2000].max, od[0x2000].default) == (-32768, 32767, -5)
    assert (od[0x2001].min, od[0x2001].max, od[0x2001].default) == (-32768, 32767, 65531)
    assert remote.sdo[0x2000].raw == -5
    try:
        raise SystemExit(f"the default was sent: {remote.sdo[0x2001].raw}")
    except canopen.SdoAbortedError as error:
        print(f"read of 2001h: abort {error.code:08X}h")
        assert error.code == 0x08000000
finally:
    for network in (server, client):
        network.disconnect()
PY
