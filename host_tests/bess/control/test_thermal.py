"""What is heated and cooled by which temperature, and what forbids it."""

import pytest
from rigs.thermal import Rig

from bess.control import thermal as t
from bess.protect import hazards as h


def test_nothing_runs_at_20_degrees():
    rig = Rig()
    rig.run(100)
    assert rig.control.mode == t.OFF
    assert [name for name in ("pump", "heater", "chiller") if rig.on(name)] == []


def test_lost_temperatures_cut_the_heater_at_once():
    rig = Rig()
    rig.cells.set(-100)
    rig.run(20)
    rig.run(1, trusted=False)
    assert not rig.on("heater")


def test_heating_ends_by_its_hysteresis_not_sooner():
    rig = Rig()
    rig.cells.set(50)
    rig.run(100)
    rig.cells.set(240)
    rig.run(100)
    assert rig.control.mode == t.HEAT
    rig.cells.set(250)
    rig.run(100)
    assert rig.control.mode == t.OFF


def test_one_cold_cell_is_enough_to_heat_and_one_hot_to_cool():
    rig = Rig()
    rig.cells.set(200, low=50)
    rig.run(1)
    assert rig.control.mode == t.HEAT
    rig = Rig()
    rig.cells.set(200, high=321)
    rig.run(1)
    assert rig.control.mode == t.COOL


def test_heater_and_chiller_are_never_on_together_however_fast_the_cells_change():
    """Neither minimum time may hold one against the other; what is hot is not heated."""
    for period in (7, 40, 70, 200, 500):
        rig = Rig()
        worked = set()
        for second in range(1500):
            rig.cells.set(40 if second // period % 2 else 400)
            rig.run(1)
            assert not (rig.on("heater") and rig.on("chiller")), (period, second)
            worked.add(rig.control.mode)
        assert worked == {t.HEAT, t.COOL}
    rig = Rig()
    rig.cells.set(40)
    rig.run(15)
    assert rig.on("heater")
    rig.cells.set(400)
    rig.run(1)
    assert not rig.on("heater")
    assert rig.on("chiller")
    rig.cells.set(40)
    rig.run(178)
    assert rig.on("chiller")  # a compressor that stops too early breaks: heat waits
    assert not rig.on("heater")
    rig.run(5)
    assert rig.on("heater")
    assert not rig.on("chiller")


def test_what_a_fault_forbids_falls_in_the_same_tick_and_stays_off():
    for stops, names in (
        (h.HEATER, ["heater"]), (h.PUMP | h.HEATER, ["heater", "pump"]), (h.BLEEDING, []),
    ):  # fmt: skip
        rig = Rig()
        rig.cells.set(30)
        rig.run(30)
        assert rig.on("heater")
        assert rig.on("pump")
        rig.control.obey(rig.now_ms, stops)
        for _ in range(100):
            assert [name for name in ("heater", "pump") if not rig.on(name)] == names
            rig.run(1)
        rig.control.obey(rig.now_ms, 0)
        rig.run(30)
        assert rig.on("heater")
    rig = Rig()
    rig.cells.set(340)
    rig.run(30)
    rig.control.obey(rig.now_ms, h.CHILLER)
    assert not rig.on("chiller")
    rig.control.obey(rig.now_ms, 0)
    rig.run(180)
    assert not rig.on("chiller")
    rig.run(2)
    assert rig.on("chiller")


def test_heater_and_compressor_never_run_together_whatever_the_cells_do():
    rig = Rig()
    for dc in (30, 340, 30, 340, 200, 30, 340) * 4:
        rig.cells.set(dc)
        for _ in range(40):
            rig.run(1)
            assert not (rig.on("heater") and rig.on("chiller"))


def test_nothing_is_on_and_nothing_proven_at_the_start():
    control = Rig().control
    circuit = control.circuit
    assert control.mode == t.OFF
    assert (circuit.pump_on, circuit.heater_on, circuit.chiller_on) == (False, False, False)
    assert control.circuit.flow_is_proof is False
    names = t.MODE_NAMES.decode().split()
    assert [names[i] for i in (t.OFF, t.HEAT, t.COOL)] == ["off", "heat", "cool"]


def test_every_threshold_of_the_modes_is_exact():
    for before, mean, low, high, mode in (
        (t.OFF, 300, 300, 320, t.OFF), (t.OFF, 301, 301, 301, t.COOL),
        (t.OFF, 300, 300, 321, t.COOL), (t.OFF, 100, 51, 120, t.OFF),
        (t.OFF, 99, 99, 99, t.HEAT), (t.OFF, 100, 50, 120, t.HEAT),
        (t.COOL, 291, 270, 299, t.COOL), (t.COOL, 290, 270, 300, t.COOL),
        (t.COOL, 290, 270, 299, t.OFF), (t.HEAT, 249, 200, 260, t.HEAT),
        (t.HEAT, 250, 199, 260, t.HEAT), (t.HEAT, 250, 200, 260, t.OFF),
        (t.HEAT, 240, 190, 321, t.COOL), (t.COOL, 200, 50, 250, t.HEAT),
    ):  # fmt: skip
        rig = Rig()
        rig.air.outside_dc = 400 if before == t.COOL else 200  # it does not cool by itself
        rig.cells.set({t.OFF: 200, t.COOL: 310, t.HEAT: 90}[before])
        rig.run(1)
        assert rig.control.mode == before
        rig.cells.set(mean, low, high)
        rig.run(1)
        assert rig.control.mode == mode, (before, mean, low, high)


@pytest.mark.parametrize(
    ("outside_dc", "ends_dc"),
    [(200, 300), (-32768, 290), (290, 300), (300, 295), (355, 295), (370, 290)],
)
def test_the_less_there_is_to_come_the_sooner_cooling_ends(outside_dc, ends_dc):
    for mean_dc, mode in ((ends_dc + 1, t.COOL), (ends_dc, t.OFF)):
        rig = Rig()
        rig.air.outside_dc = outside_dc
        rig.cells.set(310)
        rig.run(1)
        rig.cells.set(mean_dc, high=295)
        rig.run(1)
        assert rig.control.mode == mode, mean_dc


def test_a_hot_cell_is_cooled_whatever_the_mean_loses():
    rig = Rig()
    rig.air.outside_dc = -200
    rig.cells.set(250, high=330)
    rig.run(1)
    assert rig.control.mode == t.COOL
    rig.cells.set(250, high=310)
    rig.run(1)
    assert rig.control.mode == t.COOL
    rig.cells.set(250, high=309)
    rig.run(1)
    assert rig.control.mode == t.OFF


def test_who_stops_the_heater_does_not_stop_the_compressor():
    rig = Rig()
    rig.cells.set(340)
    rig.run(30)
    rig.control.obey(rig.now_ms, h.HEATER)
    assert rig.on("chiller")
    assert rig.on("pump")


def test_neither_starts_while_the_other_is_on_whatever_the_mode_says():
    """The last word before the output, also if what chooses the mode were wrong."""
    rig = Rig()
    rig.cells.set(350)
    rig.run(200)
    assert rig.on("chiller")
    rig.control.circuit._drive_heater(rig.now_ms, t.HEAT, True)
    assert not rig.on("heater")
    rig = Rig()
    rig.cells.set(0)
    rig.run(200)
    assert rig.on("heater")
    rig.control.circuit._drive_chiller(rig.now_ms, True)
    assert not rig.on("chiller")
