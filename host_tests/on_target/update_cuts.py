"""Power cut in every write and every erase of an update, on littlefs over NOR and on the ROM's NOR.

usage: micropython update_cuts.py FIRMWARE OLD NEW PUBLIC_KEY BLOCK BLOCKS ROM_BYTES SHARES

OLD and NEW are packages, PUBLIC_KEY hexadecimal, then the sizes of the flash and the ROM. A cut
write or erase has done SHARES quarters of its bytes (0 to 4, several with commas). After every
cut the loader starts twice: each time it must place one of the two whole images. Prints `PHASE:
cuts N` and what was found.
"""

import gc
import sys
from binascii import hexlify, unhexlify
from hashlib import sha256

sys.path[:0] = [sys.argv[1] + "/loader", sys.argv[1]]

import loader
import rom
import vfs

from bess.port.slots import open_slots
from bess.update import states, update

BLOCK, BLOCKS, ROM_BYTES = [int(text) for text in sys.argv[5:8]]
ROOT = "/flash"
_EIO = -5


class PowerCut(Exception):
    pass


class Supply:
    """Steps until the power goes; -1: it stays."""

    share = 2  # quarters of a cut write that are done

    def __init__(self):
        self.left = -1

    def step(self):
        """True when this very step is the one that is cut."""
        if self.left > 0:
            self.left -= 1
            return False
        return self.left == 0


class Nor:
    """One flash chip: programming clears bits, erasing sets them; either may be cut half-way."""

    def __init__(self, data, block, supply):
        self.data = data
        self._block = block
        self._supply = supply
        self.dead = False

    def program(self, at, buffer):
        cut = self._supply.step()
        count = len(buffer) * self._supply.share // 4 if cut else len(buffer)
        data = self.data
        if data[at : at + count] == b"\xff" * count:
            data[at : at + count] = memoryview(buffer)[:count]
        else:
            for i in range(count):
                data[at + i] &= buffer[i]
        if cut:
            raise PowerCut

    def erase(self, at):
        cut = self._supply.step()
        size = self._block * self._supply.share // 4 if cut else self._block
        self.data[at : at + size] = b"\xff" * size
        if cut:
            raise PowerCut


class Device:
    """littlefs's block device over a Nor."""

    def __init__(self, nor):
        self._nor = nor

    def readblocks(self, block, buffer, offset=0):
        if self._nor.dead:
            return _EIO
        at = block * BLOCK + offset
        buffer[:] = self._nor.data[at : at + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        if self._nor.dead:
            return _EIO
        self._nor.program(block * BLOCK + offset, buffer)
        return 0

    def ioctl(self, operation, argument):
        if self._nor.dead:
            return _EIO
        if operation == 4:
            return BLOCKS
        if operation == 5:
            return BLOCK
        if operation == 6:
            self._nor.erase(argument * BLOCK)
        return 0


class RomFace:
    """What loader/rom.py asks of the module vfs."""

    def __init__(self, nor):
        self._nor = nor

    def rom_ioctl(self, operation, partition=0, *values):
        if operation == 1:
            return 1
        if operation == 2:
            return memoryview(self._nor.data)
        if operation == 3:
            offset, size = values
            for at in range(offset, offset + size, 4096):
                self._nor.erase(at)
            return 4
        if operation == 4:
            self._nor.program(values[0], values[1])
            return 0
        return 4096 if operation == 6 else 0


class Board:
    """The chip's memories and what update.update wants of a board."""

    name = "unix"
    program_bytes = ROM_BYTES
    interpreter = (1, 29)
    update_key = unhexlify(sys.argv[4])

    def __init__(self, flash, rom_data):
        self.supply = Supply()
        self.flash = Nor(flash, BLOCK, self.supply)
        self.rom = Nor(rom_data, 4096, self.supply)
        self._mounted = False

    def mount(self):
        vfs.mount(vfs.VfsLfs2(Device(self.flash), progsize=64, readsize=64, lookahead=16), ROOT)
        self._mounted = True

    def lose_power(self):
        self.supply.left = -1
        if self._mounted:
            vfs.umount(ROOT)
        self.flash.dead = True

    def loader(self):
        place = rom.Partition(RomFace(self.rom))
        return loader.Loader(ROOT, place, lambda text: None)


def read(path):
    with open(path, "rb") as file:
        return file.read()


OLD, NEW = read(sys.argv[2]), read(sys.argv[3])


def image_hash(package):
    return hexlify(sha256(package[-SIZE[package] :]).digest()).decode()


def size_of(package):
    for line in package[12:400].split(b"\n"):
        if line[:5] == b"size ":
            return int(line[5:])
    raise ValueError("no size")


SIZE = {OLD: size_of(OLD), NEW: size_of(NEW)}
HASH = {image_hash(OLD): "old", image_hash(NEW): "new"}


def placed(board):
    """old or new: what the loader places, whole, in the ROM; a start of the chip."""
    found = board.loader().prepare()
    assert found is not None, "no image can run"
    _, package = found
    digest = hexlify(sha256(memoryview(board.rom.data)[: package.size]).digest()).decode()
    assert digest == package.sha256, "the copy is torn"
    return HASH[digest]


def receive(board):
    """The whole download, as the firmware does it, up to the record."""
    job = update.Update(board, open_slots(ROOT), 0)
    assert not job.begin(len(NEW))
    for at in range(0, len(NEW), 889):
        assert not job.write(NEW[at : at + 889])
    assert not job.end()
    while job.state == states.CHECKING:
        job.step()
    assert job.state == states.VERIFIED, job.refusal
    job.activate()


def confirm(board):
    open_slots(ROOT).confirm()


def each_cut(name, state, act, allowed):
    """Cut `act` in each of its steps; state: (flash, rom) before; returns the state after it."""
    cuts = 0
    seen = {"old": 0, "new": 0}
    while True:
        gc.collect()
        board = Board(bytearray(state[0]), bytearray(state[1]))
        board.mount()
        board.supply.left = cuts
        finished = True
        try:
            act(board)
        except (PowerCut, OSError):
            finished = False
        board.lose_power()
        after = (bytes(board.flash.data), bytes(board.rom.data))
        if finished:
            break
        for start in (1, 2):
            again = Board(board.flash.data, board.rom.data)
            again.mount()
            which = placed(again)
            again.lose_power()
            board = again
            assert which in allowed, (name, cuts, start, which)
            seen[which] += 1
        cuts += 1
    print("%s: cuts %d old %d new %d" % (name, cuts, seen["old"], seen["new"]))
    return after


def main():
    for share in sys.argv[8].split(","):
        Supply.share = int(share)
        walk()


def walk():
    board = Board(bytearray(b"\xff" * (BLOCK * BLOCKS)), bytearray(b"\xff" * ROM_BYTES))
    vfs.VfsLfs2.mkfs(Device(board.flash), progsize=64, readsize=64, lookahead=16)
    board.mount()
    with open(ROOT + "/slot0.bin", "wb") as file:
        file.write(OLD)
    open_slots(ROOT).install(0)
    assert placed(board) == "old"
    board.lose_power()
    state = (bytes(board.flash.data), bytes(board.rom.data))
    both = ("old", "new")
    # a trial that was started and cut off is over: the next start brings the old one back
    received = each_cut("download and record", state, receive, both)
    tried = each_cut("first start, on trial", received, placed, both)
    each_cut("roll-back", tried, placed, ("old",))
    kept = each_cut("confirmation", tried, confirm, both)
    again = Board(bytearray(kept[0]), bytearray(kept[1]))
    again.mount()
    assert placed(again) == "new"
    again.lose_power()
    print("confirmed: new")


main()
