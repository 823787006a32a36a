import os
import sys

from bess.port.memory import MemoryRegion
from bess.port.storage import FileRegion, SlotStore


class Torn(Exception):
    pass


class TearingRegion:
    """Loses power after a number of bytes; what was written before stays."""

    def __init__(self, region):
        self._region = region
        self.size = region.size
        self.left = -1

    def readinto(self, offset, buffer):
        self._region.readinto(offset, buffer)

    def write(self, offset, data):
        if 0 <= self.left < len(data):
            self._region.write(offset, data[: self.left])
            raise Torn
        if self.left >= 0:
            self.left -= len(data)
        self._region.write(offset, data)


def test_a_cut_at_every_byte_leaves_the_old_or_the_new_value():
    old, new = b"old value", b"the new one"
    for cut in range(60):
        region = TearingRegion(MemoryRegion(256))
        store = SlotStore(region)
        assert store.load() is None
        assert store.save(b"first")
        assert store.save(old)
        region.left = cut
        try:
            store.save(new)
            finished = True
        except Torn:
            finished = False
        region.left = -1
        found = SlotStore(region).load()
        assert found == (new if finished else old), cut
    assert finished


def test_the_newest_wins_across_the_sequence_s_wrap():
    store = SlotStore(MemoryRegion(256))
    store._sequence = 0x3FFFFFFE
    for number in range(6):
        assert store.save(bytes((number,)))
        assert store.load() == bytes((number,))


def test_damage_is_noticed_and_a_fresh_region_is_none():
    region = MemoryRegion(256)
    store = SlotStore(region)
    assert store.load() is None
    assert not store.damaged
    store.save(b"value")
    region.write(14, b"V")
    again = SlotStore(region)
    assert again.load() is None
    assert again.damaged


def test_what_does_not_fit_is_refused():
    store = SlotStore(MemoryRegion(64))
    try:
        store.save(bytes(19))
    except ValueError:
        return
    raise AssertionError("not refused")


def test_a_file_region_keeps_what_was_written():
    path = sys.implementation.name + "-region.bin"  # both interpreters may run at once
    try:
        region = FileRegion(path, 100)
        region.write(50, b"abc")
        again = FileRegion(path, 100)
        buffer = bytearray(5)
        again.readinto(49, buffer)
        assert buffer == b"\xffabc\xff"
        again.readinto(90, buffer)
        assert buffer == b"\xff" * 5
        try:
            again.write(98, b"abc")
        except ValueError:
            return
        raise AssertionError("not refused")
    finally:
        os.remove(path)
