"""Invariants 15 to 17 at the whole cabinet: corrupt, repeated, and reordered frames."""

import random

import pytest

from autarky.bus.bus import BusFault

pytestmark = pytest.mark.slow


def test_the_order_of_frames_within_a_tick_does_not_matter(inline_site) -> None:
    """Twin run: one cabinet hears its frames in order, the other shuffled."""
    digests = []
    for seed in (None, 1, 2):
        site = inline_site(soc=0.6)
        rng = random.Random(seed)
        if seed is not None:
            cabinet = site.cabinets[0]

            def shuffle(_, cabinet=cabinet, rng=rng) -> None:
                rng.shuffle(cabinet.site_rx)
                rng.shuffle(cabinet.rx)

            site.before_tick.append(shuffle)
        site.run_for(4.5)
        site.coordinator.target_w = 50_000.0
        site.run_for(8.0)
        site.plants.cells.force_voltage(0, 3, 3.7)
        site.run_for(2.0)
        app = site.cabinets[0].firmware.app
        digests.append(
            (app.modes.state, app.protection.worst_fault, app.limits.discharge_ma,
             site.plants.outputs[0], tuple(app.history.closings))
        )  # fmt: skip
    assert digests[0] == digests[1] == digests[2]


@pytest.mark.parametrize("kind", ["corrupt", "duplicate"])
def test_disturbed_commands_move_no_power(running_site, kind: str) -> None:
    site = running_site
    site.coordinator.target_w = 30_000.0
    site.run_for(6.0)
    app = site.cabinets[0].firmware.app
    site.bus.faults.append(BusFault(kind, lambda can_id, _: can_id == 0x202, 0.4))
    for _ in range(800):
        site.step()
        assert app.modes.request_w in (0, 30_000)
        assert app.pcs.setpoint_w <= 30_000


def test_lost_commands_raise_no_limit_and_end_at_zero(running_site) -> None:
    site = running_site
    site.coordinator.target_w = 30_000.0
    site.run_for(6.0)
    app = site.cabinets[0].firmware.app
    site.bus.faults.append(BusFault("drop", lambda can_id, _: can_id == 0x202))
    power_w = app.pcs.setpoint_w
    for _ in range(800):
        site.step()
        assert app.pcs.setpoint_w <= power_w
        power_w = app.pcs.setpoint_w
    assert power_w == 0
    assert not site.plants.outputs[0] & 0b11
