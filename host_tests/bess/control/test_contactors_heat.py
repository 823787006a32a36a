"""The energy of the precharge resistor: counted, cooled, kept, and never beyond its rating."""

from rigs.contactors import Rig, parameter, timeline

from bess.control import contactors as c
from bess.measure import signals as s
from bess.protect import history as h
from bess.protect.history import SIZE, History


def test_the_precharge_resistor_is_never_loaded_beyond_its_rating():
    """Invariant 13: over retries too; it closes again only when it has cooled."""
    rig = Rig()
    rig.rise_mv = 0
    rig.meter.current_ma = 14000
    rig.machine.close()
    heat_mj = 0
    hottest = 0
    causes = set()
    for _ in range(60):
        for _ in range(100):
            rig.run(10)
            if rig.pins["precharge"].level:
                heat_mj += 14 * 14 * 56 * 10
            hottest = max(hottest, heat_mj)
            causes.add(rig.machine.cause)
        heat_mj -= heat_mj // 60
        rig.machine.step_slow()
    assert hottest <= 6000 * 1000 * 1.02
    assert "precharge resistor hot" in causes
    assert "precharge time-out" not in causes


def test_a_negative_current_heats_the_same():
    rig = Rig()
    rig.rise_mv = 0
    rig.meter.current_ma = -14000
    rig.machine.close()
    rig.run(300)
    assert rig.signals.value[s.PRECHARGE_HEAT] > 0
    before = rig.machine.heat_permille()
    for _ in range(200):
        rig.machine.step_slow()
    assert rig.machine.heat_permille() < before
    for _ in range(2000):
        rig.machine.step_slow()
    assert rig.machine.heat_permille() == 0
    rig.machine.step_slow()


def test_a_hot_resistor_is_not_loaded_again_before_it_has_cooled():
    rig = Rig()
    rig.rise_mv = 0
    rig.meter.current_ma = 14000
    rig.machine.close()
    while rig.machine.cause != "precharge resistor hot":
        rig.run(10)
    rig.run(20000)
    for _ in range(60):
        rig.machine.step_slow()
        rig.run(10)
        assert rig.machine.state == c.OPEN
        assert rig.levels() == (0, 0, 0)
    for _ in range(10):
        rig.machine.step_slow()
    rig.run(20)
    assert rig.machine.state == c.CLOSE_MINUS


def test_the_heat_of_the_resistor_is_exact():
    """I^2 R t of a tick: 56 ohm, at most 100 A, kept up to twice the rating of 6 kJ."""
    rated_mj = parameter("precharge_rated_j") * 1000
    for current_ma, mj in (
        (0, 0), (-99, 0), (14000, 140 * 140 * 56 // 10), (-14000, 140 * 140 * 56 // 10),
        (2000000, 5600000), (-2000000, 5600000), (100100, 5600000),
    ):  # fmt: skip
        rig = Rig()
        rig.machine.close()
        timeline(rig, "precharge")
        rig.meter.current_ma = current_ma
        rig.machine.step(rig.now_ms)
        assert list(rig.machine._heat_mj) == [mj, 0, 0, 0, 0, 0, 0], current_ma
    for current_ma in (2000000, -2000000):
        rig = Rig()
        rig.machine.close()
        timeline(rig, "precharge")
        rig.meter.current_ma = current_ma
        for _ in range(3):
            rig.machine._warm()
        assert rig.machine._heat_mj[0] == 2 * rated_mj
        assert rig.signals.value[s.PRECHARGE_HEAT] == 2000


def test_the_resistor_cools_exactly():
    """What went in counts for its cooling time of 60 s, in parts of 10 s."""
    rated_j = parameter("precharge_rated_j")
    rig = Rig()
    machine = rig.machine
    machine._heat_mj[0] = rated_j * 1000
    for second in range(1, 80):
        machine.step_slow()
        heat_permille = 1000 if second < 70 else 0
        assert machine.heat_permille() == heat_permille, second
        assert rig.signals.value[s.PRECHARGE_HEAT] == heat_permille
        assert rig.history.value[h.HEAT_PERMILLE] == heat_permille


def test_the_rating_itself_is_too_hot():
    rated_mj = parameter("precharge_rated_j") * 1000
    for heat_mj, closes in ((rated_mj - 1, True), (rated_mj, False)):
        rig = Rig()
        rig.rise_mv = 0
        rig.machine._heat_mj[0] = heat_mj
        rig.machine.close()
        rig.run(10)
        assert (rig.machine.state == c.CLOSE_MINUS) == closes
        rig = Rig()
        rig.rise_mv = 0
        rig.machine.close()
        timeline(rig, "precharge")
        rig.machine._heat_mj[0] = heat_mj
        rig.run(10)
        assert (rig.machine.state == c.PRECHARGE) == closes


def test_memory_that_was_lost_may_have_held_a_hot_resistor():
    rig = Rig()
    rig.history = History(bytearray(SIZE))
    assert rig.history.blank
    assert rig.build().heat_permille() == 1000


def test_heat_found_at_a_start_counts_as_fresh():
    rig = Rig()
    rig.history.put(h.HEAT_PERMILLE, 500)
    rig.restart()
    for second in range(70):  # six parts of a minute, and the present one
        assert rig.machine.heat_permille() == 500, second
        rig.machine.step_slow()
    assert rig.machine.heat_permille() == 0


def test_a_failed_precharge_keeps_the_heat_it_really_took():
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    timeline(rig, "precharge")
    assert History(rig.memory).value[h.HEAT_PERMILLE] == 1000
    while rig.machine.state == c.PRECHARGE:
        rig.run(10)
    assert History(rig.memory).value[h.HEAT_PERMILLE] == rig.machine.heat_permille() == 0


def test_a_precharge_that_is_broken_off_heats_until_its_relay_has_parted():
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    timeline(rig, "precharge")
    rig.meter.current_ma = 14000
    rig.machine.open("request withdrawn")
    before_mj = rig.machine._heat_mj[0]
    ticks = 0
    while rig.machine.state == c.OPENING:
        rig.run(10)
        ticks += 1
    heat_mj = 140 * 140 * rig.machine._resistor_ohm // 10
    assert rig.machine._heat_mj[0] == before_mj + ticks * heat_mj > 0
    assert History(rig.memory).value[h.HEAT_PERMILLE] == rig.machine.heat_permille() > 0
    rig.run(50)
    assert rig.machine._heat_mj[0] == before_mj + ticks * heat_mj


def test_what_flows_while_closed_contactors_open_heats_no_resistor():
    rig = Rig().closed()
    rig.meter.current_ma = 14000
    before_mj = rig.machine._heat_mj[0]
    rig.machine.open("trip")
    rig.run(100)
    assert rig.machine._heat_mj[0] == before_mj
