"""What cooling, PCS inlet (thermal.md) and estimate leave of the allowed power."""

from bess.measure import signals as s
from bess.port.interpreter import const
from bess.protect.fault_table import fault_id

_WHOLE_PERMILLE = const(1000)
_WITHOUT_FLOW_PERMILLE = const(500)  # thermal.md: without coolant flow
_WITHOUT_COMPRESSOR_PERMILLE = const(400)
_WITHOUT_COMPRESSOR_MOST_DC = const(500)  # and no power above
_WITHOUT_ESTIMATE_PERMILLE = const(500)  # engineering default: the model's limit is an old one
_PCS_FULL_DC = const(450)  # pcs_coordinator.md: to 45 degC inlet, then 2.5 % a kelvin less


class Derating:
    """`permille(estimate_failed)`: the smallest of all that stand, 0..1000."""

    def __init__(self, protection, signals):
        self._judge = judge = protection.judges[0]
        self._value = signals.value
        self._flow = judge.row(fault_id("coolant_flow"), 1)
        self._compressor = judge.row(fault_id("compressor"), 1)
        self._chiller = judge.row(fault_id("chiller_silent"), 1)

    def permille(self, estimate_failed, temp_max_dc):
        """estimate_failed: the estimators failed in the last second; temp_max_dc: of all cells."""
        factor = _WHOLE_PERMILLE
        if self._judge.stands(self._flow):
            factor = _WITHOUT_FLOW_PERMILLE
        if self._judge.stands(self._compressor) or self._judge.stands(self._chiller):
            cooled = temp_max_dc <= _WITHOUT_COMPRESSOR_MOST_DC
            factor = min(factor, _WITHOUT_COMPRESSOR_PERMILLE if cooled else 0)
        if estimate_failed:
            factor = min(factor, _WITHOUT_ESTIMATE_PERMILLE)
        over_dc = self._value[s.PCS_TEMP] - _PCS_FULL_DC
        if over_dc > 0:
            factor = min(factor, max(_WHOLE_PERMILLE - over_dc * 25 // 10, 0))
        return factor
