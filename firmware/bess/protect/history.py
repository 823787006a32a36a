"""What protection must remember over a restart besides latches: wear, heat, tries, stops.

Whoever spends notes it before: a restart in the middle of a precharge finds it spent. Time
without power is not known and counts as none.
"""

from array import array

from bess.port.interpreter import const
from bess.protect import latches
from bess.protect.backup import Record, record_bytes

# closings of each contactor, in the order of control.contactors
MINUS_CLOSINGS = const(0)
PLUS_CLOSINGS = const(1)
PRECHARGE_CLOSINGS = const(2)
RECENT_CLOSINGS = const(3)  # not yet worked off by time
TRIES = const(4)  # precharges since the last success
HEAT_PERMILLE = const(5)  # energy in the precharge resistor, of its rating
STOPS = const(6)  # orderly stops that a level 2 asked for, not yet worked off by time
WRONG_ANSWERS = const(7)  # to the nonce of a session, in a row
HEATER_HOT = const(8)  # 0 or 1: the pump's lag after the heater is not over
COMPRESSOR_RECENT = const(9)  # 0 or 1: its minimum time off is not over
COUNT = const(10)

_FIELD_BYTES = const(4)
_MOST = const(0x3FFFFFFF)
AT = latches.SIZE
SIZE = AT + record_bytes(COUNT * _FIELD_BYTES)
# memory that was lost may have held the worst: a hot resistor and parts just switched off
_UNKNOWN = ((HEAT_PERMILLE, 1000), (HEATER_HOT, 1), (COMPRESSOR_RECENT, 1))


def provision(memory):
    """Write first valid records into new backup memory; done once, in provisioning."""
    marks = latches.Latches(memory)
    marks.set_running(True)
    marks.set_running(False)
    history = History(memory)
    for field in range(COUNT):
        history.value[field] = 0
    history.keep()


class History:
    """`value` array('i') by the numbers above; `put(field, value)` keeps a change at once.

    memory: see protect.backup, SIZE bytes in all. Allocates nothing after `__init__`.
    """

    def __init__(self, memory):
        self._record = record = Record(memory, AT, COUNT * _FIELD_BYTES)
        self.value = array("i", bytes(COUNT * _FIELD_BYTES))
        payload = record.payload
        for field in range(COUNT):
            at = field * _FIELD_BYTES
            for i in range(_FIELD_BYTES):
                self.value[field] |= payload[at + i] << 8 * i
        if record.blank:
            for field, value in _UNKNOWN:
                self.value[field] = value

    @property
    def blank(self):
        """Memory held nothing valid."""
        return self._record.blank

    @property
    def closings(self):
        """Closings of minus, plus and precharge contactor, for the object dictionary."""
        return self.value[:RECENT_CLOSINGS]

    def put(self, field, value):
        """Note a value, 0..2**30 - 1, and write it when it is another one."""
        if self.value[field] != value:
            self.value[field] = value
            self.keep()

    def add(self, field):
        """One more of what is counted; written by the next `keep`."""
        if self.value[field] < _MOST:
            self.value[field] += 1

    def keep(self):
        payload = self._record.payload
        field = COUNT
        while field:
            field -= 1
            at = field * _FIELD_BYTES
            value = self.value[field]
            payload[at] = value & 0xFF
            payload[at + 1] = value >> 8 & 0xFF
            payload[at + 2] = value >> 16 & 0xFF
            payload[at + 3] = value >> 24
        self._record.keep()
