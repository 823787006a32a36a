"""Bender ISOMETER iso165C: insulation resistance over CAN, once a second.

IMD_Info, identifier 0x37: insulation resistance u16 in kohm, status u16 (bit 0 insulation
fault, 1 chassis fault, 2 system failure, 3 calibration running, 4 self test running, 5
warning), all little-endian (manual D00154, "Messages" and "D_IMC_STATUS"). The manual
gives its voltage range as 0..600 V: check the variant for an 800 V string.
"""

from bess.port.interpreter import const

INFO_ID = const(0x037)
FILTERS = ((INFO_ID, 0x7FF, 0),)
_CALIBRATING = const(0x08)
_TROUBLE = const(0x06)  # chassis fault, system failure


class Iso165c:
    """`resistance_kohm`, `trouble` (status bits) and `count` of fresh results, `at_ms`.

    A result while the device calibrates does not count as fresh.
    """

    def __init__(self):
        self.resistance_kohm = 0
        self.trouble = 0
        self.count = 0
        self.at_ms = 0

    def receive(self, can_id, data, length, now_ms):
        """Take a frame of the cabinet bus; True when it was the monitor's."""
        if can_id != INFO_ID:
            return False
        if length < 4:
            return True
        status = data[2]
        self.trouble = status & _TROUBLE
        if not status & _CALIBRATING:
            self.resistance_kohm = data[0] | data[1] << 8
            self.count = (self.count + 1) & 0x1FFFFFFF
            self.at_ms = now_ms
        return True
