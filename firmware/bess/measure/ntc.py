"""The NTC of cells, terminals, coolant and boards."""

from array import array
from math import log

from bess.port.interpreter import const

_NTC_STEPS = const(256)


def ntc_table(beta_k):
    """Temperature + 100 degC in 0.1 K for 257 steps of V(NTC) / VREF2 (array('H')).

    10 kohm at 25 degC below 10 kohm to VREF2: ratio = R / (R + 10k), R by the beta equation.
    """
    table = array("H")
    for step in range(_NTC_STEPS + 1):
        ratio = min(max(step, 1), _NTC_STEPS - 1) / _NTC_STEPS
        kelvin = 1.0 / (1.0 / 298.15 + log(ratio / (1.0 - ratio)) / beta_k)
        table.append(min(int((kelvin - 273.15) * 10.0 + 1000.5), 4000))
    return table
