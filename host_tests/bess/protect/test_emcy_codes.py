from bess.protect.fault_table import TABLE, fault_id
from bess.table import rows


def test_no_two_faults_share_an_emergency_code():
    codes = {}
    for fields in rows(TABLE):
        code = int(fields[9], 16)
        assert code not in codes, (fields[1], codes[code])
        codes[code] = fields[1]


def test_no_two_faults_share_a_number_or_a_name():
    ids, names = set(), set()
    for fields in rows(TABLE):
        assert fields[0] not in ids
        assert fields[1] not in names
        ids.add(fields[0])
        names.add(fields[1])


def test_a_fault_has_the_number_of_its_row_and_no_other_name_has_one():
    for fields in rows(TABLE):
        assert fault_id(fields[1]) == int(fields[0])
    refused = None
    try:
        fault_id("nosuch")
    except KeyError as error:
        refused = error.args
    assert refused == ("nosuch",)
