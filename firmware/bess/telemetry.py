"""The cabinet's numbers into the process image of the site bus, and its snapshot.

Nothing is said before it was measured, nor long after: each group of numbers has a `..._known`
here, by which its frame goes out or stays away and its objects answer or abort.
"""

from array import array
from struct import pack

from bess import objects
from bess.measure import signals as s
from bess.port.interpreter import bind, const

_SIGMA_PART = const(50)
_SOH_PART = const(50)  # half percents
_SOH_MOST = const(255)
_NO_CELL = const(0xFFFF)


class Telemetry:
    """`publish_status` before a SYNC's PDOs, `publish_slow` once a second, `fill` per stream frame.

    cabinet: bess.app.Cabinet. Slots of the frames are looked up once.
    """

    def __init__(self, cabinet, parameters):
        codec = cabinet.site.codec
        self._cabinet = cabinet
        self._string = cabinet.string
        self._pdo = pdo = cabinet.site.pdo
        pdo.fill = self.fill
        self._signals = cabinet.signals
        self._current_silent_ms = parameters.get("current_silent_3_ms")
        self._voltage_silent_ms = parameters.get("voltage_silent_3_ms")
        self._insulation_silent_ms = parameters.get("insulation_silent_3_ms")
        self._power_frame = codec.frame("power")
        self._energy_frame = codec.frame("energy")
        self._cells_frame = codec.frame("cells")
        self._temperatures_frame = codec.frame("temperatures")
        self._stream_frame = codec.frame("cell_stream")
        for frame in (
            self._power_frame, self._energy_frame, self._cells_frame,
            self._temperatures_frame, self._stream_frame,
        ):  # fmt: skip
            pdo.tell(frame, False)
        self.current_known = False
        self.voltage_known = False
        self.power_known = False
        self.soc_known = False
        self.insulation_known = False
        self.die_known = False
        self._image = codec.image
        # the fields of a frame follow each other in the image, in the order of the table
        slot = codec.slot
        self._status = slot("status", "state")
        self._power = slot("power", "state")
        self._energy = slot("energy", "soc")
        self._cell_min = slot("cells", "cell_min")
        self._temp_min = slot("temperatures", "temp_min")
        self._stream = slot("cell_stream", "first_index")
        self._stream_cell = 0
        bind(self, "judge", "_known")

    def _known(self, signal, age_signal, limit_ms):
        signals = self._signals
        return signals.count[signal] != 0 and signals.value[age_signal] <= limit_ms

    def judge(self):
        """Tell what is known; with each evaluation of the cells, allocates nothing."""
        cabinet = self._cabinet
        string = self._string
        self.current_known = self._known(s.SHORT, s.CURRENT_AGE, self._current_silent_ms)
        # of the string and the link
        self.voltage_known = string.meter.seen_all and self._known(
            s.STRING_PER_CELL, s.VOLTAGE_AGE, self._voltage_silent_ms
        )
        self.power_known = self.current_known and self.voltage_known
        self.soc_known = string.estimator.started and not cabinet.health.estimate_failed
        self.insulation_known = self._known(
            s.INSULATION, s.INSULATION_AGE, self._insulation_silent_ms
        )
        self.die_known = self._signals.count[s.AFE_TEMP] != 0 and string.cells.cells_read != 0

    def publish_status(self):
        """State, limits, power; allocates nothing."""
        cabinet = self._cabinet
        string = self._string
        image = self._image
        protection = cabinet.protection
        limits = cabinet.limits
        meter = string.meter
        state = cabinet.modes.state
        held = cabinet.modes.hold
        at = self._status
        image[at] = state
        image[at + 1] = 0 if held else limits.charge_w // 100
        image[at + 2] = 0 if held else limits.discharge_w // 100
        image[at + 3] = protection.worst_fault
        image[at + 4] = 1 if cabinet.modes.removal.asked else 0
        image[at + 5] = (
            protection.worst_level
            | (0x08 if protection.charge_blocked else 0)
            | (0x10 if protection.discharge_blocked else 0)
            | (0x20 if cabinet.modes.silent else 0)
            | (0x40 if string.contactors.closed else 0)
            | (0x80 if cabinet.thermal.mode else 0)
        )
        self._pdo.tell(self._power_frame, self.power_known)
        at = self._power
        image[at] = state
        image[at + 1] = meter.string_mv // 100
        image[at + 2] = meter.current_ma // 100
        image[at + 3] = meter.power_w // 100

    def publish_slow(self, now_ms):
        """Energy, extremes of cells and temperatures."""
        string = self._string
        image = self._image
        cells = string.cells
        estimator = string.estimator
        soc = estimator.soc
        up_mah, down_mah = soc.usable_mah()
        deci_volt = string.meter.string_mv // 100
        at = self._energy
        image[at] = soc.soc_cpct
        image[at + 1] = min(estimator.health.soh_cpct // _SOH_PART, _SOH_MOST)
        image[at + 2] = up_mah // 1000 * deci_volt // 1000
        image[at + 3] = down_mah // 1000 * deci_volt // 1000
        image[at + 4] = 1 if string.contactors.closed else 0
        image[at + 5] = 1 if soc.anchor_wanted else 0
        image[at + 6] = (soc.sigma_cpct + _SIGMA_PART - 1) // _SIGMA_PART  # never told too small
        at = self._cell_min
        image[at] = cells.cell_min_dmv // 10
        image[at + 1] = cells.cell_max_dmv // 10
        image[at + 2] = cells.cell_min_index
        image[at + 3] = cells.cell_max_index
        at = self._temp_min
        image[at] = cells.temp_min_dc // 10
        image[at + 1] = cells.temp_max_dc // 10
        image[at + 2] = cells.temp_min_index
        image[at + 3] = cells.temp_max_index
        image[at + 4] = string.slots.missing
        tell = self._pdo.tell
        tell(self._energy_frame, self.soc_known and self.voltage_known)
        tell(self._cells_frame, cells.cells_read)
        tell(self._temperatures_frame, cells.sensors_read)
        tell(self._stream_frame, cells.cells_read)

    def fill(self, frame):
        """The next cells of the stream, 0xFFFF for one that is not known; allocates nothing."""
        image = self._image
        at = self._stream
        cell = self._stream_cell
        cells = self._string.cells
        image[at] = cell
        left = objects.STREAM_CELLS
        while left:
            left -= 1
            at += 1
            image[at] = _NO_CELL
            if cell < cells.cell_count and cells.cell_known(cell):
                image[at] = cells.voltage_dmv[cell] // 10
            cell += 1
        self._stream_cell = cell if cell < cells.cell_count else 0

    def snapshot(self):
        """All cells and sensors at once, little-endian: version u8, 0 u8, cells u16, sensors u16,
        uptime u32 in 10 ms; voltages u16 0.1 mV, temperatures i16 0.1 degC, then one byte for
        each cell and each sensor: 1 = known, 0 = never read, or silent for too long.
        """
        cells = self._string.cells
        count, sensors = cells.cell_count, cells.sensor_count
        out = bytearray(pack("<BBHHI", 1, 0, count, sensors, self._cabinet.scheduler.uptime_ticks))
        out.extend(array("H", cells.voltage_dmv))
        out.extend(array("h", cells.temperatures_dc()))
        out.extend(bytes([1 if cells.cell_known(cell) else 0 for cell in range(count)]))
        out.extend(bytes([1 if cells.sensor_known(sensor) else 0 for sensor in range(sensors)]))
        return bytes(out)
