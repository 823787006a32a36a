"""What is known of a cell family: rest voltage, hysteresis and resistances, free of its size.

A table is one text literal (bess.table). Currents are in C (1.0 empties the cell in an hour),
so resistances are volts at 1 C and one table serves every capacity of a family.
"""

from array import array

from bess.estimate.table_shift import shift_dmv
from bess.port.interpreter import const
from bess.table import rows

POINTS = const(101)  # every percent of charge
_RESISTANCES = const(4)  # temperature and three resistances


class Chemistry:
    """A parsed table.

    `ocv_dmv` array('H'), `gap_dmv` bytearray (half the gap between charge and discharge, 0.1 mV)
    and `entropy` array('b') (10 uV/K from 25 degC on), each at 0, 1 .. 100 %. `resistance`
    array('i'): rows of temperature 0.1 degC, then ohmic, charge-transfer and diffusion drop in
    10 uV at 1 C, rising in temperature. `values`: the single numbers by name, integers.

    shifts_dmv: what lies above the text's rest voltages, at the knots of TableShift. Raises
    ValueError when the table is not whole.
    """

    def __init__(self, text, shifts_dmv=None):
        self.ocv_dmv = array("H")
        self.gap_dmv = bytearray()
        self.entropy = array("b")
        self.resistance = array("i")
        self.values = {}
        for fields in rows(text):
            if fields[0] == "soc":
                dmv = int(fields[2])
                if shifts_dmv:
                    dmv += shift_dmv(shifts_dmv, len(self.ocv_dmv))
                    if self.ocv_dmv:  # a fuller cell never has the lower voltage
                        dmv = max(dmv, self.ocv_dmv[-1])
                self.ocv_dmv.append(dmv)
                self.gap_dmv.append(int(fields[3]))
                self.entropy.append(int(fields[4]))
            elif fields[0] == "temperature":
                for field in fields[1:]:
                    self.resistance.append(int(field))
            else:
                self.values[fields[0]] = int(fields[1])
        if len(self.ocv_dmv) != POINTS or len(self.resistance) < 2 * _RESISTANCES:
            raise ValueError("a chemistry needs 101 rows of soc and two of temperature")

    def soc_cpct(self, dmv):
        """Charge of a rested cell in 0.01 % by voltage alone; on LFP good to tens of percent."""
        ocv = self.ocv_dmv
        if dmv <= ocv[0]:
            return 0
        low, high = 0, POINTS - 1
        while high - low > 1:
            middle = (low + high) // 2
            if ocv[middle] < dmv:
                low = middle
            else:
                high = middle
        if dmv >= ocv[high]:
            return 100 * high
        return 100 * low + 100 * (dmv - ocv[low]) // max(ocv[high] - ocv[low], 1)
