"""The estimators of one string, a slice at a time: charge, health, power, and their memory.

`slice` runs every 100 ms and does one of ten things, so that no tick carries more than one step
of the filter or one power limit. What must outlive a loss of power goes to a region in two
framed slots every ten seconds.
"""

from struct import calcsize, pack, unpack

from bess.estimate.cell_model import CellModel
from bess.estimate.charge_counter import COUNT
from bess.estimate.chemistry import Chemistry
from bess.estimate.health import Health
from bess.estimate.power_limits import PowerLimits
from bess.estimate.string_soc import StringSoc
from bess.port.interpreter import const
from bess.port.storage import SlotStore
from bess.port.ticks import ticks_diff

_SLICES = const(10)
_SOC, _HEALTH, _KEEP = const(0), const(8), const(9)
_SAVE_SECONDS = const(10)
_VERSION = const(1)
_RECORD = "<Bffffff9i8i"
_UNSURE = 0.002  # of charge that may have moved unseen since the last save
_NOT_SURE = 0.2  # by rest voltage
_SURPRISE_DMV = const(600)  # a rested cell this far from its stored charge: do not believe it
STATE_BYTES = const(512)


class Estimator:
    """`soc` (StringSoc), `health`, `power`, `counter`; `started` once a charge is known.

    cells: CellMonitor; meter: StringMeter; region: storage of STATE_BYTES; anchored(kind, from,
    to): called for each anchor, in 0.01 %. chemistry: the text of a table.
    """

    def __init__(self, cells, meter, counter, region, chemistry, parameters, anchored):
        self._cells = cells
        self._meter = meter
        self.counter = counter
        self._anchored = anchored
        self._scale = parameters.get("resistance_permille") * 0.001
        self._nominal_mah = nominal_mah = parameters.get("capacity_mah")
        self._chemistry = chemistry = Chemistry(chemistry)
        model = CellModel(chemistry)
        self.soc = StringSoc(chemistry, model, counter, nominal_mah)
        self.health = Health(nominal_mah, counter, self.soc)
        self.power = PowerLimits(chemistry, self.soc, nominal_mah, cells.cell_count)
        self._store = SlotStore(region)
        self._at = 0
        self._seconds = 0
        self._sum_dmv = 0
        self._samples = 0
        self._mean_dmv = 0
        self._stepped_ms = 0
        self.started = False
        self.dirty = False

    def slice(self, now_ms, trusted):
        """One of ten slices; trusted: every cell and temperature is fresh and whole."""
        cells = self._cells
        if not self.started:
            if cells.seen_all and self._meter.seen_all:
                self._start(now_ms)
            return
        self._sum_dmv += cells.cell_mean_dmv
        self._samples += 1
        at = self._at
        self._at = (at + 1) % _SLICES
        if at == _SOC:
            self._step_soc(now_ms, trusted)
        elif at <= PowerLimits.JOBS:
            self.power.solve(at - 1, cells.cell_min_dmv, cells.cell_mean_dmv, cells.cell_max_dmv)
        elif at == _HEALTH:
            self.health.step(cells.temp_mean_dc, self._mean_dmv, trusted)
            self.soc.capacity_mah = self.health.capacity_mah
        elif at == _KEEP:
            self._seconds += 1
            if self._seconds >= _SAVE_SECONDS:
                self._seconds = 0
                self.dirty = True

    def _step_soc(self, now_ms, trusted):
        cells = self._cells
        elapsed_ms = ticks_diff(now_ms, self._stepped_ms)
        self._stepped_ms = now_ms
        self._mean_dmv = self._sum_dmv // self._samples
        self._sum_dmv = self._samples = 0
        before = self.soc.soc_cpct
        self.soc.step(
            max(elapsed_ms, 10) * 0.001, cells.temp_mean_dc * 0.1, cells.cell_min_dmv,
            self._mean_dmv, cells.cell_max_dmv, trusted,
        )  # fmt: skip
        if self.soc.anchored:
            self._anchored(self.soc.anchored, before, self.soc.soc_cpct)

    def _start(self, now_ms):
        """From what was stored, where the cells agree with it; else from their voltage."""
        mean_dmv = self._cells.cell_mean_dmv
        soc = self._chemistry.soc_cpct(mean_dmv) * 1e-4
        sigma, scale, offset_c = _NOT_SURE, self._scale, 0.0
        record = self._load()
        if record is not None:
            _, stored, stored_sigma, scale, offset_c, capacity, variance = record[:7]
            totals = self.counter.totals
            for i in range(COUNT):
                totals[i] = record[7 + i]
            seconds = self.health.seconds_at
            for i in range(len(seconds)):
                seconds[i] = record[7 + COUNT + i]
            # another capacity was set since: what was learned is of another string
            if 0.4 * self._nominal_mah < capacity < 1.3 * self._nominal_mah:
                self.health.set_capacity(capacity, variance)
                self.soc.capacity_mah = capacity
            expected_dmv = self._chemistry.ocv_dmv[min(max(int(stored * 100 + 0.5), 0), 100)]
            off_dmv = mean_dmv - expected_dmv
            if -_SURPRISE_DMV < off_dmv < _SURPRISE_DMV:
                soc, sigma = stored, stored_sigma + _UNSURE
        self.soc.start(soc, sigma, scale, offset_c)
        self._stepped_ms = now_ms
        self.started = True

    def _load(self):
        try:
            stored = self._store.load()
        except OSError:
            return None
        if stored is None or len(stored) != calcsize(_RECORD) or stored[0] != _VERSION:
            return None
        record = unpack(_RECORD, stored)
        _, soc, sigma, scale, offset_c, _, variance = record[:7]
        whole = -0.1 < soc < 1.1 and 0 < sigma < 1 and 0.05 < scale < 21 and -1 < offset_c < 1
        return record if whole and 0 < variance < 1 else None

    def save(self):
        """Store all that must outlive a loss of power. Raises OSError where storage fails."""
        self.dirty = False
        if not self.started:
            return
        soc = self.soc.filter
        health = self.health
        record = pack(
            _RECORD, _VERSION, soc.soc, soc.sigma, soc.resistance.scale, soc.offset_c,
            health.capacity_mah, health.variance, *self.counter.totals, *health.seconds_at,
        )  # fmt: skip
        if not self._store.save(record):
            raise OSError("the state of the string did not read back")
