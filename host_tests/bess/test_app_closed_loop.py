"""The whole firmware inline against the plants: states, protection, power, in virtual time."""

import pytest

from autarky.bus.bus import BusFault
from bess import modes
from bess.port.ticks import TICKS_MASK

MAIN = 0b11


def view(site):
    return site.coordinator.views[2]


def app(site):
    return site.cabinets[0].firmware.app


def open_after_ms(site, limit_ms):
    """ms until the main contactors are commanded open."""
    for elapsed in range(0, limit_ms + 10, 10):
        site.step()
        if not site.plants.outputs[0] & MAIN:
            return elapsed
    raise AssertionError(f"still closed after {limit_ms} ms")


def test_boot_runs_through_its_states_in_order(inline_site) -> None:
    site = inline_site()
    seen = []
    for _ in range(400):
        site.step()
        state = app(site).modes.state
        if not seen or seen[-1] != state:
            seen.append(state)
    assert seen == [modes.SELF_TEST, modes.STANDBY, modes.PRECHARGE, modes.READY, modes.RUN]


def test_set_points_are_followed_and_clipped(running_site) -> None:
    running_site.coordinator.target_w = 50_000.0
    running_site.run_for(8.0)
    assert running_site.plants.pcs_power_w[0] == pytest.approx(50_000.0, rel=0.01)
    running_site.coordinator.target_w = 500_000.0
    running_site.run_for(10.0)
    limit_w = view(running_site).discharge_limit_w
    assert running_site.plants.pcs_power_w[0] <= limit_w + 200
    assert running_site.plants.pcs_power_w[0] > 0.95 * limit_w


def test_no_charge_below_zero_degrees(inline_site) -> None:
    site = inline_site(temperature_c=-10.0)
    site.run_for(4.0)
    site.coordinator.target_w = -50_000.0
    site.run_for(8.0)
    assert view(site).charge_limit_w == 0
    assert site.plants.current_a[0] == pytest.approx(0.0, abs=0.5)
    site.coordinator.target_w = 20_000.0
    site.run_for(6.0)
    assert site.plants.current_a[0] > 20


def test_cold_cells_are_heated_only_with_flow(inline_site) -> None:
    site = inline_site(temperature_c=-10.0)
    site.run_for(30.0)
    assert site.plants.output(0, "pump")
    assert site.plants.output(0, "heater")
    site.plants.heat.pump_failed[0] = True
    site.run_for(3.0)
    assert not site.plants.output(0, "heater")


def test_hot_cells_are_cooled(inline_site) -> None:
    site = inline_site(temperature_c=36.0)
    site.run_for(30.0)
    assert site.plants.output(0, "chiller")


@pytest.mark.parametrize("target_w", [60_000.0, -60_000.0])
def test_pulled_module_under_load_blocks_pcs_within_40_ms_and_opens_within_50(
    running_site, target_w
) -> None:
    running_site.coordinator.target_w = target_w
    running_site.run_for(8.0)
    running_site.plants.pull_module(0, 2)
    blocked = None
    opened = None
    for elapsed in range(0, 100, 10):
        running_site.step()
        if blocked is None and not running_site.plants.output(0, "gate_enable"):
            blocked = elapsed
        if opened is None and not running_site.plants.outputs[0] & MAIN:
            opened = elapsed
    assert blocked is not None
    assert blocked <= 40
    assert opened is not None
    assert opened <= 50
    running_site.run_for(0.2)
    assert running_site.plants.strings.current_at_parting_a[0] < 1.0


def test_estop_opens_in_the_very_tick(running_site) -> None:
    running_site.plants.estop[0] = True
    assert open_after_ms(running_site, 20) <= 20


def test_a_trip_latches_until_the_key_is_turned_with_the_cause_gone(running_site) -> None:
    site = running_site
    site.plants.hvil_open[0] = True
    open_after_ms(site, 80)
    site.run_for(2.0)
    assert app(site).modes.state == modes.FAULT
    turn_key(site)
    assert app(site).modes.state == modes.FAULT
    site.plants.hvil_open[0] = False
    site.run_for(5.0)
    assert app(site).modes.state == modes.FAULT
    turn_key(site)
    site.run_for(4.0)
    assert app(site).modes.state == modes.RUN


def turn_key(site, seconds: float = 0.3) -> None:
    site.plants.reset_key[0] = True
    site.run_for(seconds)
    site.plants.reset_key[0] = False
    site.run_for(1.2)


def test_a_welded_contactor_locks_out_until_service(running_site) -> None:
    site = running_site
    site.plants.strings.contactors.welded[0, 1] = True
    site.plants.hvil_open[0] = True
    open_after_ms(site, 80)
    site.run_for(3.0)
    assert app(site).protection.locked_out
    site.plants.hvil_open[0] = False
    turn_key(site)
    assert app(site).modes.state == modes.FAULT
    site.plants.strings.contactors.welded[0, 1] = False
    site.run_for(1.0)
    turn_key(site, 6.0)
    assert app(site).modes.state == modes.SERVICE
    turn_key(site)
    site.run_for(5.0)
    assert app(site).modes.state == modes.RUN


def test_no_state_skips_the_faults(inline_site) -> None:
    """Rule 4: HVIL opened in each state trips from there."""
    for stop_at in (modes.SELF_TEST, modes.STANDBY, modes.PRECHARGE, modes.READY, modes.RUN):
        site = inline_site()
        if stop_at == modes.STANDBY:
            site.coordinator.wanted_state = 0
        while app(site).modes.state != stop_at:
            site.step()
        site.plants.hvil_open[0] = True
        site.run_for(0.1)
        assert app(site).modes.state == modes.FAULT, modes.NAMES.split()[stop_at]
        assert not site.plants.outputs[0] & MAIN


def test_silence_holds_then_ramps_then_opens(running_site) -> None:
    site = running_site
    site.coordinator.target_w = 60_000.0
    site.run_for(8.0)
    site.bus.faults.append(BusFault("drop", lambda can_id, _: can_id == 0x202))
    site.run_for(0.4)
    assert app(site).pcs.setpoint_w == pytest.approx(60_000, abs=100)
    site.run_for(0.8)
    assert 40_000 < app(site).pcs.setpoint_w < 60_000
    site.run_for(4.5)
    assert not site.plants.outputs[0] & MAIN
    assert app(site).modes.state == modes.STANDBY
    site.bus.faults.clear()
    site.run_for(8.0)
    assert app(site).modes.state == modes.RUN


def test_corrupt_commands_never_move_power(running_site) -> None:
    site = running_site
    site.coordinator.target_w = 40_000.0
    site.run_for(8.0)
    checker = app(site).command.checker()
    before = checker.crc_errors
    fault = BusFault("corrupt", lambda can_id, _: can_id == 0x202, probability=0.5)
    site.bus.faults.append(fault)
    for _ in range(500):
        site.step()
        assert app(site).modes.request_w in (40_000, 0)
    assert checker.crc_errors > before


def test_nmt_stop_under_load_is_an_orderly_stop(running_site) -> None:
    site = running_site
    site.coordinator.target_w = 60_000.0
    site.run_for(8.0)
    site.bus.send(0, 0x000, bytes((2, 2)), site.now_ms * 1000)
    site.run_for(4.0)
    assert not site.plants.outputs[0] & MAIN
    assert site.plants.strings.current_at_parting_a[0] == 0.0
    assert not app(site).protection.tripped


def test_open_relay_is_not_closed_again_while_a_module_is_out(running_site) -> None:
    site = running_site
    site.plants.pull_module(0, 1)
    site.run_for(1.0)
    turn_key(site)
    site.run_for(5.0)
    assert not site.plants.outputs[0] & MAIN


def test_other_cabinets_take_over_a_lost_one_s_power(inline_site) -> None:
    site = inline_site(cabinets=3)
    site.run_for(4.0)
    site.coordinator.target_w = 90_000.0
    site.run_for(8.0)
    assert sum(site.plants.pcs_power_w) == pytest.approx(90_000.0, rel=0.01)
    site.plants.pull_module(1, 0)
    site.run_for(2.0)
    assert site.plants.pcs_power_w[1] == 0.0
    assert sum(site.plants.pcs_power_w) == pytest.approx(90_000.0, rel=0.01)


def test_nothing_trips_across_the_clock_s_wrap(inline_site) -> None:
    plain, wrapped = inline_site(), inline_site(start_ms=TICKS_MASK + 1 - 5000)
    for site in (plain, wrapped):
        site.coordinator.target_w = 30_000.0
        site.run_for(12.0)
    assert app(wrapped).modes.state == modes.RUN
    assert wrapped.log.sha256() == plain.log.sha256()


def test_a_dead_task_makes_the_outputs_safe_and_starves_the_watchdog(running_site, capsys) -> None:
    site = running_site
    cabinet = app(site)
    scheduler = cabinet.scheduler
    devices = site.cabinets[0].firmware.devices

    def die(now_ms: int) -> None:
        raise ZeroDivisionError("planted")

    scheduler._functions[scheduler.names.index("cells")] = die
    site.run_for(0.2)
    assert not site.plants.outputs[0] & MAIN
    assert not site.plants.output(0, "gate_enable")
    fed = devices.watchdog.feeds
    site.run_for(1.0)
    assert devices.watchdog.feeds == fed
    assert "planted" in capsys.readouterr().err
    assert cabinet.modes.state == modes.FAULT


def test_a_dead_fast_task_leaves_the_outputs_safe(running_site, capsys) -> None:
    scheduler = app(running_site).scheduler

    def die(now_ms: int) -> None:
        raise ZeroDivisionError("planted")

    scheduler._functions[scheduler.names.index("fast")] = die
    running_site.run_for(2.0)
    assert not running_site.plants.outputs[0] & MAIN
    assert not running_site.plants.output(0, "gate_enable")


def test_energy_and_cells_are_reported(running_site) -> None:
    running_site.run_for(2.0)
    seen = view(running_site)
    assert 90 <= seen.energy_up_kwh + seen.energy_down_kwh <= 240
    assert 3.2 < seen.cell_min_v <= seen.cell_max_v < 3.4
    assert 23 <= seen.temp_min_c <= seen.temp_max_c <= 27
