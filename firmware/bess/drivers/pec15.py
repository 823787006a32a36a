"""PEC-15 of the LTC68xx family: polynomial 0x4599, seed 16, sent as PEC << 1.

Data sheet LTC6813-1, "Packet Error Code"; its example: 0x00 0x01 has PEC 0x3D6E.
"""

from array import array


def pec_table():
    """The 256 table words of PEC-15 (array('H'))."""
    table = array("H")
    for byte in range(256):
        remainder = byte << 7
        for _ in range(8):
            if remainder & 0x4000:
                remainder = ((remainder << 1) ^ 0x4599) & 0x7FFF
            else:
                remainder = (remainder << 1) & 0x7FFF
        table.append(remainder)
    return table


def pec15(table, data, start, count):
    """PEC of data[start:start+count] as it is sent, shifted left by one."""
    remainder = 16
    i = start
    end = start + count
    while i < end:
        remainder = ((remainder << 8) & 0x7FFF) ^ table[((remainder >> 7) ^ data[i]) & 0xFF]
        i += 1
    return remainder << 1
