"""Precharge: when plus may close, when it gives up, and what of it outlives a restart."""

from rigs.contactors import Rig, parameter, timeline

from bess.control import contactors as c
from bess.measure import signals as s
from bess.protect import history as h
from bess.protect.history import History


def test_plus_closes_only_within_three_percent_and_twenty_volts():
    rig = Rig()
    rig.machine.close()
    rig.rise_mv = 0
    rig.meter.link_mv = 768000 - 20001
    rig.run(2000)
    assert rig.machine.state == c.PRECHARGE
    rig.meter.link_mv = 768000 - 20000
    rig.run(50)
    assert rig.machine.state == c.CLOSE_PLUS


def test_three_percent_is_the_limit_on_a_low_string():
    rig = Rig()
    rig.meter.string_mv = 48000
    rig.machine.close()
    rig.rise_mv = 0
    rig.meter.link_mv = 48000 - 1441
    rig.run(2000)
    assert rig.machine.state == c.PRECHARGE
    rig.meter.link_mv = 48000 - 1440
    rig.run(50)
    assert rig.machine.state == c.CLOSE_PLUS


def test_current_must_have_gone_before_plus_closes():
    rig = Rig()
    rig.machine.close()
    rig.meter.current_ma = 1000
    rig.run(3000)
    assert rig.machine.state == c.PRECHARGE
    rig.meter.current_ma = 999
    rig.run(50)
    assert rig.machine.state == c.CLOSE_PLUS


def test_an_old_link_voltage_never_ends_precharge():
    """The sample under way when the relay closed does not count."""
    rig = Rig()
    rig.meter.link_mv = rig.meter.string_mv
    rig.machine.close()
    rig.run(10)
    frozen = rig.meter.link_samples
    for _ in range(100):
        rig.run(10)
        rig.meter.link_samples = frozen
    assert rig.machine.state in (c.CLOSE_MINUS, c.PRECHARGE)


def test_precharge_gives_up_after_its_time_and_tries_three_times():
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    closings = 0
    was = 0
    for _ in range(6000):
        rig.run(10)
        now = rig.pins["precharge"].level
        closings += 1 if now and not was else 0
        was = now
    assert closings == 3
    assert rig.signals.value[s.PRECHARGE_FAILED] == 1
    assert rig.levels() == (0, 0, 0)


def test_precharge_time_out_is_exact_and_pauses_before_the_next_try():
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    while rig.machine.state != c.PRECHARGE:
        rig.run(10)
    began = rig.now_ms
    while rig.machine.state == c.PRECHARGE:
        rig.run(10)
    assert rig.now_ms - began == 5010
    failed = rig.now_ms
    while not rig.pins["minus"].level:
        rig.run(10)
    assert 10000 <= rig.now_ms - failed <= 10020


def test_a_link_above_the_string_matches_within_the_same_bounds():
    rig = Rig()
    rig.rise_mv = 0
    rig.meter.link_mv = 768000 + 20001
    rig.meter.string_mv = 768000
    rig.machine.close()
    rig.run(1000)
    assert rig.machine.state == c.PRECHARGE
    rig.meter.link_mv = 768000 + 20000
    rig.run(100)
    assert rig.machine.state in (c.CLOSE_PLUS, c.CLOSED)


def test_precharge_wants_two_new_samples_and_the_weld_check_too():
    for state, ends in (("precharge", c.CLOSE_PLUS), ("weld_check", c.OPEN)):
        for base in (700, 65535):
            rig = Rig()
            rig.meter.link_samples = rig.meter.current_samples = base
            rig.meter.link_mv = rig.meter.string_mv
            rig.machine.close()
            if state == "weld_check":
                timeline(rig, "closed")
                rig.machine.open("test")
            timeline(rig, state)
            begin = rig.machine._link_samples
            assert rig.machine._current_samples == rig.meter.current_samples
            for fresh, expected in ((0, False), (1, False), (2, True)):
                for _ in range(100):
                    rig.now_ms += 10
                    rig.meter.link_samples = (begin + fresh) & 0xFFFF
                    rig.meter.current_samples = (begin + fresh) & 0xFFFF
                    rig.machine.step(rig.now_ms)
                    if rig.machine.state == ends:
                        break
                assert (rig.machine.state == ends) == expected, (state, base, fresh)


def test_times_out_exactly_and_tries_again_exactly():
    settle_ms = parameter("contactor_settle_ms")
    timeout_ms = parameter("precharge_timeout_ms")
    weld_ms = parameter("weld_discharge_ms")
    pause_ms = parameter("precharge_pause_ms")
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    failed_ms = settle_ms + timeout_ms + 10
    seen = timeline(rig, "none", failed_ms + pause_ms + 20)
    assert seen == [
        ("close_minus", 0),
        ("precharge", settle_ms),
        ("opening", failed_ms),
        ("weld_check", failed_ms + settle_ms),
        ("open", failed_ms + settle_ms + weld_ms),
        ("close_minus", failed_ms + pause_ms),
    ]
    assert rig.machine._history.value[h.TRIES] == 2  # the second one is noted as it begins
    rig.machine.forget_tries()
    assert rig.machine._history.value[h.TRIES] == 0
    for first in ("minus", "plus"):
        rig = Rig()
        rig.meter.link_mv = rig.meter.string_mv
        rig.machine.close()
        if first == "plus":
            timeline(rig, "close_plus")
            rig.follow = False
            rig.inputs.plus_closed = False
            begin_ms = rig.now_ms - 10
        else:
            rig.follow = False
            begin_ms = 0
        assert timeline(rig, "opening")[-1] == ("opening", begin_ms + timeout_ms + 10)


def test_a_string_without_voltage_never_matches():
    rig = Rig()
    rig.rise_mv = 0
    rig.meter.string_mv = 0
    rig.machine.close()
    rig.run(2000)
    assert rig.machine.state == c.PRECHARGE
    rig.meter.string_mv = rig.meter.link_mv = 1
    rig.run(10)
    assert rig.machine.state == c.CLOSE_PLUS


def test_a_restart_in_the_middle_of_a_precharge_finds_it_spent():
    """Tries, their pause and the resistor's energy outlive whatever ends the program."""
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    timeline(rig, "precharge")
    kept = History(rig.memory)
    assert kept.value[h.TRIES] == 1
    assert kept.value[h.HEAT_PERMILLE] == 1000
    rig.restart()
    assert rig.machine.heat_permille() == 1000
    rig.machine.close()
    rig.run(8000)
    assert rig.machine.state == c.OPEN
    for _ in range(70):
        rig.machine.step_slow()
    rig.run(10)
    assert rig.machine.state == c.OPEN  # the pause after a failed try begins with the start
    rig.run(3000)
    assert rig.machine.state == c.PRECHARGE


def test_the_third_try_that_a_restart_cuts_short_is_a_failed_precharge():
    rig = Rig()
    rig.history.value[h.TRIES] = 2
    rig.rise_mv = 0
    rig.machine._failed_ms = -20000
    rig.machine.close()
    timeline(rig, "precharge")
    assert rig.signals.value[s.PRECHARGE_FAILED] == 0  # it has not failed yet
    rig.restart()
    rig.run(10)
    assert rig.signals.value[s.PRECHARGE_FAILED] == 1


def test_a_precharge_that_is_withdrawn_has_not_failed_but_its_heat_counts():
    for until in ("close_minus", "precharge", "close_plus"):
        rig = Rig()
        rig.meter.current_ma = 900
        rig.machine.close()
        timeline(rig, until)
        for _ in range(5):
            rig.machine._warm()
        heat_permille = rig.machine.heat_permille()
        rig.machine.open("request withdrawn")
        kept = History(rig.memory)
        assert kept.value[h.TRIES] == 0, until
        assert kept.value[h.HEAT_PERMILLE] == heat_permille, until


def test_an_old_current_never_ends_precharge():
    rig = Rig()
    rig.meter.current_samples = 40000
    rig.meter.link_mv = rig.meter.string_mv
    rig.machine.close()
    timeline(rig, "precharge")
    frozen = rig.meter.current_samples
    for _ in range(100):
        rig.meter.current_samples = frozen - 1
        rig.run(10)
    assert rig.machine.state == c.PRECHARGE
