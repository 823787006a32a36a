"""The cell source of LTC6813 front ends: a scan of every cell and sensor every 100 ms.

Slices of a scan (ten ticks): convert the NTCs, read them; convert the cells, read them
in three ticks; then one diagnosis of a round of seven: open wire with pull-up and
pull-down current (two scans each), sums and supplies (ADSTAT), converter self-test,
and configuration compared, written again and read back. At most two SPI transactions a
tick, and none reads in the tick that starts a conversion.
"""

from array import array

from bess.drivers import ltc681x
from bess.measure import signals as s
from bess.measure.ntc import ntc_table
from bess.port.interpreter import bind, const
from bess.port.ticks import held, ticks_diff

SCAN_TICKS = const(10)
_GROUPS = const(6)
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
_GAP_MOST_DMV = const(0x100000)  # 105 V on one device; * 1000 stays inside 2**30
# ITMP of a living die, 0.1 degC: the data sheet's junction range with a margin
_DIE_LOW_DC = const(-500)
_DIE_HIGH_DC = const(2000)
_DIE_LOWEST_DC = const(-2760)
# a lost configuration stays told for its 15 rounds of diagnosis, 10 s; three of them at most
_CONFIG_LOSS = const(15)
_CONFIG_WORST = const(45)


class LtcScan:
    """A cell source (measure.cells) over a drivers.ltc681x.Chain.

    `rounds` counts rounds of diagnosis that read every device throughout; `ntc` is the table of
    its sensors.
    """

    def __init__(self, chain, cells, parameters, signals, leaves):
        devices = chain.device_count
        self._chain = chain
        self._cells = cells
        self._signals = signals
        self._leaves = leaves
        self._layout = cells.layout
        self._devices = devices
        self._per_device = cells.sensors_per_device
        self._raw = array("H", bytes(2 * 6 * devices))  # GPIO1..5 and VREF2 of each device
        self._scale = array("i", bytes(4 * devices))
        self.ntc = ntc_table(parameters.get("ntc_beta_k"))
        self._open_wire_dmv = parameters.get("open_wire_threshold_mv") * 10
        self._pulled_up = array("H", bytes(2 * cells.cell_count))
        self._pulled_down = array("H", bytes(2 * cells.cell_count))
        self._wire_fresh = bytearray(cells.cell_count)
        self._pulled = self._pulled_up
        self._groups_good = bytearray(devices)
        self._started = False
        self._phase = 0
        self._self_test_bad = 0
        self._diagnosis_good = False
        self._round_whole = False  # the first one starts at its last diagnosis
        self._round_ms = 0
        self._config_lost = 0
        self._config_score = 0
        self.rounds = 0
        self._ntc_faults = array("i", bytes(12))
        self._reference_bad = 0
        self._aux_read = 0
        self._unused = 0
        self._supply_bad = 0
        # bound once, since binding allocates: a row a tick of the scan, and of the diagnoses
        self._slices = (
            self._convert_temperatures, self._read_temperatures, self._convert_cells,
            self._read_cells_ab, self._read_cells_cd, self._read_cells_ef,
        )  # fmt: skip
        up, down = self._pull_up, self._pull_down
        first, middle, last = self._store_first, self._store_middle, self._store_last
        self._diagnoses = (
            (up, up, first, middle),
            # the data sheet asks for the open-wire conversion at least twice, to charge the filters
            (up, up, last, self._rest),
            (down, down, first, middle),
            (down, down, last, self._judge_wires),
            (self._convert_status, self._check_sums, self._check_supplies, self._rest),
            (self._convert_self_test, self._test_first, self._test_middle, self._test_last),
            (self._compare_config, chain.write_config, self._judge_config, self._rest),
        )
        self._diagnosis = len(self._diagnoses) - 1
        bind(self, "slice", "_read_cell_group", "_read_diagnosis")

    def slice(self, now_ms):
        """Do this tick's part of the scan."""
        if not self._started:
            self._started = True
            self._round_ms = now_ms
            self._cells.start(now_ms)
        self._cells.now_ms = now_ms
        self._chain.wake()
        phase = self._phase
        self._phase = phase + 1 if phase < SCAN_TICKS - 1 else 0
        if phase < len(self._slices):
            self._slices[phase](now_ms)
            return
        step = phase - len(self._slices)
        if step == 0:
            self._diagnosis_good = True
        self._diagnoses[self._diagnosis][step]()
        if step == len(self._diagnoses[0]) - 1:
            self._end_diagnosis(now_ms)

    def _end_diagnosis(self, now_ms):
        if not self._diagnosis_good:
            self._round_whole = False
        self._diagnosis = (self._diagnosis + 1) % len(self._diagnoses)
        if self._diagnosis == 0:
            if self._round_whole:
                self.rounds = (self.rounds + 1) & 0x1FFFFFFF
                self._round_ms = now_ms
            self._round_whole = True

    def bleed(self, masks):
        """Bleed the cells of these bits, by device (array('i')), from the next round on."""
        chain = self._chain
        for device in range(self._devices):
            chain.set_discharge(device, masks[device])
        chain.prepare_config()

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._round_ms = held(now_ms, self._round_ms)

    def report(self, now_ms):
        """Put what the newest scan says of the front ends themselves."""
        signals = self._signals
        signals.put(s.DIAGNOSIS_AGE, ticks_diff(now_ms, self._round_ms))
        signals.put(s.AFE_CRC, max(self._chain.crc_streak))
        faults = self._ntc_faults
        # a device that was not read may be the one whose sensors are gone
        put = signals.put if self._aux_read == self._devices else signals.put_partial
        put(s.AFE_REFERENCE, self._reference_bad)
        put(s.SENSOR_OPEN, faults[0])
        put(s.SENSOR_SHORT, faults[1])
        put(s.SENSORS_LOST, faults[2])
        if self._cells.cells_read:
            put = signals.put if self._cells.all_fresh else signals.put_partial
            put(s.WRONG_MODULE, self._unused)

    def _convert_temperatures(self, now_ms):
        cells = self._cells
        self._leaves.clear(cells.temperature_fresh, cells.sensor_count)
        self._chain.command(ltc681x.ADAX)

    def _read_temperatures(self, now_ms):
        chain = self._chain
        cells = self._cells
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
            scale[device] = 0
            if good[device]:
                read += 1
                reference = raw[6 * device + 5]
                if _VREF2_LOW <= reference <= _VREF2_HIGH:
                    scale[device] = _SCALE // reference
                else:
                    bad += 1
        self._reference_bad = bad
        self._aux_read = read
        leaves.judge_ntc(raw, scale, self._per_device, cells.lost, self._ntc_faults)
        leaves.convert_ntc(
            raw, scale, self._per_device, self.ntc, cells.temperature, cells.temperature_fresh
        )
        cells.temperatures_ms = now_ms

    def _convert_cells(self, now_ms):
        cells = self._cells
        self._leaves.clear(cells.fresh, cells.cell_count)
        self._leaves.clear(self._groups_good, self._devices)
        self._unused = 0
        self._chain.command(ltc681x.ADCV)

    def _read_cell_group(self, group):
        chain = self._chain
        cells = self._cells
        chain.read(ltc681x.CELL_READS[group])
        self._leaves.store_group(
            chain.received, chain.valid, group, self._layout, cells.voltage_dmv, cells.fresh
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
        device_ms = self._cells.device_ms
        good = self._groups_good
        i = self._devices
        while i:
            i -= 1
            if good[i] == _GROUPS:
                device_ms[i] = now_ms
        self._cells.end_scan()

    def _rest(self):
        """A diagnosis that has no work left."""

    def _read_diagnosis(self, command):
        """A round that did not hear every device is not whole."""
        if self._chain.read(command) != self._devices:
            self._diagnosis_good = False

    def _pull_up(self):
        self._pulled = self._pulled_up
        self._chain.command(ltc681x.ADOW_PULL_UP)

    def _pull_down(self):
        self._pulled = self._pulled_down
        self._chain.command(ltc681x.ADOW_PULL_DOWN)

    def _store_first(self):
        self._store_open_wire(0)
        self._store_open_wire(1)

    def _store_middle(self):
        self._store_open_wire(2)
        self._store_open_wire(3)

    def _store_last(self):
        self._store_open_wire(4)
        self._store_open_wire(5)

    def _store_open_wire(self, group):
        chain = self._chain
        self._read_diagnosis(ltc681x.CELL_READS[group])
        self._leaves.store_group(
            chain.received, chain.valid, group, self._layout, self._pulled, self._wire_fresh
        )

    def _judge_wires(self):
        # what was not renewed is of the round before: it clears no open wire
        if self._diagnosis_good and (self._round_whole or self.rounds):
            put = self._signals.put if self._round_whole else self._signals.put_partial
            up, down = self._pulled_up, self._pulled_down
            put(s.OPEN_WIRE, self._leaves.open_wires(up, down, self._layout, self._open_wire_dmv))

    def _convert_status(self):
        self._chain.command(ltc681x.ADSTAT)

    def _check_sums(self):
        """The sum that each device formed against its cells; its die and its analog supply."""
        self._read_diagnosis(ltc681x.RDSTATA)
        chain = self._chain
        cells = self._cells
        word = chain.word
        valid = chain.valid
        sum_of_fresh = self._leaves.sum_of_fresh
        voltage_dmv = cells.voltage_dmv
        fresh = cells.fresh
        worst = seen = first = device = bad = heard = 0
        hottest_dc = _DIE_LOWEST_DC
        for count in self._layout:
            if valid[device]:
                total = sum_of_fresh(voltage_dmv, fresh, first, count)
                if total > 0:
                    seen += 1
                    gap = word(device, 0) * ltc681x.SUM_FACTOR - total
                    if gap < 0:
                        gap = -gap
                    if gap > _GAP_MOST_DMV:
                        gap = _GAP_MOST_DMV
                    permille = gap * 1000 // total
                    if permille > worst:
                        worst = permille
                # ITMP: 7.6 mV/K from -276 degC, in 100 uV
                die_dc = word(device, 1) * 10 // 76 + _DIE_LOWEST_DC
                if die_dc > hottest_dc:
                    hottest_dc = die_dc
                plausible = _DIE_LOW_DC <= die_dc <= _DIE_HIGH_DC
                if not plausible or not _VREG_LOW <= word(device, 2) <= _VREG_HIGH:
                    bad += 1
                if plausible:
                    heard += 1
            first += count
            device += 1
        self._supply_bad = bad
        signals = self._signals
        if hottest_dc > _DIE_LOWEST_DC:
            cells.afe_temp_dc = hottest_dc
            put = signals.put if heard == self._devices else signals.put_partial
            put(s.AFE_TEMP, hottest_dc)
        if seen:
            put = signals.put if seen == self._devices else signals.put_partial
            put(s.AFE_SUM, worst)

    def _check_supplies(self):
        """The digital supply of each device, and what it says of itself."""
        self._read_diagnosis(ltc681x.RDSTATB)
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
        if seen:
            put = self._signals.put if seen == self._devices else self._signals.put_partial
            put(s.AFE_SUPPLY, bad)

    def _convert_self_test(self):
        self._self_test_bad = 0
        self._chain.command(ltc681x.CVST)

    def _test_first(self):
        self._check_self_test(0)
        self._check_self_test(1)

    def _test_middle(self):
        self._check_self_test(2)
        self._check_self_test(3)

    def _test_last(self):
        self._check_self_test(4)
        self._check_self_test(5)
        put = self._signals.put if self._diagnosis_good else self._signals.put_partial
        put(s.AFE_SELF_TEST, self._self_test_bad)

    def _check_self_test(self, group):
        chain = self._chain
        self._read_diagnosis(ltc681x.CELL_READS[group])
        self._self_test_bad += self._leaves.count_other_words(
            chain.received, chain.valid, ltc681x.SELF_TEST_RESULT
        )

    def _compare_config(self):
        # compared before it is written again: else a device that was reset goes unseen
        self._config_lost = self._read_config() if self._chain.config_written else 0

    def _read_config(self):
        """Devices that do not hold what was written last."""
        chain = self._chain
        self._read_diagnosis(ltc681x.RDCFGA)
        differing = chain.config_differs(ltc681x.RDCFGA)
        self._read_diagnosis(ltc681x.RDCFGB)
        return differing + chain.config_differs(ltc681x.RDCFGB)

    def _judge_config(self):
        """One loss warns for ten seconds, a second one meanwhile is no accident any more."""
        refused = self._read_config()
        whole = self._diagnosis_good
        self._cells.config_good = whole and refused == 0
        if refused or self._config_lost:
            self._config_score = min(self._config_score + _CONFIG_LOSS, _CONFIG_WORST)
        elif whole and self._config_score:
            self._config_score -= 1
        put = self._signals.put if whole else self._signals.put_partial
        put(s.AFE_CONFIG, self._config_score)
