"""Hazards on the whole firmware and its plants: dishonest neighbours, lost frames."""

import pytest
from kit.standing import stands
from rigs.whole_site import active, app, restart, until

from autarky.bus.bus import BusFault
from bess import modes

MAIN = 0b11


def is_open(site):
    return not site.plants.outputs[0] & MAIN


def reset_key(site):
    site.plants.reset_key[0] = True
    site.run_for(0.3)
    site.plants.reset_key[0] = False
    site.run_for(1.2)


# empty strings


@pytest.mark.parametrize("volts", [2.2, 2.45])
def test_an_empty_string_trips_at_boot_and_stays_tripped(inline_site, volts) -> None:
    site = inline_site()
    site.plants.cells.force_voltage(0, slice(None), volts)
    site.run_for(10.0)
    assert active(site, 20)
    assert app(site).modes.state == modes.FAULT
    site.plants.cells.force_voltage(0, slice(None), 3.2)
    site.run_for(8.0)
    assert app(site).modes.state == modes.FAULT


def test_a_nearly_empty_string_may_only_charge_and_its_trips_count(inline_site) -> None:
    site = inline_site()
    site.plants.cells.force_voltage(0, slice(None), 2.62)
    until(site, lambda: app(site).modes.state == modes.RUN, 20)
    assert app(site).limits.discharge_w == 0
    assert app(site).limits.charge_w > 0
    assert not app(site).limits.recharging
    site.coordinator.target_w = -5000.0
    site.run_for(8.0)
    assert site.plants.current_a[0] < -3.0
    assert not app(site).protection.tripped
    site.coordinator.target_w = 0.0
    site.run_for(3.0)
    site.plants.strings.pcs_offset_w[0] = 3000.0
    assert until(site, lambda: is_open(site), 5) <= 2.5
    assert active(site, 97)


def test_an_unlocked_reset_permits_charge_only_and_discharge_is_a_trip(inline_site) -> None:
    site = inline_site()
    site.plants.cells.force_voltage(0, slice(None), 2.45)
    site.run_for(10.0)
    reset_key(site)
    until(site, lambda: app(site).modes.state == modes.RUN, 20)
    assert app(site).limits.recharging
    site.coordinator.target_w = -5000.0
    site.run_for(10.0)
    assert -18 < site.plants.current_a[0] < -3.0
    assert not app(site).protection.tripped
    site.coordinator.target_w = 0.0
    site.run_for(2.0)
    site.plants.strings.pcs_offset_w[0] = 3000.0
    assert until(site, lambda: is_open(site), 5) <= 2.5
    assert active(site, 97)


def test_a_string_that_sinks_further_while_it_should_charge_trips_again(inline_site) -> None:
    site = inline_site()
    site.plants.cells.force_voltage(0, slice(None), 2.45)
    site.run_for(10.0)
    reset_key(site)
    until(site, lambda: app(site).modes.state == modes.RUN, 20)
    site.plants.cells.force_voltage(0, slice(None), 2.33)
    until(site, lambda: is_open(site), 3)
    assert active(site, 20)


# the PCS


@pytest.mark.parametrize("watts", [100_000.0, -100_000.0, 20_000.0, -20_000.0])
def test_power_that_nobody_asked_for_ends_in_open_contactors(running_site, watts) -> None:
    site = running_site
    site.plants.strings.pcs_offset_w[0] = watts
    until(site, lambda: app(site).protection.worst_level >= 2, 5)
    until(site, lambda: is_open(site), 5)
    site.run_for(0.1)
    assert abs(site.plants.current_a[0]) < 5


def test_a_pcs_that_reports_what_it_was_told_is_seen_by_the_sensor(running_site) -> None:
    site = running_site
    site.plants.strings.extra_a[0] = 40.0
    until(site, lambda: stands(app(site).protection, "pcs_deviation", 2), 5)
    until(site, lambda: is_open(site), 5)


def test_a_pcs_that_leaves_running_stops_the_cabinet_and_comes_back_softly(running_site) -> None:
    site = running_site
    site.coordinator.target_w = 100_000.0
    site.run_for(14.0)
    site.plants.faces[0].manners.reported_state = 0
    until(site, lambda: is_open(site), 5)
    site.plants.faces[0].manners.reported_state = None
    before_a = 0.0
    for _ in range(4000):
        site.step()
        assert site.plants.current_a[0] - before_a < 16.0  # 10 % a second
        before_a = max(before_a, site.plants.current_a[0])
        if site.now_ms % 1000 == 0:
            before_a = site.plants.current_a[0]
    assert app(site).modes.state == modes.RUN


def test_a_level_two_that_comes_back_with_each_start_ends_in_a_trip(inline_site) -> None:
    site = inline_site(parameters={"silent_recover_ms": 1000, "closing_worked_off_s": 1})
    face = site.plants.faces[0]
    for _ in range(12_000):  # its report is wrong whenever it runs
        face.manners.reported_state = 0 if app(site).modes.state == modes.RUN else None
        site.step()
        if active(site, 101):
            break
    site.run_for(30.0)
    assert app(site).modes.state == modes.FAULT
    closings = app(site).history.closings[0]
    restart(site, "nmt")
    site.run_for(20.0)
    assert app(site).modes.state == modes.FAULT
    assert app(site).history.closings[0] == closings
    face.manners.reported_state = None
    reset_key(site)
    until(site, lambda: app(site).modes.state == modes.RUN, 60)


@pytest.mark.parametrize("watts", [60_000.0, -60_000.0, 5_000.0])
def test_a_sensor_of_the_wrong_sign_trips(running_site, watts) -> None:
    site = running_site
    site.coordinator.target_w = watts
    site.run_for(8.0)
    site.plants.sensors[0].gain = -1.0
    until(site, lambda: app(site).protection.tripped, 6)
    site.step()
    assert is_open(site)


# level 2


@pytest.mark.parametrize("offset_w", [0.0, 12_000.0])
def test_level_two_takes_the_power_away_and_opens(running_site, offset_w) -> None:
    site = running_site
    site.coordinator.target_w = 60_000.0
    site.run_for(10.0)
    site.plants.strings.pcs_offset_w[0] = offset_w
    site.plants.chains[0].stuck_config.add(3)
    amps = []
    until(site, lambda: amps.append(site.plants.current_a[0]) or is_open(site), 8)
    assert abs(amps[-1]) < 20


def test_contactors_open_after_the_gates_when_the_current_does_not_go(running_site) -> None:
    site = running_site
    site.coordinator.target_w = 60_000.0
    site.run_for(8.0)
    site.plants.faces[0].command = lambda data, now_ms: None  # it no longer listens
    site.plants.faces[0].setpoint_w = 60_000.0
    site.coordinator.wanted_state = 0
    gate_off = None
    for tick in range(400):
        site.plants.faces[0]._heard_ms = site.now_ms
        site.step()
        if gate_off is None and not site.plants.output(0, "gate_enable"):
            gate_off = tick
            assert not is_open(site)
        if is_open(site):
            assert gate_off is not None
            assert abs(site.plants.current_a[0]) < 7
            return
    raise AssertionError("never opened")


# currents


@pytest.mark.parametrize("every", [2, 5])
def test_over_current_trips_in_time_with_most_frames_lost(running_site, every) -> None:
    site = running_site
    count = [0]

    def match(can_id, _):
        count[0] += can_id == 0x521
        return can_id == 0x521 and count[0] % every != 0

    site.cabinets[0].bus.faults.append(BusFault("drop", match))
    site.run_for(1.0)
    site.plants.strings.extra_a[0] = 300.0
    assert until(site, lambda: is_open(site), 3) <= 0.55 + 0.01 * every


@pytest.mark.parametrize("phase", range(0, 8, 2))
def test_a_lost_frame_is_no_leave_to_break_the_current_of_a_short(running_site, phase) -> None:
    site = running_site
    count = [phase]

    def match(can_id, _):
        count[0] += can_id == 0x521
        return can_id == 0x521 and count[0] % 8 == 0

    site.cabinets[0].bus.faults.append(BusFault("drop", match))
    site.plants.strings.extra_a[0] = 1150.0
    t = until(site, lambda: is_open(site), 3)
    assert site.plants.current_a[0] < 1000 or t >= 0.95


# insulation and self-test


@pytest.mark.parametrize(("kohm", "silent"), [(200, False), (50, False), (2000, True)])
def test_no_contactor_closes_without_known_good_insulation(inline_site, kohm, silent) -> None:
    site = inline_site()
    site.plants.monitors[0].resistance_kohm = kohm
    site.plants.monitors[0].silent = silent
    for _ in range(2500):
        site.step()
        assert not site.plants.outputs[0] & 7


def test_a_monitor_that_is_late_is_waited_for(inline_site) -> None:
    site = inline_site()
    site.plants.monitors[0].silent = True
    site.run_for(6.0)
    assert app(site).modes.state == modes.STANDBY
    site.plants.monitors[0].silent = False
    until(site, lambda: app(site).modes.state == modes.RUN, 5)


def test_the_self_test_passes_only_after_a_whole_round_of_diagnosis(inline_site) -> None:
    from bess.measure import signals as s

    site = inline_site()
    until(site, lambda: app(site).modes.self_test_passed, 5)
    for signal in (s.OPEN_WIRE, s.AFE_SUM, s.AFE_SUPPLY, s.AFE_SELF_TEST, s.AFE_CONFIG):
        assert app(site).signals.count[signal] >= 1
    site = inline_site()
    site.plants.chains[0].open_wires.add((3, 5))
    site.plants.chains[0].fault_changed()
    for _ in range(800):
        site.step()
        assert is_open(site)


@pytest.mark.parametrize("volts", [3.63, 2.45])
def test_a_threshold_is_a_condition_of_closing_from_its_first_sample(inline_site, volts) -> None:
    site = inline_site(parameters={"cell_ov_3_delay_ms": 2000, "cell_uv_3_delay_ms": 2000})
    site.plants.cells.force_voltage(0, 17, 3.66 if volts > 3 else volts)
    for _ in range(900):
        site.step()
        assert not site.plants.outputs[0] & 7
