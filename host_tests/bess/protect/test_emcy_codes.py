from bess.protect.fault_table import TABLE
from bess.table import rows


def test_no_two_faults_share_an_emergency_code():
    codes = {}
    for fields in rows(TABLE):
        code = int(fields[9], 0)
        assert code not in codes, (fields[1], codes[code])
        codes[code] = fields[1]


def test_no_two_faults_share_a_number_or_a_name():
    ids, names = set(), set()
    for fields in rows(TABLE):
        assert fields[0] not in ids
        assert fields[1] not in names
        ids.add(fields[0])
        names.add(fields[1])
