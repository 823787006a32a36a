"""Keeps the cells healthy from -30 to 50 degC: which mode, and how hard (design page thermal.md).

Modes have hysteresis; control.circuit switches what they need with its minimum times,
control.preheat says when heat is wanted, control.modulation how much is cooled. Water never gets
nearer to the dew point than the margin: where that leaves nothing to cool with, it is dried first.
Blind, without fresh temperatures, it circulates, cools only what is surely warm, and never heats.
"""

from math import exp

from bess.control.circuit import (
    CIRCULATE,
    COOL,
    DEHUMIDIFY,
    FAILSAFE,
    HEAT,
    MODE_NAMES,
    OFF,
    Circuit,
)
from bess.control.modulation import Modulation
from bess.control.preheat import Preheat
from bess.port.interpreter import bind, const

__all__ = (
    "CIRCULATE", "COOL", "DEHUMIDIFY", "FAILSAFE", "HEAT", "MODE_NAMES", "OFF", "Thermal",
)  # fmt: skip

_INVALID_DC = const(-32768)
_BLIND_S = const(5)  # without fresh temperatures, before it counts as blind
_BOOT_S = const(30)  # the same before the first were seen
_BLIND_KEEP_DC = const(20)  # hysteresis of blind cooling
_BLIND_PERMILLE = const(500)
_USEFUL_DC = const(20)  # water less than 2 K below the cells cools nothing
_DRIED_DC = const(10)  # it is dried on until water may be so much colder still
_OUTLET_SPAN_DC = const(120)  # below the cells at full demand
_LITTLE_W = const(200)  # warms the cells by less than half a kelvin an hour
_LITTLE_DC = const(5)  # hysteresis of cooling then: it takes an hour to be warm again
_KEEP_DC = const(10)  # hysteresis of cooling at most: what is colder costs more than the starts
_HOT_KEEP_DC = const(10)  # hysteresis of the hottest cell, which may not cool as the mean does
_MOST_BY_DC = const(20)  # permille for each 0.1 K of supply above the dew point's margin
_RUNAWAY_MS = const(120000)  # the heater's own heat has gone and the water is mixed by then
_RUNAWAY_DC = const(30)  # no air warms water that moves by so much
_FULL = const(1000)
# a cell's resistance against 25 degC: 3.5 times at -20 (thermal.md)
_ACTIVATION_K = 2101.0
_ROOM_K = 298.15
_HEAT_S = const(32)  # the cells' heat is told as its mean over about so long
_STIRRED = const(600)  # of the fans' speed, where nothing is cooled


class Thermal:
    """`mode`, `circuit`; `step` once a second, `obey` every tick.

    cooling: a set by drivers.cooling; cells: CellMonitor; environment: measure.environment.
    `heat_w`: what the cells make; `outlet_dc`: what the water that leaves the set should have;
    `preheat` takes announcements.
    """

    def __init__(self, cooling, cells, environment, parameters, history, signals):
        self._cooling = cooling
        self._cells = cells
        self._environment = environment
        self.circuit = Circuit(cooling, parameters, history, signals)
        self.preheat = Preheat(parameters)
        self.modulation = Modulation(parameters)
        get = parameters.get
        self._cool_on_mean_dc = get("cool_on_mean_dc")
        self._cool_on_max_dc = get("cool_on_max_dc")
        self._cool_off_mean_dc = get("cool_off_mean_dc")
        self._cool_off_max_dc = get("cool_off_max_dc")
        self._circulate_on_dc = get("circulate_on_dc")
        self._circulate_off_dc = get("circulate_off_dc")
        self._margin_dc = get("condensation_margin_dc")
        self._blind_supply_dc = get("blind_supply_dc")
        self._blind_cool_dc = get("blind_cool_dc")
        self._outlet_least_dc = get("cool_outlet_dc")
        self._heat_outlet_dc = get("heat_outlet_dc")
        self.mode = OFF
        self.outlet_dc = 0
        self._resistance_mohm = get("string_resistance_mohm")
        self.heat_w = 0
        self._blind_s = 0
        self._seen = False
        self._blind_cools = False
        self._damp = False
        self.obey = self.circuit.obey
        bind(self, "obey")

    def step(self, now_ms, trusted, current_ma=0, soc_cpct=0):
        """One second. trusted: the temperatures are fresh; current and charge: the string's."""
        self._feel(current_ma)
        preheat = self.preheat
        preheat.tick()
        cells = self._cells
        air_dc = self._environment.outside_dc
        if trusted:
            self._seen = True
            self._blind_s = 0
            preheat.learn(self.circuit.heater_on, cells.temp_mean_dc, air_dc)
            self.mode = self._choose(soc_cpct)
        elif self._blind_s < (_BLIND_S if self._seen else _BOOT_S):
            self._blind_s += 1
            self.mode = OFF
        else:
            self.mode = FAILSAFE
        cool = self.mode == COOL or (self.mode == FAILSAFE and self._cools_blind())
        self._judge_damp(trusted)
        dry = self._damp or self.mode == DEHUMIDIFY
        self.circuit.step(now_ms, self.mode, cool, dry, trusted, self._runaway(now_ms, trusted))
        self._cooling.drive(self._permille(), self.outlet_dc)
        self._cooling.step(now_ms)

    def _feel(self, current_ma):
        """`heat_w` follows what the cells make of their current."""
        kelvin = 273.15 + self._cells.temp_mean_dc / 10
        amperes = current_ma / 1000
        factor = exp(_ACTIVATION_K * (1 / kelvin - 1 / _ROOM_K))
        watts = amperes * amperes * self._resistance_mohm * factor / 1000
        self.heat_w += int(watts - self.heat_w) // _HEAT_S

    def supply_floor_dc(self):
        """Water may be no colder: the margin over the dew point, or a safe one where that is not
        known.
        """
        dew_dc = self._environment.dew_dc
        return self._blind_supply_dc if dew_dc == _INVALID_DC else dew_dc + self._margin_dc

    def _choose(self, soc_cpct):
        cells = self._cells
        mean_dc, low_dc, high_dc = cells.temp_mean_dc, cells.temp_min_dc, cells.temp_max_dc
        goes_on = False
        if self.mode in (COOL, DEHUMIDIFY):
            off_mean_dc, off_max_dc = self._cooled_dc()
            goes_on = mean_dc > off_mean_dc or high_dc >= off_max_dc
        if goes_on or mean_dc > self._cool_on_mean_dc or high_dc > self._cool_on_max_dc:
            least_dc = _USEFUL_DC + (_DRIED_DC if self.mode == DEHUMIDIFY else 0)
            return COOL if self.supply_floor_dc() <= high_dc - least_dc else DEHUMIDIFY
        air_dc = self._environment.outside_dc
        if self.preheat.wants(self.mode == HEAT, mean_dc, low_dc, air_dc, self.heat_w, soc_cpct):
            return HEAT
        spread_dc = cells.temp_spread_dc
        if spread_dc > self._circulate_on_dc:
            return CIRCULATE
        if self.mode == CIRCULATE and spread_dc >= self._circulate_off_dc:
            return CIRCULATE
        return OFF

    def _cooled_dc(self):
        """Where cooling ends, (mean, hottest cell): the less there is to come, the sooner, since
        what is colder than it need be only lets more in.
        """
        keep_dc, off_max_dc = _KEEP_DC, self._cool_off_max_dc
        air_dc = self._environment.outside_dc
        if air_dc != _INVALID_DC:
            gain_w = self.heat_w - self.preheat.loss_w(self._cells.temp_mean_dc, air_dc)
            if gain_w < _LITTLE_W:
                keep_dc = _LITTLE_DC if gain_w >= 0 else 0  # it cools by itself
                off_max_dc = max(self._cool_on_max_dc - _HOT_KEEP_DC, off_max_dc)
        return max(self._cool_on_mean_dc - keep_dc, self._cool_off_mean_dc), off_max_dc

    def _judge_damp(self, trusted):
        """The air's water would soon lie on cells or pipes; where it is not known, as before."""
        environment = self._environment
        if not trusted or environment.dew_dc == _INVALID_DC:
            return
        cold_dc = self._cells.temp_min_dc
        if environment.coolant_dc != _INVALID_DC:
            cold_dc = min(cold_dc, environment.coolant_dc)
        floor_dc = environment.dew_dc + self._margin_dc + (_DRIED_DC if self._damp else 0)
        self._damp = cold_dc < floor_dc

    def _cools_blind(self):
        """Only where water or cabinet are surely warm."""
        environment = self._environment
        from_dc = self._blind_cool_dc - (_BLIND_KEEP_DC if self._blind_cools else 0)
        self._blind_cools = max(environment.coolant_dc, environment.ambient_dc) > from_dc
        return self._blind_cools

    def _runaway(self, now_ms, trusted):
        """Water that moves is hotter than any cell though the heater has long been off."""
        circuit = self.circuit
        off_ms = min(circuit.heater_off_ms(now_ms), circuit.flowing_ms(now_ms))
        hot = self._environment.coolant_dc > self._cells.temp_max_dc + _RUNAWAY_DC
        return hot and trusted and off_ms >= _RUNAWAY_MS

    def _permille(self):
        """How hard the set works; renews `outlet_dc`."""
        mode = self.mode
        floor_dc = self.supply_floor_dc()
        cells = self._cells
        if mode == COOL:
            error_dc = max(
                cells.temp_mean_dc - self._cool_off_mean_dc,
                cells.temp_max_dc - self._cool_off_max_dc,
            )
            supply_dc = self._environment.coolant_dc
            most = _FULL
            if supply_dc != _INVALID_DC:
                most = min((supply_dc - floor_dc) * _MOST_BY_DC, _FULL)
            permille = self.modulation.step(error_dc, self.heat_w, most)
            aim_dc = cells.temp_mean_dc - _OUTLET_SPAN_DC * permille // _FULL
            self.outlet_dc = max(aim_dc, floor_dc, self._outlet_least_dc)
            return permille
        self.modulation.rest()
        self.outlet_dc = max(floor_dc, self._blind_supply_dc)
        if mode == HEAT:
            self.outlet_dc = self._heat_outlet_dc
            return _FULL
        if mode == OFF:
            # a compressor that has to go on for its minimum time does so as slowly as it can
            return self.modulation.permille if self.circuit.chiller_on else 0
        return _BLIND_PERMILLE if mode == FAILSAFE else _STIRRED
