"""The cabinet around the cells: supply, terminals, condensation, the PCS's inlet, the board.

Analog channels are objects with read_u16() as machine.ADC has them; NTCs hang below
10 kohm at the converter's own reference, like those of the front ends. A channel out of
its range is no value: it is told, and what it would have been judged by is never clear.
"""

from bess.measure import signals as s
from bess.measure.dew_point import dew_point_dc
from bess.port.interpreter import const

_OFFSET_DC = const(1000)
_LOW_RATIO = const(1300)  # of 65536: shorted; the same bounds as for the front ends' NTCs
_HIGH_RATIO = const(64000)  # open
_SUPPLY_FULL_MV = const(40000)  # divider: full scale of the converter
_REFERENCE_U16 = const(49648)  # an independent 2.5 V reference at 3.3 V full scale
_INVALID_DC = const(-32768)
# relative humidity over the whole scale; no air in a cabinet is drier than 2 %, and what stands
# at the end of the scale may be a sensor that hangs there
_DRIEST_U16 = const(1311)
_WETTEST_U16 = const(65208)
_SATURATED_PERMILLE = const(1000)
# inlet of the PCS: what air in a cabinet can have
_INLET_LOW_DC = const(-500)
_INLET_HIGH_DC = const(1200)
# bits of CABINET_SENSOR
_BOARD = const(1)
_COOLANT = const(2)
_AMBIENT = const(4)
_HUMIDITY = const(8)
_INLET = const(16)


class Environment:
    """`step_cells` puts supply and converter, `step_slow` the rest, once a second.

    analog: dict of supply, reference, terminal_plus, terminal_minus, coolant_supply, ambient,
    humidity, board; pcs: a driver by drivers.pcs; ntc: the cells' table. Temperatures in 0.1 degC
    are -32768 while their sensor gives nothing; `humidity_permille` is relative, 0 then;
    `ambient_dc` is the cabinet's air, where the humidity sensor sits; `outside_dc` what the PCS
    draws in, the former while it does not say so; `dew_dc` is the dew point inside, -32768 where
    it cannot be told; `supply_mv` is 0 before it was read.
    """

    def __init__(self, analog, pcs, ntc, parameters, signals):
        self._analog = analog
        self._pcs = pcs
        self._pcs_ms = -1
        self._signals = signals
        self._ntc = ntc
        self._margin_dc = parameters.get("condensation_margin_dc")
        self.coolant_dc = _INVALID_DC
        self.ambient_dc = _INVALID_DC
        self.humidity_permille = 0
        self.dew_dc = _INVALID_DC
        self.outside_dc = _INVALID_DC
        self.supply_mv = 0
        self.terminal_dc = _INVALID_DC
        self.board_dc = _INVALID_DC

    def step_cells(self):
        """Supply and the converter's reference."""
        analog = self._analog
        signals = self._signals
        self.supply_mv = analog["supply"].read_u16() * (_SUPPLY_FULL_MV >> 3) >> 13
        signals.put(s.SUPPLY, self.supply_mv)
        off = abs(analog["reference"].read_u16() - _REFERENCE_U16)
        signals.put(s.ADC_REFERENCE, off * 1000 // _REFERENCE_U16)

    def _temperature(self, name):
        """Temperature of a channel in 0.1 degC, or _INVALID_DC."""
        ratio = self._analog[name].read_u16()
        if not _LOW_RATIO <= ratio <= _HIGH_RATIO:
            return _INVALID_DC
        step = ratio >> 8
        low = self._ntc[step]
        return low - ((low - self._ntc[step + 1]) * (ratio & 255) >> 8) - _OFFSET_DC

    def step_slow(self):
        """Temperatures and condensation."""
        signals = self._signals
        plus_dc = self._temperature("terminal_plus")
        minus_dc = self._temperature("terminal_minus")
        lost = (1 if plus_dc == _INVALID_DC else 0) + (1 if minus_dc == _INVALID_DC else 0)
        signals.put(s.TERMINAL_SENSOR, lost)
        self.terminal_dc = max(plus_dc, minus_dc)
        if lost < 2:
            put = signals.put_partial if lost else signals.put
            put(s.TERMINAL_TEMP, self.terminal_dc)
        self.board_dc = self._temperature("board")
        if self.board_dc != _INVALID_DC:
            signals.put(s.BOARD_TEMP, self.board_dc)
        lost = self._judge_condensation()
        self.outside_dc = self.ambient_dc
        lost |= self._judge_inlet()
        if self.board_dc == _INVALID_DC:
            lost |= _BOARD
        signals.put(s.CABINET_SENSOR, lost)

    def _judge_inlet(self):
        """Put what the newest status of the PCS says; what was lost of it."""
        pcs = self._pcs
        if pcs.status_ms < 0:
            return 0  # its silence is told
        inlet_dc = pcs.temperature_dc
        if not _INLET_LOW_DC <= inlet_dc <= _INLET_HIGH_DC:
            return _INLET
        if pcs.status_ms != self._pcs_ms:
            self._pcs_ms = pcs.status_ms
            self.outside_dc = inlet_dc
            self._signals.put(s.PCS_TEMP, inlet_dc)
        return 0

    def _judge_condensation(self):
        """Put it; which of its sensors are lost. A lost one speaks for water, never against."""
        self.coolant_dc = coolant_dc = self._temperature("coolant_supply")
        self.ambient_dc = ambient_dc = self._temperature("ambient")
        raw = self._analog["humidity"].read_u16()
        lost = 0
        self.humidity_permille = humidity_permille = raw * 1000 >> 16
        if not _DRIEST_U16 <= raw <= _WETTEST_U16:
            lost = _HUMIDITY
            self.humidity_permille = 0
            humidity_permille = _SATURATED_PERMILLE
        if coolant_dc == _INVALID_DC:
            lost |= _COOLANT
        if ambient_dc == _INVALID_DC:
            lost |= _AMBIENT
        self.dew_dc = _INVALID_DC
        wet = 0
        if not lost & _AMBIENT:
            dew_dc = dew_point_dc(ambient_dc, humidity_permille)
            if not lost & _COOLANT:
                wet = 1 if coolant_dc < dew_dc + self._margin_dc else 0
            if not lost & _HUMIDITY:
                self.dew_dc = dew_dc
        if lost:
            self._signals.put_partial(s.CONDENSATION, wet)
        else:
            self._signals.put(s.CONDENSATION, wet)
        return lost
