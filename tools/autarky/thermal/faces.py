"""What a cabinet's firmware touches, as the records have it: board, bus, sensors, PCS.

Runs inside MicroPython and on CPython (cabinets.py).
"""

from array import array

from autarky.thermal import record as r
from bess.measure import signals as s
from bess.port.native import leaves


class Contact:
    """An input of the record."""

    def __init__(self, record, bit):
        self._record = record
        self._mask = 1 << bit

    def value(self):
        return 1 if self._record[r.CONTACTS] & self._mask else 0


class Channel:
    """An analog word of the record."""

    def __init__(self, record, at):
        self._record = record
        self._at = at

    def read_u16(self):
        return self._record[self._at]


class Output:
    def __init__(self, board, bit):
        self._board = board
        self._mask = 1 << bit

    def value(self, level):
        bits = self._board.bits
        self._board.bits = bits | self._mask if level else bits & ~self._mask


class Board:
    """What a cooling set and measure.environment ask of a board, on a cabinet's records.

    It is also the cabinet's bus: what is sent stays in `frame`.
    """

    def __init__(self, record, input_names):
        self.bits = 0
        self.duty_permille = 0
        self.drive = self
        self.sent = 0
        self.frame = bytearray(8)
        self.outputs = {}
        for name in r.OUTPUT_NAMES:
            self.outputs[name] = Output(self, len(self.outputs))
        self.inputs = {}
        for name in input_names:
            self.inputs[name] = Contact(record, len(self.inputs))
        self.analog = {}
        for at in range(len(r.CHANNELS)):
            self.analog[r.CHANNELS[at]] = Channel(record, r.ANALOG + at)

    def duty(self, permille):
        self.duty_permille = permille

    def send(self, can_id, data):
        self.frame[:] = data
        self.sent = r.SENT


class Pcs:
    """The inlet of a PCS that is heard every second, and a current sensor that is quiet."""

    status_ms = -1
    temperature_dc = 0
    power_actual_w = 0
    link_samples = string_samples = current_samples = 0


class Words:
    """A cell source (measure.cells) whose words the host writes, converted as ltc_scan does."""

    def __init__(self, words, cells, signals, ntc):
        self._words = words
        self._cells = cells
        self._signals = signals
        self._ntc = ntc
        self._per_device = cells.sensors_per_device
        self._devices = len(cells.layout)
        self._all = bytearray(b"\x01" * self._devices)
        self._scale = array("i", bytes(4 * self._devices))
        self._faults = array("i", bytes(12))
        cells.source = self
        for i in range(cells.cell_count):
            cells.voltage_dmv[i] = 33000
            cells.fresh[i] = 1

    def read(self, now_ms, heard):
        """One scan; heard: the front ends answer for their temperatures."""
        cells, scale = self._cells, self._scale
        cells.now_ms = now_ms
        leaves.clear(cells.temperature_fresh, cells.sensor_count)
        factor = 0x10000000 // self._words[5] if heard else 0
        if scale[0] != factor:
            for device in range(self._devices):
                scale[device] = factor
        leaves.judge_ntc(self._words, scale, self._per_device, cells.lost, self._faults)
        if heard:
            leaves.convert_ntc(
                self._words, scale, self._per_device, self._ntc, cells.temperature,
                cells.temperature_fresh,
            )  # fmt: skip
        cells.temperatures_ms = now_ms
        leaves.stamp_fresh(cells.device_ms, self._all, self._devices, now_ms)
        cells.end_scan()

    def report(self, now_ms):
        faults = self._faults
        put = self._signals.put if self._scale[0] else self._signals.put_partial
        put(s.SENSOR_OPEN, faults[0])
        put(s.SENSOR_SHORT, faults[1])
        put(s.SENSORS_LOST, faults[2])

    def hold_stamps(self, now_ms):
        """It has none."""
