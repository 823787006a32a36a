"""What runs in a tick: who is called, in which order, with what."""

from types import SimpleNamespace

import pytest
from built import Calls, built

from bess import modes
from bess.control import contactors
from bess.measure import signals as s
from bess.protect import history as h
from bess.protect.hazards import BLEEDING, HEATER


@pytest.fixture
def app():
    return built()


FAST = [
    "poll", "receive", "configure", "sample", "update", "rest", "overload", "take", "clock",
    "health", "evaluate", "follow", "obey", "modes", "contactors", "pcs", "publish",
    "pcs frames", "node frames",
]  # fmt: skip


def fast_of(app):
    calls = Calls()
    for owner, name, note in (
        (app.node, "poll", "poll"), (app.cabinet_bus, "receive", "receive"),
        (app.string.ivt, "configure", "configure"), (app.inputs, "sample", "sample"),
        (app.string.meter, "update", "update"), (app.string.counter, "rest", "rest"),
        (app.string.counter, "add", "add"), (app.limits, "overload", "overload"),
        (app.command, "take", "take"), (app.self_check, "step_fast", "clock"),
        (app.health, "step_fast", "health"), (app.protection, "evaluate_fast", "evaluate"),
        (app.limits, "follow_blocks", "follow"), (app.thermal, "obey", "obey"),
        (app.modes, "step", "modes"), (app.latches, "set_running", "mark"),
        (app.string.contactors, "step", "contactors"), (app.pcs, "step", "pcs"),
        (app.telemetry, "publish_status", "publish"), (app.pcs_can, "transmit", "pcs frames"),
        (app.node, "transmit", "node frames"), (app.tasks._healthy, "value", "healthy"),
    ):  # fmt: skip
        calls.on(owner, name, None, note)
    app.string.meter.fresh_current = True
    app.string.meter.current_ma = -1234
    app.node.sync_pending = True
    return calls


def test_the_fast_task_measures_judges_and_acts_in_that_order(app):
    calls = fast_of(app)
    app.string.contactors._enter(contactors.OPEN, "test")
    app.protection.charge_blocked, app.protection.discharge_blocked = True, False
    app.protection.stops = 5
    app.limits.charge_w, app.limits.discharge_w = 11, 22
    app.tasks.fast(70)
    assert [call[0] for call in calls] == [*FAST, "healthy"]
    told = {call[0]: call[1:] for call in calls}
    assert told["rest"] == (-1234, 70)
    assert told["overload"] == (-1234, False)
    assert told["follow"] == (True, False)
    assert told["obey"] == (70, 5)
    assert "mark" not in told  # it stands as it should
    assert told["pcs"] == (70, 11, 22, False)
    for name in ("poll", "receive", "configure", "update", "take", "clock", "evaluate", "modes"):
        assert told[name] == (70,), name


def test_a_current_that_flows_is_counted_and_an_old_one_is_not(app):
    calls = fast_of(app)
    app.string.contactors._enter(contactors.CLOSED, "test")
    app.tasks.fast(70)
    told = {call[0]: call[1:] for call in calls}
    assert told["add"] == (-1234, 70)
    assert "rest" not in told
    assert told["overload"] == (-1234, True)
    assert told["pcs"][-1] is True
    calls.clear()
    app.string.meter.fresh_current = False
    app.node.sync_pending = False
    app.tasks.fast(80)
    names = {call[0] for call in calls}
    assert not names & {"add", "rest", "overload", "publish"}


def test_the_mark_stands_from_the_wish_to_close_until_all_is_at_rest(app):
    for wanted, state, mark in (
        (True, contactors.OPEN, True), (False, contactors.OPENING, True),
        (False, contactors.CLOSED, True), (False, contactors.WELD_CHECK, False),
    ):  # fmt: skip
        calls = fast_of(app)
        app.string.contactors.wanted = wanted
        app.string.contactors._enter(state, "test")
        for stands in (True, False):  # written when it is another one
            calls.clear()
            app.latches.running = stands
            app.tasks.fast(0)
            assert (("mark", mark) in calls) == (stands != mark)


def test_limits_follow_what_blocks_while_it_does(app):
    for blocks in ((False, False), (True, False), (False, True), (True, True)):
        calls = fast_of(app)
        app.protection.charge_blocked, app.protection.discharge_blocked = blocks
        app.tasks.fast(0)
        assert [call[1:] for call in calls if call[0] == "follow"] == (
            [blocks] if any(blocks) else []
        )


def test_the_healthy_output_toggles(app):
    calls = fast_of(app)
    for level in (1, 0, 1):
        calls.clear()
        app.tasks.fast(0)
        assert calls[-1] == ("healthy", level)


def cells_of(app):
    calls = Calls()
    for owner, name, note in (
        (app.string.slots, "step", "slots"), (app.string.meter, "update_voltage_age", "ages"),
        (app.string.cells, "evaluate", "cells"), (app.plausibility, "step_cells", "plausibility"),
        (app.environment, "step_cells", "environment"), (app.telemetry, "judge", "judge"),
        (app.protection, "evaluate_cells", "protection"), (app.limits, "evaluate", "limits"),
        (app.protection, "suspend_undervoltage", "suspend"), (app.trace, "sample", "trace"),
        (app.limits, "follow_blocks", "follow"),
    ):  # fmt: skip
        calls.on(owner, name, None, note)
    calls.on(app.derating, "permille", 700)
    app.string.cells.seen_all = app.string.meter.seen_all = True
    return calls


def test_a_scan_is_judged_and_limits_what_is_allowed_in_that_order(app):
    calls = cells_of(app)
    app.string.estimator.soc = SimpleNamespace(soc_cpct=5100, mean_cpct=5200)
    meter, cells = app.string.meter, app.string.cells
    meter.current_ma, meter.string_mv, meter.link_mv = 1, 2, 3
    cells.cell_min_dmv, cells.cell_max_dmv, cells.temp_min_dc, cells.temp_max_dc = 4, 5, 6, 7
    app.protection.charge_blocked, app.protection.discharge_blocked = False, True
    app.limits.recharging = True
    app.tasks.cells(60)
    assert calls == [
        ("slots", 60), ("ages", 60), ("cells", 60), ("plausibility", 5200), ("environment",),
        ("judge",), ("protection", 60), ("permille", False, app.string.cells.temp_max_dc),
        ("limits", cells, 5100, 2, False, 700, False, True), ("suspend", True),
        ("trace", 1, 2, 3, 4, 5, 6, 7, True, True), ("follow", False, True),
    ]  # fmt: skip


def test_until_cells_and_string_were_measured_no_power_is_allowed(app):
    for cells, meter in ((False, True), (True, False)):
        calls = cells_of(app)
        app.string.cells.seen_all, app.string.meter.seen_all = cells, meter
        app.tasks.cells(60)
        assert next(call for call in calls if call[0] == "limits")[5] == 0
        assert next(call for call in calls if call[0] == "trace")[8:] == (meter, cells)


def test_estimation_counts_only_on_whole_and_fresh_readings(app):
    for seen, fresh, age_ms, good in (
        (True, True, 1000, True), (False, True, 0, False), (True, False, 0, False),
        (True, True, 1001, False),
    ):  # fmt: skip
        calls = Calls()
        app.tasks._estimator = SimpleNamespace(
            started=good, power=SimpleNamespace(charge_ma=[1, 2], discharge_ma=[3, 4])
        )
        calls.on(app.tasks._estimator, "slice")
        calls.on(app.limits, "follow_model")
        app.tasks._cells = SimpleNamespace(seen_all=seen, all_fresh=fresh)
        app.signals.put(s.TEMP_AGE, age_ms)
        app.tasks.estimate(80)
        assert calls == [("slice", 80, good)] + ([("follow_model", 1, 3)] if good else [])


def slow_of(app):
    calls = Calls()
    for owner, name, note in (
        (app.thermal, "step", "thermal"), (app.string.meter, "step_slow", "meter"),
        (app.tasks, "_hold_stamps", "stamps"), (app.health, "step_slow", "counters"),
        (app.environment, "step_slow", "environment"),
        (app.plausibility, "step_slow", "plausibility"), (app.insulation, "step", "insulation"),
        (app.self_check, "step_slow", "self check"), (app.modes, "step_slow", "stops"),
        (app.string.contactors, "step_slow", "wear"),
        (app.string.balancing, "step", "balancing"),
    ):  # fmt: skip
        calls.on(owner, name, None, note)
    app.tasks._cells = SimpleNamespace(seen_all=True, all_fresh=True)
    app.signals.put(s.TEMP_AGE, 0)
    app.string.meter.current_ma = 42
    app.string.contactors._enter(contactors.OPEN, "test")
    return calls


def a_second(app):
    for _ in range(10):
        app.tasks.slow(70)


def test_the_slow_task_does_its_work_once_a_second_in_ten_turns(app):
    calls = slow_of(app)
    done = [
        ("thermal", 70, True, 42, 0), ("meter",), ("counters",), ("environment",),
        ("plausibility", False, True), ("insulation", 70), ("self check",), ("stops",),
        ("wear",), ("stamps", 70),
        ("balancing", True, 42),
    ]  # fmt: skip
    before = 0
    for _ in range(10):
        app.tasks.slow(70)
        assert 1 <= len(calls) - before <= 2
        before = len(calls)
    assert calls == done
    a_second(app)
    assert calls == done + done


def test_temperatures_are_trusted_when_all_were_seen_within_a_second(app):
    for seen, age_ms, trusted in ((True, 1000, True), (True, 1001, False), (False, 0, False)):
        calls = slow_of(app)
        app.tasks._cells.seen_all = seen
        app.signals.put(s.TEMP_AGE, age_ms)
        a_second(app)
        assert calls[0] == ("thermal", 70, trusted, 42, app.string.estimator.soc.soc_cpct)
        assert calls[-1] == ("balancing", trusted, 42)


def test_cells_are_bled_only_while_nothing_stands_against_it(app):
    for level, blocked, stops, fresh, allowed in (
        (2, False, HEATER, True, True), (3, False, 0, True, False), (0, True, 0, True, False),
        (0, False, BLEEDING, True, False), (0, False, BLEEDING | HEATER, True, False),
        (0, False, 0, False, False),
    ):  # fmt: skip
        calls = slow_of(app)
        app.protection.worst_level, app.protection.charge_blocked = level, blocked
        app.protection.stops, app.tasks._cells.all_fresh = stops, fresh
        a_second(app)
        assert calls[-1] == ("balancing", allowed, 42)


def test_state_of_charge_is_a_signal_once_it_is_known(app):
    for started, count in ((False, 0), (True, 1)):
        slow_of(app)
        app.tasks._estimator = SimpleNamespace(started=started, soc=SimpleNamespace(soc_cpct=6100))
        a_second(app)
        assert app.signals.count[s.SOC] == count
    assert app.signals.value[s.SOC] == 6100


STAMPS = {
    "pcs_can": ["status_ms"], "monitor": ["calculated_ms"], "string.meter": ["_started_ms"],
    "insulation": ["_started_ms", "_fresh_ms"], "pcs": ["_started_ms", "_stopped_at_ms"],
    "string.contactors": ["_since_ms", "_failed_ms"], "modes": ["_since_ms", "_key_since_ms"],
    "session": ["_unlocked_ms", "_failed_ms"],
    "node": ["_guard_heard_ms", "_own_heard_ms", "_heartbeat_at_ms", "_refused_ms"],
    "thermal.circuit": [
        "_flow_since_ms", "_heater_ms_at", "_chiller_ms_at", "_idle_since_ms", "_asked_since_ms",
    ],
    "modes.removal": ["_since_ms"],
}  # fmt: skip


def part_of(app, path):
    for name in path.split("."):
        app = getattr(app, name)
    return app


def test_each_old_stamp_is_kept_old_one_owner_a_second_in_turns(app):
    calls = Calls()
    for owner, name in (
        (app.string.ivt, "sensor"), (app.string.cells, "cells"), (app.node.pdo, "pdos"),
        (app.protection.judges[0], "cabinet"), (app.protection.judges[1], "string"),
    ):  # fmt: skip
        calls.on(owner, "hold_stamps", None, name)
    now_ms = 0x1FFFFFFF
    for turn in (1, 2):
        calls.clear()
        for part, names in STAMPS.items():
            for name in names:
                setattr(part_of(app, part), name, 0)
        for second in range(17):
            moved = sum(
                getattr(part_of(app, part), name) != 0
                for part, names in STAMPS.items() for name in names
            )  # fmt: skip
            assert moved <= 5 * second
            app.tasks._hold_stamps(now_ms)
        for part, names in STAMPS.items():
            for name in names:
                assert getattr(part_of(app, part), name) == now_ms - 0x10000000, (part, name, turn)
        assert calls == [
            (name, now_ms) for name in ("sensor", "cells", "pdos", "cabinet", "string")
        ]


def test_a_stop_is_worked_off_in_ten_minutes_and_never_below_none(app):
    app.history.put(h.STOPS, 2)
    for left in (2, 1, 0, 0):
        for _ in range(599):
            app.modes.step_slow()
            assert app.signals.value[s.REPEATED_STOPS] == left
        app.modes.step_slow()
        assert app.signals.value[s.REPEATED_STOPS] == max(left - 1, 0)


def test_the_self_test_s_result_is_told(app):
    machine = app.modes
    machine.self_test_failed = True
    assert app.modes.self_test_result() == "failed"
    machine.self_test_failed = False
    machine.state = modes.FAULT
    assert app.modes.self_test_result() == "failed"
    machine.self_test_passed = True
    assert app.modes.self_test_result() == "passed"
