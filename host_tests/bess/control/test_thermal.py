from bess.control import thermal as t
from bess.control.thermal import Thermal
from bess.parameters import Parameters


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
        self.control = Thermal(self.outputs, self.flow, self.cells, Parameters())
        self.now_ms = 0
        self.flow_works = True

    def run(self, seconds, trusted=True):
        for _ in range(seconds):
            self.flow.level = 1 if self.outputs["pump"].level and self.flow_works else 0
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
