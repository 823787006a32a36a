"""Slots of the series modules: pulled at once, seated only after it has settled; and the orderly
way out of a module, which trips nothing but what is drawn.

A pulled module trips its string through the fault table (20 ms); `Slots` decides when all hold a
module again, so that the string may close. Who asks first is granted it by the coordinator, which
knows what the site can do without this cabinet: `Removal`.
"""

from array import array

from bess.port.interpreter import const
from bess.port.ticks import held, ticks_diff
from bess.protect.fault_table import fault_rows
from bess.protect.hazards import BLEEDING, CHILLER, HEATER, PUMP

EMPTY = const(0)
UNSEATED = const(1)
SEATED = const(2)


class Slots:
    """`state[i]` of each slot, `all_seated`, `missing` (bit per slot)."""

    def __init__(self, count, inputs, parameters):
        self._inputs = inputs
        self._insert_ms = parameters.get("presence_insert_ms")
        self.state = bytearray(count)
        self._since_ms = array("i", bytes(4 * count))
        self.all_seated = False
        self.missing = 0

    def step(self, now_ms):
        missing = self._inputs.missing_slots
        self.missing = missing
        state = self.state
        all_seated = True
        i = len(state)
        while i:
            i -= 1
            if missing & (1 << i):
                state[i] = EMPTY
            elif state[i] == EMPTY:
                state[i] = UNSEATED
                self._since_ms[i] = now_ms
            elif state[i] == UNSEATED and ticks_diff(now_ms, self._since_ms[i]) >= self._insert_ms:
                state[i] = SEATED
            if state[i] != SEATED:
                all_seated = False
        self.all_seated = all_seated


# stage of a removal
NONE = const(0)
ASKED = const(1)  # wait: the coordinator has not granted it, or power is still there
SAFE = const(2)  # pull
PARTED = const(3)  # a module is out, or not whole in
CHECKED = const(4)  # all sit: a hand may follow yet, else what was raised has to go
STAGE_NAMES = b"none asked safe parted checked"
# lamp of the slots: hot_swap.md
LAMP_NAMES = b"off active wait pull quarantine"
_OFF = const(0)
_ACTIVE = const(1)  # green
_WAIT = const(2)  # blue, blinking
_PULL = const(3)  # blue
_QUARANTINE = const(4)  # amber
_SAFE_MS = const(600000)  # hot_swap.md: then it is checked again
_SETTLE_MS = const(10000)  # from "wait" to anything that leads to high voltage
_CHECK_MS = const(20000)  # until then all that a removal raises has to be seen gone
# what a module that is drawn raises by itself
_RAISED = (
    b"hvil module_pulled afe_silent temp_silent voltage_silent open_wire afe_self_test sensors_lost"
    b" string_uv"
)


class Removal:
    """While a cabinet is released its contactors are open and nothing heats, pumps or bleeds.

    `asked` by an operator; `stage` and `lamp` as they are told (the lamp of all slots, a number of
    LAMP_NAMES); `stops`: bits of protect.hazards; `raised`: faults of a removal, by id.
    strings: with their slots and contactors; inputs: the contacts of now.
    """

    def __init__(self, strings, inputs):
        self._strings = strings
        self._inputs = inputs
        names = _RAISED.split()
        self.raised = bytes([int(row[0]) for row in fault_rows() if row[1].encode() in names])
        self.asked = False
        self.stage = NONE
        self.lamp = _OFF
        self._spent = False
        self.stops = 0
        self._now_ms = 0
        self._since_ms = 0
        self._parted = False
        self._tripped = False

    def _enter(self, stage):
        """The lamp follows at once: no hand is led by what was a second ago."""
        self.stage = stage
        self._since_ms = self._now_ms
        self.lamp = _PULL if stage == SAFE else _WAIT if stage != NONE else _OFF

    def ask(self, on):
        """An operator asks for it, or takes it back."""
        self.asked = on
        if self.stage <= ASKED:
            self.stage = ASKED if on else NONE

    def light(self, closed, faulty):
        """Once a second. closed: the contactors; faulty: a trip is latched."""
        if self.stage == ASKED:
            self.lamp = _WAIT
        elif self.stage == NONE:
            self.lamp = _ACTIVE if closed else _QUARANTINE if faulty else _OFF

    def granted(self, told):
        """told: the coordinator asks for it now. One grant is for one removal: it has to be taken
        back before the next.
        """
        if not told:
            self._spent = False
        return told and not self._spent

    def all_open(self):
        """No contactor is closed, or may be welded."""
        for string in self._strings:
            if not string.contactors.is_open:
                return False
        return True

    def all_seated(self):
        """Every module, and by the contacts themselves, which part before anything is judged."""
        if self._inputs.missing_slots or not self._inputs.hvil_closed:
            return False
        for string in self._strings:
            if not string.slots.all_seated:
                return False
        return True

    def begin(self, now_ms, tripped):
        """Contactors are open and none is welded: modules may be drawn. tripped: a latch stands,
        which an operator has to clear.
        """
        self._now_ms = now_ms
        self._parted = False
        self._tripped = tripped
        self.stops = HEATER | CHILLER | PUMP | BLEEDING
        self._enter(SAFE)

    def step(self, now_ms, wanted, tripped):
        """False once all sit again and nobody is at it. wanted: still granted; tripped: a latch
        stands: before anything was drawn it is none of this removal.
        """
        self._now_ms = now_ms
        waited_ms = ticks_diff(now_ms, self._since_ms)
        if not self.all_seated():
            self._parted = True
            if self.stage != PARTED:
                self._enter(PARTED)
        elif self.stage == PARTED:
            self._enter(CHECKED)
        elif self.stage == SAFE:
            if not wanted or waited_ms >= _SAFE_MS:
                self._enter(CHECKED)  # a hand may just be on its way
        elif waited_ms >= _SETTLE_MS:
            return False
        if tripped and not self._parted:
            self._tripped = True
        return True

    def forgives(self):
        """A module was out, and nothing was latched before: what it raised was of the removal."""
        return self._parted and not self._tripped

    def too_long(self):
        """What was raised does not go away."""
        return ticks_diff(self._now_ms, self._since_ms) >= _CHECK_MS

    def end(self):
        """The cabinet is one of the others again."""
        self.asked = False
        self._spent = True
        self.stops = 0
        self._enter(NONE)

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._since_ms = held(now_ms, self._since_ms)
