"""Minimum times, lead and lag, over a restart too."""

from rigs.thermal import Rig

from bess.protect import hazards as h
from bess.protect import history


def test_compressor_keeps_its_minimum_times():
    rig = Rig()
    starts, stops = [], []
    was = False
    for second in range(2000):
        rig.cells.set(400 if second % 20 < 10 else 200)
        rig.run(1)
        now = rig.on("chiller")
        if now != was:
            (starts if now else stops).append(rig.now_ms)
        was = now
    changes = sorted(starts + stops)
    assert len(changes) > 4
    for i in range(1, len(changes)):
        assert changes[i] - changes[i - 1] >= 180000


def test_pump_lags_after_the_work():
    rig = Rig()
    rig.cells.set(50)
    rig.run(100)
    rig.cells.set(260)
    rig.run(60)
    assert not rig.on("heater")
    assert rig.on("pump")
    rig.run(130)
    assert not rig.on("pump")


def restarted(rig):
    """The chip comes out of a reset: outputs low, backup memory as it was kept."""
    for pin in rig.outputs.values():
        pin.level = 0
    rig.flow.level = 0
    rig.control = rig.build()
    return rig


def test_the_compressor_keeps_its_time_off_over_a_restart():
    rig = Rig()
    rig.cells.set(340)
    rig.run(30)
    assert rig.on("chiller")
    restarted(rig)
    rig.run(100)
    restarted(rig)  # whatever was left is not known: it counts from here
    for _ in range(180):
        rig.run(1)
        assert not rig.on("chiller")
    rig.run(2)
    assert rig.on("chiller")


def test_a_compressor_that_rested_long_enough_starts_at_once_after_a_restart():
    rig = Rig()
    rig.cells.set(340)
    rig.run(30)
    rig.cells.set(200)
    rig.run(600)
    restarted(rig)
    rig.cells.set(340)
    rig.run(14)
    assert rig.on("chiller")


def test_the_pump_runs_on_after_the_heater_over_a_restart():
    rig = Rig()
    rig.cells.set(30)
    rig.run(30)
    assert rig.on("heater")
    rig.cells.set(300)
    restarted(rig)
    rig.run(2)
    rig.cells.set(250)
    rig.run(100)
    assert rig.on("pump")
    rig.run(60)
    assert not rig.on("pump")
    restarted(rig)
    rig.run(10)
    assert not rig.on("pump")


def test_the_heater_keeps_its_minimum_time_exactly_and_cooling_cuts_it_short():
    for dc, seconds in ((260, 60), (340, 1)):
        rig = Rig()
        rig.cells.set(30)
        rig.run(12)
        rig.cells.set(dc)
        for _ in range(seconds - 1):
            rig.run(1)
            assert rig.on("heater")
        rig.run(1)
        assert not rig.on("heater")


def test_the_compressor_rests_three_minutes_exactly():
    rig = Rig()
    rig.cells.set(340)
    rig.run(30)
    rig.control.obey(rig.now_ms, h.CHILLER)
    rig.control.obey(rig.now_ms, 0)
    for _ in range(180):
        rig.run(1)
        assert not rig.on("chiller")
    rig.run(1)
    assert rig.on("chiller")
    assert rig.control.circuit._history.value[history.COMPRESSOR_RECENT] == 1


def test_the_pump_lags_two_minutes_exactly_and_the_lag_is_remembered_until_then():
    rig = Rig()
    rig.cells.set(30)
    rig.run(80)
    rig.cells.set(260)
    for _ in range(120):
        rig.run(1)
        assert rig.on("pump")
        assert rig.control.circuit._history.value[history.HEATER_HOT] == 1
    rig.run(1)
    assert not rig.on("pump")
    assert rig.control.circuit._history.value[history.HEATER_HOT] == 0


def test_a_pump_that_was_forbidden_has_no_lag():
    rig = Rig()
    rig.cells.set(30)
    rig.run(80)
    rig.cells.set(260)
    rig.run(130)
    rig.control.obey(rig.now_ms, h.PUMP)
    rig.cells.set(30)
    rig.run(5)
    rig.cells.set(260)
    rig.run(5)
    rig.control.obey(rig.now_ms, 0)
    rig.run(5)
    assert not rig.on("pump")
