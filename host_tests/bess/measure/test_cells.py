"""The cell monitor on the chain model: schedule, freshness, temperatures, diagnosis."""

import pytest
from kit.cell_rig import Rig

from autarky.plant.ltc6813 import READS
from bess.drivers.ltc681x import CELLS_PER_DEVICE
from bess.measure import signals as s
from bess.topology import spread


@pytest.fixture
def rig() -> Rig:
    return Rig().run(160)


def test_at_most_two_transactions_a_tick_and_no_read_where_a_conversion_starts(rig: Rig) -> None:
    for commands in rig.ticks:
        assert len(commands) <= 2
        starts = [c for c in commands if c not in READS and c not in (0x001, 0x024)]
        reads = [c for c in commands if c in READS]
        assert not (starts and reads), [hex(c) for c in commands]


def test_every_cell_is_converted_and_read_every_100_ms(rig: Rig) -> None:
    for start in range(20, 150, 10):
        commands = [c for tick in rig.ticks[start : start + 10] for c in tick]
        assert commands.count(0x360) == 1
        for read in (0x004, 0x006, 0x008, 0x00A, 0x009, 0x00B, 0x00C, 0x00E):
            assert read in commands


def test_extremes_and_their_places_are_found(rig: Rig) -> None:
    rig.volts[17] = 3.6123
    rig.volts[203] = 2.9001
    rig.run(20)
    assert rig.monitor.cell_max_dmv == 36123
    assert rig.monitor.cell_max_index == 17
    assert rig.monitor.cell_min_dmv == 29001
    assert rig.monitor.cell_min_index == 203
    assert rig.signal(s.CELL_MAX) == 36123


def test_a_cell_far_from_the_others_still_reaches_protection(rig: Rig) -> None:
    """Defect of a known BMS: a cell over the spread limit was dropped before min and max."""
    rig.volts[100] = 5.9
    rig.run(20)
    assert rig.signal(s.CELL_MAX) == 59000


@pytest.mark.parametrize("celsius", [-40, -35, -20, 0, 5, 25, 45, 55, 60, 70])
def test_temperatures_are_within_a_third_of_a_degree(rig: Rig, celsius: int) -> None:
    rig.celsius[:] = celsius
    rig.run(20)
    assert abs(rig.monitor.temp_min_dc - 10 * celsius) <= 3
    assert abs(rig.monitor.temp_max_dc - 10 * celsius) <= 3


def test_hot_and_cold_sensors_are_found_by_place(rig: Rig) -> None:
    rig.celsius[42] = 58.0
    rig.celsius[7] = -12.0
    rig.run(20)
    assert rig.monitor.temp_max_index == 42
    assert rig.monitor.temp_min_index == 7


def test_a_dead_device_makes_samples_partial_and_its_cells_old(rig: Rig) -> None:
    rig.model.dead.add(4)
    rig.run(50)
    assert rig.signals.partial[s.CELL_MAX] == 1
    assert 400 <= rig.signal(s.AFE_AGE) <= 600
    assert rig.signal(s.AFE_CRC) > 5


def test_all_devices_dead_gives_no_sample_and_growing_age(rig: Rig) -> None:
    """Rule 3: all readings invalid is never well."""
    rig.model.dead.update(range(15))
    rig.run(10)
    before = rig.signals.count[s.CELL_MAX]
    rig.run(100)
    assert rig.signals.count[s.CELL_MAX] == before
    assert rig.signal(s.AFE_AGE) > 900


def test_a_never_answering_chain_ages_from_the_start() -> None:
    rig = Rig()
    rig.model.dead.update(range(15))
    rig.run(350)
    assert rig.signal(s.AFE_AGE) > 3000
    assert not rig.monitor.seen_all


def test_cold_shift_lowers_the_under_voltage_limit_below_zero(rig: Rig) -> None:
    rig.celsius[:] = -5.0
    rig.run(30)
    assert rig.signal(s.CELL_MIN) == 33000 + 2000


@pytest.mark.parametrize(("device", "pin"), [(0, 0), (3, 5), (7, 1), (14, 16), (14, 15)])
def test_an_open_wire_is_found_within_two_rounds(rig: Rig, device: int, pin: int) -> None:
    assert rig.signal(s.OPEN_WIRE) == 0
    rig.model.open_wires.add((device, pin))
    rig.run(140)
    assert rig.signal(s.OPEN_WIRE) >= 1


def test_self_test_names_a_wrong_converter(rig: Rig) -> None:
    assert rig.signals.count[s.AFE_SELF_TEST] > 0
    assert rig.signal(s.AFE_SELF_TEST) == 0
    rig.model.wrong_converter.add(9)
    rig.run(140)
    assert rig.signal(s.AFE_SELF_TEST) == 18


def test_sums_agree_and_a_wrong_one_is_seen(rig: Rig) -> None:
    assert rig.signals.count[s.AFE_SUM] > 0
    assert rig.signal(s.AFE_SUM) <= 1
    original = rig.model._convert_status

    def wrong(now_us: int) -> None:
        original(now_us)
        rig.model._next["stat"][3, 0] -= 600

    rig.model._convert_status = wrong
    rig.run(140)
    assert rig.signal(s.AFE_SUM) > 20


ROUND = 70  # ticks


@pytest.mark.parametrize("device", [0, 7, 14])
def test_a_device_that_was_reset_once_is_told_and_configured_again(rig: Rig, device: int) -> None:
    assert rig.signal(s.AFE_CONFIG) == 0
    rig.model.reset_device(device)
    rig.run(ROUND)
    assert rig.signal(s.AFE_CONFIG) == 15
    assert rig.monitor.config_good
    rig.run(15 * ROUND)
    assert rig.signal(s.AFE_CONFIG) == 0


def test_a_device_that_is_reset_again_within_ten_seconds_adds_up(rig: Rig) -> None:
    for _ in range(2):
        rig.model.reset_device(3)
        rig.run(8 * ROUND)
    assert rig.signal(s.AFE_CONFIG) > 15


def test_a_device_that_takes_no_configuration_is_told_and_fails_the_self_test(rig: Rig) -> None:
    rig.model.stuck_config.add(3)
    rig.run(2 * ROUND)
    assert rig.signal(s.AFE_CONFIG) == 30
    assert not rig.monitor.config_good


def test_balancing_that_changes_its_switches_is_no_lost_configuration(rig: Rig) -> None:
    for second in range(20):
        rig.chain.set_discharge(second % 15, 1 << second % 16)
        rig.chain.prepare_config()
        rig.run(33)
    assert rig.signal(s.AFE_CONFIG) == 0


def test_what_was_not_read_clears_no_lost_configuration(rig: Rig) -> None:
    rig.model.reset_device(3)
    rig.run(ROUND)
    rig.model.disturbed_reads.add(0x026)
    rig.run(10 * ROUND)
    assert rig.signal(s.AFE_CONFIG) == 15
    assert rig.signals.partial[s.AFE_CONFIG] == 1


def test_first_configuration_is_no_loss() -> None:
    rig = Rig().run(2 * ROUND)
    assert rig.signal(s.AFE_CONFIG) == 0
    assert rig.monitor.config_good


@pytest.mark.parametrize("read", [0x010, 0x012, 0x002, 0x026])
def test_a_round_of_diagnosis_that_did_not_hear_all_does_not_count(rig: Rig, read: int) -> None:
    rounds = rig.source.rounds
    rig.run(2 * ROUND)
    assert rig.source.rounds == rounds + 2
    assert rig.signal(s.DIAGNOSIS_AGE) < 10 * ROUND
    rig.model.disturbed_reads.add(read)
    rig.run(ROUND)
    rounds = rig.source.rounds
    rig.run(10 * ROUND)
    assert rig.source.rounds == rounds
    assert rig.signal(s.DIAGNOSIS_AGE) >= 100 * ROUND


def test_the_first_round_counts_when_it_is_whole_only() -> None:
    rig = Rig().run(20)
    assert rig.source.rounds == 0
    rig.run(70)
    assert rig.source.rounds == 1


def test_a_die_that_is_not_heard_clears_no_hot_one(rig: Rig) -> None:
    rig.model.die_c[4] = 120.0
    rig.run(ROUND)
    rig.model.dead.add(4)
    rig.run(2 * ROUND)
    assert rig.signals.partial[s.AFE_TEMP] == 1
    assert rig.signal(s.AFE_TEMP) < 1000


@pytest.mark.parametrize("celsius", [-276.0, -60.0, 250.0])
def test_a_die_temperature_that_cannot_be_is_told_and_clears_nothing(
    rig: Rig, celsius: float
) -> None:
    rig.model.die_c[4] = celsius
    rig.run(2 * ROUND)
    assert rig.signal(s.AFE_SUPPLY) == 1
    assert rig.signals.partial[s.AFE_TEMP] == 1


@pytest.mark.parametrize("word", [0, 55_600, 65_535])
def test_a_sum_of_any_word_stays_a_small_integer(rig: Rig, word: int) -> None:
    original = rig.model._convert_status

    def wrong(now_us: int) -> None:
        original(now_us)
        rig.model._next["stat"][3, 0] = word

    rig.model._convert_status = wrong
    rig.run(2 * ROUND)
    assert 20 < rig.signal(s.AFE_SUM) < 10_000


@pytest.mark.parametrize(("modules", "cells", "expected"), [
    (5, 48, [16] * 15), (1, 16, [16]), (2, 52, [18, 17, 17] * 2), (1, 19, [10, 9]),
    (3, 18, [18] * 3),
])  # fmt: skip
def test_layout_spreads_a_module_over_its_devices(modules, cells, expected) -> None:
    assert list(spread(modules, cells, CELLS_PER_DEVICE)) == expected
