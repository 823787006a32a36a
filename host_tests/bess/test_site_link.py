"""Who may write what over the site bus."""

import pytest
from built import Calls, built

from bess import site_link
from bess.control import contactors
from bess.link import abort
from bess.protect import history as h


@pytest.fixture
def app():
    return built()


def test_what_was_stored_is_loaded_before_anything_reads_it(monkeypatch):
    monkeypatch.setattr(
        site_link.Keeper, "load", lambda keeper: keeper._parameters.set("can_kbit_s", 250)
    )
    rates = []
    monkeypatch.setattr(
        site_link.CanPort, "set_bit_rate", lambda port, kbit_s: rates.append(kbit_s)
    )
    built()
    assert rates == [250]


def test_writing_needs_a_session_and_rest_unless_it_is_allowed_under_load(app):
    assert app.site._may_write(True) == abort.ACCESS
    app.session.unlocked = 1
    app.string.contactors._enter(contactors.CLOSED, "test")
    assert app.site._may_write(True) == abort.NONE
    assert app.site._may_write(False) == abort.STATE
    app.string.contactors._enter(contactors.OPEN, "test")
    assert app.site._may_write(False) == abort.NONE


def test_a_changed_parameter_is_judged_and_those_of_the_node_take_effect_at_once(app):
    calls = Calls()
    calls.on(app.stored.judge, "changed")
    calls.on(app.node, "load")
    calls.on(app.node, "forget_guard")
    calls.on(app.parameters, "name", "its name", "name of")
    for index, expected in (
        (0x1016, ["forget_guard", "load"]), (0x1017, ["load"]), (0x1FFF, ["load"]), (0x2000, []),
        (0x2001, []),
    ):  # fmt: skip
        calls.clear()
        app.site._parameter_changed(index, 3)
        assert calls[:2] == [("name of", index, 3), ("changed", "its name")]
        assert [call[0] for call in calls[2:]] == expected


def test_parameters_that_contradict_are_told(app):
    calls = Calls()
    calls.on(app.stored.judge, "objection", "a sentence")
    assert app.stored.conflict() == "a sentence"


def test_wrong_answers_are_noted_and_known_at_the_next_start(app):
    app.site._note_wrong_answers(5)
    assert app.history.value[h.WRONG_ANSWERS] == 5
    given = []

    class Session(site_link.Session):
        def __init__(self, key, random, session_ms, wrong, note):
            given.append((session_ms, wrong))
            super().__init__(key, random, session_ms, wrong, note)

    original, site_link.Session = site_link.Session, Session
    try:
        built(lambda devices: h.History(devices.backup).put(h.WRONG_ANSWERS, 3))
    finally:
        site_link.Session = original
    assert given[-1] == (app.parameters.get("session_ms"), 3)


def test_answers_of_the_sdo_server_go_out_by_the_node_s_identifier(app):
    calls = Calls()
    calls.on(app.site.port, "send", True)
    assert app.site._send_sdo(b"12345678") is True
    assert calls == [("send", 0x582, b"12345678")]
