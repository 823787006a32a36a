"""What protection judges: one integer per signal, with a count of fresh samples.

A producer calls `put`; protection compares `count` with the one it saw last, so a
sample that was not renewed is never judged twice. A sample formed from only part of
its sensors is `partial`: it may speak for a fault, never against one.
"""

from array import array

from bess.port.interpreter import const

CHARGE_OVERLOAD = const(0)  # permille of the live limit
DISCHARGE_OVERLOAD = const(1)
SHORT = const(2)  # permille of sensor range or 3C
CURRENT_AGE = const(3)  # ms
VOLTAGE_AGE = const(4)
PCS_AGE = const(5)
COMMAND_AGE = const(6)
HVIL_OPEN = const(7)  # 0 or 1
ESTOP = const(8)
MODULES_MISSING = const(9)  # number of slots
FEEDBACK_DIFFERS = const(10)
WELDED = const(11)
PRECHARGE_FAILED = const(12)
PCS_FAULT = const(13)
TASK_OVERRUN = const(14)
TASK_STOPPED = const(15)
HEAP_USED = const(16)
SELF_TEST_FAILED = const(17)
CELL_MAX = const(18)  # 0.1 mV
CELL_MIN = const(19)  # 0.1 mV, raised by the cold shift below 0 degC
STRING_PER_CELL = const(20)  # 0.1 mV
TEMP_MAX = const(21)  # 0.1 degC
TEMP_MIN = const(22)
AFE_AGE = const(23)  # ms
TEMP_AGE = const(24)
AFE_CRC = const(25)  # bad answers in a row
OPEN_WIRE = const(26)  # number of open sense wires
AFE_SUM = const(27)  # permille
AFE_SELF_TEST = const(28)  # devices that failed
CHARGING = const(29)  # gate: more than 0.02C into the battery
GUARD_LOST = const(30)  # the coordinator's heartbeat stays away
DUPLICATE_ID = const(31)
BUS_OFF = const(32)
COUNT = const(33)

NAMES = (
    "charge_overload", "discharge_overload", "short", "current_age", "voltage_age", "pcs_age",
    "command_age", "hvil_open", "estop", "modules_missing", "feedback_differs", "welded",
    "precharge_failed", "pcs_fault", "task_overrun", "task_stopped", "heap_used",
    "self_test_failed", "cell_max", "cell_min", "string_per_cell", "temp_max", "temp_min",
    "afe_age", "temp_age", "afe_crc", "open_wire", "afe_sum", "afe_self_test", "charging",
    "guard_lost", "duplicate_id", "bus_off",
)  # fmt: skip


class Signals:
    """Values, fresh-sample counts and partial marks, by the numbers above."""

    def __init__(self):
        self.value = array("i", bytes(4 * COUNT))
        self.count = array("i", bytes(4 * COUNT))
        self.partial = bytearray(COUNT)

    def put(self, signal, value):
        """A fresh and whole sample."""
        self.value[signal] = value
        self.partial[signal] = 0
        self.count[signal] = (self.count[signal] + 1) & 0x3FFFFFFF

    def put_partial(self, signal, value):
        """A fresh sample formed without some of its sensors."""
        self.value[signal] = value
        self.partial[signal] = 1
        self.count[signal] = (self.count[signal] + 1) & 0x3FFFFFFF
