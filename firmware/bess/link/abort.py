"""SDO abort codes (CiA 301 table 22), named; 0 means no objection."""

from bess.port.interpreter import const

NONE = const(0)
TOGGLE = const(0x05030000)
TIMED_OUT = const(0x05040000)
COMMAND = const(0x05040001)
BLOCK_SIZE = const(0x05040002)
SEQUENCE = const(0x05040003)
CRC = const(0x05040004)
OUT_OF_MEMORY = const(0x05040005)
ACCESS = const(0x06010000)
WRITE_ONLY = const(0x06010001)
READ_ONLY = const(0x06010002)
NO_OBJECT = const(0x06020000)
HARDWARE = const(0x06060000)
INCOMPATIBLE = const(0x06040043)  # parameters that contradict each other
LENGTH = const(0x06070010)
TOO_LONG = const(0x06070012)
TOO_SHORT = const(0x06070013)
NO_SUB = const(0x06090011)
VALUE = const(0x06090030)
TOO_HIGH = const(0x06090031)
TOO_LOW = const(0x06090032)
GENERAL = const(0x08000000)
NOT_STORED = const(0x08000020)
STATE = const(0x08000022)
NO_DATA = const(0x08000024)
