"""Every cell and temperature sensor of a string: what was read, its age, and the signals of it.

What reads them is a *cell source* (measure.ltc_scan; a chain of other front ends, a BMU on CAN).
Its contract: `slice(now_ms)` once a tick does part of a scan and leaves what it read in the store:
`voltage_dmv` with `fresh`, `temperature` with `temperature_fresh` and `lost`, `device_ms` of each
device that was read throughout, `temperatures_ms`, `afe_temp_dc`, `config_good`. What is not read
in a scan has its fresh mark cleared. It calls `start(now_ms)` before the first reading and
`end_scan()` after the last of each. `report(now_ms)` puts what it says of itself; `bleed(masks)`
closes the discharge switches of these bits by device; `hold_stamps(now_ms)` as all that keep times.
"""

from array import array

from bess.measure import signals as s
from bess.port.interpreter import bind, const
from bess.port.ticks import hold_all, ticks_diff

TEMP_OFFSET_DC = const(1000)  # temperatures are kept unsigned for the scan leaf
_NEVER = const(-1)
_DIE_UNHEARD_DC = const(2000)


class CellMonitor:
    """The store of a cell source, and its evaluation once a scan. `source` is set before.

    `voltage_dmv` (array('H'), by cell, module by module from the string's minus) and
    `fresh` (1 = read well in the newest scan); `cell_min_dmv`, `cell_max_dmv`,
    `cell_mean_dmv` with `cell_min_index`, `cell_max_index`; `temp_min_dc`, `temp_max_dc`,
    `temp_mean_dc` with indices. An open or shorted sensor is `lost`: its neighbours stand in, 2 K
    hotter and 2 K colder, in the extremes (leaves.stand_in); `temp_spread_dc` is of real ones.
    `seen_all` is True once one scan knew every cell and every sensor: before, all is 0 and
    means nothing. `cells_read` and `sensors_read` are how many the newest scan read; `all_fresh`:
    every cell, `all_sensors_known`: every sensor, or neighbours that stand in for it;
    `evaluations` counts them; `temperature_fresh`: 1 for each sensor; `afe_temp_dc`: hottest die of
    the source.
    layout: cells of each device of the source.
    """

    def __init__(self, layout, sensors_per_device, parameters, signals, leaves):
        devices = len(layout)
        self.source = None
        self._signals = signals
        self._leaves = leaves
        self.layout = layout
        self._devices = devices
        self.cell_count = 0
        for count in layout:
            self.cell_count += count
        self.sensors_per_device = sensors_per_device
        self.sensor_count = devices * sensors_per_device
        self.voltage_dmv = array("H", bytes(2 * self.cell_count))
        self.fresh = bytearray(self.cell_count)
        self.temperature = array("H", bytes(2 * self.sensor_count))
        self.temperature_fresh = bytearray(self.sensor_count)
        self.lost = bytearray(self.sensor_count)
        self.device_ms = array("i", bytes(4 * devices))
        self.temperatures_ms = 0
        self.now_ms = _NEVER
        self._started_ms = _NEVER
        self._cold_shift_dmv = parameters.get("cell_uv_cold_shift_dmv")
        self._scan = array("i", bytes(24))
        self._device_of = bytearray()  # front end of each cell
        for device in range(devices):
            for _ in range(layout[device]):
                self._device_of.append(device)
        self._cell_silent_ms = parameters.get("afe_silent_3_ms")
        self._sensor_silent_ms = parameters.get("temp_silent_3_ms")
        self._temp_ms = array("i", bytes(4 * self.sensor_count))
        self._temp_known = bytearray(self.sensor_count)
        self._rise = array("i", bytes(8))
        self.scans = 0
        self.evaluations = 0
        self.cells_read = 0
        self.sensors_read = 0
        self.all_fresh = False
        self.all_sensors_known = False
        self.cell_sum_dmv = 0
        self.afe_temp_dc = _DIE_UNHEARD_DC  # nothing is bled before a die was heard
        self.config_good = False
        self.seen_all = False
        self.cell_min_dmv = 0
        self.cell_max_dmv = 0
        self.cell_mean_dmv = 0
        self.cell_min_index = 0
        self.cell_max_index = 0
        self.temp_min_dc = 0
        self.temp_max_dc = 0
        self.temp_mean_dc = 0
        self.temp_spread_dc = 0
        self.temp_min_index = 0
        self.temp_max_index = 0
        bind(self, "cell_known", "evaluate", "_evaluate_temperatures")
        self.start(_NEVER)

    def start(self, now_ms):
        """Ages count from here until the first reading."""
        self._started_ms = now_ms
        for i in range(self._devices):
            self.device_ms[i] = now_ms
        for i in range(self.sensor_count):
            self._temp_ms[i] = now_ms

    def end_scan(self):
        """The source has read, or failed to read, everything once."""
        self.scans = (self.scans + 1) & 0x1FFFFFFF

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        hold_all(self.device_ms, now_ms)
        hold_all(self._temp_ms, now_ms)
        self.source.hold_stamps(now_ms)

    def temperatures_dc(self):
        """All readings in 0.1 degC, for those that may allocate; of a lost one its stand-in."""
        return [value - TEMP_OFFSET_DC for value in self.temperature]

    def cell_known(self, cell):
        """The cell was read, and not longer ago than its silence may last."""
        read_ms = self.device_ms[self._device_of[cell]]
        age_ms = ticks_diff(self.now_ms, read_ms)
        return read_ms != self._started_ms and age_ms <= self._cell_silent_ms

    def sensor_known(self, sensor):
        """The same for a temperature sensor."""
        read_ms = self._temp_ms[sensor]
        age_ms = ticks_diff(self.now_ms, read_ms)
        return read_ms != self._started_ms and age_ms <= self._sensor_silent_ms

    def frozen_cells(self, last, mean_then, moved_dmv):
        """Cells that stayed exactly the same while the mean moved (leaves.count_frozen)."""
        return self._leaves.count_frozen(
            self.voltage_dmv, last, mean_then, self.cell_count, self.cell_mean_dmv, moved_dmv
        )

    def frozen_sensors(self, last, mean_then, moved_dc):
        """The same for temperature sensors."""
        mean = self.temp_mean_dc + TEMP_OFFSET_DC
        return self._leaves.count_frozen(
            self.temperature, last, mean_then, self.sensor_count, mean, moved_dc
        )

    def largest_rise(self, then, first):
        """Array('i') of leaves.largest_rise: 0.1 K since `then`, and sensors that tell nothing."""
        self._leaves.largest_rise(
            self.temperature, self.temperature_fresh, self.lost, then, first, self._rise
        )
        return self._rise

    def sensors_apart(self, limit_dc):
        """Sensors that differ from both neighbours of their device."""
        return self._leaves.count_apart(
            self.temperature,
            self.temperature_fresh,
            self.sensor_count,
            self.sensors_per_device,
            limit_dc,
        )

    def evaluate(self, now_ms):
        """Form the signals from the newest scan; call once a scan, after its last read."""
        signals = self._signals
        leaves = self._leaves
        cold = self._evaluate_temperatures()
        out = self._scan
        leaves.scan(self.voltage_dmv, self.fresh, self.cell_count, out)
        used = out[5]
        whole = used == self.cell_count
        self.cells_read = used
        self.all_fresh = whole
        if used:
            self.cell_min_dmv = lowest = out[0]
            self.cell_min_index = out[1]
            self.cell_max_dmv = highest = out[2]
            self.cell_max_index = out[3]
            self.cell_mean_dmv = out[4] // used
            self.cell_sum_dmv = out[4]
            put = signals.put if whole else signals.put_partial
            put(s.CELL_MAX, highest)
            put(s.CELL_MIN, lowest + self._cold_shift_dmv if cold else lowest)
            put(s.CELL_MIN_RAW, lowest)
        if whole and self.all_sensors_known:
            self.seen_all = True
        signals.put(s.AFE_AGE, leaves.oldest(self.device_ms, self._devices, now_ms))
        signals.put(s.TEMP_AGE, leaves.oldest(self._temp_ms, self.sensor_count, now_ms))
        self.source.report(now_ms)
        self.evaluations = (self.evaluations + 1) & 0x1FFFFFFF

    def _evaluate_temperatures(self):
        """Put the temperature signals; True when a sensor of the newest scan is below 0 degC."""
        out = self._scan
        leaves = self._leaves
        values = self.temperature
        fresh = self.temperature_fresh
        count = self.sensor_count
        leaves.scan(values, fresh, count, out)
        used = out[5]
        coldest_dc = out[0] - TEMP_OFFSET_DC
        spread_dc = out[2] - out[0]
        sensor_known = self._temp_known
        known = leaves.stand_in(
            values, fresh, self.lost, self.sensors_per_device, sensor_known, out
        )
        leaves.stamp_fresh(self._temp_ms, sensor_known, count, self.temperatures_ms)
        whole = known == count
        self.sensors_read = used
        self.all_sensors_known = whole
        if not used:
            return False
        self.temp_spread_dc = spread_dc
        self.temp_min_dc = lowest_dc = out[0] - TEMP_OFFSET_DC
        self.temp_min_index = out[1]
        self.temp_max_dc = highest_dc = out[2] - TEMP_OFFSET_DC
        self.temp_max_index = out[3]
        self.temp_mean_dc = out[4] // used - TEMP_OFFSET_DC
        put = self._signals.put if whole else self._signals.put_partial
        put(s.TEMP_MAX, highest_dc)
        put(s.TEMP_MIN, lowest_dc)
        return coldest_dc < 0
