from bess.parameters import TABLE, Parameters
from bess.protect.fault_table import TABLE as FAULTS
from bess.table import rows


def refused(call, kind):
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError("not refused")


def test_every_default_lies_in_its_range():
    for fields in rows(TABLE):
        assert int(fields[3], 0) <= int(fields[2], 0) <= int(fields[4], 0), fields[1]


def test_names_and_indices_are_unique():
    names = [fields[1] for fields in rows(TABLE)]
    indices = [fields[0] for fields in rows(TABLE)]
    assert len(set(names)) == len(names)
    assert len(set(indices)) == len(indices)


def test_get_finds_every_row():
    parameters = Parameters()
    for fields in rows(TABLE):
        assert parameters.get(fields[1]) == int(fields[2], 0), fields[1]


def test_set_keeps_to_the_range_and_the_old_value():
    parameters = Parameters()
    parameters.set("cell_ov_3_dmv", 36000)
    assert parameters.get("cell_ov_3_dmv") == 36000
    text = refused(lambda: parameters.set("cell_ov_3_dmv", 99999), ValueError)
    assert "30000..43000" in text
    assert parameters.get("cell_ov_3_dmv") == 36000


def test_unknown_name_is_refused():
    parameters = Parameters()
    refused(lambda: parameters.get("cell_ov"), KeyError)
    refused(lambda: parameters.set("no_such", 1), KeyError)


def test_every_threshold_and_delay_belongs_to_a_fault():
    """A delay whose name fits no fault would silently be one sample."""
    wanted = set()
    for fields in rows(FAULTS):
        for level in fields[6]:
            key = fields[1] + "_" + ("3" if level == "S" else level)
            wanted.add(key + "_delay_ms")
            wanted.add(key + "_" + fields[4])
            wanted.add(key + "_recover_" + fields[4])
    for fields in rows(TABLE):
        name = fields[1]
        for level in "1234":
            middle = "_" + level + "_"
            if middle in name and name != "command_silent_2_ms":
                assert name in wanted, name + " belongs to no fault"


def test_defaults_are_the_page_s():
    """Typed from design page protection.md, not from the table."""
    parameters = Parameters()
    page = (
        ("cell_ov_3_dmv", 36500), ("cell_uv_3_dmv", 25000), ("string_ov_3_dmv", 36200),
        ("string_uv_3_dmv", 26000), ("charge_ot_3_dc", 550), ("discharge_ot_3_dc", 600),
        ("discharge_ut_3_dc", -350), ("charge_oc_3_permille", 1250), ("hvil_3_delay_ms", 50),
        ("afe_silent_3_ms", 3000), ("current_silent_3_ms", 300), ("pcs_silent_3_ms", 5000),
        ("cell_ov_3_delay_ms", 1000), ("charge_ot_3_delay_ms", 2000),
        ("contactor_feedback_4_delay_ms", 300), ("precharge_timeout_ms", 5000),
    )  # fmt: skip
    for name, value in page:
        assert parameters.get(name) == value, name


def test_a_word_of_a_comment_names_no_parameter():
    parameters = Parameters()
    for word in ("what", "one", "topology", "chooses", "string", "0x2000"):
        assert not parameters.has(word), word
    assert parameters.has("string_count")
    assert parameters.get("string_count") == 1
