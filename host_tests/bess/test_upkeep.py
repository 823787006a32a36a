"""Bus-off, session, resets."""

from types import SimpleNamespace

import pytest
from built import Calls, built

from bess.control import contactors


@pytest.fixture
def app():
    return built()


def upkeep_of(app):
    calls = Calls()
    calls.on(app.site.port, "recover", None, "site")
    calls.on(app.cabinet_port, "recover", None, "cabinet")
    calls.on(app.session, "step", None, "session")
    app.node = app.upkeep._node = SimpleNamespace(
        duplicate_id=False, node_id=2, reset_communication=False, reset_node=False
    )
    calls.on(app.node, "give_up_id")
    calls.on(app.node, "reset")
    app.program = app.upkeep._program = SimpleNamespace(starting=False, on_trial=False, late=False)
    app.program.expired = lambda ticks: app.program.late and ticks == app.scheduler.uptime_ticks
    app.string.contactors._enter(contactors.OPEN, "test")
    return calls


def test_upkeep_looks_after_buses_and_session_each_tenth_tick(app):
    calls = upkeep_of(app)
    for ticks in range(9, 31):
        app.scheduler.uptime_ticks = ticks
        calls.clear()
        app.modes.hold = True
        app.upkeep.step(50)
        due = ticks % 10 == 0
        names = [("site", 50), ("cabinet", 50), ("session", 50)] if due else []
        assert calls == names
        assert app.modes.hold != due  # whoever asked for it has gone


def test_hold_outlives_neither_its_session_nor_falls_in_a_trial(app):
    for unlocked, on_trial, held in ((1, False, True), (0, True, True), (0, False, False)):
        upkeep_of(app)
        app.session.unlocked, app.program.on_trial = unlocked, on_trial
        app.modes.hold = True
        app.upkeep.step(0)
        assert app.modes.hold == held
        assert not app.node.reset_node


def test_a_program_that_starts_or_was_not_confirmed_in_time_asks_for_a_restart(app):
    for name in ("starting", "late"):
        upkeep_of(app)
        setattr(app.program, name, True)
        app.upkeep.step(0)
        assert app.modes.hold
        assert app.node.reset_node


def test_ids_and_communication_are_given_up_at_rest_only(app):
    for duplicate, node_id, communication, expected in (
        (True, 2, False, ["give_up_id"]), (True, 0, False, []), (False, 2, True, ["reset"]),
    ):  # fmt: skip
        for state, at_rest in ((contactors.OPEN, True), (contactors.CLOSED, False)):
            calls = upkeep_of(app)
            app.scheduler.uptime_ticks = 1
            app.node.duplicate_id, app.node.node_id = duplicate, node_id
            app.node.reset_communication = communication
            app.string.contactors._enter(state, "test")
            app.upkeep.step(0)
            assert [call[0] for call in calls] == (expected if at_rest else [])


def test_a_restart_waits_for_rest_the_records_and_the_mark(app):
    for asked, state, written, running, finished in (
        (True, contactors.OPEN, True, False, True), (False, contactors.OPEN, True, False, True),
        (True, contactors.OPENING, True, False, True), (True, contactors.OPEN, False, False, True),
        (True, contactors.OPEN, True, True, True), (True, contactors.OPEN, True, False, False),
    ):  # fmt: skip
        upkeep_of(app)
        calls = Calls()
        calls.on(app.records, "finish", finished)
        app.upkeep.restart = False
        app.node.reset_node = asked
        app.string.contactors._enter(state, "test")
        app.upkeep._written = written
        app.latches.set_running(running)
        app.upkeep.step(0)
        due = asked and state == contactors.OPEN and written and not running
        assert len(calls) == due
        assert app.restart == (due and finished)


def test_a_restart_waits_for_no_failure(app):
    upkeep_of(app)

    def fails():
        raise ValueError

    app.records.finish = fails
    app.node.reset_node = app.upkeep._written = True
    with pytest.raises(ValueError):
        app.upkeep.step(0)
    assert app.restart is True


def test_records_are_told_whether_all_is_at_rest(app):
    for state, at_rest in ((contactors.OPEN, True), (contactors.CLOSED, False)):
        calls = Calls()
        calls.on(app.records, "step", at_rest)
        app.string.contactors._enter(state, "test")
        app.upkeep.write(0)
        assert calls == [("step", at_rest)]
        assert app.upkeep._written == at_rest
