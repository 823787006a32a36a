"""What the site asks of the cabinet."""

from types import SimpleNamespace

import pytest
from built import Calls, built, logged

from bess import modes
from bess.link import abort
from bess.measure import signals as s
from bess.protect import event_log


@pytest.fixture
def app():
    return built()


def test_a_reset_is_asked_for_by_one(app):
    calls = Calls()
    calls.on(app.modes, "request_reset")
    for value, answer, expected in ((0, abort.VALUE, 0), (2, abort.VALUE, 0), (1, abort.NONE, 1)):
        calls.clear()
        assert (app.command.request_reset(value), len(calls)) == (answer, expected)


def test_hold_takes_one_and_zero_and_no_program_on_trial(app):
    for value, answer, held in (
        (1, abort.NONE, True),
        (2, abort.VALUE, True),
        (0, abort.NONE, False),
    ):
        assert (app.command.hold(value), app.modes.hold) == (answer, held)
    app.program.on_trial = True
    assert (app.command.hold(1), app.modes.hold) == (abort.STATE, False)


def test_a_program_is_confirmed_by_one_on_trial_and_in_standby_only(app):
    calls = Calls()
    calls.on(app.program, "confirm")
    app.modes.hold = True
    for value, on_trial, state, answer in (
        (0, True, modes.STANDBY, abort.VALUE), (2, True, modes.STANDBY, abort.VALUE),
        (1, False, modes.STANDBY, abort.STATE), (1, True, modes.SELF_TEST, abort.STATE),
        (1, True, modes.FAULT, abort.STATE),
    ):  # fmt: skip
        app.program.on_trial, app.modes.state = on_trial, state
        assert app.command.confirm(value) == answer
        assert app.modes.hold
        assert not calls
        assert not app.journal.hurried
    app.modes.state = modes.STANDBY
    app.scheduler.uptime_ticks = 77
    assert app.command.confirm(1) == abort.NONE
    assert calls == [("confirm",)]
    assert not app.modes.hold
    assert app.journal.hurried
    assert logged(app)[-1] == (event_log.PROGRAM, 3, 0, 0, 0)


def command(app, heard_ms, request=2, power=-300, fast=0):
    app.node.pdo.heard_ms[app.command._frame] = heard_ms
    app.command._image[app.command._mode_request] = request
    app.command._image[app.command._power_request] = power
    app.command._image[app.command._fast_stream] = fast


def test_before_the_first_command_nothing_is_asked_and_nothing_silent(app):
    command(app, -1, fast=1)
    app.command.take(100000)
    machine = app.modes
    assert (machine.silent, machine.request, app.node.pdo.hurry) == (False, 0, False)
    assert app.signals.value[s.COMMAND_AGE] == 0
    assert app.signals.count[s.COMMAND_AGE] == 1


def test_a_command_asks_with_its_power_in_watts_from_the_first_moment_on(app):
    for heard_ms in (0, 1000):
        command(app, heard_ms, fast=1)
        app.command.take(heard_ms + 200)
        machine = app.modes
        assert (machine.silent, machine.request, machine.request_w) == (False, 2, -30000)
        assert app.node.pdo.hurry
        assert app.signals.value[s.COMMAND_AGE] == 200
    command(app, 1100, fast=0)
    app.command.take(1200)
    assert not app.node.pdo.hurry


def test_silence_begins_after_half_a_second_and_the_counter_starts_anew_once(app):
    calls = Calls()
    calls.on(app.command.checker(), "restart")
    command(app, 1000, fast=1)
    app.command.take(1499)
    assert (app.modes.silent, calls) == (False, [])
    for now_ms in (1500, 1510):
        app.command.take(now_ms)
        assert (app.modes.silent, len(calls)) == (True, 1)
    assert not app.node.pdo.hurry
    command(app, 1520)
    app.command.take(1530)
    assert not app.modes.silent
    app.command.take(3000)
    assert len(calls) == 2


def test_the_first_silence_counts_too(app):
    calls = Calls()
    calls.on(app.command.checker(), "restart")
    command(app, 0)
    app.command.take(1000)
    assert len(calls) == 1


def test_a_stop_of_the_node_is_a_stop_of_the_machine(app):
    for stop in (True, False):
        app.command._node = SimpleNamespace(
            pdo=app.node.pdo, stop_requested=[False, True][stop].__bool__
        )
        app.command.take(0)
        assert app.modes.stop_requested == stop
