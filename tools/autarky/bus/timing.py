"""Exact length of a classic CAN frame on the wire, stuff bits included (ISO 11898-1).

Works in bytes by tables: padding the 19 header bits in front with 10101 adds no stuff bit
(the pad alternates and ends recessive before the dominant SOF), and CRC-15 starts at zero,
so leading zeros do not change it.
"""

from __future__ import annotations

from functools import cache, lru_cache

CRC15_POLYNOMIAL = 0x4599
_TRAILER_BITS = 13  # CRC delimiter, ACK slot and delimiter, EOF 7, intermission 3
EXTENDED = 0x80000000
REMOTE = 0x40000000


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << 7
        for _ in range(8):
            crc = ((crc << 1) ^ CRC15_POLYNOMIAL if crc & 0x4000 else crc << 1) & 0x7FFF
        table.append(crc)
    return table


def _stuff(state: int, value: int, bits: int) -> tuple[int, int]:
    """Stuff bits that `bits` bits of `value` cause, and the state after them.

    A state is run length (1..5) * 2 + last bit on the wire.
    """
    run, last = state >> 1, state & 1
    count = 0
    for i in range(bits - 1, -1, -1):
        bit = value >> i & 1
        run = run + 1 if bit == last else 1
        last = bit
        if run == 5:
            count += 1
            last ^= 1
            run = 1
    return count, run << 1 | last


def _crc_shares(table: list[int]) -> list[list[int]]:
    """CRC is linear over bits: what a byte adds to it with so many bytes behind it."""
    shares = [table]
    for _ in range(7):
        shares.append([(crc << 8 & 0x7FFF) ^ table[crc >> 7] for crc in shares[-1]])
    return shares


_CRC = _crc_table()
_SHARES = _crc_shares(_CRC)
_STUFF_8 = [[_stuff(s, v, 8) for v in range(256)] if s >= 2 else [] for s in range(12)]
_STUFF_7 = [[_stuff(s, v, 7) for v in range(128)] if s >= 2 else [] for s in range(12)]


@cache
def _header(can_id: int, length: int, remote: bool) -> tuple[int, int, int]:
    """(its share of the CRC, stuff bits, state) after the header of a standard frame."""
    bits = can_id << 7 | (0x40 if remote else 0) | length  # SOF 0, id, RTR, IDE 0, r0 0, DLC
    crc = 0
    for byte in bits.to_bytes(3, "big"):
        crc = (crc << 8 & 0x7FFF) ^ _CRC[(crc >> 7 ^ byte) & 0xFF]
    state, count = 1 << 1 | 1, 0
    for byte in (0b10101 << 19 | bits).to_bytes(3, "big"):
        more, state = _STUFF_8[state][byte]
        count += more
    for _ in range(0 if remote else length):
        crc = (crc << 8 & 0x7FFF) ^ _CRC[crc >> 7]
    return crc, count, state


@lru_cache(maxsize=1 << 16)  # cyclic frames repeat themselves
def frame_bits(can_id: int, data: bytes) -> int:
    """Bits of a frame from SOF to the end of intermission; ids carry can_frame's flags."""
    if can_id & EXTENDED:
        return _extended_bits(can_id, data)
    remote = bool(can_id & REMOTE)
    crc, count, state = _header(can_id & 0x7FF, len(data), remote)
    payload = b"" if remote else data
    behind = len(payload)
    for byte in payload:
        behind -= 1
        crc ^= _SHARES[behind][byte]
        more, state = _STUFF_8[state][byte]
        count += more
    more, state = _STUFF_7[state][crc >> 8]
    last, _ = _STUFF_8[state][crc & 0xFF]
    return 34 + 8 * len(payload) + count + more + last + _TRAILER_BITS


def _extended_bits(can_id: int, data: bytes) -> int:
    remote = bool(can_id & REMOTE)
    payload = b"" if remote else data
    base, low = can_id >> 18 & 0x7FF, can_id & 0x3FFFF
    # SOF, base id, SRR 1, IDE 1, extension, RTR, r1, r0, DLC
    head = (((base << 2 | 3) << 18 | low) << 1 | remote) << 6 | len(data)
    size = 39 + 8 * len(payload)
    bits = head << 8 * len(payload) | int.from_bytes(payload, "big")
    crc = 0
    for i in range(size - 1, -1, -1):
        carry = (crc >> 14 & 1) ^ (bits >> i & 1)
        crc = (crc << 1 & 0x7FFF) ^ (CRC15_POLYNOMIAL if carry else 0)
    count, _ = _stuff(1 << 1 | 1, bits << 15 | crc, size + 15)
    return size + 15 + count + _TRAILER_BITS


@lru_cache(maxsize=1 << 16)
def arbitration_key(can_id: int) -> int:
    """Order in which identifiers win the bus: the smaller key is the dominant one."""
    remote = 1 if can_id & REMOTE else 0
    if can_id & EXTENDED:
        base, low = can_id >> 18 & 0x7FF, can_id & 0x3FFFF
        return base << 21 | 3 << 19 | low << 1 | remote
    return (can_id & 0x7FF) << 21 | remote << 20
