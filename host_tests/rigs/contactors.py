"""Contactors with pins, mirror contacts and a meter of the test's own."""

from bess.control import contactors as c
from bess.control.contactors import Contactors
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.protect.history import SIZE, History, provision


class Pin:
    def __init__(self):
        self.level = 0

    def value(self, level):
        self.level = level


class Inputs:
    def __init__(self):
        self.minus_closed = self.plus_closed = self.precharge_closed = False


class Meter:
    def __init__(self):
        self.string_mv = 768000
        self.link_mv = 0
        self.current_ma = 0
        self.outer_plus_mv = 0
        self.outer_minus_mv = 0
        self.link_samples = 0
        self.current_samples = 0


class Rig:
    """Contactors with pins that follow their commands at once, 10 ms a step."""

    def __init__(self):
        self.pins = {"minus": Pin(), "plus": Pin(), "precharge": Pin()}
        self.inputs = Inputs()
        self.meter = Meter()
        self.signals = Signals()
        self.memory = bytearray(SIZE)
        provision(self.memory)
        self.history = History(self.memory)
        self.machine = self.build()
        self.now_ms = 0
        self.follow = True
        self.rise_mv = 10000
        assert self.machine.state == c.WELD_CHECK  # nobody knows how the last opening ended
        self.run(600)
        assert self.machine.is_open
        self.now_ms = 0
        self.machine._failed_ms = self.machine._since_ms = 0

    def restart(self):
        """The chip comes out of a reset: outputs low, backup memory as it was kept."""
        for pin in self.pins.values():
            pin.level = 0
        self.history = History(self.memory)
        self.machine = self.build()

    def build(self):
        """Contactors as after a start."""
        return Contactors(
            self.pins, self.inputs, self.meter, Parameters(), self.signals, self.history
        )

    def run(self, ms):
        for _ in range(ms // 10):
            if self.follow:
                self.inputs.minus_closed = self.pins["minus"].level == 1
                self.inputs.plus_closed = self.pins["plus"].level == 1
                self.inputs.precharge_closed = self.pins["precharge"].level == 1
            if self.pins["precharge"].level and self.rise_mv:
                self.meter.link_mv = min(self.meter.link_mv + self.rise_mv, self.meter.string_mv)
            self.meter.link_samples += 1
            self.meter.current_samples += 1
            self.machine.step(self.now_ms)
            self.now_ms += 10

    def levels(self):
        return tuple(self.pins[name].level for name in ("minus", "precharge", "plus"))

    def closed(self):
        self.machine.close()
        self.run(3000)
        assert self.machine.state == c.CLOSED
        return self


def timeline(rig, until, ms=20000):
    """[(state, since)] on the rig's clock until a state or the end."""
    seen = []
    for _ in range(ms // 10):
        at_ms = rig.now_ms
        rig.run(10)
        name = c.STATE_NAMES.decode().split()[rig.machine.state]
        if not seen or seen[-1][0] != name:
            seen.append((name, at_ms))
        if name == until:
            break
    return seen


def parameter(name):
    return Parameters().get(name)
