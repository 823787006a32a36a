"""What exists once a string."""

import pytest
from built import built

from bess import strings
from bess.control import contactors
from bess.measure import signals as s
from bess.protect import history as h
from bess.protect.latches import Latches


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
            Latches(devices.backup).set_running(running)

        return built(change).string.estimator._unseen_s

    assert board(True, False) == board(True, True) == (20, 20)
    assert board(False, False) == (900, 300)
    assert board(False, True) == (86400, 86400)


@pytest.mark.parametrize("state", range(8))
def test_at_rest_is_open_checked_or_locked(app, state):
    app.string.contactors._enter(state, "test")
    assert app.at_rest() == (state in (contactors.OPEN, contactors.WELD_CHECK, contactors.LOCKED))


def test_wear_is_that_of_the_contactor_that_closed_most(app):
    for field, count in ((h.MINUS_CLOSINGS, 5), (h.PLUS_CLOSINGS, 9), (h.PRECHARGE_CLOSINGS, 7)):
        app.history.put(field, count)
    app.string.contactors.step_slow()
    assert app.signals.value[s.CONTACTOR_CYCLES] == 9


def test_the_worst_fault_of_each_string_is_read_at_its_number(app):
    def read(sub):
        entry = app.site.dictionary.lookup(0x2303, sub)
        source = app.site.dictionary.reader(entry)
        return source.read(0, source.size())

    assert (read(0), read(1)) == (b"\1", b"\0\0")
    for _ in range(10):
        app.signals.put(s.CELL_MAX, 37000)
        app.protection.evaluate_cells(0)
    assert read(1) == bytes((19, 3))


def test_a_task_that_died_bleeds_no_string_and_rest_is_that_of_all(app):
    class Other:
        """A string of its own, as far as it is asked here."""

        at_rest = False

        def __init__(self):
            self.contactors = self.balancing = self
            self.stopped = 0

        def stop(self):
            self.stopped += 1

    for contactors_state in (contactors.OPEN, contactors.CLOSED):
        app.string.contactors._enter(contactors_state, "test")
        other = Other()
        app.strings = (app.string, other)
        assert not app.at_rest()
        other.at_rest = True
        assert app.at_rest() == (contactors_state == contactors.OPEN)
    app._on_task_death("cells")
    assert other.stopped == 1
