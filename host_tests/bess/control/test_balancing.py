"""Passive balancing: who is bled, when, how fast, and when every switch is open."""

from array import array

import pytest

from bess.control.balancing import Balancing
from bess.parameters import Parameters

UAH_PER_DMV = 5880  # 21 ppm of 280 Ah
GAP_UAH = 300_000


class Source:
    def __init__(self):
        self.masks = [0, 0]
        self.told = 0

    def bleed(self, masks):
        self.masks = list(masks)
        self.told += 1


class Cells:
    cell_count = 7
    layout = bytes((4, 3))
    afe_temp_dc = 599

    def __init__(self):
        self.set([34100] * 7)

    def set(self, voltages):
        self.voltage_dmv = array("H", voltages)
        self.cell_min_dmv = min(voltages)
        self.cell_min_index = voltages.index(min(voltages))


class Rig:
    """Devices of four and three cells; cell 0 is the lowest."""

    def __init__(self, voltages=(34000, 34100, 34100, 34100, 34100, 34100, 34100)):
        self.source, self.cells = Source(), Cells()
        self.cells.set(list(voltages))
        self.control = Balancing(self.source, self.cells, Parameters())

    def step(self, count=1, allowed=True, current_ma=0):
        for _ in range(count):
            self.control.step(allowed, current_ma)
        return self.source.masks


def test_nothing_is_bled_at_the_start():
    control = Rig().control
    assert (control.bleeding, control.lowest) == (0, 0)
    assert list(control.surplus_uah) == [0] * 7


def test_neighbours_take_turns_of_ten_seconds_and_the_lowest_cell_never_bleeds():
    rig = Rig()
    for _ in range(3):
        for _ in range(9):
            assert rig.step() == [0b0100, 0b101]
            assert rig.control.bleeding == 3
        for _ in range(10):
            assert rig.step() == [0b1010, 0b010]
            assert rig.control.bleeding == 3
        assert rig.step() == [0b0100, 0b101]
    rig.cells.set([34100, 34100, 34000, 34100, 34100, 34100, 34100])
    rig.control.surplus_uah[2] = 10**9  # whatever is written there
    rig.cells.cell_min_dmv = 33000  # taken up no more
    for _ in range(20):
        assert not rig.step()[0] & 0b100
        assert rig.control.lowest == 2


def test_surpluses_are_taken_up_as_charge_above_the_lowest():
    rig = Rig((34000, 34001, 34100, 35000, 34000, 34010, 34020))
    rig.step()
    assert list(rig.control.surplus_uah) == [
        UAH_PER_DMV * above for above in (0, 1, 100, 1000, 0, 10, 20)
    ]


@pytest.mark.parametrize(
    ("lowest_dmv", "current_ma", "allowed", "taken"),
    [
        (34000, 4999, True, True), (34000, -4999, True, True), (34000, 0, True, True),
        (34000, 5000, True, False), (34000, -5000, True, False), (33999, 0, True, False),
        (34000, 0, False, False),
    ],
)  # fmt: skip
def test_voltage_tells_charge_only_near_full_at_rest_and_measured(
    lowest_dmv, current_ma, allowed, taken
):
    rig = Rig((lowest_dmv, *[34200] * 6))
    rig.step(1, allowed, current_ma)
    assert (rig.control.surplus_uah[1] > 0) == taken


def test_a_cell_is_bled_only_beyond_the_gap():
    rig = Rig((34000, 34000, 34000, 34000, 34000, 34000, 34000))
    rig.step()
    rig.cells.cell_min_dmv = 33000
    rig.control._left = True
    for cell, surplus_uah in ((2, GAP_UAH), (4, GAP_UAH + 1)):
        rig.control.surplus_uah[cell] = surplus_uah
    assert rig.step() == [0, 0b001]
    assert rig.control.bleeding == 1


def test_what_went_through_a_closed_switch_is_worked_off_and_no_more():
    rig = Rig()
    rig.step()
    rig.cells.cell_min_dmv = 33000
    before = list(rig.control.surplus_uah)
    rig.step()
    # 3.41 V / 33 ohm for a second is 28 uAh
    bled = [before[i] - rig.control.surplus_uah[i] for i in range(7)]
    assert bled == [0, 0, 28, 0, 28, 0, 28]
    rig.control.surplus_uah[4] = 20
    rig.step()
    assert rig.control.surplus_uah[4] == 0


@pytest.mark.parametrize(("allowed", "temp_dc"), [(False, 200), (True, 600)])
def test_switches_open_at_once_in_fault_or_on_a_hot_board_and_close_again(allowed, temp_dc):
    rig = Rig()
    rig.step()
    rig.cells.cell_min_dmv = 33000
    rig.cells.afe_temp_dc = temp_dc
    assert rig.step(1, allowed) == [0, 0]
    assert rig.control.bleeding == 0
    rig.step(3, allowed)
    rig.cells.afe_temp_dc = 599
    assert rig.step() == [0b0100, 0b101]


def test_stop_opens_every_switch_and_writes_it_whatever_was_known():
    rig = Rig()
    rig.step()
    rig.control.stop()
    assert rig.source.masks == [0, 0]
    assert (rig.source.told, rig.control.bleeding) == (2, 0)
    before = list(rig.control.surplus_uah)
    rig.cells.cell_min_dmv = 33000
    rig.step()
    assert list(rig.control.surplus_uah) == before  # nothing went through open switches


def test_bleeding_ends_by_itself_and_the_configuration_is_written_on_change_only():
    rig = Rig()
    rig.step(5)
    assert rig.source.told == 1
    rig.cells.cell_min_dmv = 33000
    for cell in range(7):
        rig.control.surplus_uah[cell] = GAP_UAH + 1
    assert rig.step() == [0b0000, 0b000]
    assert rig.source.told == 2
    rig.step(4)
    assert rig.control.bleeding == 3  # odd ones have their turn
    rig.step(40)
    assert rig.source.masks == [0, 0]
    told = rig.source.told
    rig.cells.cell_min_index = 5
    rig.step(40)
    assert (rig.control.lowest, rig.source.told) == (0, told)  # nothing is left


def test_the_charge_that_a_switch_takes_is_exact():
    """U / 33 ohm for a second, to a whole uAh below: 3.5640 V give 30 of them."""
    for voltage_dmv, uah in ((35640, 30), (35639, 29)):
        rig = Rig()
        rig.step()
        rig.cells.cell_min_dmv = 33000
        rig.cells.voltage_dmv[2] = voltage_dmv
        before = rig.control.surplus_uah[2]
        rig.step()
        assert before - rig.control.surplus_uah[2] == uah
