"""A whole cabinet on a board without FRAM: what it writes, and when."""

from collections.abc import Callable

import pytest

from autarky.sil.site import VirtualSite
from bess import modes
from bess.app import Cabinet
from bess.parameters import Parameters
from bess.port.memory import MemoryRegion
from bess.records import Records
from bess.sparing import SparingRecords

pytestmark = pytest.mark.slow
KEPT = {"state": 512, "log": 120000, "trace": 8192, "trend": 387328}


class CountingRegion(MemoryRegion):
    writes = 0

    def write(self, offset: int, data: bytes) -> None:
        self.writes += 1
        super().write(offset, data)


def start(site: VirtualSite, fram: bool) -> tuple[Cabinet, dict[str, CountingRegion]]:
    firmware = site.cabinets[0].firmware
    regions = {name: CountingRegion(size) for name, size in KEPT.items()}
    firmware.devices.storage.update(regions)
    firmware.devices.storage_safe_under_load = fram
    firmware.app = Cabinet(firmware.devices, Parameters())
    return firmware.app, regions


def writes(regions: dict[str, CountingRegion]) -> dict[str, int]:
    return {name: region.writes for name, region in regions.items()}


def test_without_fram_nothing_is_written_under_load_and_a_trip_as_soon_as_it_is_open(
    inline_site: Callable[..., VirtualSite],
) -> None:
    site = inline_site()
    app, regions = start(site, fram=False)
    assert type(app.records) is SparingRecords
    site.run_for(15.0)
    assert app.modes.state == modes.RUN
    assert writes(regions) == dict.fromkeys(KEPT, 0)
    assert app.log.waiting() > 0
    site.plants.hvil_open[0] = True
    site.run_for(1.0)
    assert app.modes.state == modes.FAULT
    assert app.log.waiting() == 0
    assert writes(regions) == {"state": 1, "log": 1, "trace": 0, "trend": 0}
    site.run_for(17.0)
    assert app.trace.size() > 0
    assert not app.records.failed


def test_with_fram_log_trend_and_state_are_written_under_load_as_they_come(
    inline_site: Callable[..., VirtualSite],
) -> None:
    site = inline_site()
    app, regions = start(site, fram=True)
    assert type(app.records) is Records
    site.run_for(15.0)
    assert app.modes.state == modes.RUN
    assert app.log.waiting() == 0
    seen = writes(regions)
    assert seen["log"] >= 1
    assert seen["trend"] >= 12
    assert seen["state"] == 1
