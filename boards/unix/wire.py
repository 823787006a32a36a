"""The records of the virtual cabinet's link; host and firmware read the same numbers.

HELLO (node to host) and its ANSWER open the link. Then, in lockstep, one TICK brings
time, inputs, received CAN frames and read-register images of the AFE chain, and one
DONE takes outputs, CAN frames and SPI writes back. All little-endian.
"""

MAGIC = b"AUTK"
VERSION = 1
KIND_CABINET = 0

# HELLO: magic, version u8, kind u8, number u16 of the cabinet, 8 reserved
HELLO_SIZE = 16
# ANSWER: magic, status u8, realtime u8, AFE devices u16, u32 length of the text that follows:
# parameters as name=value lines, and what a board has of itself as @serial, @key, @state lines
ANSWER_SIZE = 12
STATUS_OK = 0

# TICK: now_ms, inputs, frames (of the site bus | of the cabinet bus << 16), groups | flags << 16,
# then the analog channels, u16 each
TICK_HEAD = 16
ANALOG = (
    "supply", "reference", "terminal_plus", "terminal_minus", "coolant_supply", "ambient",
    "humidity", "board", "fan_speed",
)  # fmt: skip
TICK_SIZE = TICK_HEAD + 2 * len(ANALOG)
TICK_QUIT = 1
TICK_BUS_OFF = 2  # site bus; << 1 for the cabinet bus
TICK_RAM_BAD = 8
TICK_PROGRAM_BAD = 16
TICK_STORAGE_BAD = 32
# DONE: outputs, frames, SPI bytes, 0 or DONE_RESET of a cabinet in shared.py (u32 each)
# of the outputs the lines of bess.lines, and from DRIVE_BIT on the duty of the drive, permille
DONE_SIZE = 16
DONE_RESET = 1
DRIVE_BIT = 16

# a frame: Linux can_frame (id u32, length u8, 3 reserved, data) with the bus in byte 5;
# a node's acceptance filter travels as a frame with BUS_FILTER set (id, mask in the data), what
# it does to its controller with BUS_CONTROL set (id one of CONTROL_, u32 in the data)
FRAME_SIZE = 16
BUS_SITE = 0
BUS_CABINET = 1
BUS_FILTER = 0x80
BUS_CONTROL = 0x40
CONTROL_RESTART = 1
CONTROL_BIT_RATE = 2
FRAMES_MAX = 64  # of a DONE
RX_FRAMES_MAX = (
    128  # of a TICK; half of it for each bus, more than fits into 10 ms of 8-byte frames
)
SPI_MAX = 800  # two writes to 48 devices

# read commands of the AFE in the order of their images: CVA..F, AUXA, B, STATA, B, CFGA, B
GROUPS = (0x004, 0x006, 0x008, 0x00A, 0x009, 0x00B, 0x00C, 0x00E, 0x010, 0x012, 0x002, 0x026)

SLOT_BIT = 16  # slot0 is bit 16 of the inputs; the others and the outputs are as in bess.lines

# storage regions of the virtual board, bytes
STORAGE = (
    ("parameters", 8192), ("log", 240000), ("trace", 8192), ("trend", 2073600), ("state", 512),
)  # fmt: skip
BACKUP_BYTES = 128
ROM_BYTES = 262144  # the virtual board's ROMFS partition
EXIT_RESET = 64  # exit code of a process that stands for a reset of the chip
EXIT_LINK = 3
