"""Temperature rise of each sensor, not of the hottest."""

from types import SimpleNamespace

import pytest
from kit.cell_rig import Rig

from bess.measure import signals as s
from bess.parameters import Parameters
from bess.protect.plausibility import Plausibility


class RiseRig(Rig):
    """Steps what judges the rise once a second."""

    def __init__(self, sensors_per_device: int = 5) -> None:
        super().__init__(sensors_per_device)
        idle = SimpleNamespace(
            current_ma=0,
            current_samples=0,
            power_w=0,
            power_actual_w=0,
            closed=False,
            is_open=True,
            status_ms=-1,
        )
        self.plausibility = Plausibility(self.monitor, idle, idle, idle, Parameters(), self.signals)

    def seconds(self, count: int, *changes: tuple[int, float]) -> list[int]:
        """The rise after each second, in which (sensor, K) are added."""
        found = []
        for _ in range(count):
            for sensor, kelvin in changes:
                self.celsius[sensor] += kelvin
            self.run(100)
            self.plausibility.step_slow(False, True)
            found.append(self.signal(s.TEMP_RISE))
        return found


@pytest.fixture
def rig() -> RiseRig:
    rig = RiseRig()
    rig.celsius[:] = 30.0
    rig.celsius[60:] = 10.0  # the cold side
    rig.seconds(5)
    return rig


def test_any_sensor_that_heats_is_seen_however_cold_it_is(rig: RiseRig) -> None:
    rig.celsius[:] = 40.0
    for sensor in range(0, 75, 4):
        rig.celsius[sensor] = 0.0
        rig.seconds(4)
        assert min(rig.seconds(4, (sensor, 3.0))[2:]) >= 28, sensor
        rig.celsius[sensor] = 40.0


def test_a_steady_string_rises_by_nothing(rig: RiseRig) -> None:
    assert rig.seconds(5) == [0] * 5
    assert rig.signals.partial[s.TEMP_RISE] == 0


def test_cooling_is_no_rise(rig: RiseRig) -> None:
    assert rig.seconds(5, (3, -4.0)) == [0] * 5


def test_a_lost_sensor_and_its_return_fake_no_rise(rig: RiseRig) -> None:
    """It leaves at 30 degC, its stand-in stands at 40, it comes back at 45."""
    rig.celsius[[6, 8]] = 40.0
    rig.seconds(5)
    for celsius, seconds in ((-200.0, 15), (45.0, 15), (200.0, 3), (30.0, 15)):
        rig.celsius[7] = celsius
        assert max(rig.seconds(seconds)) == 0, celsius


def test_a_sensor_that_is_not_read_fakes_no_rise(rig: RiseRig) -> None:
    rig.model.dead.add(2)
    rig.seconds(3)
    rig.model.dead.clear()
    rig.celsius[10:15] = 60.0
    assert max(rig.seconds(6)) == 0


def test_neighbours_of_a_lost_sensor_still_tell_its_rise(rig: RiseRig) -> None:
    rig.celsius[62] = -200.0
    rig.seconds(5)
    assert min(rig.seconds(5, (61, 3.0), (63, 3.0))[2:]) >= 28
    assert rig.signals.partial[s.TEMP_RISE] == 0


def test_a_rise_that_is_not_known_of_all_clears_nothing(rig: RiseRig) -> None:
    rig.model.dead.add(14)
    rig.seconds(1)
    assert rig.signals.partial[s.TEMP_RISE] == 1
    rig.model.dead.clear()
    rig.seconds(3)
    assert rig.signals.partial[s.TEMP_RISE] == 1
    rig.seconds(1)
    assert rig.signals.partial[s.TEMP_RISE] == 0


def test_a_lost_sensor_is_no_frozen_and_no_implausible_one(rig: RiseRig) -> None:
    rig.celsius[7] = -200.0
    rig.seconds(3)
    for _ in range(6):
        rig.seconds(1, *((sensor, 1.0) for sensor in range(75) if sensor != 7))
    assert rig.signal(s.SENSOR_FROZEN) == 0
    assert rig.signal(s.SENSOR_IMPLAUSIBLE) == 0
