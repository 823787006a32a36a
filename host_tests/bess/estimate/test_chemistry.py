from bess.estimate import lfp, nmc
from bess.estimate.chemistry import POINTS, Chemistry


def test_both_tables_are_whole_and_rise():
    for text in (lfp.TABLE, nmc.TABLE):
        chemistry = Chemistry(text)
        assert len(chemistry.ocv_dmv) == len(chemistry.gap_dmv) == len(chemistry.entropy) == POINTS
        for i in range(POINTS - 1):
            assert chemistry.ocv_dmv[i] <= chemistry.ocv_dmv[i + 1]
        table = chemistry.resistance
        for at in range(0, len(table) - 4, 4):
            assert table[at] < table[at + 4]
            assert table[at + 1] > table[at + 5]  # warmer is easier
        for at in range(0, len(table), 4):
            assert min(table[at + 1], table[at + 2], table[at + 3]) > 0


def test_charge_of_a_rested_cell_is_the_inverse_of_the_table():
    for text in (lfp.TABLE, nmc.TABLE):
        chemistry = Chemistry(text)
        for percent in range(POINTS):
            here = chemistry.ocv_dmv[percent]
            assert chemistry.ocv_dmv[(chemistry.soc_cpct(here) + 99) // 100] == here
        for dmv in range(20000, 43000, 7):
            low = chemistry.soc_cpct(dmv)
            assert low <= chemistry.soc_cpct(dmv + 7)
        assert chemistry.soc_cpct(0) == 0
        assert chemistry.soc_cpct(65535) == 10000


def test_a_torn_table_is_refused():
    lines = lfp.TABLE.split(b"\n")
    for lost in range(len(lines)):
        if lines[lost].startswith(b"soc "):
            text = b"\n".join(lines[:lost] + lines[lost + 1 :])
            refused = ""
            try:
                Chemistry(text)
            except ValueError as error:
                refused = str(error)
            assert "101 rows" in refused
            break
