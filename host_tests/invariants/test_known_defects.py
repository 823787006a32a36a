"""Five defects that stand in a well-known open BMS, by name (protection.md, "Rules")."""

import pytest
from kit.standing import stands

from bess import modes

MAIN = 0b11


def app(site):
    return site.cabinets[0].firmware.app


def until_open_ms(site, limit_ms: int) -> int:
    for elapsed in range(0, limit_ms + 10, 10):
        site.step()
        if not site.plants.outputs[0] & MAIN:
            return elapsed
    raise AssertionError(f"contactors still closed after {limit_ms} ms")


def test_a_cell_far_from_the_mean_is_not_dropped_before_the_extremes_are_formed(running_site):
    """There: a cell beyond the spread limit is called implausible and left out of min and max."""
    running_site.plants.cells.force_voltage(0, 100, 4.10)
    assert until_open_ms(running_site, 1300) <= 1200
    assert app(running_site).string.cells.cell_max_index == 100
    assert stands(app(running_site).protection, "cell_ov", 3)


def test_all_cells_invalid_is_a_trip_and_not_no_violation_found(running_site):
    """There: with every reading invalid the loop finds no violation and says that all is fine."""
    running_site.plants.chains[0].broken_at = 0
    running_site.plants.chains[0].fault_changed()
    assert until_open_ms(running_site, 1300) <= 1200  # the orderly stop of level 2
    running_site.run_for(3.2)
    assert app(running_site).protection.tripped


@pytest.mark.parametrize("state", [modes.SELF_TEST, modes.STANDBY, modes.PRECHARGE, modes.READY])
def test_no_waiting_state_skips_the_faults(inline_site, state):
    """There: one waiting state of the state machine returns before the error check."""
    site = inline_site()
    if state == modes.STANDBY:
        site.coordinator.wanted_state = 0
    while app(site).modes.state != state:
        site.step()
    site.plants.estop[0] = True
    site.step()
    site.step()
    assert app(site).modes.state == modes.FAULT
    assert not site.plants.outputs[0] & MAIN


@pytest.mark.parametrize("task", ["cells", "scan", "slow"])
def test_a_task_that_stops_is_seen_and_not_only_one_that_runs_late(running_site, task, capsys):
    """There: the monitoring looks at the run time of a task, so one that never runs passes."""
    scheduler = app(running_site).scheduler
    scheduler._functions[scheduler.names.index(task)] = lambda now_ms: 1 / 0
    assert until_open_ms(running_site, 1200) <= 1200
    running_site.run_for(0.02)
    assert stands(app(running_site).protection, "task_stopped", 3)
    capsys.readouterr()


def test_a_task_that_is_no_longer_called_is_seen(running_site):
    scheduler = app(running_site).scheduler
    scheduler._phase[scheduler.names.index("cells")] = 999  # a tick that never comes
    assert until_open_ms(running_site, 3500) <= 3500


def test_fault_counters_do_not_advance_on_old_samples(running_site):
    """There: the check runs more often than the measurement, and counts one bad sample again."""
    cabinet = app(running_site)
    cells = running_site.plants.cells
    judge = cabinet.protection.judges[1]
    row = judge.row(19, 3)
    cells.force_voltage(0, 5, 3.70)
    running_site.run_for(0.25)
    seen = judge._count[row]
    assert 1 <= seen <= 3  # one a scan of 100 ms, though the fast task ran 25 times
    cells.release(0)
    running_site.run_for(2.0)
    assert not cabinet.protection.tripped
