#!/usr/bin/env bash
# canopen 2.4.1: one "error reset" EMCY empties the list of active errors, those that still stand among
# them. CiA 301 (7.2.7.1) lets a device send code 0000h when one of several errors is gone; the error
# register in the same frame then says that others remain. EmcyConsumer.active does not look at it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check canopen==2.4.1
cd "$folder"
venv/bin/python - <<'PY'
import struct

from canopen.emcy import EmcyConsumer

consumer = EmcyConsumer()
for second, (code, register) in enumerate(((0x3210, 0x05), (0x4210, 0x0D), (0x0000, 0x09))):
    consumer.on_emcy(0x81, struct.pack("<HB5x", code, register), float(second))
    print(f"code {code:04X}h register {register:02X}h: active", [hex(e.code) for e in consumer.active])
assert consumer.log[-1].register == 0x09  # generic and temperature: the device is still ill
assert consumer.active == []
PY
