"""Does what was measured fit together: spread, rise, redundancy, readings that do not live.

A check here may add a fault; it never takes a reading away from protection (rule 2).
"""

from array import array

from bess.measure import signals as s
from bess.port.interpreter import const

_SOC_LOW_CPCT = const(1000)  # on the steep ends a spread of voltage says little
_SOC_HIGH_CPCT = const(9000)
_RISE_SAMPLES = const(3)  # three seconds apart
_OPEN_SETTLED_S = const(2)
_POWER_MOVED_PERMILLE = const(100)


class Plausibility:
    """`step_cells` after every scan, `step_slow` once a second.

    cells: CellMonitor, meter: StringMeter, pcs: driver by drivers.pcs, limits: AllowedPower.
    Allocates nothing in `step_cells`.
    """

    def __init__(self, cells, meter, pcs, limits, parameters, signals):
        self._cells = cells
        self._meter = meter
        self._pcs = pcs
        self._limits = limits
        self._signals = signals
        self._rated_w = parameters.get("pcs_rated_w")
        self._sign_permille = parameters.get("current_sign_permille")
        self._moved_dc = parameters.get("sensor_frozen_moved_dc")
        self._moved_dmv = parameters.get("cell_frozen_moved_dmv")
        self._apart_dc = parameters.get("sensor_implausible_dc")
        self._rise = array("H", bytes(2 * _RISE_SAMPLES * cells.sensor_count))
        self._rise_at = 0
        self._last_sensor = array("H", bytes(2 * cells.sensor_count))
        self._sensor_mean = array("H", bytes(2 * cells.sensor_count))
        self._last_cell = array("H", bytes(2 * cells.cell_count))
        self._cell_mean = array("H", bytes(2 * cells.cell_count))
        self._link_samples = 0
        self._string_samples = 0
        self._current_samples = 0
        self._pcs_ms = -1
        self._compared_ms = -1
        self._open_s = 0
        self._last_ma = 0
        self._power_then_w = 0

    def step_cells(self, soc_cpct):
        """Spreads, sums and the PCS against its limits; each on fresh readings only."""
        meter = self._meter
        signals = self._signals
        if meter.link_samples != self._link_samples:
            self._link_samples = meter.link_samples
            signals.put(s.LINK_VOLTAGE, meter.link_mv)
        if self._pcs.status_ms != self._pcs_ms:
            self._pcs_ms = self._pcs.status_ms
            signals.put(s.PCS_EXCESS, self._excess_permille())
        if self._cells.seen_all:
            self._judge_spreads(soc_cpct)
        if self._cells.all_fresh and meter.string_samples != self._string_samples:
            self._string_samples = meter.string_samples
            self._judge_string()

    def _judge_spreads(self, soc_cpct):
        """A spread of only some cells may speak for a fault, never against one."""
        cells = self._cells
        signals = self._signals
        middle = _SOC_LOW_CPCT <= soc_cpct <= _SOC_HIGH_CPCT
        spread_dmv = cells.cell_max_dmv - cells.cell_min_dmv if middle else 0
        spread_dc = cells.temp_spread_dc
        if cells.all_fresh:
            signals.put(s.CELL_SPREAD, spread_dmv)
        else:
            signals.put_partial(s.CELL_SPREAD, spread_dmv)
        if cells.all_sensors_known:
            signals.put(s.TEMP_SPREAD, spread_dc)
        else:
            signals.put_partial(s.TEMP_SPREAD, spread_dc)

    def _judge_string(self):
        sum_mv = self._cells.cell_sum_dmv // 10
        string_mv = self._meter.string_mv
        gap_mv = abs(sum_mv - string_mv)
        self._signals.put(s.STRING_SUM, gap_mv // (sum_mv // 1000 + 1))
        # cells are all there, but nothing arrives behind the fuse
        self._signals.put(s.FUSE_OPEN, 1 if 2 * string_mv < sum_mv else 0)

    def _excess_permille(self):
        power_w = self._pcs.power_actual_w
        limits = self._limits
        excess_w = power_w - limits.discharge_w if power_w > 0 else -power_w - limits.charge_w
        return max(excess_w, 0) // (self._rated_w // 1000)

    def step_slow(self, closed, is_open):
        """What changes slowly; once a second. closed, is_open: the string's contactors, all."""
        cells = self._cells
        signals = self._signals
        if cells.seen_all:
            self._judge_rise()
            # what was not read may be what is frozen or apart
            put = signals.put if cells.all_sensors_known else signals.put_partial
            put(
                s.SENSOR_FROZEN,
                cells.frozen_sensors(self._last_sensor, self._sensor_mean, self._moved_dc),
            )
            put(s.SENSOR_IMPLAUSIBLE, cells.sensors_apart(self._apart_dc))
            put = signals.put if cells.all_fresh else signals.put_partial
            put(
                s.CELL_FROZEN,
                cells.frozen_cells(self._last_cell, self._cell_mean, self._moved_dmv),
            )
        self._judge_current(closed, is_open)

    def _judge_rise(self):
        """Of every sensor: one that heats among colder ones never shows in the hottest."""
        at = self._rise_at
        self._rise_at = (at + 1) % _RISE_SAMPLES
        rise = self._cells.largest_rise(self._rise, at * self._cells.sensor_count)
        put = self._signals.put_partial if rise[1] else self._signals.put
        put(s.TEMP_RISE, rise[0] // _RISE_SAMPLES)

    def _judge_current(self, closed, is_open):
        """The sensor alone, and against the PCS while both are heard."""
        meter = self._meter
        self._open_s = self._open_s + 1 if is_open else 0
        if meter.current_samples == self._current_samples:
            return
        self._current_samples = meter.current_samples
        current_ma = meter.current_ma
        if self._open_s > _OPEN_SETTLED_S:
            self._signals.put(s.CURRENT_OFFSET, abs(current_ma))
        if self._pcs.status_ms != self._compared_ms:
            self._compared_ms = self._pcs.status_ms
            self._compare_current(current_ma, closed)

    def _compare_current(self, current_ma, closed):
        meter = self._meter
        signals = self._signals
        power_w = self._pcs.power_actual_w
        step_w = self._rated_w // 1000
        gap_w = abs(meter.power_w - power_w) if closed else 0
        signals.put(s.CURRENT_MISMATCH, gap_w // step_w)
        least_w = self._sign_permille * step_w
        opposite = (meter.power_w > least_w and power_w < -least_w) or (
            meter.power_w < -least_w and power_w > least_w
        )
        signals.put(s.CURRENT_SIGN, 1 if closed and opposite else 0)
        if current_ma != self._last_ma:
            self._last_ma = current_ma
            self._power_then_w = power_w
        moved_w = abs(power_w - self._power_then_w)
        signals.put(s.CURRENT_STUCK, 1 if moved_w > _POWER_MOVED_PERMILLE * step_w else 0)
