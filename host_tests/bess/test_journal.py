"""What is noted when something happens."""

import pytest
from built import Calls, built, logged

from bess.protect import event_log


@pytest.fixture
def app():
    return built()


def test_an_anchor_is_logged_and_worth_a_write(app):
    app.journal.anchor(2, 300, 1000)
    assert logged(app)[-1] == (event_log.ANCHOR, 2, 0, 300, 1000)
    assert app.journal.changed


def test_a_fault_is_logged_sent_and_freezes_the_trace_when_it_latches(app):
    for level, raised, freezes in (
        (1, True, False), (2, True, False), (3, True, True), (4, True, True), (5, True, False),
        (3, False, False),
    ):  # fmt: skip
        calls = Calls()
        calls.on(app.trace, "freeze")
        calls.on(app.node.emcy, "put")
        app.journal.hurried = False
        string = level  # as good as any
        app._on_fault(string, 19, level, raised, 0x3110, 36600, 36500)
        kind = event_log.RAISED if raised else event_log.CLEARED
        assert logged(app)[-1] == (string, kind, 19, level, 36600, 36500)
        code = 0x3110 if raised else 0
        register = app.protection.error_register()
        expected = [("freeze",)] if freezes else []
        assert calls == [*expected, ("put", code, register, 19, level, string)]
        assert app.journal.hurried == freezes
