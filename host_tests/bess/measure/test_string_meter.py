"""The string's current and voltages: each from its own channel, fresh only when it came."""

from array import array

import pytest

from bess.drivers.ivt_s import CURRENT, U1, U2, U3
from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.measure.string_meter import StringMeter
from bess.parameters import Parameters

CELLS = 240
VOLTAGES = (U1, U2, U3)


class Sensor:
    """What the driver gives."""

    def __init__(self) -> None:
        self.value = array("i", bytes(16))
        self.count = array("i", bytes(16))
        self.at_ms = array("i", bytes(16))
        self.lost_permille = -1
        self.verified = 0

    def verify(self) -> None:
        self.verified += 1


class Rig:
    def __init__(self, **parameters: int) -> None:
        self.sensor = Sensor()
        self.signals = Signals()
        known = Parameters()
        for name, value in parameters.items():
            known.set(name, value)
        self.meter = StringMeter(self.sensor, known, CELLS, self.signals)
        self.now_ms = 0

    def tick(self, results: dict[int, int] | None = None) -> "Rig":
        """10 ms later, with the results {channel: value} that came meanwhile."""
        self.now_ms += 10
        for channel, value in (results or {}).items():
            self.sensor.value[channel] = value
            self.sensor.count[channel] += 1
            self.sensor.at_ms[channel] = self.now_ms
        self.meter.update(self.now_ms)
        return self

    def value(self, signal: int) -> int:
        return self.signals.value[signal]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_before_anything_came_all_is_zero_and_nothing_was_seen(rig: Rig) -> None:
    meter = rig.meter
    rig.sensor.value[:] = array("i", [7, 7, 7, 7])
    for _ in range(3):
        assert meter.current_ma == meter.string_mv == meter.link_mv == meter.power_w == 0
        assert meter.outer_plus_mv == meter.outer_minus_mv == 0
        assert meter.current_samples == meter.string_samples == meter.link_samples == 0
        assert meter.fresh_current is False
        assert meter.seen_all is False
        rig.tick()
    for signal in (s.SHORT, s.CHARGING, s.STRING_PER_CELL):
        assert rig.signals.count[signal] == 0


def test_current_is_fresh_in_the_tick_in_which_it_came_and_in_no_other(rig: Rig) -> None:
    assert rig.tick({CURRENT: 5000}).meter.fresh_current is True
    assert rig.meter.current_ma == 5000
    assert rig.tick().meter.fresh_current is False
    assert rig.tick({U1: 800_000, U2: 1, U3: 1}).meter.fresh_current is False
    assert rig.tick({CURRENT: 5000}).meter.fresh_current is True, "the same value can be fresh"
    assert rig.meter.current_samples == 2
    assert rig.signals.count[s.SHORT] == rig.signals.count[s.CHARGING] == 2
    assert not rig.signals.partial[s.SHORT]


def test_a_value_without_its_count_is_never_taken(rig: Rig) -> None:
    rig.tick({CURRENT: 1, U1: 2, U2: 30, U3: 4})
    rig.sensor.value[:] = array("i", [9, 9, 99, 9])
    meter = rig.tick().meter
    assert (meter.current_ma, meter.string_mv, meter.link_mv) == (1, 2, 26)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("current_ma", "permille"), [
    (0, 0), (255, 0), (256_000, 512), (500_000, 1000), (600_000, 1200), (2_000_000, 4000),
])  # fmt: skip
def test_a_short_is_measured_against_the_sensors_range_in_both_directions(
    rig: Rig, sign: int, current_ma: int, permille: int
) -> None:
    # in steps of 256 mA, so that the product stays a small integer
    assert abs(rig.tick({CURRENT: sign * current_ma}).value(s.SHORT) - permille) <= 1
    assert 2_000_000 // 256 * 1000 < 2**30


def test_a_short_has_the_very_value_of_its_formula(rig: Rig) -> None:
    assert rig.tick({CURRENT: 123_456}).value(s.SHORT) == 482 * 1000 // 1953


def test_a_small_string_calls_three_times_its_capacity_a_short() -> None:
    rig = Rig(capacity_mah=100_000)
    assert abs(rig.tick({CURRENT: 300_000}).value(s.SHORT) - 1000) <= 1
    rig = Rig(capacity_mah=280_000, current_range_ma=1_000_000)
    assert abs(rig.tick({CURRENT: -840_000}).value(s.SHORT) - 1000) <= 1


@pytest.mark.parametrize(("current_ma", "charging"), [
    (0, 0), (5_600, 0), (-5_599, 0), (-5_600, 0), (-5_601, 1), (-300_000, 1), (300_000, 0),
])  # fmt: skip
def test_more_than_2_percent_of_capacity_into_the_battery_is_charging(
    rig: Rig, current_ma: int, charging: int
) -> None:
    assert rig.tick({CURRENT: current_ma}).value(s.CHARGING) == charging


def test_string_voltage_is_judged_per_cell_when_it_came(rig: Rig) -> None:
    rig.tick({U1: 792_023})
    assert rig.meter.string_mv == 792_023
    assert rig.value(s.STRING_PER_CELL) == 33_000
    assert rig.meter.string_samples == rig.signals.count[s.STRING_PER_CELL] == 1
    rig.tick({CURRENT: 1, U2: 1, U3: 1})
    assert rig.meter.string_samples == rig.signals.count[s.STRING_PER_CELL] == 1


def test_the_link_is_the_plus_side_less_the_minus_side(rig: Rig) -> None:
    """Minus ignored, a welded contactor on the minus side would look like a well link."""
    meter = rig.tick({U2: 795_000, U3: 5_000}).meter
    assert meter.outer_plus_mv == 795_000
    assert meter.outer_minus_mv == 5_000
    assert meter.link_mv == 790_000
    assert meter.link_samples == 1
    assert rig.tick({U2: -3_000, U3: 12_000}).meter.link_mv == -15_000


@pytest.mark.parametrize(("first", "second"), [(U2, U3), (U3, U2)])
def test_the_link_waits_for_both_of_its_voltages(rig: Rig, first: int, second: int) -> None:
    rig.tick({U2: 700_000, U3: 1_000})
    meter = rig.tick({first: 100}).meter
    assert meter.link_mv == 699_000
    assert meter.link_samples == 1
    rig.tick({first: 200})
    assert meter.link_samples == 1
    assert rig.tick({second: 50}).meter.link_samples == 2
    assert {meter.outer_plus_mv, meter.outer_minus_mv} == {200, 50}
    assert rig.tick().meter.link_samples == 2


@pytest.mark.parametrize(("current_ma", "power_w"), [
    (100_000, 80_000), (-100_000, -80_000), (1_000, 800), (0, 0),
])  # fmt: skip
def test_power_is_current_by_string_voltage_positive_out_of_the_battery(
    rig: Rig, current_ma: int, power_w: int
) -> None:
    rig.tick({U1: 800_000, U2: 1, U3: 1})
    assert rig.tick({CURRENT: current_ma}).meter.power_w == power_w


def test_power_follows_a_voltage_that_came_alone(rig: Rig) -> None:
    rig.tick({CURRENT: 100_000, U1: 800_000})
    assert rig.tick({U1: 700_000}).meter.power_w == 70_000


@pytest.mark.parametrize("absent", [CURRENT, U1, U2, U3])
def test_all_is_seen_once_every_channel_came(rig: Rig, absent: int) -> None:
    rig.tick({channel: 10 for channel in (CURRENT, U1, U2, U3) if channel != absent})
    assert rig.meter.seen_all is False
    assert rig.tick({absent: 10}).meter.seen_all is True
    assert rig.tick().meter.seen_all is True


@pytest.mark.parametrize("name", ["current_samples", "string_samples", "link_samples"])
def test_counts_of_samples_start_over_at_65536(rig: Rig, name: str) -> None:
    setattr(rig.meter, name, 0xFFFE)
    rig.tick({CURRENT: 1, U1: 1, U2: 1, U3: 1})
    assert getattr(rig.meter, name) == 0xFFFF
    rig.tick({CURRENT: 1, U1: 1, U2: 1, U3: 1})
    assert getattr(rig.meter, name) == 0


def test_the_age_of_the_current_counts_from_the_start_and_then_from_its_last_result() -> None:
    rig = Rig()
    rig.now_ms = 5_000
    rig.tick()
    assert rig.value(s.CURRENT_AGE) == 0
    rig.tick({U1: 1})
    assert rig.value(s.CURRENT_AGE) == 10
    assert rig.tick({CURRENT: 1}).value(s.CURRENT_AGE) == 0
    for age_ms in (10, 20, 30):
        assert rig.tick({U1: 1, U2: 1, U3: 1}).value(s.CURRENT_AGE) == age_ms
    assert rig.signals.count[s.CURRENT_AGE] == 6


def test_a_start_at_time_0_is_a_start() -> None:
    rig = Rig()
    rig.now_ms = -10
    for age_ms in (0, 10, 20):
        assert rig.tick().value(s.CURRENT_AGE) == age_ms


@pytest.mark.parametrize("old", VOLTAGES)
def test_the_oldest_of_the_three_voltages_counts(rig: Rig, old: int) -> None:
    rig.tick(dict.fromkeys(VOLTAGES, 1))
    rig.tick({channel: 1 for channel in VOLTAGES if channel != old})
    rig.meter.update_voltage_age(rig.now_ms + 5)
    assert rig.value(s.VOLTAGE_AGE) == 15
    assert rig.signals.count[s.VOLTAGE_AGE] == 1
    rig.tick({old: 1})
    rig.meter.update_voltage_age(rig.now_ms)
    assert rig.value(s.VOLTAGE_AGE) == 10, "the others are the older ones now"


@pytest.mark.parametrize("never", VOLTAGES)
def test_a_voltage_that_never_came_ages_from_the_start(rig: Rig, never: int) -> None:
    for _ in range(8):
        rig.tick({channel: 1 for channel in (CURRENT, *VOLTAGES) if channel != never})
    rig.meter.update_voltage_age(rig.now_ms)
    assert rig.value(s.VOLTAGE_AGE) == 70


def test_each_second_the_sensor_is_verified_and_its_losses_told(rig: Rig) -> None:
    rig.meter.step_slow()
    assert rig.sensor.verified == 1
    assert rig.signals.count[s.CURRENT_LOST] == 0, "nothing came: its age tells"
    for lost_permille in (125, 0):
        rig.sensor.lost_permille = lost_permille
        rig.meter.step_slow()
        assert rig.value(s.CURRENT_LOST) == lost_permille
    assert rig.signals.count[s.CURRENT_LOST] == 2
    assert rig.sensor.verified == 3
