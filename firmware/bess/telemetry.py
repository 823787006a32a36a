"""The cabinet's numbers into the process image of the site bus, and its snapshot."""

from array import array
from struct import pack

from bess import objects
from bess.port.interpreter import const

_SOH_PART = const(50)  # half percents
_SOH_MOST = const(255)
_NO_CELL = const(0xFFFF)


class Telemetry:
    """`publish_status` before a SYNC's PDOs, `publish_slow` once a second, `fill` per stream frame.

    cabinet: bess.app.Cabinet; codec: the site bus's FrameCodec. Slots are looked up once.
    """

    def __init__(self, cabinet, codec):
        self._cabinet = cabinet
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

    def fill(self, frame):
        """The next cells of the stream; allocates nothing."""
        image = self._image
        at = self._stream
        cell = self._stream_cell
        cells = self._cabinet.cells
        image[at] = cell
        left = objects.STREAM_CELLS
        while left:
            left -= 1
            at += 1
            image[at] = cells.voltage_dmv[cell] // 10 if cell < cells.cell_count else _NO_CELL
            cell += 1
        self._stream_cell = cell if cell < cells.cell_count else 0

    def snapshot(self):
        """All cells and sensors at once, little-endian: version u8, 0 u8, cells u16, sensors u16,
        uptime u32 in 10 ms; voltages u16 0.1 mV, temperatures i16 0.1 degC, then one byte for
        each cell and each sensor: 1 = read well in the newest scan.
        """
        cells = self._cabinet.cells
        count, sensors = cells.cell_count, cells.sensor_count
        out = bytearray(pack("<BBHHI", 1, 0, count, sensors, self._cabinet.uptime_ticks))
        out.extend(array("H", cells.voltage_dmv))
        out.extend(array("h", cells.temperatures_dc))
        out.extend(cells.fresh[:count])
        out.extend(cells.temperature_fresh[:sensors])
        return bytes(out)
