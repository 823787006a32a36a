"""What protection judges: one integer per signal, with a count of fresh samples.

A producer calls `put`; protection compares `count` with the one it saw last, so a
sample that was not renewed is never judged twice. Counts start over at 2**29: one more
than the largest small integer of a 32-bit board would allocate. A flag that one good sample
clears may be told while it stands, and once when it does not any more. A sample formed from only
part of its sensors is `partial`: it may speak for a fault, never against one.
"""

from array import array

from bess.port.interpreter import const
from bess.port.native import leaves as native_leaves

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
CELL_MIN_RAW = const(33)  # 0.1 mV, as measured
CELL_SPREAD = const(34)  # 0.1 mV, 0 outside of SOC 10..90 %
TEMP_SPREAD = const(35)  # 0.1 K
TEMP_RISE = const(36)  # 0.1 K/s over three seconds
STRING_SUM = const(37)  # permille, sum of cells against string sensor
CURRENT_MISMATCH = const(38)  # permille of rated power, against the PCS
CURRENT_OFFSET = const(39)  # mA with contactors open
CURRENT_STUCK = const(40)  # 0 or 1
INSULATION = const(41)  # ohm per volt
INSULATION_AGE = const(42)  # ms
INSULATION_DEVICE = const(43)  # what keeps the monitor from measuring, drivers.iso165c
PRECHARGE_HEAT = const(44)  # permille of the resistor's energy
CONTACTOR_STUCK = const(45)  # 0 or 1: does not close
FUSE_OPEN = const(46)  # 0 or 1
TERMINAL_TEMP = const(47)  # 0.1 degC
TERMINAL_SENSOR = const(48)  # sensors out of range
AFE_SUPPLY = const(49)  # devices out of range
AFE_TEMP = const(50)  # 0.1 degC, hottest die
AFE_REFERENCE = const(51)  # devices out of range
AFE_CONFIG = const(52)  # 15 a round in which a device lost it, less 1 a good one, up to 45
SENSOR_OPEN = const(53)  # number
SENSOR_SHORT = const(54)  # number
SENSORS_LOST = const(55)  # two adjacent, all of a device, or over half
SENSOR_FROZEN = const(56)  # number
SENSOR_IMPLAUSIBLE = const(57)  # number
CELL_FROZEN = const(58)  # number
DOOR = const(59)  # 0 or 1: open
SMOKE = const(60)  # 0 or 1
GAS = const(61)  # 0 or 1
COOLANT_FLOW = const(62)  # 0 or 1: pump on, no flow
FLOW_STUCK = const(63)  # 0 or 1: pump off, flow
HEATER_STUCK = const(64)  # 0 or 1
COMPRESSOR = const(65)  # 0 or 1
CONDENSATION = const(66)  # 0 or 1
WRONG_MODULE = const(67)  # devices of another layout
PCS_TEMP = const(68)  # 0.1 degC
PCS_EXCESS = const(69)  # permille of rated power beyond the limit
PCS_CRC = const(70)  # bad frames in a row
COMMAND_CRC = const(71)  # bad commands in the last second
COMMAND_REPLAY = const(72)  # out of step in the last second
CABINET_BUS_OFF = const(73)  # 0 or 1
RECEIVE_OVERRUN = const(74)  # frames lost in the last second
PARAMETERS_CORRUPT = const(75)  # 0 or 1
PROGRAM_HASH = const(76)  # 0 or 1: differs
RAM_TEST = const(77)  # 0 or 1: failed
WATCHDOG_RESET = const(78)  # 0 or 1
UNCLEAN_STOP = const(79)  # 0 or 1
CLOCK = const(80)  # 0 or 1: jumped
LOG_LOST = const(81)  # events lost in the last second
LOG_STORAGE = const(82)  # 0 or 1: write failed
SUPPLY = const(83)  # mV
CONTACTOR_CYCLES = const(84)  # closings
SOC = const(85)  # 0.01 %
LINK_VOLTAGE = const(86)  # mV
ADC_REFERENCE = const(87)  # permille off
BOARD_TEMP = const(88)  # 0.1 degC
ENABLE_LOST = const(89)  # 0 or 1: external watchdog dropped the enable line
BLOCKED_CHARGE = const(90)  # permille of 1C that flow in although none is allowed
BLOCKED_DISCHARGE = const(91)
PCS_DEVIATION = const(92)  # permille of rated power off the commanded set-point
PCS_STATE = const(93)  # 0 or 1: another state than the commanded one
CURRENT_SIGN = const(94)  # 0 or 1: sensor and PCS tell opposite directions
REPEATED_STOPS = const(95)  # orderly stops by level 2, not yet worked off by time
DIAGNOSIS_AGE = const(96)  # ms since the newest whole round
CURRENT_LOST = const(97)  # permille of the current sensor's frames in the last second
CABINET_SENSOR = const(98)  # lost: 1 board, 2 coolant, 4 ambient, 8 humidity, 16 PCS inlet
HEATER_SILENT = const(99)  # 0 or 1: commanded on, its feedback off
INSULATION_TOLD = const(100)  # by the monitor's own thresholds: 1 warning, 2 fault
PARAMETERS_CONFLICT = const(101)  # 0 or 1: the set contradicts itself
PART_FAILED = const(102)  # failures in the last second of what may fail alone
LINK_MUTE = const(103)  # 0 or 1: has an id and cannot report
CHILLER_AGE = const(104)  # ms since the cooling set was heard, 0 where it says nothing
CHILLER_FAULT = const(105)  # bits of what it says of itself (drivers.chiller_can)
COUNT = const(106)

# a bytes literal stays in flash; strings of their own would cost heap
_NAMES = b"""
charge_overload discharge_overload short current_age voltage_age pcs_age
command_age hvil_open estop modules_missing feedback_differs welded
precharge_failed pcs_fault task_overrun task_stopped heap_used self_test_failed
cell_max cell_min string_per_cell temp_max temp_min afe_age
temp_age afe_crc open_wire afe_sum afe_self_test charging
guard_lost duplicate_id bus_off cell_min_raw cell_spread temp_spread
temp_rise string_sum current_mismatch current_offset current_stuck insulation
insulation_age insulation_device precharge_heat contactor_stuck fuse_open terminal_temp
terminal_sensor afe_supply afe_temp afe_reference afe_config sensor_open
sensor_short sensors_lost sensor_frozen sensor_implausible cell_frozen door
smoke gas coolant_flow flow_stuck heater_stuck compressor
condensation wrong_module pcs_temp pcs_excess pcs_crc command_crc
command_replay cabinet_bus_off receive_overrun parameters_corrupt program_hash ram_test
watchdog_reset unclean_stop clock log_lost log_storage supply
contactor_cycles soc link_voltage adc_reference board_temp enable_lost
blocked_charge blocked_discharge pcs_deviation pcs_state current_sign repeated_stops
diagnosis_age current_lost cabinet_sensor heater_silent
insulation_told
parameters_conflict
part_failed link_mute chiller_age chiller_fault
"""


def names():
    """Names of the signals, by number."""
    return _NAMES.decode().split()


def _samples(leaves):
    """Values, counts and partial marks of all signals, and the leaves that put one."""

    class Samples(array):
        put = leaves.put
        put_partial = leaves.put_partial

    return Samples("i", bytes(12 * COUNT))


class Signals:
    """Values, fresh-sample counts and partial marks, by the numbers above.

    `put(signal, value)`: a fresh and whole sample; `put_partial(signal, value)`: one formed
    without some of its sensors.
    """

    def __init__(self, leaves=native_leaves):
        samples = _samples(leaves)
        self.put = samples.put  # bound once: a leaf is called at a third of a method's cost
        self.put_partial = samples.put_partial
        whole = memoryview(samples)
        self.value = whole[:COUNT]
        self.count = whole[COUNT : 2 * COUNT]
        self.partial = whole[2 * COUNT :]
