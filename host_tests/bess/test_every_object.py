"""Every object of the dictionary, read and written in every way, in every state: each request is
answered or aborted, and the cabinet goes on ticking.
"""

from array import array
from collections.abc import Callable
from pathlib import Path
from struct import pack, unpack_from

import pytest

from autarky.build import keys, package
from bess import modes
from bess.link.dictionary import _STAR
from bess.port.memory import MemoryRegion
from bess.port.slots import RECORD_BYTES, SLOT_BYTES, Slots
from bess.update import states

pytestmark = pytest.mark.slow
ABORT = 0x80
LONGEST_FRAMES = 400  # of one upload: a log may be long, its beginning is enough
WAYS = ("upload", "block_upload", "expedited", "unsized", "segmented", "block_download")


class Walker:
    """An SDO client inside the firmware's process; what the server raises goes through."""

    def __init__(self, site) -> None:
        self.site = site
        self.cabinet = site.cabinets[0].firmware.app
        self.server = self.cabinet.node.sdo
        self.got: list[bytes] = []
        self.asked = 0
        self.server.send = self._take

    def _take(self, data: bytes) -> bool:
        self.got.append(bytes(data))
        return True

    def ask(self, data: bytes) -> bytes:
        """One request and its answer."""
        self.asked += 1
        self.got.clear()
        self.server.request(data.ljust(8, b"\0"), self.site.now_ms)
        assert len(self.got) == 1, data.hex()
        assert self.got[0][0] != ABORT or unpack_from("<I", self.got[0], 4)[0]
        return self.got[0]

    def upload(self, head: bytes) -> None:
        answer = self.ask(b"\x40" + head)
        toggle = 0
        for _ in range(LONGEST_FRAMES):
            if answer[0] == ABORT or answer[0] & 0xE2 == 0x42 or answer[0] & 0xE1 == 0x01:
                return
            answer = self.ask(bytes((0x60 | toggle,)))
            toggle ^= 0x10
        self.leave()

    def leave(self) -> None:
        """The client gives the transfer up."""
        self.server.request(bytes((ABORT, 0, 0, 0, 0, 0, 0, 8)), self.site.now_ms)

    def block_upload(self, head: bytes) -> None:
        if self.ask(b"\xa4" + head + b"\x7f")[0] == ABORT:
            return
        self.got.clear()
        self.server.request(b"\xa3" + bytes(7), self.site.now_ms)
        for _ in range(20):
            self.server.step(self.site.now_ms)
        assert self.got
        if self.got[-1][0] & 0x80 and self.got[-1][0] != ABORT:
            self.ask(bytes((0xA2, len(self.got), 0x7F)))
        self.leave()

    def expedited(self, head: bytes) -> None:
        for size in (1, 2, 3, 4):
            for value in (bytes(4), b"\xff" * 4, b"\x01\0\0\0"):
                self.ask(bytes((0x23 | (4 - size) << 2,)) + head + value)

    def unsized(self, head: bytes) -> None:
        self.ask(b"\x22" + head + b"\x01\0\0\0")

    def segmented(self, head: bytes) -> None:
        for size in (0, 1, 20):
            answer = self.ask((b"\x21" if size else b"\x20") + head + pack("<I", size))
            if answer[0] != ABORT and self.ask(b"\x00" + bytes(7))[0] != ABORT:
                self.ask(b"\x11" + bytes(7))
            self.leave()

    def block_download(self, head: bytes) -> None:
        for size in (0, 14):
            answer = self.ask((b"\xc6" if size else b"\xc4") + head + pack("<I", size))
            if answer[0] == ABORT:
                continue
            self.server.request(b"\x01" + bytes(7), self.site.now_ms)
            answer = self.ask(b"\x82" + bytes(7))
            if answer[0] != ABORT:
                self.ask(b"\xc1" + bytes(7))
            self.leave()


def places(cabinet, every: bool) -> list[tuple[int, int]]:
    """All indices with all sub-indices, and some beyond each end; arrays by both ends or whole."""
    dictionary = cabinet.site.dictionary
    by_index: dict[int, set[int]] = {}
    for index, sub in zip(dictionary._indices, dictionary._subs, strict=True):
        by_index.setdefault(index, set()).add(sub)
    for frame in range(cabinet.node.pdo.count):
        for base in (0x1600, 0x1A00, 0x2180):
            by_index.setdefault(base + frame, {0, 1})
    found = []
    for index in sorted(by_index):
        subs = {0, 254, 255}
        for known in by_index[index]:
            if known != _STAR:
                subs |= {known, known + 1}
        entry = dictionary.lookup(index, 0)
        last = entry.value if not isinstance(entry, int) and isinstance(entry.value, int) else 1
        subs |= set(range(last + 2)) if every else {1, 2, last, last + 1}
        found += [(index, sub) for sub in sorted(subs) if sub < 256]
    # what does not exist, and an array's continuation
    return [*found, (0x0000, 0), (0x1FFF, 3), (0x2201, 1), (0x5FFF, 0), (0xFFFF, 255)]


def board_of(walker: Walker, key: Path) -> bytes:
    """Make the cabinet's board take updates signed with this key; a good package."""
    devices = walker.site.cabinets[0].firmware.devices
    devices.update_key = keys.public(key)
    slots = Slots(MemoryRegion(RECORD_BYTES), [MemoryRegion(SLOT_BYTES), MemoryRegion(SLOT_BYTES)])
    former = package.wrap(b"former" * 500, "0.0.1", ["unix"], "1.29", key).data
    slots.regions[0].write(0, former)
    slots.install(0)
    devices.slots = lambda: slots
    return package.wrap(b"image" * 1000, "1.0.0", ["unix"], "1.29", key).data


def update_until(state: int) -> Callable[[Walker, Path], None]:
    """An update that came as far as this."""

    def prepare(walker: Walker, key: Path) -> None:
        standby(walker, key)
        store = walker.cabinet.program
        good = board_of(walker, key)
        data = b"rubbish" * 100 if state == states.REFUSED else good
        assert store.begin(len(data)) == 0
        store.write(data[:700] if state == states.RECEIVING else data)
        if state != states.RECEIVING:
            store.end()
        while state > states.CHECKING and store.state == states.CHECKING:
            store.step(0)
        if state == states.VERIFIED:
            store._update.state = state  # this interpreter is none of the package's
        assert store.state == state

    return prepare


def boot(walker: Walker, key: Path) -> None:
    walker.site.step()
    assert walker.cabinet.modes.state == modes.SELF_TEST


def standby(walker: Walker, key: Path) -> None:
    walker.site.coordinator.wanted_state = 0
    walker.site.run_for(3.0)
    assert walker.cabinet.modes.state == modes.STANDBY


def run(walker: Walker, key: Path) -> None:
    walker.site.run_for(5.0)
    assert walker.cabinet.modes.state == modes.RUN


def fault(walker: Walker, key: Path) -> None:
    run(walker, key)
    walker.site.plants.hvil_open[0] = True
    walker.site.run_for(3.0)
    assert walker.cabinet.modes.state == modes.FAULT


def trial(walker: Walker, key: Path) -> None:
    standby(walker, key)
    board_of(walker, key)
    walker.cabinet.program.on_trial = walker.cabinet.modes.hold = True


def held(walker: Walker, key: Path) -> None:
    standby(walker, key)
    walker.cabinet.session.unlocked, walker.cabinet.session._unlocked_ms = 1, walker.site.now_ms
    assert walker.cabinet.command.hold(1) == 0


STATES = {
    "boot": boot, "standby": standby, "run": run, "fault": fault, "trial": trial, "held": held,
    "receiving": update_until(states.RECEIVING), "checking": update_until(states.CHECKING),
    "verified": update_until(states.VERIFIED), "refused": update_until(states.REFUSED),
}  # fmt: skip


# what is locked is refused before an update's state is looked at
CASES = [(state, 1) for state in STATES] + [(state, 0) for state in list(STATES)[:4]]


@pytest.mark.parametrize(("state", "unlocked"), CASES)
def test_every_object_answers_or_aborts_and_the_cabinet_goes_on(
    inline_site, key: Path, state: str, unlocked: int
) -> None:
    site = inline_site()
    walker = Walker(site)
    cabinet = walker.cabinet
    STATES[state](walker, key)
    values = array("i", cabinet.parameters.values)
    kept = cabinet.program._update
    update_state = cabinet.program.state
    on_trial = cabinet.program.on_trial
    for index, sub in places(cabinet, every=state in ("standby", "run")):
        for way in WAYS:
            cabinet.session.unlocked, cabinet.session._unlocked_ms = unlocked, site.now_ms
            if cabinet.program._update is not kept or cabinet.program.state != update_state:
                cabinet.program._update = kept
                if kept is not None:
                    kept.state = update_state
            getattr(walker, way)(pack("<HB", index, sub))
            cabinet.program.starting = False
            cabinet.program.on_trial = on_trial
        cabinet.parameters.values[:] = values
        if index < 0x2000 and unlocked:
            cabinet.node.load()
        if sub < 2:
            site.step()
            cabinet.node.reset_node = False  # a verified package was started: the next one waits
    before = cabinet.scheduler.uptime_ticks
    site.run_for(1.5)
    assert cabinet.scheduler.uptime_ticks == before + 150
    assert site.cabinets[0].firmware.app is cabinet
    assert walker.asked > 10_000
    assert not any(cabinet.scheduler.failures)
    assert not cabinet.scheduler.stopped
    assert not site.cabinets[0].firmware.devices.watchdog.feeds < site.now_ms // 10 - 1
