"""The thermal loop with pins, cells and air of the test's own."""

from types import SimpleNamespace

from bess.control.thermal import Thermal
from bess.drivers.cooling import RelayCooling
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.protect.history import SIZE, History, provision


class Pin:
    def __init__(self):
        self.level = 0

    def value(self, level=None):
        if level is not None:
            self.level = level
        return self.level

    def duty(self, permille):
        self.level = permille


class Cells:
    def __init__(self):
        self.set(200)

    def set(self, dc, low=None, high=None, spread=0):
        self.temp_mean_dc = dc
        self.temp_min_dc = dc if low is None else low
        self.temp_max_dc = dc if high is None else high
        self.temp_spread_dc = spread


class Air:
    """What measure.environment tells; dry, and water as warm as the cells."""

    def __init__(self, cells):
        self._cells = cells
        self.water_dc = None
        self.ambient_dc = self.outside_dc = 200
        self.dew_dc = 0

    @property
    def coolant_dc(self):
        return self._cells.temp_mean_dc if self.water_dc is None else self.water_dc


class Rig:
    def __init__(self):
        names = ("pump", "heater", "chiller", "heater_feed", "dryer")
        self.outputs = {name: Pin() for name in names}
        self.drive = Pin()
        self.flow, self.heating, self.compressor = Pin(), Pin(), Pin()
        self.compressor.level = 1
        self.signals = Signals()
        self.cells = Cells()
        self.air = Air(self.cells)
        self.parameters = Parameters()
        self.memory = bytearray(SIZE)
        provision(self.memory)
        self.control = self.build()
        self.now_ms = 0
        self.flow_works = True
        self.flow_stuck = False

    def build(self):
        """Thermal control as after a start, on what backup memory holds."""
        inputs = {
            "coolant_flow": self.flow, "heater_on": self.heating, "compressor_ok": self.compressor
        }  # fmt: skip
        board = SimpleNamespace(outputs=self.outputs, inputs=inputs, drive=self.drive)
        return Thermal(
            RelayCooling(board, None, None), self.cells, self.air, self.parameters,
            History(self.memory), self.signals,
        )  # fmt: skip

    def run(self, seconds, trusted=True, current_ma=0, soc_cpct=5000):
        for _ in range(seconds):
            flows = self.outputs["pump"].level and self.flow_works
            self.flow.level = 1 if flows or self.flow_stuck else 0
            self.control.step(self.now_ms, trusted, current_ma, soc_cpct)
            self.now_ms += 1000

    def on(self, name):
        return self.outputs[name].level == 1
