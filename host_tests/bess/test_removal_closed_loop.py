"""A module is drawn after it was asked for, and put back: the whole firmware, and the plants."""

import pytest

from autarky.scenario.actions import read
from autarky.scenario.virtual import apply
from bess import modes
from bess.control import hot_swap as h
from bess.objects import REQUEST_RELEASE, REQUEST_RUN
from bess.protect.fault_table import TRIP


def app(site):
    return site.cabinets[0].firmware.app


def released(site):
    """Under load, then granted."""
    site.coordinator.target_w = 40_000.0
    site.run_for(4.0)
    assert site.plants.pcs_power_w[0] > 35_000
    site.coordinator.wanted_state = REQUEST_RELEASE
    site.run_for(4.0)
    assert app(site).modes.state == modes.RELEASED
    return site


def until(site, state, most_s):
    for _ in range(int(most_s * 10)):
        site.run_for(0.1)
        if app(site).modes.state == state:
            return
    raise AssertionError(f"state {app(site).modes.state} after {most_s} s")


def test_drawn_and_put_back_it_runs_again_without_a_key(running_site):
    site = released(running_site)
    assert app(site).protection.worst_level < TRIP
    apply(site, read("pull 2 3"))
    site.run_for(5.0)
    assert app(site).modes.removal.stage == h.PARTED
    assert app(site).protection.worst_level == TRIP  # what is out is told, whoever drew it
    site.coordinator.wanted_state = REQUEST_RUN
    site.run_for(5.0)
    assert app(site).modes.state == modes.RELEASED
    assert site.plants.strings.current_at_parting_a.max() < 1.0
    apply(site, read("plug 2 3"))
    until(site, modes.RUN, 40.0)
    assert app(site).protection.worst_level < TRIP
    site.run_for(6.0)
    assert site.plants.pcs_power_w[0] == pytest.approx(40_000, rel=0.02)


def test_smoke_meanwhile_is_not_forgiven_with_it(running_site):
    site = released(running_site)
    apply(site, read("pull 2 3"))
    site.run_for(1.0)
    apply(site, read("line 2 smoke on"))
    site.run_for(1.0)
    apply(site, read("line-back 2 smoke"))
    apply(site, read("plug 2 3"))
    site.coordinator.wanted_state = REQUEST_RUN
    until(site, modes.FAULT, 30.0)
    assert app(site).protection.worst_level == TRIP


def test_without_a_grant_a_drawn_module_trips_as_ever(running_site):
    apply(running_site, read("pull 2 3"))
    running_site.run_for(1.0)
    assert app(running_site).modes.state == modes.FAULT


def test_a_restart_with_a_module_out_forgets_nothing(running_site):
    site = released(running_site)
    apply(site, read("pull 2 3"))
    site.run_for(1.0)
    site.power_cycle(0)
    site.coordinator.wanted_state = REQUEST_RUN
    site.run_for(8.0)
    assert app(site).modes.state == modes.FAULT
    assert not site.plants.outputs[0] & 0b111
