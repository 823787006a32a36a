"""Every cell and temperature sensor of the cabinet, every 100 ms, one slice a tick.

Slices of a scan (ten ticks): convert the NTCs, read them; convert the cells, read them
in three ticks; then one diagnosis of a round of seven: open wire with pull-up and
pull-down current (two scans each), sums and supplies (ADSTAT), converter self-test,
and configuration compared, written again and read back. At most two SPI transactions a
tick, and none reads in the tick that starts a conversion.
"""

from array import array
from math import log

from bess.drivers import ltc681x
from bess.measure import signals as s
from bess.port.interpreter import const
from bess.port.ticks import held, hold_all, ticks_diff

SCAN_TICKS = const(10)
_GROUPS = const(6)
_TEMP_OFFSET_DC = const(1000)  # temperatures are kept unsigned for the scan leaf
_NTC_STEPS = const(256)
_VREF2_LOW = const(29850)  # 2.985..3.015 V by the data sheet, in 100 uV
_VREF2_HIGH = const(30150)
_SCALE = const(0x10000000)
_UNUSED_DMV = const(5000)  # an input beyond the layout that reads this much has a cell
# supplies by the data sheet: VREG 4.5..5.5 V, VREGD 2.7..3.6 V
_VREG_LOW = const(45000)
_VREG_HIGH = const(55000)
_VREGD_LOW = const(27000)
_VREGD_HIGH = const(36000)
_STAT_FLAGS = const(0x0003)  # of STBR5: THSD and MUXFAIL
_NEVER = const(-1)
_GAP_MOST_DMV = const(0x100000)  # 105 V on one device; * 1000 stays inside 2**30
# ITMP of a living die, 0.1 degC: the data sheet's junction range with a margin
_DIE_LOW_DC = const(-500)
_DIE_HIGH_DC = const(2000)
# a lost configuration stays told for its 15 rounds of diagnosis, 10 s; three of them at most
_CONFIG_LOSS = const(15)
_CONFIG_WORST = const(45)

_DIAGNOSES = const(7)
_UP_FIRST = const(0)
_UP_REST = const(1)
_DOWN_FIRST = const(2)
_DOWN_REST = const(3)
_SUMS = const(4)
_SELF_TEST = const(5)
_CONFIGURE = const(6)


def ntc_table(beta_k):
    """Temperature + 100 degC in 0.1 K for 257 steps of V(NTC) / VREF2 (array('H')).

    10 kohm at 25 degC below 10 kohm to VREF2: ratio = R / (R + 10k), R by the beta equation.
    """
    table = array("H")
    for step in range(_NTC_STEPS + 1):
        ratio = min(max(step, 1), _NTC_STEPS - 1) / _NTC_STEPS
        kelvin = 1.0 / (1.0 / 298.15 + log(ratio / (1.0 - ratio)) / beta_k)
        table.append(min(int((kelvin - 273.15) * 10.0 + 1000.5), 4000))
    return table


class CellMonitor:
    """Scans the chain and puts cell and temperature signals.

    `voltage_dmv` (array('H'), by cell, module by module from the string's minus) and
    `fresh` (1 = read well in the newest scan); `cell_min_dmv`, `cell_max_dmv`,
    `cell_mean_dmv` with `cell_min_index`, `cell_max_index`; `temp_min_dc`, `temp_max_dc`,
    `temp_mean_dc` with indices. An open or shorted sensor is lost: its neighbours stand in, 2 K
    hotter and 2 K colder, in the extremes (leaves.stand_in); `temp_spread_dc` is of real ones.
    `seen_all` is True once one scan knew every cell and every sensor: before, all is 0 and
    means nothing. `rounds` counts rounds of diagnosis that read every device throughout.
    `cells_read` and `sensors_read` are how many the newest scan read.
    """

    def __init__(self, chain, layout, sensors_per_device, parameters, signals, leaves):
        devices = chain.device_count
        self._chain = chain
        self._signals = signals
        self._leaves = leaves
        self._layout = layout
        self._devices = devices
        self.cell_count = 0
        for count in layout:
            self.cell_count += count
        self.sensors_per_device = sensors_per_device
        self.sensor_count = devices * sensors_per_device
        self.voltage_dmv = array("H", bytes(2 * self.cell_count))
        self.fresh = bytearray(self.cell_count)
        self._temp = array("H", bytes(2 * self.sensor_count))
        self._temp_fresh = bytearray(self.sensor_count)
        self._raw = array("H", bytes(2 * 6 * devices))  # GPIO1..5 and VREF2 of each device
        self._scale = array("i", bytes(4 * devices))
        self.ntc = ntc_table(parameters.get("ntc_beta_k"))
        self._cold_shift_dmv = parameters.get("cell_uv_cold_shift_dmv")
        self._open_wire_dmv = parameters.get("open_wire_threshold_mv") * 10
        self._scan = array("i", bytes(24))
        self._pulled_up = array("H", bytes(2 * self.cell_count))
        self._pulled_down = array("H", bytes(2 * self.cell_count))
        self._wire_fresh = bytearray(self.cell_count)
        self._groups_good = bytearray(devices)
        self._device_ms = array("i", bytes(4 * devices))
        self._device_of = bytearray()  # front end of each cell
        for device in range(devices):
            for _ in range(layout[device]):
                self._device_of.append(device)
        self._cell_silent_ms = parameters.get("afe_silent_3_ms")
        self._sensor_silent_ms = parameters.get("temp_silent_3_ms")
        self._temp_ms = array("i", bytes(4 * self.sensor_count))
        self._lost = bytearray(self.sensor_count)
        self._temp_known = bytearray(self.sensor_count)
        self._temperatures_ms = 0
        self._rise = array("i", bytes(8))
        self._started_ms = _NEVER
        self._now_ms = _NEVER
        self._phase = 0
        self._diagnosis = _CONFIGURE
        self._self_test_bad = 0
        self._diagnosis_good = False
        self._round_whole = False  # the first one starts at its last diagnosis
        self._round_ms = 0
        self._config_lost = 0
        self._config_score = 0
        self.rounds = 0
        self.scans = 0
        self._ntc_faults = array("i", bytes(12))
        self._reference_bad = 0
        self._aux_read = 0
        self._unused = 0
        self.cells_read = 0
        self.sensors_read = 0
        self._sensors_known = 0
        self.cell_sum_dmv = 0
        self.afe_temp_dc = _DIE_HIGH_DC  # nothing is bled before a die was heard
        self._supply_bad = 0
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
        # one row a tick of the scan; bound once, since binding allocates
        self._slices = (
            self._convert_temperatures,
            self._read_temperatures,
            self._convert_cells,
            self._read_cells_ab,
            self._read_cells_cd,
            self._read_cells_ef,
            self._diagnose_start,
            self._diagnose_first,
            self._diagnose_second,
            self._diagnose_third,
        )
        self._start(_NEVER)

    def slice(self, now_ms):
        """Do this tick's part of the scan."""
        self._now_ms = now_ms
        if self._started_ms == _NEVER:
            self._start(now_ms)
        self._chain.wake()
        self._slices[self._phase](now_ms)
        self._phase = (self._phase + 1) % SCAN_TICKS

    def _start(self, now_ms):
        """Ages count from here until the first reading."""
        self._started_ms = now_ms
        for i in range(self._devices):
            self._device_ms[i] = now_ms
        for i in range(self.sensor_count):
            self._temp_ms[i] = now_ms
        self._round_ms = now_ms

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        hold_all(self._device_ms, now_ms)
        hold_all(self._temp_ms, now_ms)
        self._round_ms = held(now_ms, self._round_ms)

    @property
    def temperatures_dc(self):
        """All readings in 0.1 degC, for those that may allocate; of a lost one its stand-in."""
        return [value - _TEMP_OFFSET_DC for value in self._temp]

    def cell_known(self, cell):
        """The cell was read, and not longer ago than its silence may last."""
        read_ms = self._device_ms[self._device_of[cell]]
        age_ms = ticks_diff(self._now_ms, read_ms)
        return read_ms != self._started_ms and age_ms <= self._cell_silent_ms

    def sensor_known(self, sensor):
        """The same for a temperature sensor."""
        read_ms = self._temp_ms[sensor]
        age_ms = ticks_diff(self._now_ms, read_ms)
        return read_ms != self._started_ms and age_ms <= self._sensor_silent_ms

    @property
    def all_sensors_known(self):
        """The newest scan read every temperature sensor, or neighbours that stand in for it."""
        return self._sensors_known == self.sensor_count

    @property
    def all_fresh(self):
        """The newest scan read every cell."""
        return self.cells_read == self.cell_count

    def frozen_cells(self, last, mean_then, moved_dmv):
        """Cells that stayed exactly the same while the mean moved (leaves.count_frozen)."""
        return self._leaves.count_frozen(
            self.voltage_dmv, last, mean_then, self.cell_count, self.cell_mean_dmv, moved_dmv
        )

    def frozen_sensors(self, last, mean_then, moved_dc):
        """The same for temperature sensors."""
        mean = self.temp_mean_dc + _TEMP_OFFSET_DC
        return self._leaves.count_frozen(
            self._temp, last, mean_then, self.sensor_count, mean, moved_dc
        )

    def largest_rise(self, then, first):
        """Array('i') of leaves.largest_rise: 0.1 K since `then`, and sensors that tell nothing."""
        self._leaves.largest_rise(self._temp, self._temp_fresh, self._lost, then, first, self._rise)
        return self._rise

    def sensors_apart(self, limit_dc):
        """Sensors that differ from both neighbours of their device."""
        return self._leaves.count_apart(
            self._temp, self._temp_fresh, self.sensor_count, self.sensors_per_device, limit_dc
        )

    @property
    def temperature_fresh(self):
        """1 for each sensor that the newest scan read well."""
        return self._temp_fresh

    def _convert_temperatures(self, now_ms):
        self._leaves.clear(self._temp_fresh, self.sensor_count)
        self._chain.command(ltc681x.ADAX)

    def _read_temperatures(self, now_ms):
        chain = self._chain
        leaves = self._leaves
        good = self._groups_good
        raw = self._raw
        scale = self._scale
        device = self._devices
        while device:
            device -= 1
            good[device] = 1
        # group A brings GPIO1..3; group B GPIO4, 5 and VREF2, without which nothing is known
        chain.read(ltc681x.RDAUXA)
        leaves.store_words(chain.received, chain.valid, 0, raw, good)
        chain.read(ltc681x.RDAUXB)
        leaves.store_words(chain.received, chain.valid, 3, raw, good)
        device = self._devices
        bad = 0
        read = 0
        while device:
            device -= 1
            read += good[device]
            reference = raw[6 * device + 5]
            plausible = _VREF2_LOW <= reference <= _VREF2_HIGH
            scale[device] = _SCALE // reference if good[device] and plausible else 0
            if good[device] and not plausible:
                bad += 1
        self._reference_bad = bad
        self._aux_read = read
        leaves.judge_ntc(raw, scale, self.sensors_per_device, self._lost, self._ntc_faults)
        leaves.convert_ntc(
            raw, scale, self.sensors_per_device, self.ntc, self._temp, self._temp_fresh
        )
        self._temperatures_ms = now_ms

    def _convert_cells(self, now_ms):
        self._leaves.clear(self.fresh, self.cell_count)
        self._leaves.clear(self._groups_good, self._devices)
        self._unused = 0
        self._chain.command(ltc681x.ADCV)

    def _read_cell_group(self, group):
        chain = self._chain
        chain.read(ltc681x.CELL_READS[group])
        self._leaves.store_group(
            chain.received, chain.valid, group, self._layout, self.voltage_dmv, self.fresh
        )
        self._unused += self._leaves.count_unused(
            chain.received, chain.valid, group, self._layout, _UNUSED_DMV
        )
        valid = chain.valid
        good = self._groups_good
        i = self._devices
        while i:
            i -= 1
            good[i] += valid[i]

    def _read_cells_ab(self, now_ms):
        self._read_cell_group(0)
        self._read_cell_group(1)

    def _read_cells_cd(self, now_ms):
        self._read_cell_group(2)
        self._read_cell_group(3)

    def _read_cells_ef(self, now_ms):
        self._read_cell_group(4)
        self._read_cell_group(5)
        i = self._devices
        while i:
            i -= 1
            if self._groups_good[i] == _GROUPS:
                self._device_ms[i] = now_ms
        self.scans = (self.scans + 1) & 0x1FFFFFFF

    def _diagnose_start(self, now_ms):
        chain = self._chain
        diagnosis = self._diagnosis
        self._diagnosis_good = True
        if diagnosis <= _UP_REST:
            chain.command(ltc681x.ADOW_PULL_UP)
        elif diagnosis <= _DOWN_REST:
            chain.command(ltc681x.ADOW_PULL_DOWN)
        elif diagnosis == _SUMS:
            chain.command(ltc681x.ADSTAT)
        elif diagnosis == _SELF_TEST:
            self._self_test_bad = 0
            chain.command(ltc681x.CVST)
        else:
            # compared before it is written again: else a device that was reset goes unseen
            self._config_lost = self._read_config() if chain.config_written else 0

    def _diagnose_first(self, now_ms):
        chain = self._chain
        diagnosis = self._diagnosis
        # the data sheet asks for the open-wire conversion at least twice, to charge the filters
        if diagnosis <= _UP_REST:
            chain.command(ltc681x.ADOW_PULL_UP)
        elif diagnosis <= _DOWN_REST:
            chain.command(ltc681x.ADOW_PULL_DOWN)
        elif diagnosis == _SUMS:
            self._read_diagnosis(ltc681x.RDSTATA)
            self._compare_sums()
            self._read_diagnosis(ltc681x.RDSTATB)
            self._check_supplies()
        elif diagnosis == _SELF_TEST:
            self._check_self_test(0)
            self._check_self_test(1)
        else:
            chain.write_config()

    def _diagnose_second(self, now_ms):
        diagnosis = self._diagnosis
        if diagnosis <= _DOWN_REST:
            first = 4 if diagnosis & 1 else 0
            self._store_open_wire(first)
            self._store_open_wire(first + 1)
        elif diagnosis == _SELF_TEST:
            self._check_self_test(2)
            self._check_self_test(3)
        elif diagnosis == _CONFIGURE:
            self._judge_config(self._read_config())

    def _diagnose_third(self, now_ms):
        diagnosis = self._diagnosis
        if diagnosis == _UP_FIRST or diagnosis == _DOWN_FIRST:
            self._store_open_wire(2)
            self._store_open_wire(3)
        elif diagnosis == _DOWN_REST:
            # what was not renewed is of the round before: it clears no open wire
            if self._diagnosis_good and self._round_whole:
                self._signals.put(s.OPEN_WIRE, self._open_wires())
            elif self._diagnosis_good and self.rounds:
                self._signals.put_partial(s.OPEN_WIRE, self._open_wires())
        elif diagnosis == _SELF_TEST:
            self._check_self_test(4)
            self._check_self_test(5)
            if self._diagnosis_good:
                self._signals.put(s.AFE_SELF_TEST, self._self_test_bad)
            else:
                self._signals.put_partial(s.AFE_SELF_TEST, self._self_test_bad)
        if not self._diagnosis_good:
            self._round_whole = False
        self._diagnosis = (diagnosis + 1) % _DIAGNOSES
        if self._diagnosis == 0:
            if self._round_whole:
                self.rounds = (self.rounds + 1) & 0x1FFFFFFF
                self._round_ms = now_ms
            self._round_whole = True

    def _read_diagnosis(self, command):
        """A round that did not hear every device is not whole."""
        if self._chain.read(command) != self._devices:
            self._diagnosis_good = False

    def _read_config(self):
        """Devices that do not hold what was written last."""
        chain = self._chain
        self._read_diagnosis(ltc681x.RDCFGA)
        differing = chain.config_differs(ltc681x.RDCFGA)
        self._read_diagnosis(ltc681x.RDCFGB)
        return differing + chain.config_differs(ltc681x.RDCFGB)

    def _judge_config(self, refused):
        """One loss warns for ten seconds, a second one meanwhile is no accident any more."""
        whole = self._diagnosis_good
        self.config_good = whole and refused == 0
        if refused or self._config_lost:
            self._config_score = min(self._config_score + _CONFIG_LOSS, _CONFIG_WORST)
        elif whole and self._config_score:
            self._config_score -= 1
        if whole:
            self._signals.put(s.AFE_CONFIG, self._config_score)
        else:
            self._signals.put_partial(s.AFE_CONFIG, self._config_score)

    def _store_open_wire(self, group):
        chain = self._chain
        self._read_diagnosis(ltc681x.CELL_READS[group])
        out = self._pulled_up if self._diagnosis <= _UP_REST else self._pulled_down
        self._leaves.store_group(
            chain.received, chain.valid, group, self._layout, out, self._wire_fresh
        )

    def _open_wires(self):
        return self._leaves.open_wires(
            self._pulled_up, self._pulled_down, self._layout, self._open_wire_dmv
        )

    def _compare_sums(self):
        chain = self._chain
        worst = 0
        seen = 0
        first = 0
        device = 0
        hottest_dc = -2760
        bad = 0
        heard = 0
        for count in self._layout:
            total = self._leaves.sum_of_fresh(self.voltage_dmv, self.fresh, first, count)
            if chain.valid[device] and total > 0:
                seen += 1
                gap = abs(chain.word(device, 0) * ltc681x.SUM_FACTOR - total)
                permille = min(gap, _GAP_MOST_DMV) * 1000 // total
                worst = max(worst, permille)
            if chain.valid[device]:
                # ITMP: 7.6 mV/K from -276 degC, in 100 uV
                die_dc = chain.word(device, 1) * 10 // 76 - 2760
                hottest_dc = max(hottest_dc, die_dc)
                plausible = _DIE_LOW_DC <= die_dc <= _DIE_HIGH_DC
                if not plausible or not _VREG_LOW <= chain.word(device, 2) <= _VREG_HIGH:
                    bad += 1
                heard += plausible
            first += count
            device += 1
        self._supply_bad = bad
        if hottest_dc > -2760:
            self.afe_temp_dc = hottest_dc
            if heard == self._devices:
                self._signals.put(s.AFE_TEMP, hottest_dc)
            else:
                self._signals.put_partial(s.AFE_TEMP, hottest_dc)
        if seen == self._devices:
            self._signals.put(s.AFE_SUM, worst)
        elif seen:
            self._signals.put_partial(s.AFE_SUM, worst)

    def _check_supplies(self):
        chain = self._chain
        bad = self._supply_bad
        device = self._devices
        seen = 0
        while device:
            device -= 1
            if chain.valid[device]:
                seen += 1
                digital = chain.word(device, 0)
                flags = chain.word(device, 2) >> 8 & _STAT_FLAGS
                if flags or not _VREGD_LOW <= digital <= _VREGD_HIGH:
                    bad += 1
        if seen == self._devices:
            self._signals.put(s.AFE_SUPPLY, bad)
        elif seen:
            self._signals.put_partial(s.AFE_SUPPLY, bad)

    def _check_self_test(self, group):
        chain = self._chain
        self._read_diagnosis(ltc681x.CELL_READS[group])
        self._self_test_bad += self._leaves.count_other_words(
            chain.received, chain.valid, ltc681x.SELF_TEST_RESULT
        )

    def evaluate(self, now_ms):
        """Form the signals from the newest scan; call once a scan, after its last read."""
        signals = self._signals
        leaves = self._leaves
        cold = self._evaluate_temperatures()
        out = self._scan
        leaves.scan(self.voltage_dmv, self.fresh, self.cell_count, out)
        used = out[5]
        self.cells_read = used
        if used:
            self.cell_min_dmv = out[0]
            self.cell_min_index = out[1]
            self.cell_max_dmv = out[2]
            self.cell_max_index = out[3]
            self.cell_mean_dmv = out[4] // used
            self.cell_sum_dmv = out[4]
            shift_dmv = self._cold_shift_dmv if cold else 0
            if used == self.cell_count:
                signals.put(s.CELL_MAX, self.cell_max_dmv)
                signals.put(s.CELL_MIN, self.cell_min_dmv + shift_dmv)
                signals.put(s.CELL_MIN_RAW, self.cell_min_dmv)
                signals.put(s.WRONG_MODULE, self._unused)
            else:
                signals.put_partial(s.CELL_MAX, self.cell_max_dmv)
                signals.put_partial(s.CELL_MIN, self.cell_min_dmv + shift_dmv)
                signals.put_partial(s.CELL_MIN_RAW, self.cell_min_dmv)
                signals.put_partial(s.WRONG_MODULE, self._unused)
        if self.all_sensors_known and used == self.cell_count:
            self.seen_all = True
        signals.put(s.AFE_AGE, leaves.oldest(self._device_ms, self._devices, now_ms))
        signals.put(s.TEMP_AGE, leaves.oldest(self._temp_ms, self.sensor_count, now_ms))
        signals.put(s.DIAGNOSIS_AGE, ticks_diff(now_ms, self._round_ms))
        worst = 0
        for streak in self._chain.crc_streak:
            worst = max(worst, streak)
        signals.put(s.AFE_CRC, worst)
        faults = self._ntc_faults
        # a device that was not read may be the one whose sensors are gone
        if self._aux_read == self._devices:
            signals.put(s.AFE_REFERENCE, self._reference_bad)
            signals.put(s.SENSOR_OPEN, faults[0])
            signals.put(s.SENSOR_SHORT, faults[1])
            signals.put(s.SENSORS_LOST, faults[2])
        else:
            signals.put_partial(s.AFE_REFERENCE, self._reference_bad)
            signals.put_partial(s.SENSOR_OPEN, faults[0])
            signals.put_partial(s.SENSOR_SHORT, faults[1])
            signals.put_partial(s.SENSORS_LOST, faults[2])

    def _evaluate_temperatures(self):
        """Put the temperature signals; True when a sensor of the newest scan is below 0 degC."""
        out = self._scan
        leaves = self._leaves
        leaves.scan(self._temp, self._temp_fresh, self.sensor_count, out)
        used = out[5]
        coldest_dc = out[0] - _TEMP_OFFSET_DC
        spread_dc = out[2] - out[0]
        known = leaves.stand_in(
            self._temp, self._temp_fresh, self._lost, self.sensors_per_device, self._temp_known, out
        )
        leaves.stamp_fresh(
            self._temp_ms, self._temp_known, self.sensor_count, self._temperatures_ms
        )
        self.sensors_read = used
        self._sensors_known = known
        if not used:
            return False
        self.temp_spread_dc = spread_dc
        self.temp_min_dc = out[0] - _TEMP_OFFSET_DC
        self.temp_min_index = out[1]
        self.temp_max_dc = out[2] - _TEMP_OFFSET_DC
        self.temp_max_index = out[3]
        self.temp_mean_dc = out[4] // used - _TEMP_OFFSET_DC
        signals = self._signals
        if known == self.sensor_count:
            signals.put(s.TEMP_MAX, self.temp_max_dc)
            signals.put(s.TEMP_MIN, self.temp_min_dc)
        else:
            signals.put_partial(s.TEMP_MAX, self.temp_max_dc)
            signals.put_partial(s.TEMP_MIN, self.temp_min_dc)
        return coldest_dc < 0
