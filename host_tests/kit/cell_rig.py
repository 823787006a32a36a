"""The cell monitor on the chain model, without a site."""

import numpy as np

from autarky.plant.ltc6813 import Chain as Model
from bess.drivers.ltc681x import CELLS_PER_DEVICE, Chain
from bess.measure.cells import CellMonitor
from bess.measure.ltc_scan import LtcScan
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port import leaves
from bess.topology import spread


class Rig:
    """Monitor and model; counts what each tick does on the SPI.

    `volts` (cells) and `celsius` (sensors) are what the pins see.
    """

    def __init__(self, sensors_per_device: int = 5) -> None:
        self.layout = spread(5, 48, CELLS_PER_DEVICE)
        self.model = Model(list(self.layout), sensors_per_device)
        self.now_us = 0
        self.volts = np.full(240, 3.3)
        self.celsius = np.full(15 * sensors_per_device, 25.0)
        self.tick_commands: list[int] = []
        self.ticks: list[list[int]] = []
        self.signals = Signals()
        self.chain = Chain(self, self, 15, leaves, lambda us: None)
        self.monitor = CellMonitor(
            self.layout, sensors_per_device, Parameters(), self.signals, leaves
        )
        self.source = LtcScan(self.chain, self.monitor, Parameters(), self.signals, leaves)
        self.monitor.source = self.source

    def value(self, level: int) -> None:
        if level:
            self.model.wake(self.now_us)

    def write_readinto(self, tx: bytearray, rx: bytearray) -> None:
        self.tick_commands.append((tx[0] << 8 | tx[1]) & 0x7FF)
        self.model.feed(self.volts, self.celsius)
        answer = self.model.transaction(bytes(tx), self.now_us)
        rx[: len(answer)] = answer

    def run(self, ticks: int) -> "Rig":
        for _ in range(ticks):
            now_ms = self.now_us // 1000
            self.source.slice(now_ms)
            if (now_ms // 10) % 10 == 6:
                self.monitor.evaluate(now_ms)
            self.ticks.append(self.tick_commands)
            self.tick_commands = []
            self.now_us += 10_000
        return self

    def signal(self, number: int) -> int:
        return self.signals.value[number]
