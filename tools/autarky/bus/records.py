"""Records between a virtual site and a client that attached to one of its buses; little-endian.

A HELLO (client to site) and its ANSWER open the link; then each sends FRAMEs as they come.
"""

from __future__ import annotations

from struct import Struct

MAGIC = b"AUTK"
VERSION = 2

# magic, version u8, options u8, bus u16 (0 = site, else the node id of a cabinet bus)
HELLO = Struct("<4sBBH8x")
OWN_FRAMES = 1  # option: the client's own frames come back when they have passed the bus

# magic, status u8, bit rate of the bus in bit/s u32, length u32 of the sentence that follows
ANSWER = Struct("<4sB3xII")
STATUS_OK = 0

# identifier as in Linux's can_frame u32, length u8, flags u8, time of its end in us since 1970
# u64 (0 from a client), data
FRAME = Struct("<IBB2xQ8s")
EXTENDED = 0x80000000
REMOTE = 0x40000000
OWN = 1  # flag: the client sent it itself
