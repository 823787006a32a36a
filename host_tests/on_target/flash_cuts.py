"""Power cut at every programmed byte and every block erase of a NOR flash under littlefs.

usage: micropython flash_cuts.py FIRMWARE

The regions of a board without FRAM are files on littlefs (port.storage.FileRegion, PagedRegion).
Prints `NAME: cuts N erases M` for each store, between the EIO of files whose mount was lost;
an assertion stops it.
"""

import sys

sys.path.insert(0, sys.argv[1])

import vfs
from nor_flash import Flash, PowerCut

from bess.port.paged import PagedRegion
from bess.port.storage import FileRegion, SlotStore
from bess.protect.event_log import RECORD, EventLog

BLOCK = 256
BLOCKS = 24
FLASH = "/flash"


def mounted(flash):
    vfs.mount(vfs.VfsLfs2(flash, progsize=16, readsize=16, lookahead=16), FLASH)


def each_cut(name, prepare, act, judge):
    """Cut `act` at every step of a flash that `prepare` wrote; `judge(finished)` after each."""
    flash = Flash(bytearray(b"\xff" * (BLOCK * BLOCKS)), BLOCK)
    vfs.VfsLfs2.mkfs(flash, progsize=16, readsize=16, lookahead=16)
    mounted(flash)
    prepare()
    vfs.umount(FLASH)
    image = bytes(flash.data)
    cuts = erases = 0
    while True:
        flash = Flash(bytearray(image), BLOCK)
        mounted(flash)
        flash.left = cuts
        finished = True
        try:
            act()
        except (PowerCut, OSError):
            finished = False
        flash.left = -1
        vfs.umount(FLASH)
        flash.dead = True
        erases += flash.cut_in_erase
        again = Flash(flash.data, BLOCK)  # power is back
        mounted(again)
        judge(finished)
        vfs.umount(FLASH)
        if finished:
            break
        cuts += 1
    print("%s: cuts %d erases %d" % (name, cuts, erases))


def log():
    return EventLog(PagedRegion(FLASH + "/log", 10 * RECORD))


def put(event_log, number):
    event_log.put(number, 1, 1, 1, number, -number)
    event_log.flush(1)


def values(event_log):
    data = event_log.read(0, event_log.size())
    found = []
    for at in range(0, len(data), RECORD):
        found.append(int.from_bytes(data[at + 14 : at + 18], "little"))
    return found


def check_log(before):
    def prepare():
        one = log()
        for number in range(before):
            put(one, number)

    def act():
        put(log(), before)

    def judge(finished):
        found = values(log())
        old = list(range(max(before - 10, 0), before))
        new = list(range(max(before - 9, 0), before + 1))
        assert found == new or (not finished and found == old), (before, finished, found)

    each_cut("log of %d records" % before, prepare, act, judge)


def check_parameters():
    first, second = b"1" * 300, b"2" * 310

    def slots():
        return SlotStore(FileRegion(FLASH + "/parameters", 1024))

    def prepare():
        store = slots()
        store.load()
        assert store.save(first)

    def act():
        store = slots()
        assert store.load() == first
        assert store.save(second)

    def judge(finished):
        found = slots().load()
        assert found == second or (not finished and found == first), finished

    each_cut("parameters", prepare, act, judge)


for before in (1, 9, 10, 14):
    check_log(before)
check_parameters()
print("whole")
