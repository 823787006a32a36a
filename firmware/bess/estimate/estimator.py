"""The estimators of one string, a slice at a time: charge, health, power, and their memory.

`slice` runs every 100 ms and does one of ten things, so that no tick carries more than one step
of the filter or one power limit. What must outlive a loss of power goes to a region in two
framed slots every ten seconds.
"""

from struct import calcsize, pack, unpack

from bess.estimate.cell_model import UNKNOWN_C, CellModel
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
_VERSION, _FORMER_VERSION = const(2), const(1)
# version, charge, its sigma, scale, offset, capacity and its variance, totals, seconds
_FORMER = "<Bffffff9i8i"
_RECORD = _FORMER + "B5f7f"  # in order; polarisation and hysteresis; the filter's own
_SHARED = const(24)  # fields of a former record
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
    """`soc` (StringSoc), `health`, `power`, `counter`; `started` once a charge is known.

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
        self._mean_dmv = 0  # without the lowest and the highest cell
        self._stepped_ms = 0
        self._unseen_s = unseen_s
        self.started = False
        self.dirty = False
        self.settled = False
        self._leans = False

    def slice(self, now_ms, trusted):
        """One of ten slices; trusted: every cell and temperature is fresh and whole."""
        cells = self._cells
        if not self.started:
            if cells.seen_all and self._meter.seen_all:
                self._start(now_ms)
            return
        # one cell that is driven away, or its wire, must not move the charge of all
        count = cells.cell_count
        rest_dmv = cells.cell_mean_dmv * count - cells.cell_min_dmv - cells.cell_max_dmv
        self._sum_dmv += rest_dmv // (count - 2)
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
        if self._leans and trusted:
            self._look_again()
        if self.soc.anchored:
            self._leans = False
            self._anchored(self.soc.anchored, before, self.soc.soc_cpct)

    def _start(self, now_ms):
        """From what was stored, where the cells can agree with it; else from their voltage.

        Nobody timed the pause, and what flowed before it is still in the voltage: a cell that
        leans no further than that explains keeps its counted charge until it has rested.
        """
        sigma, scale, offset_c = 1.0, self._scale, 0.0
        model = self.soc.model
        model.unrested_c = UNKNOWN_C
        model.set_temperature(self._cells.temp_mean_dc * 0.1)
        record, stored, doubt = self._load(), 0.0, 0.0
        if record is not None:
            _, stored, sigma, scale, offset_c, capacity, variance = record[:7]
            self._take_lived(record, capacity, variance)
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
            self.soc.start(stored, sigma + doubt, scale, offset_c)
            if len(record) > _SHARED:
                self.soc.filter.restore(record[_SHARED + 6], record[_SHARED + 7 :], doubt)
            self._leans = off_dmv >= _SURPRISE_DMV
        else:
            self.soc.start(soc, by_voltage, scale, offset_c)
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
            self.soc.start(charge, sigma, scale, soc.offset_c)

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

    def _load(self):
        """The stored record, a former version's shorter one, or None where none is whole."""
        try:
            stored = self._store.load()
        except OSError:
            return None
        for version, layout in ((_VERSION, _RECORD), (_FORMER_VERSION, _FORMER)):
            if stored and stored[0] == version and len(stored) == calcsize(layout):
                record = unpack(layout, stored)
                return record if _whole(record) else None
        return None

    def save(self):
        """Store all that must outlive a loss of power. Raises OSError where storage fails."""
        self.dirty = False
        if not self.started:
            return
        soc = self.soc.filter
        model = soc.model
        health = self.health
        record = pack(
            _RECORD, _VERSION, soc.soc, soc.sigma, soc.resistance.scale, soc.offset_c,
            health.capacity_mah, health.variance,
            *(
                tuple(self.counter.totals) + tuple(health.seconds_at)
                + (1 if self.settled else 0, model.fast_c, model.slow_c, model.lean)
                + (model.lean_unknown, model.unrested_c) + soc.kept()
            ),
        )  # fmt: skip
        if not self._store.save(record):
            raise OSError("the state of the string did not read back")


def _whole(record):
    _, soc, sigma, scale, offset_c, _, variance = record[:7]
    whole = -0.1 < soc < 1.1 and 0 < sigma < 1 and 0.05 < scale < 21 and -1 < offset_c < 1
    whole = whole and 0 < variance < 1
    if len(record) == _SHARED:
        return whole
    for value in record[_SHARED:]:
        whole = whole and -100 < value < 100
    d0, d1, d2 = record[_SHARED + 7 : _SHARED + 10]
    return whole and record[_SHARED] < 2 and d0 > 0 and d1 > 0 and d2 > 0
