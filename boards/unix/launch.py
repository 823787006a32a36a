"""Starts the firmware from a ROMFS image on MicroPython's unix port.

usage: micropython launch.py IMAGE HOST PORT CABINET
"""

import sys

import vfs

with open(sys.argv[1], "rb") as image_file:
    image = image_file.read()
vfs.mount(vfs.VfsRom(image), "/rom")
sys.path[:] = ["/rom", ".frozen"]

import main  # noqa: E402  (from the image)

import board  # noqa: E402  (from the image)

board.ProgramHash.image = image

sys.exit(main.main(sys.argv[2:]))
