"""Cells and sensors on words of their front ends: exact edges, and nothing old is fresh."""

from array import array
from itertools import pairwise

import pytest
from kit.front_ends import (
    ADAX,
    ADCV,
    ADSTAT,
    AUX_A,
    AUX_B,
    CELL_READS,
    CELLS,
    CONFIG_A,
    CONFIG_B,
    CVST,
    PER_DEVICE,
    PULL_DOWN,
    PULL_UP,
    REFERENCE,
    ROUND,
    SCAN,
    SENSORS,
    STATUS_A,
    STATUS_B,
    WARM,
    LinearRig,
    Rig,
)

from bess.measure import signals as s
from bess.measure.cells import CellMonitor
from bess.measure.ntc import ntc_table
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port import leaves


@pytest.fixture
def rig() -> Rig:
    """After a whole round of diagnosis."""
    return Rig().run(2 * ROUND)


def test_nothing_is_known_at_first() -> None:
    rig = Rig()
    monitor = rig.monitor
    assert rig.source.rounds == 0
    assert monitor.cell_count == CELLS
    assert monitor.sensor_count == SENSORS
    for name in (
        "cell_min_dmv", "cell_max_dmv", "cell_mean_dmv", "cell_min_index", "cell_max_index",
        "cell_sum_dmv", "temp_min_dc", "temp_max_dc", "temp_mean_dc", "temp_spread_dc",
        "temp_min_index", "temp_max_index", "scans", "cells_read", "sensors_read",
    ):  # fmt: skip
        assert getattr(monitor, name) == 0, name
    assert monitor.afe_temp_dc == 2000, "nothing is bled before a die was heard"
    for name in ("seen_all", "config_good", "all_fresh", "all_sensors_known"):
        assert getattr(monitor, name) is False, name
    assert not any(monitor.cell_known(cell) for cell in range(CELLS))
    assert not any(monitor.sensor_known(sensor) for sensor in range(SENSORS))
    monitor = CellMonitor(bytes((16,)), 1, Parameters(), Signals(), leaves)
    assert monitor.all_sensors_known is False


def test_the_table_of_an_ntc_goes_from_300_degrees_down_and_never_beyond_its_ends() -> None:
    table = ntc_table(3435)
    assert len(table) == 257
    assert table[0] == table[1] == 4000
    assert 2000 < table[2] < 4000
    assert table[128] == 1250
    assert table[254] > table[255] == table[256]
    assert all(a >= b for a, b in pairwise(table))
    for beta_k in (3000, 4500):
        assert 0 < table[256] < ntc_table(beta_k)[0] <= 4000


def test_a_scan_converts_sensors_and_cells_and_then_diagnoses() -> None:
    """A round begins with the configuration; the data sheet wants each ADOW at least twice."""
    rig = Rig().run(8 * SCAN)
    a, b, c, d, e, f = CELL_READS
    diagnoses = [
        [[], ["config"], [CONFIG_A, CONFIG_B], []],
        [[PULL_UP], [PULL_UP], [a, b], [c, d]],
        [[PULL_UP], [PULL_UP], [e, f], []],
        [[PULL_DOWN], [PULL_DOWN], [a, b], [c, d]],
        [[PULL_DOWN], [PULL_DOWN], [e, f], []],
        [[ADSTAT], [STATUS_A], [STATUS_B], []],
        [[CVST], [a, b], [c, d], [e, f]],
        [[CONFIG_A, CONFIG_B], ["config"], [CONFIG_A, CONFIG_B], []],
    ]
    scan = [[ADAX], [AUX_A, AUX_B], [ADCV], [a, b], [c, d], [e, f]]
    expected = [["wake", *done] for diagnosis in diagnoses for done in scan + diagnosis]
    assert rig.ticks == expected


def test_scans_and_rounds_are_counted_and_start_over_below_2_29(rig: Rig) -> None:
    monitor = rig.monitor
    assert monitor.scans == 14
    assert rig.source.rounds == 1
    monitor.scans, rig.source.rounds = 2**29 - 3, 2**29 - 2
    rig.run(2 * SCAN)
    assert monitor.scans == 2**29 - 1
    rig.run(5 * SCAN)
    assert monitor.scans == 4
    assert rig.source.rounds == 2**29 - 1
    rig.run(ROUND)
    assert rig.source.rounds == 0


@pytest.mark.parametrize("cell", range(CELLS))
def test_every_cell_can_be_the_highest_and_the_lowest(rig: Rig, cell: int) -> None:
    device, at = (0, cell) if cell < 18 else (1, cell - 18)
    for dmv, low, high in ((36_501, 33_000, 36_501), (24_999, 24_999, 33_000)):
        rig.chain.cells[ADCV][device][at] = dmv
        found = rig.renewed(SCAN)
        assert rig.value(s.CELL_MAX) == rig.monitor.cell_max_dmv == high
        assert rig.value(s.CELL_MIN) == rig.value(s.CELL_MIN_RAW) == low
        assert rig.monitor.cell_min_dmv == low
        assert cell == (rig.monitor.cell_max_index if dmv == high else rig.monitor.cell_min_index)
        assert rig.monitor.cell_sum_dmv == 33 * 33_000 + dmv
        assert rig.monitor.cell_mean_dmv == (33 * 33_000 + dmv) // 34
        assert all(found[n] for n in (s.CELL_MAX, s.CELL_MIN, s.CELL_MIN_RAW, s.WRONG_MODULE))


@pytest.mark.parametrize("sensor", range(SENSORS))
def test_every_sensor_can_be_the_hottest_and_the_coldest(sensor: int) -> None:
    rig = LinearRig().run(SCAN)
    for other in range(SENSORS):
        rig.set(other, 250)
    for dc in (551, -123):
        rig.set(sensor, dc)
        found = rig.renewed(2 * SCAN)
        monitor = rig.monitor
        assert rig.value(s.TEMP_MAX) == monitor.temp_max_dc == max(dc, 250)
        assert rig.value(s.TEMP_MIN) == monitor.temp_min_dc == min(dc, 250)
        assert sensor == (monitor.temp_max_index if dc > 250 else monitor.temp_min_index)
        assert monitor.temp_spread_dc == abs(dc - 250)
        assert monitor.temp_mean_dc == (9 * 250 + dc) // 10
        assert monitor.temperatures_dc() == [dc if at == sensor else 250 for at in range(SENSORS)]
        assert found[s.TEMP_MAX]
        assert found[s.TEMP_MIN]


@pytest.mark.parametrize(("dc", "shift_dmv"), [(0, 0), (1, 0), (-1, 2000), (-300, 2000)])
def test_below_0_degrees_a_cell_may_be_0_2_v_lower(dc: int, shift_dmv: int) -> None:
    rig = LinearRig().run(SCAN)
    rig.set(7, dc)
    rig.run(SCAN)
    assert rig.value(s.CELL_MIN) == 33_000 + shift_dmv
    assert rig.value(s.CELL_MIN_RAW) == 33_000
    rig.chain.unheard.add((CELL_READS[0], 0))
    rig.run(SCAN)
    assert rig.value(s.CELL_MIN) == 33_000 + shift_dmv
    assert rig.signals.partial[s.CELL_MIN] == 1


def test_without_any_temperature_nothing_is_cold() -> None:
    rig = LinearRig().run(SCAN)
    rig.set(3, -200)
    rig.run(SCAN)
    rig.chain.unheard |= {(AUX_A, 0), (AUX_A, 1)}
    rig.run(SCAN)
    assert rig.value(s.CELL_MIN) == 33_000


BY_CELLS = (s.CELL_MAX, s.CELL_MIN, s.CELL_MIN_RAW, s.WRONG_MODULE)
BY_SENSORS = (s.TEMP_MAX, s.TEMP_MIN)
BY_AUX = (s.AFE_REFERENCE, s.SENSOR_OPEN, s.SENSOR_SHORT, s.SENSORS_LOST)


# three cells a group, and the last of the second device's sixteen alone in its sixth
GROUPS = [(read, 0, 3) for read in CELL_READS] + [(read, 1, 3) for read in CELL_READS[:5]]
GROUPS.append((CELL_READS[5], 1, 1))


@pytest.mark.parametrize(("read", "device", "unread"), GROUPS)
def test_a_cell_that_was_not_read_makes_its_samples_partial(rig, read, device, unread) -> None:
    found = rig.renewed(SCAN)
    assert all(found[signal] for signal in BY_CELLS)
    assert rig.monitor.all_fresh is True
    assert rig.monitor.cells_read == CELLS
    rig.chain.unheard.add((read, device))
    found = rig.renewed(SCAN)
    assert not any(found[signal] for signal in BY_CELLS)
    assert rig.monitor.all_fresh is False
    assert rig.monitor.cells_read == CELLS - unread
    assert all(found[signal] for signal in (*BY_SENSORS, *BY_AUX))


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("read", [AUX_A, AUX_B])
def test_a_device_whose_sensors_were_not_read_keeps_no_old_temperature_fresh(rig, read, device):
    found = rig.renewed(SCAN)
    assert all(found[signal] for signal in (*BY_SENSORS, *BY_AUX))
    assert rig.monitor.all_sensors_known is True
    assert list(rig.monitor.temperature_fresh) == [1] * SENSORS
    rig.chain.unheard.add((read, device))
    rig.chain.aux[device] = [100] * 6
    found = rig.renewed(3 * SCAN)
    assert not any(found[signal] for signal in (*BY_SENSORS, *BY_AUX))
    assert all(found[signal] for signal in BY_CELLS)
    assert rig.monitor.all_sensors_known is False
    assert rig.monitor.sensors_read == PER_DEVICE
    fresh = [0 if sensor // PER_DEVICE == device else 1 for sensor in range(SENSORS)]
    assert list(rig.monitor.temperature_fresh) == fresh
    assert [rig.value(signal) for signal in BY_AUX] == [0] * 4, "what was not read is not broken"
    assert rig.value(s.TEMP_AGE) == 350


def test_all_is_seen_once_one_scan_knew_every_cell_and_every_sensor() -> None:
    rig = Rig()
    rig.chain.unheard.add((AUX_A, 1))
    assert rig.run(SCAN).monitor.seen_all is False
    rig.chain.unheard = {(CELL_READS[2], 0)}
    assert rig.run(SCAN).monitor.seen_all is False
    rig.chain.unheard.clear()
    assert rig.run(SCAN).monitor.seen_all is True
    rig.chain.dead = {0, 1}
    assert rig.run(SCAN).monitor.seen_all is True


def test_nothing_read_is_no_sample_of_a_cell_or_sensor(rig: Rig) -> None:
    """Rule 3: their age tells."""
    rig.chain.dead = {0, 1}
    found = rig.renewed(2 * ROUND)
    judged = (*BY_CELLS, *BY_SENSORS, s.AFE_TEMP, s.AFE_SUM, s.AFE_SUPPLY, s.OPEN_WIRE)
    assert not set(judged) & set(found)
    for signal in (s.AFE_AGE, s.TEMP_AGE, s.DIAGNOSIS_AGE):
        assert rig.value(signal) >= 1300
    assert rig.monitor.cells_read == 0


def test_ages_count_from_the_first_slice_until_something_was_read() -> None:
    rig = Rig(now_ms=5000)
    rig.chain.dead = {0, 1}
    rig.run(3 * SCAN)
    assert rig.value(s.AFE_AGE) == rig.value(s.TEMP_AGE) == rig.value(s.DIAGNOSIS_AGE) == 260


def test_ages_are_those_of_the_device_that_is_silent_longest(rig: Rig) -> None:
    """In the tick of judgement cells were read 10 ms and sensors 50 ms ago."""
    rig.run(SCAN)
    assert rig.value(s.AFE_AGE) == 10
    assert rig.value(s.TEMP_AGE) == 50
    rig.chain.dead.add(1)
    rig.run(5 * SCAN)
    assert rig.value(s.AFE_AGE) == 510
    assert rig.value(s.TEMP_AGE) == 550


@pytest.mark.parametrize("read", CELL_READS)
def test_a_device_is_as_old_as_the_group_that_is_not_read(rig: Rig, read: int) -> None:
    rig.chain.unheard.add((read, 0))
    rig.run(5 * SCAN)
    assert rig.value(s.AFE_AGE) == 510


def test_a_round_is_dated_at_its_last_diagnosis(rig: Rig) -> None:
    rig.run(SCAN - 3)
    assert rig.value(s.DIAGNOSIS_AGE) == 670


@pytest.mark.parametrize("start_ms", [0, 5000, 2**30 - 1500])
@pytest.mark.parametrize("device", [0, 1])
def test_what_a_device_read_is_known_for_three_seconds_after_its_silence(start_ms, device) -> None:
    rig = Rig(start_ms).run(SCAN)
    known, sensor_known = rig.monitor.cell_known, rig.monitor.sensor_known
    assert all(known(cell) for cell in range(CELLS))
    assert all(sensor_known(sensor) for sensor in range(SENSORS))
    rig.chain.dead.add(device)
    ours = range(18) if device == 0 else range(18, CELLS)
    for tick in range(SCAN, 310):
        rig.run(1)
        now_ms = 10 * tick
        for cell in range(CELLS):
            assert known(cell) == (cell not in ours or now_ms - 50 <= 3000), (now_ms, cell)
        for sensor in range(SENSORS):
            of_ours = sensor // PER_DEVICE == device
            assert sensor_known(sensor) == (not of_ours or now_ms - 10 <= 3000), (now_ms, sensor)


def test_a_device_that_never_answered_is_never_known() -> None:
    rig = Rig(5000)
    rig.chain.dead.add(1)
    rig.run(SCAN)
    assert [rig.monitor.cell_known(cell) for cell in range(CELLS)] == [True] * 18 + [False] * 16
    known = [rig.monitor.sensor_known(sensor) for sensor in range(SENSORS)]
    assert known == [True] * 5 + [False] * 5


def test_silence_of_days_stays_old_across_the_wrap_of_time(rig: Rig) -> None:
    rig.chain.dead = {0, 1}
    for quarter in range(1, 10):
        rig.now_ms = quarter * 2**28 & 2**30 - 1
        rig.monitor.hold_stamps(rig.now_ms)
        rig.run(SCAN)
        for signal in (s.AFE_AGE, s.TEMP_AGE, s.DIAGNOSIS_AGE):
            assert 2**27 < rig.value(signal) < 2**29, quarter
        assert not rig.monitor.cell_known(0)
        assert not rig.monitor.sensor_known(0)


@pytest.mark.parametrize(("streaks", "worst"), [((0, 0), 0), ((7, 0), 7), ((3, 9), 9)])
def test_the_longest_run_of_bad_answers_counts(rig: Rig, streaks, worst: int) -> None:
    rig.chain.crc_streak[:] = bytes(streaks)
    assert rig.run(SCAN).value(s.AFE_CRC) == worst


@pytest.mark.parametrize(("reference", "bad"), [
    (29_849, 1), (29_850, 0), (30_150, 0), (30_151, 1), (0, 1), (65_535, 1),
])  # fmt: skip
@pytest.mark.parametrize("device", [0, 1])
def test_sensors_are_believed_with_a_reference_of_2_985_to_3_015_v(rig, device, reference, bad):
    rig.chain.aux[device][5] = reference
    found = rig.renewed(SCAN)
    assert found[s.AFE_REFERENCE]
    assert rig.value(s.AFE_REFERENCE) == bad
    assert rig.monitor.sensors_read == SENSORS - bad * PER_DEVICE
    assert rig.value(s.SENSOR_OPEN) == rig.value(s.SENSOR_SHORT) == 0


def test_each_wrong_reference_counts(rig: Rig) -> None:
    rig.chain.aux[0][5] = rig.chain.aux[1][5] = 29_000
    assert rig.run(SCAN).value(s.AFE_REFERENCE) == 2


@pytest.mark.parametrize(("word", "signal"), [(0, s.SENSOR_SHORT), (REFERENCE, s.SENSOR_OPEN)])
def test_open_and_shorted_sensors_are_told_each_by_its_own_signal(rig, word, signal) -> None:
    """An open one must not read as the coldest nor a shorted one as the hottest cell."""
    rig.chain.aux[0][1] = rig.chain.aux[1][3] = word
    rig.run(SCAN)
    told = {n: rig.value(n) for n in (s.SENSOR_OPEN, s.SENSOR_SHORT, s.SENSORS_LOST)}
    assert told == {s.SENSOR_OPEN: 0, s.SENSOR_SHORT: 0, s.SENSORS_LOST: 0} | {signal: 2}
    assert 220 <= rig.value(s.TEMP_MIN) <= rig.value(s.TEMP_MAX) <= 280
    rig.chain.unheard.add((AUX_B, 1))
    found = rig.renewed(SCAN)
    assert {n: rig.value(n) for n in told} == told
    assert not any(found[n] for n in told)
    rig.chain.unheard.clear()
    rig.chain.aux[0][2] = word
    rig.run(SCAN)
    assert rig.value(s.SENSORS_LOST) == 1


@pytest.mark.parametrize(("dmv", "devices"), [(5000, 0), (5001, 1), (33_000, 1), (0xFFFF, 0)])
def test_a_voltage_where_no_cell_should_be_is_another_module(rig, dmv: int, devices: int) -> None:
    for at in (16, 17):
        rig.chain.cells[ADCV][1][16:] = [0, 0]
        rig.chain.cells[ADCV][1][at] = dmv
        assert rig.run(SCAN).value(s.WRONG_MODULE) == devices
    rig.chain.cells[ADCV][1][16:] = [0, 0]
    assert rig.run(SCAN).value(s.WRONG_MODULE) == 0


def test_what_stands_still_while_all_else_moves_is_frozen(rig: Rig) -> None:
    last, mean = array("H", bytes(2 * CELLS)), array("H", bytes(2 * CELLS))
    last_sensor, sensor_mean = array("H", bytes(2 * SENSORS)), array("H", bytes(2 * SENSORS))
    for found in (0, 1):
        assert rig.monitor.frozen_cells(last, mean, 100) == found
        assert rig.monitor.frozen_sensors(last_sensor, sensor_mean, 20) == found
        rig.chain.cells[ADCV] = [[33_000] + [33_200] * 17, [33_200] * 16 + [0, 0]]
        rig.chain.aux = [[WARM] + [WARM - 800] * 4 + [REFERENCE], [WARM - 800] * 5 + [REFERENCE]]
        rig.run(SCAN)


def test_a_sensor_apart_from_both_neighbours_is_counted(rig: Rig) -> None:
    assert rig.monitor.sensors_apart(150) == 0
    rig.chain.aux[1][2] = WARM - 8000
    rig.run(SCAN)
    assert rig.monitor.sensors_apart(150) == 1


@pytest.mark.parametrize("sensor", range(SENSORS))
def test_the_rise_of_any_sensor_is_the_largest_rise(sensor: int) -> None:
    rig = LinearRig().run(SCAN)
    for other in range(SENSORS):
        rig.set(other, 400)
    rig.set(sensor, 100)
    rig.run(SCAN)
    then = array("H", bytes(2 * SENSORS))
    assert list(rig.monitor.largest_rise(then, 0)) == [0, SENSORS]
    rig.set(sensor, 130)
    rig.run(SCAN)
    assert list(rig.monitor.largest_rise(then, 0)) == [30, 0]
