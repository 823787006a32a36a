"""An open or shorted NTC: neighbours stand in for it, in the harmful direction and nowhere else."""

import pytest
from kit.cell_rig import Rig

from bess.measure import signals as s

OPEN, SHORT = -200.0, 200.0
SECOND = 100


@pytest.fixture
def rig() -> Rig:
    return Rig().run(160)


@pytest.mark.parametrize("broken_c", [OPEN, SHORT])
def test_each_lost_sensor_is_told_and_all_else_stays_whole(rig: Rig, broken_c: float) -> None:
    for sensor in range(75):
        rig.celsius[sensor] = broken_c
        rig.run(20)
        assert rig.signal(s.SENSOR_OPEN) == (broken_c == OPEN), sensor
        assert rig.signal(s.SENSOR_SHORT) == (broken_c == SHORT), sensor
        assert rig.signal(s.SENSORS_LOST) == 0, sensor
        assert rig.signal(s.TEMP_AGE) < 200, sensor
        assert rig.signals.partial[s.TEMP_MAX] == rig.signals.partial[s.TEMP_MIN] == 0, sensor
        assert rig.monitor.all_sensors_known, sensor
        assert list(rig.monitor.temperature_fresh).count(1) == 74, sensor
        rig.celsius[sensor] = 25.0
        rig.run(80)
        assert rig.signal(s.SENSOR_OPEN) == rig.signal(s.SENSOR_SHORT) == 0, sensor


@pytest.mark.parametrize(("sensor", "neighbours"), [
    (0, (1,)), (4, (3,)), (5, (6,)), (7, (6, 8)), (72, (71, 73)), (74, (73,)),
])  # fmt: skip
def test_neighbours_stand_in_2_k_worse_in_both_directions(rig: Rig, sensor, neighbours) -> None:
    rig.celsius[sensor] = OPEN
    for step, neighbour in enumerate(neighbours):
        rig.celsius[neighbour] = 45.0 + 3 * step
    rig.run(30)
    assert abs(rig.signal(s.TEMP_MAX) - (470 + 30 * (len(neighbours) - 1))) <= 3
    assert rig.monitor.temp_max_index == sensor
    for step, neighbour in enumerate(neighbours):
        rig.celsius[neighbour] = -10.0 - 3 * step
    rig.run(30)
    assert abs(rig.signal(s.TEMP_MIN) - (-120 - 30 * (len(neighbours) - 1))) <= 3
    assert rig.monitor.temp_min_index == sensor


def test_what_is_told_of_a_lost_sensor_is_its_stand_in(rig: Rig) -> None:
    """Never the broken value, nor the last good one: cells go on changing."""
    rig.celsius[7] = OPEN
    rig.celsius[6], rig.celsius[8] = 30.0, 34.0
    rig.run(30)
    assert abs(rig.monitor.temperatures_dc()[7] - 320) <= 3
    assert rig.monitor.temperature_fresh[7] == 0


def test_a_lost_sensor_at_boot_keeps_nothing_from_being_seen() -> None:
    rig = Rig()
    rig.celsius[40] = OPEN
    rig.run(60)
    assert rig.monitor.seen_all


@pytest.mark.parametrize("lost", [
    (7, 8), (4, 5), (14, 15), (0, 1), (73, 74), (5, 6, 7, 8, 9), tuple(range(15)),
    tuple(range(0, 75, 2)), tuple(range(75)),
])  # fmt: skip
def test_two_neighbours_or_over_half_are_too_many(rig: Rig, lost: tuple[int, ...]) -> None:
    rig.celsius[list(lost)] = OPEN
    rig.run(30)
    assert rig.signal(s.SENSORS_LOST) == 1


def test_an_open_and_a_shorted_neighbour_are_two_lost_neighbours(rig: Rig) -> None:
    rig.celsius[7], rig.celsius[8] = OPEN, SHORT
    rig.run(30)
    assert rig.signal(s.SENSORS_LOST) == 1


def test_lost_sensors_apart_from_each_other_are_all_stood_in_for(rig: Rig) -> None:
    rig.celsius[[1, 3, 7, 12, 40, 60, 62]] = OPEN
    rig.run(5 * SECOND)
    assert rig.signal(s.SENSORS_LOST) == 0
    assert rig.signal(s.SENSOR_OPEN) == 7
    assert rig.signals.partial[s.TEMP_MAX] == 0


def test_the_only_sensor_of_a_device_has_no_stand_in() -> None:
    rig = Rig(sensors_per_device=1).run(60)
    rig.celsius[4] = OPEN
    rig.run(SECOND)
    assert rig.signal(s.SENSORS_LOST) == 1
    assert rig.signals.partial[s.TEMP_MAX] == 1
    assert rig.signal(s.TEMP_AGE) >= 900


def test_one_of_two_sensors_of_a_device_is_stood_in_for_by_the_other() -> None:
    rig = Rig(sensors_per_device=2).run(60)
    rig.celsius[9], rig.celsius[8] = OPEN, 40.0
    rig.run(SECOND)
    assert rig.signal(s.SENSORS_LOST) == 0
    assert abs(rig.signal(s.TEMP_MAX) - 420) <= 3


def test_spread_is_of_what_was_measured(rig: Rig) -> None:
    rig.celsius[:38] = 22.0
    spread_dc = rig.run(30).monitor.temp_spread_dc
    rig.celsius[7] = OPEN
    rig.run(30)
    assert rig.monitor.temp_spread_dc == spread_dc
    assert rig.signal(s.TEMP_MAX) - rig.signal(s.TEMP_MIN) > spread_dc


def test_a_stand_in_below_zero_lowers_no_voltage_limit(rig: Rig) -> None:
    rig.celsius[:] = 1.0
    rig.celsius[7] = OPEN
    rig.run(30)
    assert rig.signal(s.TEMP_MIN) < 0
    assert rig.signal(s.CELL_MIN) == 33000


@pytest.mark.parametrize(("bad", "good"), [(1, 1), (1, 2), (3, 8), (10, 25)])
def test_a_sensor_that_comes_and_goes_stays_told(rig: Rig, bad: int, good: int) -> None:
    for _ in range(300 // (bad + good)):
        rig.celsius[7] = OPEN
        rig.run(10 * bad)
        rig.celsius[7] = 25.0
        rig.run(10 * good)
    for _ in range(5):
        rig.celsius[7] = OPEN
        for _ in range(bad):
            assert rig.run(10).signal(s.SENSOR_OPEN) == 1
        rig.celsius[7] = 25.0
        for _ in range(good):
            assert rig.run(10).signal(s.SENSOR_OPEN) == 1


def test_two_neighbours_that_go_in_turns_are_too_many(rig: Rig) -> None:
    for n in range(60):
        rig.celsius[7 + n % 2], rig.celsius[8 - n % 2] = OPEN, 25.0
        rig.run(10)
    assert rig.signal(s.SENSORS_LOST) == 1


def test_a_single_bad_reading_is_forgotten_within_a_second(rig: Rig) -> None:
    rig.celsius[[7, 8]] = OPEN
    rig.run(10)
    rig.celsius[[7, 8]] = 25.0
    rig.run(10)
    assert rig.signal(s.SENSORS_LOST) == 0
    rig.run(40)
    assert rig.signal(s.SENSOR_OPEN) == 0


def test_a_reading_of_a_sensor_that_came_back_still_reaches_protection(rig: Rig) -> None:
    """Rule 2: while it is told as lost, its own reading counts beside its stand-in."""
    rig.celsius[7] = OPEN
    rig.run(5 * SECOND)
    rig.celsius[7] = 58.0
    rig.run(20)
    assert rig.signal(s.SENSOR_OPEN) == 1
    assert abs(rig.signal(s.TEMP_MAX) - 580) <= 3


def test_a_sensor_breaks_between_two_groups_of_a_scan(rig: Rig) -> None:
    for tick in range(10):
        rig.celsius[7] = OPEN
        rig.run(tick + 1)
        rig.celsius[7] = 25.0
        rig.run(200 - tick - 1)
        assert 200 <= rig.signal(s.TEMP_MIN) <= rig.signal(s.TEMP_MAX) <= 300


def test_a_device_that_is_not_read_is_partial_and_no_lost_sensor(rig: Rig) -> None:
    rig.model.dead.add(4)
    rig.run(50)
    assert rig.signals.partial[s.TEMP_MAX] == 1
    assert rig.signal(s.SENSOR_OPEN) == rig.signal(s.SENSOR_SHORT) == 0
    assert rig.signal(s.TEMP_AGE) >= 400
    assert not rig.monitor.all_sensors_known


def test_gpio_pull_downs_after_a_glitch_are_shorted_sensors_until_it_is_configured_again(
    rig: Rig,
) -> None:
    rig.model.reset_device(3, pull_down=True)
    rig.run(20)
    assert rig.signal(s.SENSORS_LOST) == 1
    rig.run(80)
    assert rig.signal(s.SENSORS_LOST) == 0
    assert rig.signals.partial[s.TEMP_MAX] == 0
