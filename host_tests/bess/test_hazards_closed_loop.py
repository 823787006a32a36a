"""Hazards on the whole firmware and its plants: dishonest neighbours, restarts, lost frames."""

import pytest
from kit.standing import stands

from autarky.bus.bus import BusFault
from bess import modes
from bess.protect import history as h

MAIN = 0b11
HEATER, CHILLER, PUMP = 32, 64, 16


def app(site):
    return site.cabinets[0].firmware.app


def until(site, condition, seconds):
    """Seconds until the condition is true after a tick; fails when it never is."""
    for tick in range(round(seconds * 100)):
        site.step()
        if condition():
            return (tick + 1) / 100
    raise AssertionError(f"not within {seconds} s")


def is_open(site):
    return not site.plants.outputs[0] & MAIN


def active(site, fault, level=3):
    return stands(app(site).protection, fault, level)


def reset_key(site):
    site.plants.reset_key[0] = True
    site.run_for(0.3)
    site.plants.reset_key[0] = False
    site.run_for(1.2)


def restart(site, how):
    if how == "nmt":
        site.bus.send(0, 0x000, b"\x81\x02", site.now_ms * 1000)
        site.run_for(0.5)
    else:
        site.power_cycle(0)


# empty strings


@pytest.mark.parametrize("volts", [2.2, 2.45])
def test_an_empty_string_trips_at_boot_and_stays_tripped(inline_site, volts) -> None:
    site = inline_site()
    site.plants.cells.force_voltage(0, slice(None), volts)
    site.run_for(10.0)
    assert active(site, 20)
    assert app(site).modes.state == modes.FAULT
    site.plants.cells.force_voltage(0, slice(None), 3.2)
    site.run_for(20.0)
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


# restarts


@pytest.mark.parametrize("how", ["nmt", "power"])
def test_a_restart_forgets_neither_tries_nor_heat_of_the_precharge(
    inline_site, tmp_path, how
) -> None:
    site = inline_site(state=tmp_path)
    site.plants.strings.link_shorted[0] = True
    until(site, lambda: site.plants.outputs[0] & 4, 20)
    was, start_j, end_ms = True, site.plants.strings.precharge_j[0], site.now_ms + 60_000
    while site.now_ms < end_ms:
        site.step()
        now = bool(site.plants.outputs[0] & 4)
        if was and not now:
            restart(site, how)
            site.plants.strings.link_shorted[0] = True
        was = now
    assert site.plants.strings.precharge_j[0] - start_j <= 1.1 * 6000


def test_closings_are_bounded_whoever_asks_and_however_often(inline_site) -> None:
    site = inline_site()
    site.run_for(4.0)
    times = []
    was = True
    for tick in range(6000):
        site.coordinator.wanted_state = 2 if tick // 40 % 2 else 0
        if tick % 1700 == 900:
            site.bus.send(0, 0x000, b"\x81\x02", site.now_ms * 1000)
        site.step()
        now = bool(site.plants.outputs[0] & 1)
        if now and not was:
            times.append(site.now_ms)
        was = now
    for first in times:
        assert sum(first <= t < first + 30_000 for t in times) <= 6
    assert app(site).history.closings[0] >= len(times)


@pytest.mark.parametrize("how", ["nmt", "power"])
def test_closings_are_kept_over_a_restart(inline_site, tmp_path, how) -> None:
    site = inline_site(state=tmp_path)
    site.run_for(4.0)
    before = list(app(site).history.closings)
    assert before == [1, 1, 1]
    site.coordinator.wanted_state = 0
    site.run_for(5.0)
    restart(site, how)
    site.run_for(1.0)
    assert list(app(site).history.closings) == before


def test_the_count_of_stops_is_worked_off_by_time(inline_site) -> None:
    site = inline_site(parameters={"stop_worked_off_s": 60})
    app(site).history.put(h.STOPS, 2)
    site.run_for(62.0)
    assert app(site).history.value[h.STOPS] == 1


# heat, cold, smoke


@pytest.mark.parametrize(
    ("line", "off"),
    [("smoke", HEATER | CHILLER), ("gas", HEATER | CHILLER | PUMP), ("hvil", HEATER | CHILLER),
     ("estop", HEATER | CHILLER | PUMP)],
)  # fmt: skip
@pytest.mark.parametrize("celsius", [3.0, 34.0])
def test_a_hazard_reaches_heater_chiller_and_pump(inline_site, line, off, celsius) -> None:
    site = inline_site(temperature_c=celsius)
    wanted = HEATER if celsius < 20 else CHILLER
    until(site, lambda: site.plants.outputs[0] & wanted, 60)
    if line == "estop":
        site.plants.estop[0] = True
    elif line == "hvil":
        site.plants.hvil_open[0] = True
    else:
        site.plants.input_forced[0][line] = False
    site.run_for(0.1)
    for _ in range(1500):
        site.step()
        assert not site.plants.outputs[0] & off


def test_an_open_door_stops_the_compressor(inline_site) -> None:
    site = inline_site(temperature_c=34.0)
    until(site, lambda: site.plants.outputs[0] & CHILLER, 60)
    site.plants.input_forced[0]["door"] = False
    site.run_for(1.2)
    assert not site.plants.outputs[0] & CHILLER
    site.run_for(30.0)
    assert not site.plants.outputs[0] & CHILLER


def test_lost_flow_stops_the_compressor(inline_site) -> None:
    site = inline_site(temperature_c=34.0)
    until(site, lambda: site.plants.outputs[0] & CHILLER, 60)
    site.plants.heat.pump_failed[0] = True
    site.run_for(3.5)
    assert not site.plants.outputs[0] & CHILLER


@pytest.mark.parametrize("celsius", [3.0, 34.0])
def test_a_stuck_flow_input_and_a_dead_pump_run_neither_heater_nor_compressor(
    inline_site, celsius
) -> None:
    site = inline_site(temperature_c=celsius)
    site.plants.input_forced[0]["coolant_flow"] = True
    site.plants.heat.pump_failed[0] = True
    for _ in range(9000):
        site.step()
        assert not site.plants.outputs[0] & (HEATER | CHILLER)


def test_a_dead_task_stops_every_output_and_the_bleeding(inline_site, capsys) -> None:
    site = inline_site(temperature_c=3.0)
    until(site, lambda: site.plants.outputs[0] & HEATER, 60)
    cabinet = app(site)
    cabinet.string.chain.set_discharge(3, 0b100)
    cabinet.string.chain.prepare_config()
    site.run_for(1.5)
    assert site.plants.chains[0].any_discharge

    def die(now_ms: int) -> None:
        raise ZeroDivisionError("planted")

    cabinet.scheduler._functions[cabinet.scheduler.names.index("slow")] = die
    site.run_for(3.0)
    assert not site.plants.outputs[0] & ~128  # all but `healthy`
    assert not site.plants.chains[0].any_discharge
    assert "planted" in capsys.readouterr().err


@pytest.mark.parametrize("at", [0, 5, 19, 20, 25, 39])
def test_a_flipped_bit_in_the_latches_counts_as_a_latch(inline_site, tmp_path, at) -> None:
    site = inline_site(state=tmp_path)
    site.run_for(4.0)
    site.coordinator.wanted_state = 0
    site.run_for(5.0)
    backup = tmp_path / "cabinet2" / "backup.bin"
    data = bytearray(backup.read_bytes())
    data[at] ^= 4
    site.cabinets[0].firmware.close()
    backup.write_bytes(data)
    site.power_cycle(0)
    site.run_for(3.0)
    assert active(site, 49)
    assert app(site).modes.state == modes.FAULT


@pytest.mark.parametrize("ticks", [4, 6, 9])
def test_a_precharge_that_is_broken_off_is_counted_whole(inline_site, ticks) -> None:
    """The sensor tells late and the relay parts late: a third of a short try is in its tail."""
    site = inline_site(soc=0.6)
    strings = site.plants.strings
    assert until(site, lambda: strings.contactors.command[0, 2], 30.0)
    for _ in range(ticks):
        site.step()
    site.plants.estop[0] = True
    site.run_for(0.3)
    rated_j = app(site).parameters.get("precharge_rated_j")
    counted_j = app(site).string.contactors.heat_permille * rated_j / 1000
    assert counted_j == pytest.approx(float(strings.precharge_j[0]), rel=0.12, abs=60)
