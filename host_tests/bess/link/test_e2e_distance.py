"""Every error of one to three bits fails the CRC, for every list in use, by linearity."""

from itertools import combinations

import pytest

from bess.drivers.pcs_can import command_ids, status_ids
from bess.link.e2e import TABLE, data_ids

COUNTER = range(8, 12)


def syndrome(bit: int) -> int:
    """What one flipped bit does to CRC xor received CRC."""
    frame = bytearray(8)
    frame[bit >> 3] ^= 1 << (bit & 7)
    crc = 0
    for i in range(1, 8):
        crc = TABLE[crc ^ frame[i]]
    return TABLE[crc] ^ frame[0]


SYNDROMES = [syndrome(bit) for bit in range(64)]


def undetected(ids: bytes) -> int:
    count = 0
    for size in (1, 2, 3):
        for bits in combinations(range(64), size):
            total = 0
            flips = 0
            for bit in bits:
                total ^= SYNDROMES[bit]
                if bit in COUNTER:
                    flips |= 1 << (bit - 8)
            if not flips:
                count += total == 0
            else:
                count += sum(total == TABLE[ids[c] ^ ids[c ^ flips]] for c in range(16))
    return count


@pytest.mark.parametrize("kind", range(4))
def test_distance_is_four_for_every_kind(kind: int) -> None:
    # lists of a kind differ by a constant only, which cancels: one node stands for all
    assert undetected(data_ids(kind, 2)) == 0


def test_distance_is_four_for_the_pcs_on_the_cabinet_bus() -> None:
    assert undetected(command_ids()) == 0
    assert undetected(status_ids()) == 0


def test_the_obvious_lists_would_not_do() -> None:
    """Why the lists are searched: ids 1..16 let some errors pass the CRC."""
    assert undetected(bytes(range(1, 17))) > 0
