"""A site's bus under load and under faults, in lockstep."""

from pathlib import Path

import pytest

from autarky.bench.segment import measure_segment
from autarky.sil.site import SiteConfig, VirtualSite
from bess import modes

pytestmark = pytest.mark.slow


def test_a_full_segment_carries_its_load_and_a_download() -> None:
    found = measure_segment(cabinets=32, size=24 * 1024)
    assert abs(found["load_measured"] - found["load_computed"]) < 0.02
    assert found["load_measured"] <= 0.50
    assert found["load_computed_worst"] <= 0.50
    assert found["round_trip_ms_worst"] < 100


def test_all_cells_stream_in_8_7_s_and_within_1_s_when_selected(inline_site) -> None:
    site = inline_site(cabinets=2)
    site.run_for(4.0)
    site.coordinator.fast_streams = {3}
    for view in site.coordinator.views.values():
        view.cell_v.clear()
    site.run_for(1.1)
    assert len(site.coordinator.views[3].cell_v) == 240
    assert len(site.coordinator.views[2].cell_v) <= 40
    site.run_for(7.6)
    assert len(site.coordinator.views[2].cell_v) == 240


def test_two_nodes_with_one_id_stop_in_order_and_fall_silent(running_site) -> None:
    site = running_site
    site.coordinator.target_w = 40_000.0
    site.run_for(6.0)
    app = site.cabinets[0].firmware.app
    stranger = site.bus.attach(())
    site.run_for(0.23)  # the same bits at the same time would be one frame for all
    for _ in range(3):
        site.bus.send(stranger, 0x702, b"\x05", site.now_ms * 1000)
        site.run_for(0.5)
    site.run_for(4.0)
    assert app.node.node_id == 0
    assert not site.plants.outputs[0] & 0b11
    assert site.plants.strings.current_at_parting_a[0] == 0.0
    before = site.bus.statistics.by_id.get(0x182, 0)
    site.run_for(2.0)
    assert site.bus.statistics.by_id.get(0x182, 0) == before


def test_bus_off_is_survived_and_logged(running_site) -> None:
    site = running_site
    app = site.cabinets[0].firmware.app
    site.bus.fail(site.cabinets[0].site_port)
    site.run_for(6.0)
    assert app.site.port.bus_off
    assert app.modes.state == modes.STANDBY  # as silence
    site.bus.repair(site.cabinets[0].site_port)
    site.run_for(10.0)
    assert not app.site.port.bus_off
    assert app.site.port.bus_offs == 1
    assert app.modes.state == modes.RUN
    assert app.log.records() > 2


def test_another_bit_rate_cuts_a_node_off_until_it_comes_back(running_site) -> None:
    site = running_site
    node = site.cabinets[0].firmware.app.node
    node.switch_bit_rate(250, 100)
    site.run_for(0.5)
    assert site.bus.is_cut_off(site.cabinets[0].site_port)
    node.switch_bit_rate(500, 100)
    site.run_for(0.5)
    assert not site.bus.is_cut_off(site.cabinets[0].site_port)


@pytest.mark.parametrize("interpreter", ["inline", "micropython"])
def test_a_power_cycle_keeps_what_was_stored(tmp_path: Path, interpreter: str) -> None:
    config = SiteConfig(
        cabinets=1, interpreter=interpreter, state=tmp_path / "state", unconfigured=True
    )
    with VirtualSite(config, out=tmp_path) as site:
        site.run_for(0.5)
        stranger = site.bus.attach(())

        def lss(*data: int) -> None:
            frame = bytes(data) + bytes(8 - len(data))
            site.bus.send(stranger, 0x7E5, frame, site.now_ms * 1000)
            site.run_for(0.05)

        lss(0x04, 1)
        lss(0x11, 2)
        lss(0x17)
        lss(0x04, 0)
        site.run_for(4.0)
        assert site.coordinator.views[2].state == modes.RUN
        site.power_cycle(0)
        site.run_for(0.05)
        assert not site.plants.outputs[0] & 0b11
        site.run_for(6.0)
        view = site.coordinator.views[2]
        assert view.state == modes.FAULT  # power was lost while running: a latch of its own
        assert view.worst_fault == 49
        site.plants.reset_key[0] = True
        site.run_for(0.3)
        site.plants.reset_key[0] = False
        site.run_for(8.0)
        assert site.coordinator.views[2].state == modes.RUN
