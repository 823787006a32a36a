"""The virtual board's chip on MicroPython's unix port: ROMFS, flash, backup memory, resets.

usage: micropython chip.py site FOLDER HOST PORT CABINET
       micropython -i chip.py board FOLDER HOST PORT [raw]

`site`: FOLDER is the board's file system; its main.py starts at once. `board`: the file system is
littlefs on a NOR flash in FOLDER/flash.bin, mounted at /flash, and what follows main.py is the
REPL; `raw` leaves main.py out, as a soft reset from the raw REPL does. A reset of the chip ends the
process (exit code 64, or killed): whoever started it starts it again. FOLDER/chip.txt may make
the chip another or a faulty one, by lines: `version 1.24`, `build NAME`, `rom_error OFFSET` (writes
there fail), `rom_stuck OFFSET` (a bit there stays 0), `rom_bytes SIZE`.
"""

import os
import sys

import machine
import micropython
import vfs

import wire

del sys.modules["wire"]  # the program has its own
BLOCK = 4096
FLASH_BLOCKS = 1024
_EIO = -5
_EINVAL = -22


class Facts:
    """What chip.txt says, by name; numbers as they stand."""

    def __init__(self, folder):
        self._lines = {}
        try:
            with open(folder + "/chip.txt") as file:
                for line in file:
                    name, _, value = line.strip().partition(" ")
                    self._lines[name] = value
        except OSError:
            pass  # a chip as it should be

    def text(self, name, otherwise):
        return self._lines.get(name, otherwise)

    def number(self, name, otherwise):
        return int(self._lines.get(name, otherwise))


class Nor:
    """NOR flash in a file: programming clears bits, erasing sets those of a block."""

    def __init__(self, path, size):
        self._path = path
        self._data = bytearray(size)
        count = 0
        try:
            with open(path, "rb") as file:
                count = file.readinto(self._data)
        except OSError:
            pass  # a new chip
        if count < size:
            erased = b"\xff" * BLOCK
            for at in range(count, size, BLOCK):
                end = min(at + BLOCK, size)
                self._data[at:end] = erased[: end - at]
            with open(path, "wb") as file:
                file.write(self._data)
        self._view = memoryview(self._data)

    def _store(self, at, count):
        with open(self._path, "r+b") as file:
            file.seek(at)
            file.write(self._view[at : at + count])

    def read(self, at, buffer):
        buffer[:] = self._view[at : at + len(buffer)]

    def erase(self, at):
        self._data[at : at + BLOCK] = b"\xff" * BLOCK
        self._store(at, BLOCK)

    def program(self, at, buffer):
        data = self._data
        count = len(buffer)
        if bytes(self._view[at : at + count]) == b"\xff" * count:
            data[at : at + count] = buffer
        else:
            for i in range(count):
                data[at + i] &= buffer[i]
        self._store(at, count)


class Rom:
    """The ROMFS partition behind vfs.rom_ioctl, as MicroPython 1.29 has it on stm32."""

    def __init__(self, folder, facts):
        self.size = facts.number("rom_bytes", wire.ROM_BYTES)
        self._nor = Nor(folder + "/rom.bin", self.size)
        self._error_at = facts.number("rom_error", -1)
        self._stuck_at = facts.number("rom_stuck", -1)
        self._view = self._nor._view

    def ioctl(self, operation, partition=0, *values):
        if operation == 1:
            return 1
        if partition != 0:
            return _EINVAL
        if operation == 2:
            return self._view
        if operation == 3:
            offset, size = values if len(values) == 2 else (0, values[0])
            if offset + size > self.size:
                return _EINVAL
            for at in range(offset, offset + size, BLOCK):
                self._nor.erase(at)
            return 4
        if operation == 4:
            return self._write(values[0], values[1])
        if operation == 5:
            return 0
        return BLOCK if operation == 6 else _EINVAL

    def _write(self, offset, data):
        if offset + len(data) > self.size:
            return _EINVAL
        if offset <= self._error_at < offset + len(data):
            return _EIO
        if offset <= self._stuck_at < offset + len(data):
            data = bytearray(data)
            data[self._stuck_at - offset] &= 0xFE
        self._nor.program(offset, data)
        return 0


class Flash:
    """The board's flash as a block device of the extended protocol, for littlefs."""

    def __init__(self, folder):
        self._nor = Nor(folder + "/flash.bin", FLASH_BLOCKS * BLOCK)

    def readblocks(self, block, buffer, offset=0):
        self._nor.read(block * BLOCK + offset, buffer)
        return 0

    def writeblocks(self, block, buffer, offset=0):
        self._nor.program(block * BLOCK + offset, buffer)
        return 0

    def ioctl(self, operation, argument):
        if operation == 4:
            return FLASH_BLOCKS
        if operation == 5:
            return BLOCK
        if operation == 6:
            self._nor.erase(argument * BLOCK)
        return 0


class Implementation:
    """sys.implementation of another interpreter."""

    def __init__(self, facts):
        real = sys.implementation
        version = facts.text("version", "").split(".")
        self.name = real.name
        self.version = tuple([int(part) for part in version if part]) or real.version
        self._build = facts.text("build", real._build)
        self._machine = real._machine
        self._mpy = real._mpy


class Face:
    """A module with some of its names replaced."""

    def __init__(self, module, names):
        self._module = module
        self._names = names

    def __getattr__(self, name):
        if name in self._names:
            return self._names[name]
        return getattr(self._module, name)


def end_process():
    """A site's cabinet asks for its reset by its exit code."""
    sys.exit(wire.EXIT_RESET)


def kill_process():
    """With a REPL behind the program (-i) an exit would end in the REPL, which no reset does."""
    os.system("kill -9 $PPID")


class BackupMemory:
    """What machine.mem_backup() gives: battery-backed bytes, in FOLDER/backup_ram.bin."""

    def __init__(self, folder):
        self._path = folder + "/backup_ram.bin"
        self._data = bytearray(wire.BACKUP_BYTES)
        try:
            with open(self._path, "rb") as file:
                file.readinto(self._data)
        except OSError:
            pass  # a new battery
        self._kept = bytes(self._data)

    def view(self, region=0):
        return memoryview(self._data)

    def keep(self):
        """The battery's part: called at every tick of the firmware and at the process's end."""
        if self._data != self._kept:
            self._kept = bytes(self._data)
            with open(self._path, "wb") as file:
                file.write(self._kept)


def keyboard_interrupt(character):
    """What micropython.kbd_intr does on a board: -1 makes Ctrl-C a character like others."""
    os.system("stty -isig" if character < 0 else "stty isig")


def install(folder, reset, with_backup):
    """Give this interpreter the board's modules."""
    facts = Facts(folder)
    rom = Rom(folder, facts)
    if rom.size:  # 0: an interpreter without ROMFS
        sys.modules["vfs"] = Face(vfs, {"rom_ioctl": rom.ioctl})
    names = {"reset": reset}
    if with_backup:
        sys.modules["micropython"] = Face(micropython, {"kbd_intr": keyboard_interrupt})
        backup = BackupMemory(folder)
        sys.atexit(backup.keep)
        names["mem_backup"] = backup.view
        names["mem_keep"] = backup.keep

        def reset_and_keep():
            backup.keep()
            reset()

        names["reset"] = reset_and_keep
    sys.modules["machine"] = Face(machine, names)
    if facts.text("version", "") or facts.text("build", ""):
        sys.modules["sys"] = Face(sys, {"implementation": Implementation(facts)})


def run_site(folder, arguments):
    install(folder, end_process, False)  # a cabinet of a site keeps it with its storage
    names = {"__name__": "board_main"}
    with open(folder + "/main.py") as file:
        exec(file.read(), names)
    sys.exit(names["run"](folder, arguments))


def run_board(folder, arguments):
    raw = arguments[-1:] == ["raw"]
    install(folder, kill_process, True)
    device = Flash(folder)
    sys.modules["chip"] = Face(vfs, {"flash": device})
    sys.argv[:] = ["main.py"] + arguments[:2] + ["0"]
    try:
        vfs.mount(vfs.VfsLfs2(device), "/flash")
        os.chdir("/flash")
    except OSError:
        print("the flash holds no file system")
        return
    sys.path[:] = ["", ".frozen"]
    if raw or "main.py" not in os.listdir():
        return
    with open("main.py") as file:
        exec(file.read(), {"__name__": "__main__"})


(run_board if sys.argv[1] == "board" else run_site)(sys.argv[2], sys.argv[3:])
