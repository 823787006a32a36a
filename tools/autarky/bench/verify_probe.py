"""Runs inside MicroPython for `autarky bench`: the cost of verifying a package's signature.

usage: micropython verify_probe.py IMAGE PACKAGE PUBLIC_KEY ROUNDS [HASHES]

Verifies ROUNDS times, HASHES at a time, for an instruction counter; prints the steps of one
verification and the heap that an update takes beside the running program.
"""

import gc
import sys
from binascii import unhexlify

import vfs

with open(sys.argv[1], "rb") as image_file:
    image = image_file.read()
vfs.mount(vfs.VfsRom(image), "/rom")
sys.path[:] = ["/rom"]
with open(sys.argv[2], "rb") as package_file:
    data = package_file.read()
length = data[8] | data[9] << 8
text = data[12 : 12 + length]
signature = data[12 + length : 12 + length + 2508]
key = unhexlify(sys.argv[3])
del data
gc.collect()
before = gc.mem_alloc()
import bess.update.update  # noqa: F401  (what an update loads)
from bess.update.lms import LmsVerifier

verifier = LmsVerifier(key, text, signature)
gc.collect()
print("heap", gc.mem_alloc() - before)
hashes = int(sys.argv[5]) if len(sys.argv) > 5 else 4
steps = 0
for _ in range(int(sys.argv[4])):
    verifier = LmsVerifier(key, text, signature)
    steps = 1
    while not verifier.step(hashes):
        steps += 1
    assert verifier.good
print("steps", steps)
