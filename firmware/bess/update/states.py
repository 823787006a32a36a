"""What becomes of a package that is received, and why it is refused (0x1F57)."""

from bess.port.interpreter import const

EMPTY = const(0)
RECEIVING = const(1)
CHECKING = const(2)
VERIFIED = const(3)
REFUSED = const(4)
STATE_NAMES = b"empty receiving checking verified refused"  # bytes stay in flash

REFUSALS = b"none format unsigned signature board interpreter size older image storage key rollback"
FORMAT = const(1)
UNSIGNED = const(2)
SIGNATURE = const(3)
BOARD = const(4)
INTERPRETER = const(5)
SIZE = const(6)
OLDER = const(7)
IMAGE = const(8)
STORAGE = const(9)
KEY = const(10)
ROLLBACK = const(11)
