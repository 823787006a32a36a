"""Power lost at every single byte that a trip writes: the cabinet never forgets it was unsafe."""

import contextlib
from collections.abc import Iterator

import pytest
from kit.copies import in_a_copy

from autarky.sil.site import SiteConfig, VirtualSite
from bess import modes
from bess.app import Cabinet
from bess.parameters import Parameters
from bess.port.memory import MemoryRegion
from bess.protect.event_log import RECORD
from bess.protect.history import provision

pytestmark = pytest.mark.slow
MAIN = 0b11


class PowerCut(BaseException):
    """Not an Exception: nothing in the firmware may catch it."""


class Backup:
    """Backup memory that loses power after a number of written bytes."""

    def __init__(self, size: int) -> None:
        self.data = bytearray(size)
        self.left = -1

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, at: int) -> int:
        return self.data[at]

    def __setitem__(self, at: int, value: int) -> None:
        if self.left == 0:
            raise PowerCut
        self.left -= self.left > 0
        self.data[at] = value


class Region:
    """Storage that loses power within a write, after a number of its bytes."""

    def __init__(self, size: int) -> None:
        self._region = MemoryRegion(size)
        self.size = size
        self.readinto = self._region.readinto
        self.left = -1

    def write(self, offset: int, data: bytes) -> None:
        if 0 <= self.left < len(data):
            self._region.write(offset, bytes(data[: self.left]))
            raise PowerCut
        if self.left >= 0:
            self.left -= len(data)
        self._region.write(offset, data)


@contextlib.contextmanager
def running(**devices) -> Iterator[VirtualSite]:
    """A cabinet in state run whose memories are ours; each cut is made in a copy of it."""
    with VirtualSite(SiteConfig(cabinets=1, interpreter="inline", soc=0.6)) as site:
        firmware = site.cabinets[0].firmware
        for name, memory in devices.items():
            if name == "backup":
                firmware.devices.backup = memory
            else:
                firmware.devices.storage[name] = memory
        firmware.app = Cabinet(firmware.devices, Parameters())
        site.run_for(4.5)
        assert firmware.app.modes.state == modes.RUN
        yield site


def start_again(site: VirtualSite) -> Cabinet:
    firmware = site.cabinets[0].firmware
    firmware.devices.reset()
    firmware._link.tx_count = firmware._link.spi_count = 0
    firmware.app = Cabinet(firmware.devices, Parameters())
    return firmware.app


def latch_cut(site: VirtualSite, backup: Backup, cut: int) -> bool:
    """Whether the trip had written all it writes before the power went."""
    backup.left = cut
    site.plants.hvil_open[0] = True
    try:
        site.run_for(0.5)
        finished = True
    except PowerCut:
        finished = False
    backup.left = -1
    site.plants.hvil_open[0] = False
    app = start_again(site)
    site.run_for(0.1)
    assert app.protection.tripped, cut
    assert app.modes.state == modes.FAULT
    assert not site.plants.outputs[0] & MAIN
    return finished


def test_a_cut_at_every_byte_of_a_latch_leaves_a_latched_cabinet() -> None:
    backup = Backup(128)
    provision(backup)
    with running(backup=backup) as site:
        for cut in range(200):
            if in_a_copy(lambda cut=cut: latch_cut(site, backup, cut)):
                break
    assert 20 < cut + 1 < 200  # both halves' bytes were walked, to the end


def log_cut(site: VirtualSite, log: Region, cut: int) -> None:
    app = site.cabinets[0].firmware.app
    whole = app.log.records()
    log.left = cut
    for line in ("hvil", "smoke", "gas", "estop", "enable_ok"):
        site.plants.input_forced[0][line] = False
    with contextlib.suppress(PowerCut):
        site.run_for(0.5)
    log.left = -1
    app = start_again(site)
    assert app.log.records() >= whole + cut // RECORD, cut
    assert app.log.boot == 2


def test_a_cut_at_every_byte_of_the_log_loses_at_most_that_record() -> None:
    log = Region(100 * RECORD)
    with running(log=log) as site:
        for cut in range(0, 4 * RECORD, 5):
            in_a_copy(lambda cut=cut: log_cut(site, log, cut))


def parameters_cut(site: VirtualSite, store: Region, cut: int) -> None:
    app = site.cabinets[0].firmware.app
    app.parameters.set("cell_ov_3_dmv", 36400)
    assert app.keeper.store(0x65766173) == 0
    app.parameters.set("cell_ov_3_dmv", 36300)
    store.left = cut
    try:
        app.keeper.store(0x65766173)
        expected = 36300
    except PowerCut:
        expected = 36400
    store.left = -1
    app = start_again(site)
    assert app.parameters.get("cell_ov_3_dmv") == expected, cut


def test_a_cut_at_every_byte_of_the_parameters_leaves_the_old_or_the_new() -> None:
    store = Region(8192)
    with running(parameters=store) as site:
        for cut in range(0, 60, 3):
            in_a_copy(lambda cut=cut: parameters_cut(site, store, cut))
