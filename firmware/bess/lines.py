"""Every contact and output of a cabinet, once, in the order of their bits.

INPUTS: name, scope (string or cabinet), level while all is well (- where both may be). Every
contact is wired so that a broken wire reads 0. After them come the slots of modules, slot0.., of
a string, 1 while a module sits there. OUTPUTS: name, scope, safe level, which is 0 for all:
whoever makes safe writes 0 to each, and 0 to the board's `drive`. heater_feed lies in series with
the heater and its own thermostat: while it is 0 no current can flow there. A new contact is a row
at the end and a pin in each board's table; whoever acts on it gives its bit a name below.
"""

from bess.port.interpreter import const
from bess.table import rows

INPUTS = b"""\
hvil             cabinet 1
estop            cabinet 1
reset_key        cabinet 0
minus_closed     string  -
plus_closed      string  -
precharge_closed string  -
coolant_flow     cabinet -
door             cabinet 1
smoke            cabinet 1
gas              cabinet 1
heater_on        cabinet -
compressor_ok    cabinet -
enable_ok        cabinet 1
"""
OUTPUTS = b"""\
minus       string  0
plus        string  0
precharge   string  0
gate_enable cabinet 0
pump        cabinet 0
heater      cabinet 0
chiller     cabinet 0
healthy     cabinet 0
heater_feed cabinet 0
dryer       cabinet 0
"""
HVIL = const(1 << 0)
ESTOP = const(1 << 1)
RESET_KEY = const(1 << 2)
MINUS_CLOSED = const(1 << 3)
PLUS_CLOSED = const(1 << 4)
PRECHARGE_CLOSED = const(1 << 5)
COOLANT_FLOW = const(1 << 6)
DOOR = const(1 << 7)
SMOKE = const(1 << 8)
GAS = const(1 << 9)
HEATER_ON = const(1 << 10)
COMPRESSOR_OK = const(1 << 11)
ENABLE_OK = const(1 << 12)
SLOTS_MAX = const(16)


def names(table):
    """Names of a table's lines, by bit."""
    return [fields[0] for fields in rows(table)]


# bit of slot0; 30 bits in all at most: a small integer on every board
SLOTS = len(names(INPUTS))


def well():
    """Bits of the contacts that are 1 while all is well, without the slots."""
    bits = 0
    bit = 1
    for fields in rows(INPUTS):
        if fields[2] == "1":
            bits |= bit
        bit <<= 1
    return bits


class Contacts:
    """A board's input pins by name, and all of them as one word.

    pins: objects with value() by name; slots that are none read as no module.
    """

    def __init__(self, pins):
        self._pins = pins
        self._order = None

    def __getitem__(self, name):
        return self._pins[name]

    def bind(self):
        """Look the pins up, once all are known; before the first read()."""
        self._order = [self._pins[name] for name in names(INPUTS)]
        slot = 0
        while slot < SLOTS_MAX and "slot%d" % slot in self._pins:
            self._order.append(self._pins["slot%d" % slot])
            slot += 1

    def read(self):
        """Every contact now, in bits; allocates nothing."""
        word = 0
        bit = 1
        for pin in self._order:
            if pin.value():
                word |= bit
            bit <<= 1
        return word
