"""The thermal loop with pins and cells of the test's own."""

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
        self.flow, self.heating, self.compressor = Pin(), Pin(), Pin()
        self.compressor.level = 1
        self.signals = Signals()
        self.cells = Cells()
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
        cooling = RelayCooling(self.outputs, inputs)
        return Thermal(cooling, self.cells, Parameters(), History(self.memory), self.signals)

    def run(self, seconds, trusted=True):
        for _ in range(seconds):
            flows = self.outputs["pump"].level and self.flow_works
            self.flow.level = 1 if flows or self.flow_stuck else 0
            self.control.step(self.now_ms, trusted)
            self.now_ms += 1000

    def on(self, name):
        return self.outputs[name].level == 1
