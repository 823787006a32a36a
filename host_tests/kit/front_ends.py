"""The cell monitor on a driver that gives whatever words a test wants, two devices of them."""

from array import array

from bess.measure.cells import CellMonitor
from bess.measure.ltc_scan import LtcScan
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port import leaves

LAYOUT = bytes((18, 16))
CELLS, SENSORS, PER_DEVICE = 34, 10, 5
REFERENCE = 30_000
WARM = 15_000  # half of the reference: 25 degC
SCAN, ROUND = 10, 70
CELL_READS = (0x004, 0x006, 0x008, 0x00A, 0x009, 0x00B)
AUX_A, AUX_B, STATUS_A, STATUS_B, CONFIG_A, CONFIG_B = 0x00C, 0x00E, 0x010, 0x012, 0x002, 0x026
ADAX, ADCV, ADSTAT, CVST, PULL_UP, PULL_DOWN = 0x560, 0x360, 0x568, 0x327, 0x368, 0x328


class Chain:
    """Two devices; `cells` by conversion, device and input; `aux`, `status` words by device.

    `dead` never answer, `unheard` are (command, device) that do not.
    """

    device_count = 2

    def __init__(self) -> None:
        self.cells = {
            ADCV: [[33_000] * 18, [33_000] * 16 + [0, 0]],
            PULL_UP: [[33_000] * 18, [33_000] * 16 + [0, 0]],
            PULL_DOWN: [[33_000] * 18, [33_000] * 16 + [0, 0]],
            CVST: [[0x9555] * 18, [0x9555] * 18],
        }
        self.aux = [[WARM] * 5 + [REFERENCE] for _ in range(2)]
        # sum of cells, die at 30 degC, VREG 5 V; VREGD 3 V, flags
        self.status = [[count * 1100, 23_256, 50_000, 30_000, 0, 0] for count in LAYOUT]
        self.dead: set[int] = set()
        self.unheard: set[tuple[int, int]] = set()
        self.valid = bytearray(2)
        self.crc_streak = bytearray(2)
        self.received = bytearray(4 + 8 * 2)
        self.config_written = False
        self.differs = {CONFIG_A: 0, CONFIG_B: 0}
        self.takes_config = False
        self.done: list[object] = []
        self._converted = ADCV

    def wake(self) -> None:
        self.done.append("wake")

    def command(self, command: int) -> None:
        self.done.append(command)
        if command in self.cells:
            self._converted = command

    def write_config(self) -> None:
        self.done.append("config")
        self.config_written = True
        if self.takes_config:
            self.differs = dict.fromkeys(self.differs, 0)

    def config_differs(self, group: int) -> int:
        return self.differs[group]

    def read(self, command: int) -> int:
        self.done.append(command)
        for device in range(2):
            self.valid[device] = device not in self.dead and (command, device) not in self.unheard
            at = 4 + 8 * device
            if self.valid[device]:
                for word in self._words(command, device):
                    self.received[at : at + 2] = word.to_bytes(2, "little")
                    at += 2
        return sum(self.valid)

    def _words(self, command: int, device: int) -> list[int]:
        if command in CELL_READS:
            first = 3 * CELL_READS.index(command)
            return self.cells[self._converted][device][first : first + 3]
        if command in (AUX_A, AUX_B):
            return self.aux[device][:3] if command == AUX_A else self.aux[device][3:]
        if command in (STATUS_A, STATUS_B):
            return self.status[device][:3] if command == STATUS_A else self.status[device][3:]
        return [0, 0, 0]

    def word(self, device: int, register: int) -> int:
        at = 4 + 8 * device + 2 * register
        return int.from_bytes(self.received[at : at + 2], "little")


class Rig:
    def __init__(self, now_ms: int = 0, ntc: array | None = None) -> None:
        self.chain = Chain()
        self.signals = Signals()
        self.monitor = CellMonitor(LAYOUT, PER_DEVICE, Parameters(), self.signals, leaves)
        self.source = LtcScan(self.chain, self.monitor, Parameters(), self.signals, leaves)
        self.monitor.source = self.source
        if ntc is not None:
            self.source.ntc = ntc
        self.now_ms = now_ms
        self.ticks: list[list[object]] = []

    def run(self, ticks: int) -> "Rig":
        for _ in range(ticks):
            self.chain.done = []
            self.source.slice(self.now_ms)
            self.ticks.append(self.chain.done)
            if len(self.ticks) % SCAN == 7:
                self.monitor.evaluate(self.now_ms)
            self.now_ms = self.now_ms + 10 & 2**30 - 1
        return self

    def value(self, signal: int) -> int:
        return self.signals.value[signal]

    def renewed(self, ticks: int) -> dict[int, bool]:
        """Signals that were renewed in these ticks, and whether the newest is whole."""
        before = list(self.signals.count)
        self.run(ticks)
        return {
            signal: not self.signals.partial[signal]
            for signal, count in enumerate(before)
            if self.signals.count[signal] != count
        }


class LinearRig(Rig):
    """With sensors of 0.1 K for two 4096ths of the reference, 0 degC at 1000 of them."""

    def __init__(self) -> None:
        super().__init__(ntc=array("H", [500 + 8 * step for step in range(257)]))

    def set(self, sensor: int, dc: int) -> None:
        ratio = 2 * (dc + 500)
        word = -(-ratio * 65536 // (2**28 // REFERENCE))
        self.chain.aux[sensor // PER_DEVICE][sensor % PER_DEVICE] = word
