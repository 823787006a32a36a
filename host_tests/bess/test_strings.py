"""What exists once a string."""

import pytest
from built import built

from bess import app as cabinet_module
from bess import strings
from bess.control import contactors
from bess.measure import signals as s
from bess.protect import history as h


@pytest.fixture
def app():
    return built()


def test_the_chemistry_of_the_parameter_is_loaded():
    from bess.estimate import lfp, nmc

    tables = [strings.chemistry_table(number) for number in (0, 1, 2)]
    assert tables == [lfp.TABLE, nmc.TABLE, lfp.TABLE]


def test_charge_that_flowed_unseen_is_as_much_as_storage_and_the_end_before_allow():
    def board(safe, running):
        def change(devices):
            devices.storage_safe_under_load = safe
            cabinet_module.Latches(devices.backup).set_running(running)

        return built(change).string.estimator._unseen_s

    assert board(True, False) == board(True, True) == (20, 20)
    assert board(False, False) == (900, 300)
    assert board(False, True) == (86400, 86400)


@pytest.mark.parametrize("state", range(8))
def test_at_rest_is_open_checked_or_locked(app, state):
    app.string.contactors.state = state
    assert app.at_rest == (state in (contactors.OPEN, contactors.WELD_CHECK, contactors.LOCKED))
    assert app.string.at_rest == app.at_rest


def test_wear_is_that_of_the_contactor_that_closed_most(app):
    for field, count in ((h.MINUS_CLOSINGS, 5), (h.PLUS_CLOSINGS, 9), (h.PRECHARGE_CLOSINGS, 7)):
        app.history.put(field, count)
    app.string.contactors.step_slow()
    assert app.signals.value[s.CONTACTOR_CYCLES] == 9
