"""Allowed current and power: the smallest of all tables wins, always.

Monotone by construction: each table falls towards its harmful end and only `min`
joins them. A limit falls at once and rises by slew while the contactors are closed;
while they are open nothing can flow and the limit is simply what the tables say.
"""

from array import array

from bess.measure import signals as s
from bess.port.interpreter import bind, const

# protection.md, "Allowed power": from 0.1 degC on, permille of 1C at the start and at the end
# of each stretch; the last stretch has no end and stays constant
_STRIDE = const(3)
CHARGE_BY_TEMPERATURE = array(
    "h",
    (-32768, 0, 0, 20, 50, 50, 50, 100, 300, 150, 500, 500, 450, 500, 0, 500, 0, 0),
)
DISCHARGE_BY_TEMPERATURE = array(
    "h",
    (-32768, 0, 0, -330, 100, 100, -200, 200, 200, 20, 300, 300, 50, 500, 500)
    + (500, 500, 0, 550, 0, 0),
)
_FLOOR_PERMILLE = const(50)  # 0.05C: only voltage ends a charge
_SOC_EMPTY_CPCT = const(1000)
_SOC_TAPER_CPCT = const(500)
CHARGED_DMV = const(30000)  # protection.md: charge only until every cell is above
_RECHARGE_SAG_DMV = const(1000)  # 0.1 V below where it was when it was allowed to charge
_NO_LIMIT_MA = const(0x3FFFFFFF)
_HISTORY = const(10)  # evaluations in a second
_EVALUATION_MS = const(100)


def from_table(table, temperature_dc):
    """Permille of 1C that a table allows at a temperature in 0.1 degC."""
    row = len(table) - _STRIDE
    while row and temperature_dc < table[row]:
        row -= _STRIDE
    start = table[row + 1]
    end = table[row + 2]
    if start == end:
        return start
    span = table[row + _STRIDE] - table[row]
    # rounded towards the smaller limit
    return start + (end - start) * (temperature_dc - table[row]) // span


def taper(distance, span, full):
    """`full` at a distance of `span` or more, falling to zero at distance 0."""
    if distance <= 0:
        return 0
    if distance >= span:
        return full
    return full * distance // span


class AllowedPower:
    """`charge_ma`, `discharge_ma`, `charge_w`, `discharge_w`: all >= 0.

    `evaluate` runs once a scan; `follow_blocks` in every fast tick lets a fault's limit
    act at once; `overload` puts the over-current signals against the largest limit of
    the last second, so that a limit that drops does not trip by itself. `charge_only`: a string
    that is nearly empty, 0.05C in, nothing out, until all cells are above 3.00 V. `recharging`:
    moreover its under-voltage trips are suspended, since they were reset; see `recharge`.
    """

    def __init__(self, parameters, signals):
        self._signals = signals
        self._capacity_ma = parameters.get("capacity_mah")
        self._rated_w = parameters.get("pcs_rated_w")
        self._floor_ma = self._capacity_ma * _FLOOR_PERMILLE // 1000
        rise_ma_s = parameters.get("limit_rise_ma_s_per_100a") * (self._capacity_ma // 1000) // 100
        self._full_dmv = parameters.get("charge_taper_to_dmv")
        self._full_span_dmv = self._full_dmv - parameters.get("charge_taper_from_dmv")
        self._empty_dmv = parameters.get("discharge_taper_to_dmv")
        self._empty_span_dmv = parameters.get("discharge_taper_from_dmv") - self._empty_dmv
        self._rise_ma = max(rise_ma_s * _EVALUATION_MS // 1000, 1)
        self._charge_history = array("i", bytes(4 * _HISTORY))
        self._discharge_history = array("i", bytes(4 * _HISTORY))
        self._history_at = 0
        self._largest_charge_ma = 0
        self._largest_discharge_ma = 0
        self._judge_by_largest()
        self._blocked = -1  # what was told last
        self._model_charge_ma = _NO_LIMIT_MA
        self._model_discharge_ma = _NO_LIMIT_MA
        self.charge_only = False
        self.recharging = False
        self._recharge_floor_dmv = 0
        bind(self, "overload", "follow_blocks")
        self.charge_ma = 0
        self.discharge_ma = 0
        self.charge_w = 0
        self.discharge_w = 0

    def charge_first(self):
        """The string starts nearly empty: charge it before anything is taken out."""
        self.charge_only = True

    def recharge(self, cell_min_dmv):
        """An operator reset the under-voltage trips of a string whose lowest cell has this."""
        self.charge_only = True
        self.recharging = True
        self._recharge_floor_dmv = cell_min_dmv - _RECHARGE_SAG_DMV

    def evaluate(
        self, cells, soc_cpct, string_mv, closed, factor_permille,
        charge_blocked=False, discharge_blocked=False,
    ):  # fmt: skip
        """Renew the limits from the newest scan.

        cells: CellMonitor with a scan; closed: contactors closed, so that a rise is slewed;
        factor_permille: derating by others (thermal), 0..1000; blocked: see `follow_blocks`.
        """
        capacity_ma = self._capacity_ma
        charge = min(
            from_table(CHARGE_BY_TEMPERATURE, cells.temp_min_dc),
            from_table(CHARGE_BY_TEMPERATURE, cells.temp_max_dc),
        )
        discharge = min(
            from_table(DISCHARGE_BY_TEMPERATURE, cells.temp_min_dc),
            from_table(DISCHARGE_BY_TEMPERATURE, cells.temp_max_dc),
        )
        charge = min(
            charge,
            taper(self._full_dmv - cells.cell_max_dmv, self._full_span_dmv, charge),
            max(taper(10000 - soc_cpct, _SOC_TAPER_CPCT, charge), _FLOOR_PERMILLE),
        )
        discharge = min(
            discharge,
            taper(cells.cell_min_dmv - self._empty_dmv, self._empty_span_dmv, discharge),
            max(
                taper(soc_cpct - _SOC_EMPTY_CPCT + _SOC_TAPER_CPCT, _SOC_TAPER_CPCT, discharge),
                _FLOOR_PERMILLE,
            ),
        )
        charge_ma = capacity_ma // 1000 * charge * factor_permille // 1000
        discharge_ma = capacity_ma // 1000 * discharge * factor_permille // 1000
        charge_ma = min(charge_ma, self._model_charge_ma)
        discharge_ma = min(discharge_ma, self._model_discharge_ma)
        if self.charge_only:
            charge_ma = min(charge_ma, self._floor_ma)
            discharge_ma = 0
            if cells.cell_min_dmv > CHARGED_DMV and cells.all_fresh:
                self.charge_only = self.recharging = False
            elif cells.cell_min_dmv < self._recharge_floor_dmv:
                self.recharging = False  # it is being emptied further: the trips count again
        if closed:
            charge_ma = min(charge_ma, self.charge_ma + self._rise_ma)
            discharge_ma = min(discharge_ma, self.discharge_ma + self._rise_ma)
        self.charge_ma = charge_ma
        self.discharge_ma = discharge_ma
        deci_volt = max(string_mv, 0) // 100  # a reversed reading allows no power, nor asks for any
        self.charge_w = min(deci_volt * (charge_ma // 100) // 100, self._rated_w)
        self.discharge_w = min(deci_volt * (discharge_ma // 100) // 100, self._rated_w)
        self.follow_blocks(charge_blocked, discharge_blocked)
        at = (self._history_at + 1) % _HISTORY
        self._history_at = at
        self._charge_history[at] = self.charge_ma
        self._discharge_history[at] = self.discharge_ma
        self._largest_charge_ma = max(self._charge_history)
        self._largest_discharge_ma = max(self._discharge_history)
        self._judge_by_largest()

    def _judge_by_largest(self):
        """What `overload` divides by, in 64 mA: the largest recent limit, never less than 0.05C."""
        floor_ma = self._floor_ma
        self._most_charge = max(max(self._largest_charge_ma, floor_ma) >> 6, 1)
        self._most_discharge = max(max(self._largest_discharge_ma, floor_ma) >> 6, 1)

    def follow_model(self, charge_ma, discharge_ma):
        """What the cell model leaves for the next seconds; counts from the next `evaluate` on."""
        self._model_charge_ma = charge_ma
        self._model_discharge_ma = discharge_ma

    def follow_blocks(self, charge_blocked, discharge_blocked):
        """Zero the direction that a standing fault forbids; called in every fast tick."""
        if charge_blocked:
            self.charge_ma = 0
            self.charge_w = 0
        if discharge_blocked:
            self.discharge_ma = 0
            self.discharge_w = 0

    def overload(self, current_ma, closed):
        """Put the fresh current (+ = discharge) as permille of the largest recent limit.

        Where that is zero for a second, also what flows all the same, as permille of 1C; closed:
        what flows through the precharge resistor is judged by its heat.
        """
        discharge = charge = blocked_discharge = blocked_charge = 0
        # in 64 mA: 8192 A * 1000 / 64 mA stays inside 2**30
        if current_ma > 0:
            part = (current_ma >> 6) * 1000
            discharge = part // self._most_discharge
            if closed and self._largest_discharge_ma == 0:
                blocked_discharge = part // (self._capacity_ma >> 6)
        else:
            part = (-current_ma >> 6) * 1000
            charge = part // self._most_charge
            if closed and self._largest_charge_ma == 0:
                blocked_charge = part // (self._capacity_ma >> 6)
        signals = self._signals
        signals.put(s.DISCHARGE_OVERLOAD, discharge)
        signals.put(s.CHARGE_OVERLOAD, charge)
        blocked = blocked_discharge + blocked_charge
        if blocked or self._blocked:  # nothing, and nothing the last time: that has been told
            self._blocked = blocked
            signals.put(s.BLOCKED_DISCHARGE, blocked_discharge)
            signals.put(s.BLOCKED_CHARGE, blocked_charge)
