"""Scheduler, buses, log and node as signals."""

from types import SimpleNamespace

import pytest
from built import built, logged

from bess.measure import signals as s
from bess.protect import event_log


@pytest.fixture
def app():
    return built()


HEALTH = {
    s.TASK_STOPPED: ("_scheduler", "stopped"), s.HEAP_USED: ("_scheduler", "allocated"),
    s.SELF_TEST_FAILED: ("_modes", "self_test_failed"), s.GUARD_LOST: ("_node", "guard_lost"),
    s.DUPLICATE_ID: ("_node", "duplicate_id"), s.BUS_OFF: ("_site_port", "bus_off"),
    s.CABINET_BUS_OFF: ("_cabinet_port", "bus_off"), s.LOG_STORAGE: ("_records", "failed"),
    s.LINK_MUTE: ("_node", "silent"),
}  # fmt: skip


def well(app):
    """Its health with parts that have nothing but what it looks at."""
    for part in ("_scheduler", "_modes", "_site_port", "_cabinet_port", "_records"):
        setattr(app.health, part, SimpleNamespace())
    node = app.health._node = SimpleNamespace(node_id=2, booted=True)
    node.mute = lambda: node.silent
    for part, name in HEALTH.values():
        setattr(getattr(app.health, part), name, False)
    return app


@pytest.mark.parametrize("signal", HEALTH)
def test_each_part_of_the_cabinet_s_health_has_a_signal_put_on_change(app, signal):
    well(app)
    before = {other: app.signals.count[other] for other in HEALTH}
    app.health.step_fast()
    app.health.step_fast()
    assert all(app.signals.count[other] == before[other] + 1 for other in HEALTH)
    part, name = HEALTH[signal]
    setattr(getattr(app.health, part), name, True)
    app.health.step_fast()
    app.health.step_fast()
    assert [other for other in HEALTH if app.signals.value[other]] == [signal]
    assert app.signals.count[signal] == before[signal] + 2
    setattr(getattr(app.health, part), name, False)
    app.health.step_fast()
    assert not any(app.signals.value[other] for other in HEALTH)


def test_who_has_no_id_or_has_not_booted_is_not_mute_yet(app):
    for node_id, booted in ((0, True), (2, False)):
        well(app)
        node = app.health._node
        node.node_id, node.booted, node.silent = node_id, booted, True
        app.health.step_fast()
        assert app.signals.value[s.LINK_MUTE] == 0


def test_a_streak_of_bad_crcs_is_put_when_it_changes(app):
    app.pcs_can.crc_streak = 3
    app.health.step_fast()
    app.health.step_fast()
    assert (app.signals.value[s.PCS_CRC], app.signals.count[s.PCS_CRC]) == (3, 1)


def test_overruns_of_all_tasks_count_for_the_second_they_happened_in(app):
    app.scheduler.overruns[0], app.scheduler.overruns[5] = 2, 3
    app.health.step_slow()
    assert app.signals.value[s.TASK_OVERRUN] == 5
    app.health.step_slow()
    assert app.signals.value[s.TASK_OVERRUN] == 0
    app.scheduler.overruns[1] = 1
    app.health.step_slow()
    assert app.signals.value[s.TASK_OVERRUN] == 1


def test_nothing_was_counted_before_the_first_second(app):
    app.health.step_slow()
    for signal in (s.COMMAND_CRC, s.COMMAND_REPLAY, s.RECEIVE_OVERRUN, s.LOG_LOST, s.PART_FAILED):
        assert (app.signals.value[signal], app.signals.count[signal]) == (0, 1)


def test_counters_tell_what_came_in_the_last_second(app):
    checker, signals = app.command.checker(), app.signals
    for first, second in ((7, 3), (0x1FFFFFFF - 10, 5)):
        checker.crc_errors = first
        checker.counter_errors = first + 1
        app.site.port.rx_lost, app.cabinet_port.rx_lost = first, 2
        app.log.lost = first + 4
        app.health.step_slow()
        checker.crc_errors += second
        checker.counter_errors += second + 1
        app.site.port.rx_lost += second
        app.cabinet_port.rx_lost += 1
        app.log.lost += second + 2
        app.health.step_slow()
        assert signals.value[s.COMMAND_CRC] == second
        assert signals.value[s.COMMAND_REPLAY] == second + 1
        assert signals.value[s.RECEIVE_OVERRUN] == second + 1
        assert signals.value[s.LOG_LOST] == second + 2
        app.health.step_slow()
        for signal in (s.COMMAND_CRC, s.COMMAND_REPLAY, s.RECEIVE_OVERRUN, s.LOG_LOST):
            assert signals.value[signal] == 0


def test_parts_that_failed_are_counted_and_logged_by_their_row(app):
    app.scheduler.failures[4] = 2
    app.scheduler.failures[10] = 1
    app.health.step_slow()
    assert app.health.estimate_failed
    assert app.signals.value[s.PART_FAILED] == 3
    assert logged(app)[-2:] == [
        (event_log.PART_FAILED, 5, 1, 2, 2), (event_log.PART_FAILED, 11, 1, 1, 1),
    ]  # fmt: skip
    app.scheduler.failures[10] = 3
    app.health.step_slow()
    assert not app.health.estimate_failed
    assert app.signals.value[s.PART_FAILED] == 2
    assert logged(app)[-1] == (event_log.PART_FAILED, 11, 1, 2, 3)
    app.health.step_slow()
    assert app.signals.value[s.PART_FAILED] == 0


def test_a_node_that_takes_an_id_anew_is_counted_on_by_its_new_judge(app):
    """CANopen's reset of communication makes a judge that has counted nothing."""
    app.command.checker().crc_errors = app.command.checker().counter_errors = 7
    app.health.step_slow()
    app.node.pdo.configure(5)
    app.health.step_slow()
    for signal in (s.COMMAND_CRC, s.COMMAND_REPLAY):
        assert app.signals.value[signal] == 0
    app.command.checker().crc_errors += 2
    app.command.checker().counter_errors += 3
    app.health.step_slow()
    assert app.signals.value[s.COMMAND_CRC] == 2
    assert app.signals.value[s.COMMAND_REPLAY] == 3
