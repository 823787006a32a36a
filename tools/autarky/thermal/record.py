"""What goes between the host and the cabinets of cabinets.py each second: halfwords, little-endian.

In: HEAD for all, then IN_SIZE for each cabinet; out: OUT_SIZE for each. All numbers are places in a
cabinet's part, or bits. The host and MicroPython read this one file.
"""

from bess.port.interpreter import const

HEAD = const(2)  # now_ms, low half first
# in
FLAGS = const(0)
CONTACTS = const(1)  # bits of bess.lines.INPUTS
CURRENT = const(2)
SOC = const(3)  # 0.01 %
PCS_INLET = const(4)
PURPOSE = const(5)
WANTED_IN = const(6)
STATUS = const(7)  # four halfwords of the chiller's frame
ANALOG = const(11)  # in the order of CHANNELS
WORDS = const(20)  # six of each front end
CURRENT_ZERO = const(32768)  # 0.1 A a bit, + = discharge
INLET_ZERO_DC = const(1000)
# bits of FLAGS
TEMPERATURES = const(1)
HEARD = const(2)
ANNOUNCED = const(4)
RESET = const(8)
ISLAND = const(4)  # bit of PURPOSE
RATE_BIT = const(3)  # of PURPOSE: from here on the rate in permille of 1C
WANTED_S = const(10)  # a bit of WANTED_IN
CHANNELS = (
    "supply", "reference", "terminal_plus", "terminal_minus", "coolant_supply", "ambient",
    "humidity", "board", "fan_speed",
)  # fmt: skip
# out
OUTPUTS = const(0)  # bits of OUTPUT_NAMES
DUTY = const(1)
COMMAND = const(2)  # four halfwords of the frame to the chiller
MODE = const(6)
CHARGE = const(7)  # permille of 1C
DISCHARGE = const(8)
T_MEAN = const(9)  # 0.1 degC
T_MIN = const(10)
T_MAX = const(11)
T_SPREAD = const(12)
WORST = const(13)  # fault id, level << 8
STOPS = const(14)  # bits of protect.hazards
OUTLET = const(15)
HEAT_W = const(16)
STATE = const(17)
FACTOR = const(18)
DEW = const(19)
EVENTS = const(20)  # how many; they follow
EVENT_ROOM = const(7)
OUT_SIZE = const(28)
OUTPUT_NAMES = ("pump", "heater", "chiller", "heater_feed", "dryer")
SENT = const(256)  # bit of OUTPUTS: COMMAND holds a frame
# bits of STATE
TRUSTED = const(1)
PUMP_ON = const(2)
HEATER_ON = const(4)
CHILLER_ON = const(8)
CHARGE_BLOCKED = const(16)
DISCHARGE_BLOCKED = const(32)
TRIPPED = const(64)
RAISED = const(1024)  # an event: id, level << 7


def in_size(devices):
    """Halfwords of a cabinet with so many front ends."""
    return WORDS + 6 * devices
