"""The diagnosis of the front ends on their words: what was not heard clears nothing."""

import pytest
from kit.front_ends import (
    ADCV,
    CELL_READS,
    CONFIG_A,
    CONFIG_B,
    CVST,
    LAYOUT,
    PULL_DOWN,
    PULL_UP,
    ROUND,
    SCAN,
    STATUS_A,
    STATUS_B,
    Rig,
)

from bess.measure import signals as s


@pytest.fixture
def rig() -> Rig:
    """After a whole round of diagnosis."""
    return Rig().run(2 * ROUND)


PINS = [(device, pin) for device, count in enumerate(LAYOUT) for pin in range(count + 1)]


@pytest.mark.parametrize(("device", "pin"), PINS)
def test_every_open_wire_is_told(rig: Rig, device: int, pin: int) -> None:
    """Data sheet: the first reads 0 pulled up, the last 0 pulled down, others differ by 0.4 V."""
    up, down = rig.chain.cells[PULL_UP][device], rig.chain.cells[PULL_DOWN][device]
    if pin == 0:
        up[0] = 0
    elif pin == LAYOUT[device]:
        down[pin - 1] = 0
    else:
        up[pin], down[pin] = 31_000, 35_000
        assert rig.run(ROUND).value(s.OPEN_WIRE) == 0, "0.4 V is within the limit"
        down[pin] = 35_001
    assert rig.run(ROUND).value(s.OPEN_WIRE) == 1
    rig.chain.cells[PULL_UP][device] = rig.chain.cells[PULL_DOWN][device] = [33_000] * 18
    assert rig.run(ROUND).value(s.OPEN_WIRE) == 0


@pytest.mark.parametrize("scan", [1, 2, 3, 4])
def test_an_open_wire_is_cleared_when_every_reading_with_current_was_renewed(scan: int) -> None:
    """Rule 1; what was not renewed is of the round before. Scans 1 to 4 read with current."""
    rig = Rig().run(8 * SCAN)
    rig.chain.cells[PULL_UP][0][0] = 0
    assert rig.renewed(ROUND)[s.OPEN_WIRE]
    rig.chain.cells[PULL_UP][0][0] = 33_000
    for now in (1, 2, 3, 4, 5, 6, 7):
        rig.chain.unheard = {(read, 0) for read in CELL_READS} if now == scan else set()
        found = rig.renewed(SCAN)
        if now == 4:
            assert found.get(s.OPEN_WIRE) is (None if scan == 4 else False)
        else:
            assert s.OPEN_WIRE not in found
    assert rig.renewed(ROUND)[s.OPEN_WIRE]
    assert rig.value(s.OPEN_WIRE) == 0


def test_an_open_wire_is_told_though_another_device_is_not_heard(rig: Rig) -> None:
    rig.run(SCAN)
    rig.chain.cells[PULL_UP][0][0] = 0
    rig.run(SCAN)
    rig.chain.unheard = {(read, 1) for read in CELL_READS}
    rig.run(SCAN)
    rig.chain.unheard.clear()
    assert rig.renewed(2 * SCAN)[s.OPEN_WIRE] is False
    assert rig.value(s.OPEN_WIRE) == 1


def test_before_a_whole_round_no_wire_is_judged_on_what_was_never_read() -> None:
    rig = Rig().run(SCAN)
    rig.chain.unheard = {(CELL_READS[0], 1)}
    rig.run(SCAN)
    rig.chain.unheard.clear()
    assert s.OPEN_WIRE not in rig.renewed(5 * SCAN)
    assert rig.renewed(ROUND)[s.OPEN_WIRE]


@pytest.mark.parametrize("at", range(18))
@pytest.mark.parametrize("device", [0, 1])
def test_every_converter_is_tested(rig: Rig, device: int, at: int) -> None:
    rig.chain.cells[CVST][device][at] = 0x9545
    assert rig.renewed(ROUND)[s.AFE_SELF_TEST]
    assert rig.value(s.AFE_SELF_TEST) == 1
    rig.chain.cells[CVST][device][at] = 0x9555
    assert rig.run(ROUND).value(s.AFE_SELF_TEST) == 0


@pytest.mark.parametrize("read", CELL_READS)
def test_a_converter_that_was_not_heard_is_partial(rig: Rig, read: int) -> None:
    rig.chain.cells[CVST][0][4] = 0
    rig.chain.unheard.add((read, 1))
    assert rig.renewed(ROUND)[s.AFE_SELF_TEST] is False
    assert rig.value(s.AFE_SELF_TEST) == 1


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize(("off_dmv", "permille"), [
    (0, 0), (30 * 19, 0), (30 * 20, 1), (-30 * 20, 1), (30 * 1000, 50), (-30 * 1000, 50),
])  # fmt: skip
def test_the_sum_of_each_device_is_compared_in_permille(rig, device, off_dmv, permille) -> None:
    """600 of 528 000 or 594 000 in 0.1 mV is a permille."""
    rig.chain.status[device][0] += off_dmv // 30
    assert rig.renewed(ROUND)[s.AFE_SUM]
    assert rig.value(s.AFE_SUM) == abs(off_dmv) * 1000 // (33_000 * LAYOUT[device])


def test_the_worst_sum_counts(rig: Rig) -> None:
    rig.chain.status[0][0] -= 500
    rig.chain.status[1][0] += 100
    assert rig.run(ROUND).value(s.AFE_SUM) == 15_000 * 1000 // 594_000


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("unheard", [STATUS_A, CELL_READS[1]])
def test_a_sum_that_is_not_known_of_all_is_partial(rig: Rig, unheard: int, device: int) -> None:
    rig.chain.unheard.add((unheard, device))
    rig.chain.cells[ADCV][device][:] = [20_000] * 18
    rig.chain.status[1 - device][0] += 500
    assert rig.renewed(ROUND)[s.AFE_SUM] is False
    assert rig.value(s.AFE_SUM) == 15_000 * 1000 // (33_000 * LAYOUT[1 - device])


def test_cells_of_nothing_have_no_sum_to_compare(rig: Rig) -> None:
    rig.chain.cells[ADCV] = [[0] * 18, [0] * 18]
    assert s.AFE_SUM not in rig.renewed(ROUND)
    for device in range(2):
        rig.chain.cells[ADCV][device][3] = 1
        rig.chain.status[device][0] = 0
    assert rig.renewed(ROUND)[s.AFE_SUM]
    assert rig.value(s.AFE_SUM) == 1000


def test_a_sum_beyond_105_v_counts_as_105_v(rig: Rig) -> None:
    """Any word of a front end keeps the product inside 2**30."""
    rig.chain.cells[ADCV][1] = [100] * 10 + [0] * 8
    rig.chain.status[1][0] = 65_535
    assert rig.run(ROUND).value(s.AFE_SUM) == 1_048_576


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize(("register", "word", "bad"), [
    (2, 44_999, 1), (2, 45_000, 0), (2, 55_000, 0), (2, 55_001, 1), (2, 0, 1), (2, 65_535, 1),
    (3, 26_999, 1), (3, 27_000, 0), (3, 36_000, 0), (3, 36_001, 1), (3, 0, 1), (3, 65_535, 1),
    (5, 0x0100, 1), (5, 0x0200, 1), (5, 0x00FF, 0), (5, 0xF000, 0),
    (1, 17_175, 1), (1, 17_176, 0), (1, 36_183, 0), (1, 36_184, 1),
])  # fmt: skip
def test_supplies_dies_and_flags_of_each_device_are_judged(rig, device, register, word, bad):
    """VREG 4.5..5.5 V, VREGD 2.7..3.6 V, THSD and MUXFAIL; a die lives at -50..200 degC."""
    rig.chain.status[device][register] = word
    assert rig.renewed(ROUND)[s.AFE_SUPPLY]
    assert rig.value(s.AFE_SUPPLY) == bad


@pytest.mark.parametrize("register", [1, 2, 3])
def test_each_device_out_of_its_range_counts(rig: Rig, register: int) -> None:
    rig.chain.status[0][register] = rig.chain.status[1][register] = 0
    assert rig.run(ROUND).value(s.AFE_SUPPLY) == 2


@pytest.mark.parametrize("device", [0, 1])
def test_a_supply_that_was_not_heard_is_partial(rig: Rig, device: int) -> None:
    rig.chain.status[1 - device][3] = 0
    rig.chain.unheard.add((STATUS_B, device))
    assert rig.renewed(ROUND)[s.AFE_SUPPLY] is False
    assert rig.value(s.AFE_SUPPLY) == 1


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize(("word", "dc"), [(23_256, 300), (28_576, 1000), (36_183, 2000)])
def test_the_hottest_die_counts(rig: Rig, device: int, word: int, dc: int) -> None:
    """ITMP: 7.6 mV for each kelvin above -276 degC."""
    rig.chain.status[device][1] = word
    assert rig.renewed(ROUND)[s.AFE_TEMP]
    assert rig.value(s.AFE_TEMP) == rig.monitor.afe_temp_dc == dc


@pytest.mark.parametrize("device", [0, 1])
def test_a_die_that_was_not_heard_or_cannot_be_makes_the_hottest_partial(rig, device) -> None:
    rig.chain.unheard.add((STATUS_A, device))
    assert rig.renewed(ROUND)[s.AFE_TEMP] is False
    rig.chain.unheard.clear()
    rig.chain.status[device][1] = 0
    assert rig.renewed(ROUND)[s.AFE_TEMP] is False
    assert rig.value(s.AFE_TEMP) == 300


def test_dies_that_all_read_nothing_are_no_temperature(rig: Rig) -> None:
    rig.chain.status[0][1] = rig.chain.status[1][1] = 0
    assert s.AFE_TEMP not in rig.renewed(ROUND)
    assert rig.monitor.afe_temp_dc == 300


@pytest.mark.parametrize("group", [CONFIG_A, CONFIG_B])
def test_a_lost_configuration_is_told_up_to_three_times_over(rig: Rig, group: int) -> None:
    rig.chain.differs[group] = 1
    for score in (15, 30, 45, 45):
        assert rig.run(ROUND).value(s.AFE_CONFIG) == score
        assert rig.monitor.config_good is False
    rig.chain.differs[group] = 0
    for score in (44, 43):
        assert rig.run(ROUND).value(s.AFE_CONFIG) == score
        assert rig.monitor.config_good is True


@pytest.mark.parametrize("group", [CONFIG_A, CONFIG_B])
def test_a_configuration_that_was_lost_and_taken_again_is_told(rig: Rig, group: int) -> None:
    rig.chain.differs[group] = 1
    rig.chain.takes_config = True
    assert rig.run(ROUND).value(s.AFE_CONFIG) == 15
    assert rig.monitor.config_good is True


def test_a_configuration_that_differs_in_both_groups_differs(rig: Rig) -> None:
    rig.chain.differs = {CONFIG_A: 1, CONFIG_B: 1}
    assert rig.run(ROUND).value(s.AFE_CONFIG) == 15


@pytest.mark.parametrize("group", [CONFIG_A, CONFIG_B])
def test_a_configuration_that_was_not_heard_is_partial_from_the_start(group: int) -> None:
    rig = Rig()
    rig.chain.unheard.add((group, 1))
    assert rig.renewed(SCAN)[s.AFE_CONFIG] is False
    assert rig.value(s.AFE_CONFIG) == 0
    assert rig.monitor.config_good is False
    rig.chain.unheard.clear()
    assert rig.renewed(ROUND)[s.AFE_CONFIG] is True
    assert rig.monitor.config_good is True
