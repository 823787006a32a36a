"""Digital inputs of the cabinet, sampled every fast tick.

All are wired fail-safe: a broken wire reads as the dangerous state (HVIL open, E-stop
pressed, module absent, door open, smoke, gas, enable line dropped).
"""

from bess.measure import signals as s


class Inputs:
    """`hvil_closed`, `estop_pressed`, `missing_slots` (bit per slot), feedback bits.

    pins: gives objects with value() by name: hvil, estop, reset_key, minus_closed, plus_closed,
    precharge_closed, door, smoke, gas, enable_ok, slot0.. for each module slot.
    """

    def __init__(self, pins, slot_count, signals):
        self._signals = signals
        self._hvil = pins["hvil"]
        self._estop = pins["estop"]
        self._reset_key = pins["reset_key"]
        self._minus = pins["minus_closed"]
        self._plus = pins["plus_closed"]
        self._precharge = pins["precharge_closed"]
        self._door = pins["door"]
        self._smoke = pins["smoke"]
        self._gas = pins["gas"]
        self._enable = pins["enable_ok"]
        self._slots = [pins["slot%d" % i] for i in range(slot_count)]
        self.hvil_closed = False
        self.estop_pressed = True
        self.reset_key = False
        self.minus_closed = False
        self.plus_closed = False
        self.precharge_closed = False
        self.missing_slots = 0

    def sample(self):
        """Read every pin once and put the signals."""
        signals = self._signals
        self.hvil_closed = self._hvil.value() == 1
        self.estop_pressed = self._estop.value() == 0
        self.reset_key = self._reset_key.value() == 1
        self.minus_closed = self._minus.value() == 1
        self.plus_closed = self._plus.value() == 1
        self.precharge_closed = self._precharge.value() == 1
        missing = 0
        count = 0
        bit = 1
        for pin in self._slots:
            if pin.value() != 1:
                missing |= bit
                count += 1
            bit <<= 1
        self.missing_slots = missing
        signals.put(s.HVIL_OPEN, 0 if self.hvil_closed else 1)
        signals.put(s.ESTOP, 1 if self.estop_pressed else 0)
        signals.put(s.MODULES_MISSING, count)
        signals.put(s.DOOR, 0 if self._door.value() else 1)
        signals.put(s.SMOKE, 0 if self._smoke.value() else 1)
        signals.put(s.GAS, 0 if self._gas.value() else 1)
        signals.put(s.ENABLE_LOST, 0 if self._enable.value() else 1)
