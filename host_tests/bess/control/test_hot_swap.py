from bess.control.hot_swap import EMPTY, SEATED, UNSEATED, Slots
from bess.parameters import Parameters


class Inputs:
    missing_slots = 0


def run(slots, start_ms, end_ms):
    for now_ms in range(start_ms, end_ms, 100):
        slots.step(now_ms)


def test_slots_are_seated_after_half_a_second():
    slots = Slots(5, Inputs(), Parameters())
    run(slots, 0, 500)
    assert not slots.all_seated
    run(slots, 500, 700)
    assert slots.all_seated


def test_a_pulled_module_is_seen_at_once_and_bounces_restart_the_time():
    inputs = Inputs()
    slots = Slots(5, inputs, Parameters())
    run(slots, 0, 1000)
    inputs.missing_slots = 0b01000
    slots.step(1000)
    assert slots.state[3] == EMPTY
    assert slots.missing == 0b01000
    assert not slots.all_seated
    inputs.missing_slots = 0
    run(slots, 1100, 1500)
    assert slots.state[3] == UNSEATED
    inputs.missing_slots = 0b01000
    slots.step(1500)
    inputs.missing_slots = 0
    run(slots, 1600, 2100)
    assert slots.state[3] == UNSEATED
    run(slots, 2100, 2300)
    assert slots.state[3] == SEATED


def test_a_module_is_seated_exactly_half_a_second_after_it_came():
    slots = Slots(5, Inputs(), Parameters())
    assert (slots.all_seated, slots.missing) == (False, 0)
    for now_ms in range(0, 500, 10):
        slots.step(now_ms)
        assert not slots.all_seated
    slots.step(500)
    assert slots.all_seated
    assert list(slots.state) == [2] * 5
