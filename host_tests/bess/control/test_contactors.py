"""Closing and opening: their order, who may ask, and what stands against it."""

import pytest
from rigs.contactors import Pin, Rig, parameter, timeline

from bess.control import contactors as c
from bess.control.contactors import Contactors
from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.protect import history as h
from bess.protect.history import History


def test_order_of_closing():
    rig = Rig()
    rig.machine.close()
    seen = []
    for _ in range(300):
        rig.run(10)
        if not seen or seen[-1] != rig.levels():
            seen.append(rig.levels())
    assert seen == [(1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)]
    assert rig.machine.state == c.CLOSED
    assert list(rig.history.closings) == [1, 1, 1]


def test_open_from_every_state_drops_the_outputs_in_the_same_call():
    for stop_at in (c.CLOSE_MINUS, c.PRECHARGE, c.CLOSE_PLUS, c.CLOSED):
        rig = Rig()
        rig.machine.close()
        while rig.machine.state != stop_at:
            rig.run(10)
        rig.machine.open("test")
        assert rig.levels() == (0, 0, 0)
        rig.run(2000)
        assert rig.machine.is_open


def test_never_from_open_to_closed_without_precharge():
    rig = Rig().closed()
    rig.machine.open("test")
    rig.run(2000)
    rig.machine.close()
    states = set()
    while rig.machine.state != c.CLOSED:
        states.add(rig.machine.state)
        rig.run(10)
    assert c.PRECHARGE in states


def test_feedback_that_differs_is_put_every_tick():
    rig = Rig().closed()
    assert rig.signals.value[s.FEEDBACK_DIFFERS] == 0
    rig.follow = False
    rig.inputs.plus_closed = False
    rig.run(10)
    assert rig.signals.value[s.FEEDBACK_DIFFERS] == 1


def test_a_minus_that_does_not_close_is_stuck_until_the_operator_resets():
    rig = Rig()
    rig.follow = False
    rig.machine.close()
    assert rig.machine.wanted
    assert not rig.machine.closed
    rig.run(5000)
    assert not rig.machine.stuck
    rig.run(20)
    assert rig.machine.stuck
    assert rig.signals.value[s.CONTACTOR_STUCK] == 1
    assert rig.levels() == (0, 0, 0)
    rig.machine.forget_tries()
    rig.run(10)
    assert rig.signals.value[s.CONTACTOR_STUCK] == 0


def test_a_plus_that_does_not_close_is_stuck():
    rig = Rig()
    rig.machine.close()
    while rig.machine.state != c.CLOSE_PLUS:
        rig.run(10)
    since_ms = rig.now_ms
    rig.follow = False
    rig.inputs.plus_closed = False
    while not rig.machine.stuck:
        rig.run(10)
    assert 5000 <= rig.now_ms - since_ms <= 5020
    assert rig.machine._history.value[h.TRIES] == 1


def test_a_mirror_contact_that_stays_closed_forbids_the_next_closing():
    rig = Rig()
    rig.follow = False
    rig.inputs.plus_closed = True
    rig.machine.close()
    rig.run(100)
    assert rig.levels() == (0, 0, 0)


def test_lock_and_unlock_need_their_states():
    rig = Rig()
    rig.machine.unlock()
    assert rig.machine.state == c.OPEN
    rig.machine.lock()
    assert rig.machine.state == c.LOCKED
    rig.machine.close()
    rig.run(500)
    assert rig.levels() == (0, 0, 0)
    rig = Rig().closed()
    rig.machine.lock()
    assert rig.machine.state == c.OPENING


def test_the_timeline_of_closing_and_opening_is_exact():
    settle_ms = parameter("contactor_settle_ms")
    weld_ms = parameter("weld_discharge_ms")
    rig = Rig()
    rig.meter.link_mv = rig.meter.string_mv
    rig.machine.close()
    assert timeline(rig, "closed") == [
        ("close_minus", 0),
        ("precharge", settle_ms),
        ("close_plus", settle_ms + 20),  # two fresh samples of the link
        ("closed", 2 * settle_ms + 20),
    ]
    assert rig.machine._history.value[h.TRIES] == 0
    assert rig.machine.closed is True
    start_ms = rig.now_ms
    rig.machine.open("test")
    rig.machine._since_ms = start_ms  # it fell between two ticks
    assert timeline(rig, "open") == [
        ("opening", start_ms),
        ("weld_check", start_ms + settle_ms),
        ("open", start_ms + settle_ms + weld_ms),
    ]
    assert rig.machine.closed is False


def test_asking_to_open_again_does_not_hold_the_weld_check_up():
    rig = Rig().closed()
    for _ in range(200):
        rig.machine.open("again")
        rig.run(10)
    assert rig.machine.is_open


def test_a_new_machine_is_quiet():
    """Nothing is driven, wanted, welded or failed before anybody asked."""
    rig = Rig()
    pins = {"minus": Pin(), "plus": Pin(), "precharge": Pin()}
    signals = Signals()
    machine = Contactors(pins, rig.inputs, rig.meter, Parameters(), signals, rig.history)
    for now_ms in range(0, 3000, 10):
        rig.meter.link_samples += 1
        machine.step(now_ms)
        for signal in (s.FEEDBACK_DIFFERS, s.WELDED, s.CONTACTOR_STUCK, s.PRECHARGE_FAILED):
            assert (signals.value[signal], signals.count[signal] > 0) == (0, True)
        assert not any(pin.level for pin in pins.values())
    assert machine.is_open is True
    assert machine.wanted is False
    assert machine.welded is False


def test_locked_drives_open_in_every_tick():
    rig = Rig()
    rig.machine.lock()
    rig.machine._drive(True, True, True)
    assert rig.levels() == (1, 1, 1)
    rig.run(10)
    assert rig.levels() == (0, 0, 0)


def test_each_pole_counts_its_own_closings_and_keeps_them():
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    rig.run(6000)  # the precharge fails: plus never closes
    assert list(History(rig.memory).closings) == [1, 0, 1]
    rig.rise_mv = 10000
    rig.run(12000)
    assert rig.machine.closed
    assert list(History(rig.memory).closings) == [2, 1, 2]
    assert History(rig.memory).value[h.TRIES] == 0


def test_closings_in_a_row_are_limited_and_the_limit_outlives_a_restart():
    in_a_row, worked_off_s = parameter("closings_in_a_row"), parameter("closing_worked_off_s")
    rig = Rig()
    closings = 0
    for second in range(60):
        rig.machine.close()
        rig.run(500)
        rig.machine.open("test")
        rig.meter.link_mv = 768000
        rig.run(700)
        if second % 20 == 3:
            rig.restart()
            rig.run(700)
        rig.machine.step_slow()
        closings = rig.history.closings[0]
        most = in_a_row + (second + 1) // worked_off_s
        assert closings <= most, second
    assert closings >= in_a_row + 2  # and it goes on when time has passed


def test_closings_are_worked_off_one_by_one_on_the_dot_and_never_below_none():
    worked_off_s = parameter("closing_worked_off_s")
    rig = Rig()
    rig.history.put(h.RECENT_CLOSINGS, 2)
    for left in (2, 1, 0, 0):
        for _ in range(worked_off_s):
            assert rig.history.value[h.RECENT_CLOSINGS] == left
            rig.machine.step_slow()


def test_nothing_closes_while_any_feedback_says_closed():
    for name in ("minus_closed", "plus_closed", "precharge_closed"):
        rig = Rig()
        rig.follow = False
        setattr(rig.inputs, name, True)
        rig.machine.close()
        rig.run(1000)
        assert rig.machine.state == c.OPEN, name
        assert rig.levels() == (0, 0, 0)


def test_what_happened_days_ago_stays_long_ago():
    rig = Rig()
    machine = rig.machine
    machine._since_ms = machine._failed_ms = machine._tripped_ms = 5
    machine.hold_stamps(2**28)
    assert (machine._since_ms, machine._failed_ms, machine._tripped_ms) == (5, 5, 5)
    machine.hold_stamps(2**28 + 15)
    assert (machine._since_ms, machine._failed_ms, machine._tripped_ms) == (15, 15, 15)


@pytest.mark.parametrize("current_ma", [1000001, -1000001])
def test_beyond_the_breaking_capacity_the_fuse_has_a_second(current_ma):
    rig = Rig().closed()
    rig.meter.current_ma = current_ma
    for _ in range(100):
        assert not rig.machine.trip(rig.now_ms, True)
        rig.run(10)
        assert rig.levels() == (1, 0, 1)
    assert rig.machine.trip(rig.now_ms, False)
    assert rig.levels() == (0, 0, 0)


@pytest.mark.parametrize("current_ma", [1000000, -1000000])
def test_what_the_contactors_can_break_is_broken_at_once(current_ma):
    rig = Rig().closed()
    rig.meter.current_ma = current_ma
    assert rig.machine.trip(rig.now_ms, False)
    assert (rig.levels(), rig.machine.cause) == ((0, 0, 0), "trip")


def test_they_open_as_soon_as_the_fuse_has_acted():
    rig = Rig().closed()
    rig.meter.current_ma = 2000000
    assert not rig.machine.trip(rig.now_ms, False)
    rig.run(300)
    rig.meter.current_ma = 0
    assert rig.machine.trip(rig.now_ms, False)
    assert rig.levels() == (0, 0, 0)


def test_each_trip_gives_the_fuse_its_time_anew():
    rig = Rig().closed()
    rig.machine.trip(rig.now_ms, False)
    rig.run(2000)
    rig.closed()
    rig.meter.current_ma = 2000000
    assert not rig.machine.trip(rig.now_ms, False)


def test_a_lockout_opens_and_locks_once_they_are_open():
    rig = Rig().closed()
    for locked_out, state in ((False, c.OPEN), (True, c.LOCKED)):
        for _ in range(100):
            rig.machine.trip(rig.now_ms, locked_out)
            rig.run(10)
        assert rig.machine.state == state
