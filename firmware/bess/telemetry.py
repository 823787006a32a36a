"""The cabinet's numbers into the process image of the site bus, and its snapshot.

Nothing is said before it was measured, nor long after: each group of numbers has a `..._known`
here, by which its frame goes out or stays away and its objects answer or abort.
"""

from array import array
from struct import pack

from bess import objects
from bess.measure import signals as s
from bess.port.interpreter import const

_SOH_PART = const(50)  # half percents
_SOH_MOST = const(255)
_NO_CELL = const(0xFFFF)


class Telemetry:
    """`publish_status` before a SYNC's PDOs, `publish_slow` once a second, `fill` per stream frame.

    cabinet: bess.app.Cabinet; codec: the site bus's FrameCodec. Slots are looked up once.
    """

    def __init__(self, cabinet, codec, pdo, parameters):
        self._cabinet = cabinet
        self._pdo = pdo
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
        self._image = codec.image
        slot = codec.slot
        self._status_state = slot("status", "state")
        self._charge_limit = slot("status", "charge_limit")
        self._discharge_limit = slot("status", "discharge_limit")
        self._worst_fault = slot("status", "worst_fault")
        self._flags = slot("status", "flags")
        self._power_state = slot("power", "state")
        self._dc_voltage = slot("power", "dc_voltage")
        self._dc_current = slot("power", "dc_current")
        self._power = slot("power", "active_power")
        self._soc = slot("energy", "soc")
        self._soh = slot("energy", "soh")
        self._energy_up = slot("energy", "energy_up")
        self._energy_down = slot("energy", "energy_down")
        self._joined = slot("energy", "strings_joined")
        self._anchor_wanted = slot("energy", "anchor_wanted")
        self._cell_min = slot("cells", "cell_min")
        self._temp_min = slot("temperatures", "temp_min")
        self._stream = slot("cell_stream", "first_index")
        self._stream_cell = 0

    def _known(self, signal, age_signal, limit_ms):
        signals = self._signals
        return signals.count[signal] != 0 and signals.value[age_signal] <= limit_ms

    @property
    def current_known(self):
        return self._known(s.SHORT, s.CURRENT_AGE, self._current_silent_ms)

    @property
    def voltage_known(self):
        """Of the string and the link."""
        return self._cabinet.meter.seen_all and self._known(
            s.STRING_PER_CELL, s.VOLTAGE_AGE, self._voltage_silent_ms
        )

    @property
    def power_known(self):
        return self.current_known and self.voltage_known

    @property
    def soc_known(self):
        """The estimators have begun, and their task goes on."""
        cabinet = self._cabinet
        return cabinet.estimator.started and not cabinet.estimate_failed

    @property
    def insulation_known(self):
        return self._known(s.INSULATION, s.INSULATION_AGE, self._insulation_silent_ms)

    @property
    def afe_temperature_known(self):
        return self._signals.count[s.AFE_TEMP] != 0 and self._cabinet.cells.any_fresh

    def cell_known(self, cell):
        return self._cabinet.cells.cell_known(cell, self._cabinet.now_ms)

    def sensor_known(self, sensor):
        return self._cabinet.cells.sensor_known(sensor, self._cabinet.now_ms)

    def publish_status(self):
        """State, limits, power; allocates nothing."""
        cabinet = self._cabinet
        image = self._image
        protection = cabinet.protection
        limits = cabinet.limits
        meter = cabinet.meter
        state = cabinet.modes.state
        image[self._status_state] = state
        image[self._power_state] = state
        held = cabinet.modes.hold
        image[self._charge_limit] = 0 if held else limits.charge_w // 100
        image[self._discharge_limit] = 0 if held else limits.discharge_w // 100
        image[self._worst_fault] = protection.worst_fault
        image[self._flags] = (
            protection.worst_level
            | (0x08 if protection.charge_blocked else 0)
            | (0x10 if protection.discharge_blocked else 0)
            | (0x20 if cabinet.modes.silent else 0)
            | (0x40 if cabinet.contactors.closed else 0)
            | (0x80 if cabinet.thermal.mode else 0)
        )
        self._pdo.tell(self._power_frame, self.power_known)
        image[self._dc_voltage] = meter.string_mv // 100
        image[self._dc_current] = meter.current_ma // 100
        image[self._power] = meter.power_w // 100

    def publish_slow(self):
        """Energy, extremes of cells and temperatures."""
        cabinet = self._cabinet
        image = self._image
        cells = cabinet.cells
        estimator = cabinet.estimator
        soc = estimator.soc
        image[self._soc] = soc.soc_cpct
        image[self._soh] = min(estimator.health.soh_cpct // _SOH_PART, _SOH_MOST)
        image[self._anchor_wanted] = 1 if soc.anchor_wanted else 0
        up_mah, down_mah = soc.usable_mah()
        deci_volt = cabinet.meter.string_mv // 100
        image[self._energy_up] = up_mah // 1000 * deci_volt // 1000
        image[self._energy_down] = down_mah // 1000 * deci_volt // 1000
        image[self._joined] = 1 if cabinet.contactors.closed else 0
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
        image[at + 4] = cabinet.slots.missing
        tell = self._pdo.tell
        tell(self._energy_frame, self.soc_known and self.voltage_known)
        tell(self._cells_frame, cells.any_fresh)
        tell(self._temperatures_frame, cells.any_sensor_fresh)
        tell(self._stream_frame, cells.any_fresh)

    def fill(self, frame):
        """The next cells of the stream, 0xFFFF for one that is not known; allocates nothing."""
        image = self._image
        at = self._stream
        cell = self._stream_cell
        cells = self._cabinet.cells
        now_ms = self._cabinet.now_ms
        image[at] = cell
        left = objects.STREAM_CELLS
        while left:
            left -= 1
            at += 1
            image[at] = _NO_CELL
            if cell < cells.cell_count and cells.cell_known(cell, now_ms):
                image[at] = cells.voltage_dmv[cell] // 10
            cell += 1
        self._stream_cell = cell if cell < cells.cell_count else 0

    def snapshot(self):
        """All cells and sensors at once, little-endian: version u8, 0 u8, cells u16, sensors u16,
        uptime u32 in 10 ms; voltages u16 0.1 mV, temperatures i16 0.1 degC, then one byte for
        each cell and each sensor: 1 = known, 0 = never read, or silent for too long.
        """
        cells = self._cabinet.cells
        count, sensors = cells.cell_count, cells.sensor_count
        out = bytearray(pack("<BBHHI", 1, 0, count, sensors, self._cabinet.uptime_ticks))
        out.extend(array("H", cells.voltage_dmv))
        out.extend(array("h", cells.temperatures_dc))
        out.extend(bytes([1 if self.cell_known(cell) else 0 for cell in range(count)]))
        out.extend(bytes([1 if self.sensor_known(sensor) else 0 for sensor in range(sensors)]))
        return bytes(out)
