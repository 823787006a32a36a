from bess.control import thermal as t
from bess.control.thermal import Thermal
from bess.parameters import Parameters
from bess.protect import hazards as h
from bess.protect import history
from bess.protect.history import SIZE, History, provision


class Pin:
    def __init__(self):
        self.level = 0

    def value(self, level=None):
        if level is not None:
            self.level = level
        return self.level


class Cells:
    def __init__(self):
        self.set(200)

    def set(self, dc, low=None, high=None):
        self.temp_mean_dc = dc
        self.temp_min_dc = dc if low is None else low
        self.temp_max_dc = dc if high is None else high


class Rig:
    def __init__(self):
        self.outputs = {"pump": Pin(), "heater": Pin(), "chiller": Pin()}
        self.flow = Pin()
        self.cells = Cells()
        self.memory = bytearray(SIZE)
        provision(self.memory)
        self.control = self.build()
        self.now_ms = 0
        self.flow_works = True
        self.flow_stuck = False

    def build(self):
        """Thermal control as after a start, on what backup memory holds."""
        history = History(self.memory)
        return Thermal(self.outputs, self.flow, self.cells, Parameters(), history)

    def run(self, seconds, trusted=True):
        for _ in range(seconds):
            flows = self.outputs["pump"].level and self.flow_works
            self.flow.level = 1 if flows or self.flow_stuck else 0
            self.control.step(self.now_ms, trusted)
            self.now_ms += 1000

    def on(self, name):
        return self.outputs[name].level == 1


def test_nothing_runs_at_20_degrees():
    rig = Rig()
    rig.run(100)
    assert rig.control.mode == t.OFF
    assert [name for name in ("pump", "heater", "chiller") if rig.on(name)] == []


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


def test_flow_that_stands_while_the_pump_is_off_proves_nothing():
    """An input stuck at 1 and a dead pump: nothing that needs flow may run, ever."""
    for dc, name in ((30, "heater"), (340, "chiller")):
        rig = Rig()
        rig.flow_stuck = True
        rig.cells.set(dc)
        for _ in range(1000):
            rig.run(1)
            assert not rig.on(name)
            assert not rig.control.flow_is_proof
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


def test_nothing_is_on_and_nothing_proven_at_the_start():
    control = Rig().control
    assert (control.mode, control.pump_on, control.heater_on, control.chiller_on) == (
        t.OFF, False, False, False,
    )  # fmt: skip
    assert control.flow_is_proof is False
    names = t.MODE_NAMES.decode().split()
    assert [names[i] for i in (t.OFF, t.HEAT, t.COOL)] == ["off", "heat", "cool"]


def test_every_threshold_of_the_modes_is_exact():
    for before, mean, low, high, mode in (
        (t.OFF, 300, 300, 320, t.OFF), (t.OFF, 301, 301, 301, t.COOL),
        (t.OFF, 300, 300, 321, t.COOL), (t.OFF, 100, 51, 120, t.OFF),
        (t.OFF, 99, 99, 99, t.HEAT), (t.OFF, 100, 50, 120, t.HEAT),
        (t.COOL, 281, 270, 299, t.COOL), (t.COOL, 280, 270, 300, t.COOL),
        (t.COOL, 280, 270, 299, t.OFF), (t.HEAT, 249, 200, 260, t.HEAT),
        (t.HEAT, 250, 199, 260, t.HEAT), (t.HEAT, 250, 200, 260, t.OFF),
        (t.HEAT, 240, 190, 321, t.COOL), (t.COOL, 200, 50, 250, t.HEAT),
    ):  # fmt: skip
        rig = Rig()
        rig.cells.set({t.OFF: 200, t.COOL: 310, t.HEAT: 90}[before])
        rig.run(1)
        assert rig.control.mode == before
        rig.cells.set(mean, low, high)
        rig.run(1)
        assert rig.control.mode == mode, (before, mean, low, high)


def test_the_lead_of_the_pump_is_ten_seconds_of_flow_exactly():
    rig = Rig()
    rig.cells.set(30)
    rig.run(11)  # flow is there from the second second on
    assert not rig.on("heater")
    rig.run(1)
    assert rig.on("heater")
    assert rig.control._history.value[history.HEATER_HOT] == 1


def test_an_input_that_is_stuck_delays_the_pump_by_its_lead_exactly():
    rig = Rig()
    rig.flow_stuck = True
    rig.cells.set(30)
    rig.run(10)
    assert not rig.on("pump")
    rig.run(1)
    assert rig.on("pump")


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
    assert rig.control._history.value[history.COMPRESSOR_RECENT] == 1


def test_who_stops_the_heater_does_not_stop_the_compressor():
    rig = Rig()
    rig.cells.set(340)
    rig.run(30)
    rig.control.obey(rig.now_ms, h.HEATER)
    assert rig.on("chiller")
    assert rig.on("pump")


def test_the_pump_lags_two_minutes_exactly_and_the_lag_is_remembered_until_then():
    rig = Rig()
    rig.cells.set(30)
    rig.run(80)
    rig.cells.set(260)
    for _ in range(120):
        rig.run(1)
        assert rig.on("pump")
        assert rig.control._history.value[history.HEATER_HOT] == 1
    rig.run(1)
    assert not rig.on("pump")
    assert rig.control._history.value[history.HEATER_HOT] == 0


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


def test_neither_starts_while_the_other_is_on_whatever_the_mode_says():
    """The last word before the output, also if what chooses the mode were wrong."""
    rig = Rig()
    rig.cells.set(350)
    rig.run(200)
    assert rig.on("chiller")
    rig.control.mode = t.HEAT
    rig.control._drive_heater(rig.now_ms, True)
    assert not rig.on("heater")
    rig = Rig()
    rig.cells.set(0)
    rig.run(200)
    assert rig.on("heater")
    rig.control.mode = t.COOL
    rig.control._drive_chiller(rig.now_ms)
    assert not rig.on("chiller")
