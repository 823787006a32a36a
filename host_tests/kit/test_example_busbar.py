"""Worked example: a user's own protection, a hot bus bar, held to the contract.

Suppose the bus bar's sensor replaces a terminal's, and your specification says: trip above
85.0 degC after 3 s, judged once a second.
"""

from kit.contract import TRIP, ProtectionContract

from bess.parameters import Parameters
from bess.protect.fault_table import TABLE

ROW = b"120 busbar_hot terminal_temp over dc - 3 both 1000 FF90 - -\n"


class WithBusbar:
    """The parameter table with two more."""

    mine = {"busbar_hot_3_dc": 850, "busbar_hot_3_delay_ms": 3000}

    def __init__(self) -> None:
        self._others = Parameters()

    def get(self, name: str) -> int:
        return self.mine[name] if name in self.mine else self._others.get(name)


class TestBusbarHot(ProtectionContract):
    fault = 120
    signal = "terminal_temp"
    level = TRIP
    threshold = 850
    samples = 3
    well = 400

    def parameters(self) -> WithBusbar:
        return WithBusbar()

    def table(self) -> bytes:
        return TABLE + ROW
