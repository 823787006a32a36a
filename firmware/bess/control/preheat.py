"""Whether the cells are to be heated, by what the site wants of them and when.

The coordinator announces its next wish. Until then the pack may cool: to reheat it just in time
always costs less than to hold it (thermal.md). It is started so that the pack is ready, by its
heat capacity, its loss and the heater's power, which the heating itself corrects.
"""

from math import log

from bess.port.interpreter import const
from bess.protect.limits import CHARGE_BY_TEMPERATURE, from_table

# purpose
UNKNOWN = const(0)  # nothing was announced: ready for charge always
CHARGE = const(1)
DISCHARGE = const(2)
IDLE = const(3)

_FORGET_S = const(900)  # an announcement is repeated every five seconds
_READY_DC = const(20)  # above where heating would begin
_KEEP_DC = const(30)  # below what charge wants, once it is ready
_LEAST_KEEP_DC = const(10)
_CLOSE_DC = const(3)  # hysteresis of what has to be ready: a minute and a half of 6 kW
_LONE_DC = const(30)  # a cold cell is heated for until the mean is that much too warm
_MOVED_S = const(600)  # a wish that is put off by more than this is another one
_EFFICIENCY_PERMILLE = const(950)
_COLDEST_DC = const(-300)  # thermal.md; where the air's temperature is not known
_NO_END_S = const(1000000)
_PACE_S = const(600)  # heating is compared with what was expected of it
_PACE_LEAST_DC = const(5)
_PACE_LOW = const(500)
_PACE_HIGH = const(1500)
_INVALID_DC = const(-32768)


class Preheat:
    """`announce` what the site wants, `wants` once a second.

    `purpose`, `wanted_in_s`, `rate_permille` as announced, the second counted down;
    `pace_permille`: how fast the cells got warm against what parameters promise; `warm_dc`: what
    the announced charge wants of the cells.
    """

    def __init__(self, parameters):
        get = parameters.get
        self._charge = charge = (get("heat_on_mean_dc"), get("heat_on_min_dc"))
        # to give power it may be colder than to take it, and idle coldest, whatever is set
        self._discharge = discharge = (
            min(get("heat_discharge_mean_dc"), charge[0]),
            min(get("heat_discharge_min_dc"), charge[1]),
        )
        floor_dc = get("heat_floor_dc")
        self._floor = (min(floor_dc, discharge[0]), min(floor_dc, discharge[1]))
        self._ready_dc = self.warm_dc = get("charge_ready_dc")
        self._off = (get("heat_off_mean_dc"), get("heat_off_min_dc"))
        self._island_off_dc = get("island_heat_off_dc")
        self._reserve_cpct = get("island_reserve_cpct")
        self._heater_w = get("heater_w")
        self._capacity_kj_k = get("heat_capacity_kj_k")
        self._loss_w_k = get("heat_loss_w_k")
        self._margin_permille = get("preheat_margin_permille")
        self.purpose = UNKNOWN
        self.wanted_in_s = self.rate_permille = 0
        self.pace_permille = 1000
        self._island = False
        self._due = False
        self._ready = False  # it was, for this announcement
        self._heard_s = 0
        self._pace_s = 0
        self._pace_from_dc = 0
        self._pace_expected_j = 0

    def announce(self, purpose, wanted_in_s, island, rate_permille=0):
        """A new announcement of the coordinator; purpose as above; rate_permille: of 1C that it
        will want, 0 = it did not say: all.
        """
        if purpose != self.purpose or wanted_in_s > self.wanted_in_s + _MOVED_S:
            self._due = self._ready = False
        self.purpose = purpose
        self.wanted_in_s = wanted_in_s
        self._island = island
        self._heard_s = 0
        if rate_permille != self.rate_permille:
            self.rate_permille = rate_permille
            self._aim()

    def _aim(self):
        """`warm_dc` is where the limits begin to allow the announced charge, from the lowest that
        heats where nothing is announced to what allows all.
        """
        rate_permille, warm_dc = self.rate_permille, self._ready_dc
        while rate_permille and warm_dc > self._charge[0]:
            if from_table(CHARGE_BY_TEMPERATURE, warm_dc - 1) < rate_permille:
                break
            warm_dc -= 1
        self.warm_dc = warm_dc

    def tick(self):
        """One second has gone."""
        if self.wanted_in_s:
            self.wanted_in_s -= 1
        self._heard_s += 1
        if self._heard_s >= _FORGET_S:
            self.purpose = UNKNOWN
            self.wanted_in_s = 0
            self._island = False
            self._heard_s = _FORGET_S

    def bounds(self):
        """Heating begins below, ends above: (mean, coldest cell, mean, coldest cell), 0.1 degC."""
        if self.purpose == UNKNOWN:
            on_mean_dc, on_min_dc = self._charge
            off_mean_dc, off_min_dc = self._off
        elif self.purpose == CHARGE:
            on_mean_dc = self.warm_dc
            if self._ready:  # it may cool again, but no further than charge still flows well
                on_mean_dc = min(max(on_mean_dc - _KEEP_DC, self._charge[0]), on_mean_dc)
            off_mean_dc = on_mean_dc + _CLOSE_DC
            off_min_dc = on_min_dc = on_mean_dc
        else:
            on_mean_dc, on_min_dc = self._discharge if self.purpose == DISCHARGE else self._floor
            off_mean_dc, off_min_dc = on_mean_dc + _READY_DC, on_min_dc + _READY_DC
        if self._island:
            off_mean_dc = min(off_mean_dc, self._island_off_dc)
            off_min_dc = min(off_min_dc, self._island_off_dc)
        # whatever is set, it begins below where it ends
        least_dc = _CLOSE_DC if self.purpose == CHARGE else _LEAST_KEEP_DC
        on_mean_dc = min(on_mean_dc, off_mean_dc - least_dc)
        on_min_dc = min(on_min_dc, off_min_dc - least_dc)
        return on_mean_dc, on_min_dc, off_mean_dc, off_min_dc

    def wants(self, heating, mean_dc, low_dc, air_dc, heat_w, soc_cpct):
        """The heater is wanted. heating: it was a second ago; mean_dc, low_dc: of the cells;
        air_dc: around the cabinet, -32768 where not known; heat_w: the cells' own.
        """
        if self._island and soc_cpct < self._reserve_cpct:
            return False
        on_mean_dc, on_min_dc, off_mean_dc, off_min_dc = self.bounds()
        air_dc = _COLDEST_DC if air_dc == _INVALID_DC else air_dc
        if self.purpose in (CHARGE, DISCHARGE) and self.wanted_in_s and not self._due:
            need_s = self._need_s(max(off_mean_dc - mean_dc, off_min_dc - low_dc), mean_dc, air_dc)
            if self.wanted_in_s > need_s:
                return False
            self._due = True
        if mean_dc >= off_mean_dc and low_dc >= off_min_dc:
            self._ready = True
        if self.purpose == DISCHARGE and heat_w >= self.loss_w(mean_dc, air_dc) > 0:
            return False  # the discharge itself warms the cells
        # one cold reading among warm ones is no reason to heat them all until they are cooled
        if heating:
            cold = low_dc < off_min_dc and mean_dc < self._off[0] + _LONE_DC
            return mean_dc < off_mean_dc or cold
        return mean_dc < on_mean_dc or (low_dc <= on_min_dc and mean_dc < self._off[0])

    def loss_w(self, mean_dc, air_dc):
        """What the cabinet loses to air so much colder than its cells, W."""
        return self._loss_w_k * (mean_dc - air_dc) // 10

    def _net_w(self, mean_dc, air_dc):
        return self._heater_w * _EFFICIENCY_PERMILLE // 1000 - self.loss_w(mean_dc, air_dc)

    def _need_s(self, rise_dc, mean_dc, air_dc):
        """How long it takes to get so much warmer, with the margin: an exponential towards where
        heater and loss are equal.
        """
        if rise_dc <= 0:
            return 0
        reach_k = self._net_w(mean_dc, air_dc) / self._loss_w_k
        if reach_k * 10 <= rise_dc:
            return _NO_END_S
        need_s = -1000 * self._capacity_kj_k / self._loss_w_k * log(1 - rise_dc / 10 / reach_k)
        return int(need_s * self._margin_permille / self.pace_permille)

    def learn(self, heater_on, mean_dc, air_dc):
        """Once a second: how fast the cells get warm against what was expected."""
        if not heater_on or air_dc == _INVALID_DC:
            self._pace_s = 0
            return
        if not self._pace_s:
            self._pace_from_dc = mean_dc
            self._pace_expected_j = 0
        self._pace_s += 1
        net_w = self._net_w(mean_dc, air_dc)
        self._pace_expected_j += max(net_w, 0)
        if self._pace_s < _PACE_S:
            return
        self._pace_s = 0
        expected_dc = self._pace_expected_j // (self._capacity_kj_k * 100)
        if expected_dc >= _PACE_LEAST_DC:
            seen = (mean_dc - self._pace_from_dc) * 1000 // expected_dc
            seen = min(max(seen, _PACE_LOW), _PACE_HIGH)
            self.pace_permille += (seen - self.pace_permille) // 4
