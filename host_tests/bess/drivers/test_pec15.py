from bess.drivers.pec15 import pec15, pec_table


def test_example_of_the_data_sheet():
    assert pec15(pec_table(), b"\x00\x01", 0, 2) == 0x3D6E


def test_table_agrees_with_the_bitwise_register_of_the_data_sheet():
    """The data sheet's shift register, bit by bit."""
    table = pec_table()
    assert len(table) == 256
    for data in (b"\x02\xb5", b"\x00" * 6, b"\xff" * 6, bytes(range(6))):
        pec = 16
        for byte in data:
            for i in range(7, -1, -1):
                in0 = (byte >> i & 1) ^ (pec >> 14 & 1)
                pec = (pec << 1) & 0x7FFF
                if in0:
                    pec ^= 0x4599
        assert pec15(table, data, 0, len(data)) == pec << 1
