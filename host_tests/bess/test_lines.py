"""The lines' constants are those of the table, and a word is what the pins say."""

from bess import lines
from bess.table import rows


class Pin:
    def __init__(self, level):
        self.level = level

    def value(self):
        return self.level


def test_each_constant_is_its_row_of_the_table():
    found = [getattr(lines, name.upper()) for name in lines.names(lines.INPUTS)]
    assert found == [1 << bit for bit in range(lines.SLOTS)]
    assert lines.SLOTS + lines.SLOTS_MAX <= 30  # a small integer on every board


def test_every_line_has_a_scope_and_every_output_falls_to_its_safe_level():
    for table in (lines.INPUTS, lines.OUTPUTS):
        fields = list(rows(table))
        assert {row[1] for row in fields} <= {"string", "cabinet"}
        assert len({row[0] for row in fields}) == len(fields)
    assert [row[2] for row in rows(lines.OUTPUTS)] == ["0"] * 10


def test_a_word_has_the_bit_of_each_pin_and_of_the_slots_that_there_are():
    names = lines.names(lines.INPUTS) + ["slot0", "slot1"]
    pins = {name: Pin(0) for name in names}
    contacts = lines.Contacts(pins)
    contacts.bind()
    assert contacts.read() == 0
    for bit, name in enumerate(names):
        pins[name].level = 1
        assert contacts.read() == 1 << bit
        assert contacts[name].value() == 1
        pins[name].level = 0


def test_what_must_be_closed_while_all_is_well():
    well = lines.HVIL | lines.ESTOP | lines.DOOR | lines.SMOKE | lines.GAS | lines.ENABLE_OK
    assert lines.well() == well
