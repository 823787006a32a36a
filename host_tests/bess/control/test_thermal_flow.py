"""Flow: proven before it heats, its loss, and what is told of parts that do not obey."""

from rigs.thermal import Rig

from bess.measure import signals as s
from bess.protect import history


def test_heater_waits_for_ten_seconds_of_proven_flow():
    rig = Rig()
    rig.cells.set(40)
    rig.run(10)
    assert rig.on("pump")
    assert not rig.on("heater")
    rig.run(3)
    assert rig.on("heater")


def test_heater_never_runs_without_flow():
    rig = Rig()
    rig.cells.set(-100)
    rig.flow_works = False
    rig.run(600)
    assert not rig.on("heater")


def test_lost_flow_cuts_the_heater_at_once_despite_its_minimum_time():
    rig = Rig()
    rig.cells.set(-100)
    rig.run(20)
    assert rig.on("heater")
    rig.flow_works = False
    rig.run(1)
    assert not rig.on("heater")


def test_flow_that_stands_while_the_pump_is_off_proves_nothing():
    """An input stuck at 1 and a dead pump: nothing that needs flow may run, ever."""
    for dc, name in ((30, "heater"), (340, "chiller")):
        rig = Rig()
        rig.flow_stuck = True
        rig.cells.set(dc)
        for _ in range(1000):
            rig.run(1)
            assert not rig.on(name)
            assert not rig.control.circuit.flow_is_proof
        assert rig.on("pump")  # it runs all the same: it equalises the cells


def test_an_input_that_comes_loose_again_is_believed_after_it_was_seen_absent():
    rig = Rig()
    rig.flow_stuck = True
    rig.cells.set(30)
    rig.run(60)
    rig.flow_stuck = False
    rig.flow_works = False
    rig.run(5)
    rig.flow_works = True
    rig.run(20)
    assert rig.on("heater")


def test_coolant_that_still_moves_is_waited_for_before_the_next_proof():
    rig = Rig()
    rig.cells.set(30)
    rig.run(30)
    rig.cells.set(300, low=300, high=290)
    rig.run(400)
    assert not rig.on("pump")
    rig.flow_stuck = True  # it moves on for some seconds
    rig.cells.set(30)
    rig.run(5)
    assert not rig.on("pump")
    rig.flow_stuck = False
    rig.run(20)
    assert rig.on("heater")


def test_lost_flow_stops_the_compressor_at_once_despite_its_minimum_time():
    rig = Rig()
    rig.cells.set(340)
    rig.run(30)
    assert rig.on("chiller")
    rig.flow_works = False
    rig.run(1)
    assert not rig.on("chiller")
    rig.flow_works = True
    for _ in range(179):
        rig.run(1)
        assert not rig.on("chiller")
    rig.run(3)
    assert rig.on("chiller")


def test_the_lead_of_the_pump_is_ten_seconds_of_flow_exactly():
    rig = Rig()
    rig.cells.set(30)
    rig.run(11)  # flow is there from the second second on
    assert not rig.on("heater")
    rig.run(1)
    assert rig.on("heater")
    assert rig.control.circuit._history.value[history.HEATER_HOT] == 1


def test_an_input_that_is_stuck_delays_the_pump_by_its_lead_exactly():
    rig = Rig()
    rig.flow_stuck = True
    rig.cells.set(30)
    rig.run(10)
    assert not rig.on("pump")
    rig.run(1)
    assert rig.on("pump")


def told(rig, *signals):
    """What the next second puts; each is put whole, once."""
    before = [rig.signals.count[signal] for signal in signals]
    rig.run(1)
    for signal, count in zip(signals, before):
        assert rig.signals.count[signal] == count + 1
        assert not rig.signals.partial[signal]
    return [rig.signals.value[signal] for signal in signals]


def test_a_pump_without_flow_is_told_and_flow_without_a_pump_is_not():
    rig = Rig()
    rig.cells.set(30)
    rig.flow_works = False
    assert told(rig, s.COOLANT_FLOW) == [1]  # it has run for no time: the fault's delay waits
    rig.flow_works = True
    assert told(rig, s.COOLANT_FLOW) == [0]
    rig.cells.set(260)
    rig.run(200)
    assert not rig.on("pump")
    assert told(rig, s.COOLANT_FLOW) == [0]
    rig.flow_stuck = True
    assert told(rig, s.COOLANT_FLOW) == [0]


def test_a_flow_that_proves_nothing_is_a_stuck_input():
    rig = Rig()
    assert told(rig, s.FLOW_STUCK) == [0]
    rig.flow_stuck = True
    assert told(rig, s.FLOW_STUCK) == [1]
    rig.flow_stuck = False
    assert told(rig, s.FLOW_STUCK) == [0]
    rig.cells.set(30)
    rig.run(20)
    assert rig.on("heater")
    assert told(rig, s.FLOW_STUCK) == [0]


def test_a_heater_that_does_not_do_what_it_is_told_is_told():
    """The same dead input would hide a heater that is stuck on."""
    rig = Rig()
    rig.cells.set(30)
    rig.run(20)
    for heating, stuck, silent in ((0, 0, 1), (1, 0, 0)):
        rig.heating.level = heating
        assert rig.on("heater")
        assert told(rig, s.HEATER_STUCK, s.HEATER_SILENT) == [stuck, silent]
    rig.flow_works = False
    rig.run(1)
    for heating, stuck, silent in ((1, 1, 0), (0, 0, 0)):
        rig.heating.level = heating
        assert not rig.on("heater")
        assert told(rig, s.HEATER_STUCK, s.HEATER_SILENT) == [stuck, silent]


def test_a_compressor_that_says_well_no_more_is_told():
    rig = Rig()
    for well in (1, 0, 1):
        rig.compressor.level = well
        assert told(rig, s.COMPRESSOR) == [1 - well]


def test_what_is_told_is_of_this_second_s_switching():
    rig = Rig()
    rig.cells.set(30)
    assert told(rig, s.COOLANT_FLOW) == [1]
    assert rig.on("pump")
    rig = Rig()
    rig.cells.set(30)
    rig.run(11)
    assert told(rig, s.HEATER_SILENT) == [1]
    assert rig.on("heater")
