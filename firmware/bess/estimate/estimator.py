"""The estimators of one string, a slice at a time: charge, health, power, and their memory.

`slice` runs every 20 ms and does one of fifty parts of a second's work, so that no tick carries
more than a piece of a filter's step or of a power limit. What must outlive a loss of power goes
to a region in two framed slots every ten seconds.
"""

from array import array
from math import sqrt
from struct import calcsize, pack, unpack

from bess.estimate.cell_model import UNKNOWN_C, CellModel
from bess.estimate.charge_counter import COUNT
from bess.estimate.chemistry import Chemistry
from bess.estimate.health import Health
from bess.estimate.power_limits import PowerLimits
from bess.estimate.soc_filter import CAPACITY_SIGMA
from bess.estimate.string_soc import StringSoc
from bess.estimate.table_shift import KNOTS, TableShift
from bess.port.interpreter import const
from bess.port.storage import SlotStore
from bess.port.ticks import ticks_diff

_PARTS = const(8)  # charge, PowerLimits.JOBS, health
SLICES = const(50)  # in a second; its work takes fewer (test_estimator.py)
_SAVE_SECONDS = const(10)
# version, charge, its sigma, scale, odds of the table, capacity and its variance, totals, seconds
_FIRST = "<Bffffff9i8i"
# in order; polarisation and hysteresis; what was learned of the table
_RECORD = _FIRST + "B5f11h11B"
_VERSION = const(3)
# former ones had the sensor's offset where the odds are, and the second more at its end
_LAYOUTS = {_VERSION: _RECORD, 2: _FIRST + "B5f7f", 1: _FIRST}
_SHARED = const(24)  # fields of a first record
_LEARNED = const(30)  # and those before what was learned
_UNSURE_A_SECOND = 1e-4  # of charge that may have moved unseen: a third of 1 C
_UNSEEN_C = 1e-3  # and current that diffusion may have settled to
_NOT_SURE = 0.2  # by rest voltage
_MOST_UNSURE = 0.3
_EVEN = 1.732  # sigmas to the end of an even spread
_SURPRISE_DMV = const(600)  # model and sensor of a rested cell; beyond, it leans or is another
_RESTED_DMV = const(200)  # of leaning that is still possible
_STILL_C = 0.05
STATE_BYTES = const(512)
# see Estimator: saved every ten seconds, and the newer slot may be torn; saved at rest only, with
# bess.sparing's time between sessions and until the first; the same, and power went under load
UNSEEN_S, SPARING_UNSEEN_S, ENDLESS_S = (20, 20), (900, 300), (86400, 86400)


class Estimator:
    """`soc` (StringSoc), `health`, `power`, `counter`, `table_shift`; `started` once a charge is
    known.

    cells: CellMonitor; meter: StringMeter; region: storage of STATE_BYTES; anchored(kind, from,
    to): called for each anchor, in 0.01 %. chemistry: the text of a table. unseen_s: how long a
    load may have gone on after the last save, before a loss of power and a restart in order.
    `settled`, set from outside: what is saved next is an orderly restart's.
    """

    def __init__(
        self, cells, meter, counter, region, chemistry, parameters, anchored, unseen_s=UNSEEN_S
    ):
        self._cells = cells
        self._meter = meter
        self.counter = counter
        self._anchored = anchored
        self._scale = parameters.get("resistance_permille") * 0.001
        self._nominal_mah = nominal_mah = parameters.get("capacity_mah")
        shifts_dmv = array("h")
        for percent in range(0, 101, 10):
            shifts_dmv.append(parameters.get("table_shift_%d_dmv" % percent))
        self.table_shift = TableShift(shifts_dmv)
        self._chemistry = chemistry = Chemistry(chemistry, shifts_dmv)
        model = CellModel(chemistry)
        self.soc = StringSoc(chemistry, model, counter, nominal_mah)
        self.soc.filter.learn = self.table_shift.learn
        self.health = Health(nominal_mah, counter, self.soc)
        self.power = PowerLimits(chemistry, self.soc, nominal_mah, cells.cell_count)
        self._store = SlotStore(region)
        self._work = None
        self._part = 0
        self._at = 0
        self._now_ms = 0
        self._trusted = False
        self._evaluations = -1
        self._seconds = 0
        self._sum_dmv = 0
        self._samples = 0
        self._mean_dmv = 0  # without the lowest and the highest cell
        self._stepped_ms = 0
        self._unseen_s = unseen_s
        self.started = False
        self.dirty = False
        self.settled = False
        self._leans = False

    def slice(self, now_ms, trusted):
        """One of fifty slices; trusted: every cell and temperature is fresh and whole."""
        cells = self._cells
        if not self.started:
            if cells.seen_all and self._meter.seen_all:
                self._start(now_ms)
            return
        if cells.evaluations != self._evaluations:
            self._evaluations = cells.evaluations
            # one cell that is driven away, or its wire, must not move the charge of all
            count = cells.cell_count
            rest_dmv = cells.cell_mean_dmv * count - cells.cell_min_dmv - cells.cell_max_dmv
            self._sum_dmv += rest_dmv // (count - 2)
            self._samples += 1
        self._now_ms = now_ms
        self._trusted = trusted
        at = self._at
        self._at = at + 1 if at < SLICES - 1 else 0
        if at == 0:
            self._part = 0
            self._seconds += 1
            if self._seconds > _SAVE_SECONDS:
                self._seconds = 1
                self.dirty = True
        self._do()

    def _do(self):
        """A slice of the part at hand, or the first of the next one."""
        work = self._work
        if work is None:
            if self._part == _PARTS:
                return
            work = self._begin(self._part)
            self._part += 1
        self._work = None  # a part that raises costs itself: the next one follows
        try:
            next(work)
        except StopIteration:
            return
        self._work = work

    def _begin(self, part):
        """A part of a second's work as a generator; each `yield` ends a slice."""
        cells = self._cells
        if part == 0:
            return self._step_soc()
        if part == _PARTS - 1:
            return self._step_health()
        return self.power.slices(
            part - 1, cells.cell_min_dmv, cells.cell_mean_dmv, cells.cell_max_dmv
        )

    def _step_health(self):
        yield from self.health.slices(self._cells.temp_mean_dc, self._mean_dmv, self._trusted)
        self.soc.capacity_mah = self.health.capacity_mah
        self.soc.filter.capacity_sigma = min(CAPACITY_SIGMA, sqrt(self.health.variance))

    def _step_soc(self):
        cells = self._cells
        elapsed_ms = ticks_diff(self._now_ms, self._stepped_ms)
        self._stepped_ms = self._now_ms
        if self._samples:
            self._mean_dmv = self._sum_dmv // self._samples
            self._sum_dmv = self._samples = 0
        trusted = self._trusted
        before = self.soc.soc_cpct
        yield from self.soc.slices(
            max(elapsed_ms, 10) * 0.001, cells.temp_mean_dc * 0.1, cells.cell_min_dmv,
            self._mean_dmv, cells.cell_max_dmv, trusted,
        )  # fmt: skip
        if self._leans and trusted:
            yield
            self._look_again()
        if self.soc.anchored:
            self._leans = False
            self._anchored(self.soc.anchored, before, self.soc.soc_cpct)

    def _start(self, now_ms):
        """From what was stored, where the cells can agree with it; else from their voltage.

        Nobody timed the pause, and what flowed before it is still in the voltage: a cell that
        leans no further than that explains keeps its counted charge until it has rested.
        """
        sigma, scale = 1.0, self._scale
        model = self.soc.model
        model.unrested_c = UNKNOWN_C
        model.set_temperature(self._cells.temp_mean_dc * 0.1)
        record, stored, doubt = self._load(), 0.0, 0.0
        if record is not None:
            version, stored, sigma, scale, odds, capacity, variance = record[:7]
            self._take_lived(record, capacity, variance)
            if version == _VERSION:
                self.soc.filter.trust.odds = odds
                self._take_learned(record[_LEARNED:])
            unseen_s = self._unseen_s[0]
            if len(record) > _SHARED:
                unseen_s = self._unseen_s[record[_SHARED]]
                model.restore(*record[_SHARED + 1 : _SHARED + 6])
            model.unrested_c = min(model.unrested_c + unseen_s * _UNSEEN_C, UNKNOWN_C)
            doubt = unseen_s * _UNSURE_A_SECOND
        off_dmv = self._off_dmv(stored, scale)
        leaning_dmv = self._leaning_dmv(stored, scale)
        soc, by_voltage = self._by_voltage(scale, record is not None)
        if sigma + doubt < by_voltage and off_dmv < _SURPRISE_DMV + leaning_dmv:
            self.soc.start(stored, sigma + doubt, scale, True)
            self._leans = off_dmv >= _SURPRISE_DMV
        else:
            self.soc.start(soc, by_voltage, scale)
            self._leans = True
        self._stepped_ms = now_ms
        self.started = True

    def _by_voltage(self, scale, used):
        """(charge, sigma) by voltage. New cells have most likely rested; used ones may lean."""
        mean_dmv = self._cells.cell_mean_dmv
        inverse = self._chemistry.soc_cpct
        soc = inverse(mean_dmv) * 1e-4
        leaning_dmv = self._leaning_dmv(soc, scale)
        low = inverse(mean_dmv - leaning_dmv) * 1e-4
        high = inverse(mean_dmv + leaning_dmv) * 1e-4
        ocv_dmv = self._chemistry.ocv_dmv
        if used or not ocv_dmv[0] <= mean_dmv <= ocv_dmv[-1]:
            soc = (low + high) / 2
        sigma = max(_NOT_SURE, (soc - low) / _EVEN, (high - soc) / _EVEN)
        return soc, min(sigma, _MOST_UNSURE)

    def _off_dmv(self, soc, scale):
        """How far the mean cell is from what it should show at rest, >= 0."""
        rest_v = self.soc.model.now_v(soc, 0.0, scale)
        return abs(self._cells.cell_mean_dmv - int(rest_v * 10000))

    def _leaning_dmv(self, soc, scale):
        return int(scale * self.soc.model.unrested_v(soc) * 10000)

    def _look_again(self):
        """Whether a voltage that might have leaned at the start was another charge after all."""
        soc = self.soc.filter
        scale = soc.resistance.scale
        flows = abs(self.soc.current_c) > _STILL_C
        if flows or self._leaning_dmv(soc.soc, scale) > _RESTED_DMV:
            return
        self._leans = False
        if soc.sigma >= _NOT_SURE or self._off_dmv(soc.soc, scale) >= _SURPRISE_DMV:
            charge, sigma = self._by_voltage(scale, True)
            self.soc.start(charge, sigma, scale)

    def _take_lived(self, record, capacity, variance):
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

    def _take_learned(self, fields):
        learned = self.table_shift
        for i in range(KNOTS):
            learned.learned_dmv[i] = fields[i]
            learned.looks[i] = fields[KNOTS + i]

    @property
    def table_doubt_permille(self):
        """How little the table is believed against the counter, 0..1000."""
        return int(self.soc.filter.trust.doubt * 1000 + 0.5)

    def _load(self):
        """The stored record, a former version's shorter one, or None where none is whole."""
        try:
            stored = self._store.load()
        except OSError:
            return None
        layout = _LAYOUTS.get(stored[0]) if stored else None
        if layout is None or len(stored) != calcsize(layout):
            return None
        record = unpack(layout, stored)
        return record if _whole(record) else None

    def save(self):
        """Store all that must outlive a loss of power. Raises OSError where storage fails."""
        self.dirty = False
        if not self.started:
            return
        soc = self.soc.filter
        model = soc.model
        health = self.health
        record = pack(
            _RECORD, _VERSION, soc.soc, soc.sigma, soc.resistance.scale, soc.trust.odds,
            health.capacity_mah, health.variance,
            *(
                tuple(self.counter.totals) + tuple(health.seconds_at)
                + (1 if self.settled else 0, model.fast_c, model.slow_c, model.lean)
                + (model.lean_unknown, model.unrested_c)
                + tuple(self.table_shift.learned_dmv) + tuple(self.table_shift.looks)
            ),
        )  # fmt: skip
        if not self._store.save(record):
            raise OSError("the state of the string did not read back")


def _whole(record):
    _, soc, sigma, scale, odds, _, variance = record[:7]
    whole = -0.1 < soc < 1.1 and 0 < sigma < 1 and 0.05 < scale < 21 and -4 < odds < 4
    whole = whole and 0 < variance < 1
    if len(record) == _SHARED:
        return whole
    for value in record[_SHARED:_LEARNED]:
        whole = whole and -100 < value < 100
    return whole and record[_SHARED] < 2
