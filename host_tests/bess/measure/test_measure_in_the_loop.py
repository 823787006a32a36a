"""Sensors that break in a running cabinet: told, never taken for well, and never more than that."""

from collections.abc import Callable

import pytest

from autarky.bus.bus import BusFault
from autarky.plant.ivt_s import RESULT_ID
from autarky.sil.site import VirtualSite
from autarky.tables import faults
from bess import modes
from bess.drivers import ivt_s
from bess.measure import string_meter

pytestmark = pytest.mark.slow
MAIN = 0b11


def level(site: VirtualSite, fault: str) -> int:
    return site.cabinets[0].firmware.app.protection.levels()[faults()[fault].id - 1]


def worst(site: VirtualSite) -> int:
    return site.cabinets[0].firmware.app.protection.worst_level


def running(site: VirtualSite) -> bool:
    return site.cabinets[0].firmware.app.modes.state == modes.RUN


def trips_after_ms(site: VirtualSite, limit_ms: int) -> int:
    start_ms = site.now_ms
    while site.plants.outputs[0] & MAIN and site.now_ms - start_ms < limit_ms:
        site.step()
    return site.now_ms - start_ms


@pytest.mark.parametrize(("sensor", "celsius"), [(0, -120.0), (7, -120.0), (74, 300.0)])
def test_one_lost_sensor_warns_and_the_string_goes_on(running_site, sensor, celsius) -> None:
    running_site.plants.sensor_forced_c[0][sensor] = celsius
    running_site.run_for(12.0)
    assert running(running_site)
    assert worst(running_site) == 1
    assert level(running_site, "sensor_open" if celsius < 0 else "sensor_short") == 1


def test_a_cabinet_with_a_lost_sensor_starts(inline_site: Callable[..., VirtualSite]) -> None:
    site = inline_site(soc=0.6)
    site.plants.sensor_forced_c[0][7] = -120.0
    site.run_for(8.0)
    assert running(site)


@pytest.mark.parametrize("sensor", [6, 40])
def test_real_heat_beside_a_lost_sensor_still_trips(running_site, sensor: int) -> None:
    running_site.plants.sensor_forced_c[0][7] = -120.0
    running_site.run_for(5.0)
    running_site.plants.sensor_forced_c[0][sensor] = 61.0
    assert trips_after_ms(running_site, 5000) <= 3000


def test_a_module_without_sensors_stops_the_string(running_site) -> None:
    running_site.plants.sensor_forced_c[0].update(dict.fromkeys(range(30, 45), -120.0))
    assert trips_after_ms(running_site, 5000) <= 2200


def test_a_module_that_heats_on_the_cold_side_trips_below_the_hottest(running_site) -> None:
    plants = running_site.plants
    cold = dict.fromkeys(range(60, 75), 21.5)
    plants.sensor_forced_c[0].update(cold)
    running_site.run_for(10.0)
    assert worst(running_site) == 0
    plants.temperature_shift_c[0] = 2.0  # the others stay the hottest meanwhile
    running_site.run_for(6.0)
    for second in range(8):
        plants.sensor_forced_c[0].update(dict.fromkeys((70, 71), 21.5 + 1.4 * second / 1))
        running_site.run_for(1.0)
        if level(running_site, "temp_rise"):
            break
    assert level(running_site, "temp_rise") == 3
    assert plants.sensor_forced_c[0][70] < 31.0


@pytest.mark.parametrize("pull_down", [False, True])
def test_a_front_end_that_was_reset_once_warns_at_once_and_the_string_goes_on(
    running_site, pull_down: bool
) -> None:
    running_site.plants.chains[0].reset_device(3, pull_down)
    running_site.run_for(0.8)
    assert level(running_site, "afe_config") == 1
    running_site.run_for(20.0)
    assert running(running_site)
    assert level(running_site, "afe_config") == 0


def test_a_front_end_that_is_reset_time_and_again_limits(running_site) -> None:
    running_site.plants.chains[0].resets_each_ms[3] = 5000
    running_site.run_for(12.0)
    assert level(running_site, "afe_config") == 2


@pytest.mark.parametrize("late_s", [0.05, 0.25, 0.6])
def test_a_current_sensor_that_starts_late_trips_in_time(inline_site, late_s: float) -> None:
    site = inline_site(soc=0.6)
    sensor = site.plants.sensors[0]
    sensor.silent = True
    site.run_for(late_s)
    sensor.silent = False
    site.run_for(8.0)
    assert sensor.period_ms == [10, 50, 50, 50]
    site.plants.strings.extra_a[0] = 300.0
    if site.plants.outputs[0] & MAIN:
        assert trips_after_ms(site, 3000) <= 530


def test_a_current_sensor_that_was_swapped_without_a_word_trips_in_time(running_site) -> None:
    running_site.plants.sensors[0].period_ms = [20, 60, 60, 60]
    running_site.run_for(3.0)
    assert running(running_site)
    running_site.plants.strings.extra_a[0] = 300.0
    assert trips_after_ms(running_site, 3000) <= 530


@pytest.mark.parametrize(("channel", "lost", "told"), [
    (0, lambda n: n % 5 != 0, 1), (0, lambda n: n % 8 == 0, 1), (0, lambda n: n % 16 == 0, 1),
    (0, lambda n: n == 5, 0), (1, lambda n: n % 8 == 0, 1), (2, lambda n: n % 8 == 0, 1),
    (3, lambda n: n % 5 != 0, 1), (3, lambda n: n == 5, 0),
])  # fmt: skip
def test_frames_of_the_current_sensor_that_get_lost_are_told(running_site, channel, lost, told):
    number = iter(range(1 << 30))
    running_site.cabinets[0].bus.faults.append(
        BusFault("drop", lambda known, _: known == RESULT_ID + channel and lost(next(number)))
    )
    running_site.run_for(6.0)
    assert level(running_site, "current_lost") == told
    assert running_site.plants.sensors[0].period_ms == [10, 50, 50, 50]


def analog(site: VirtualSite, **values: float) -> None:
    site.plants.analog_forced[0].update(values)
    site.plants.refresh_analog(0)


def test_both_terminal_sensors_lost_trip_within_the_stale_limit(running_site) -> None:
    analog(running_site, terminal_plus=-200.0, terminal_minus=-200.0)
    assert trips_after_ms(running_site, 10_000) <= 3000


@pytest.mark.parametrize("lost", [
    {"terminal_plus": -200.0}, {"terminal_minus": 400.0}, {"board": -200.0}, {"board": 400.0},
    {"coolant_supply": -200.0}, {"ambient": -200.0}, {"humidity": 0.0}, {"humidity": 1.0},
])  # fmt: skip
def test_a_lost_sensor_of_the_cabinet_warns_and_stops_nothing(running_site, lost) -> None:
    analog(running_site, **lost)
    running_site.run_for(9.0)
    assert running(running_site)
    fault = "terminal_sensor" if "terminal" in next(iter(lost)) else "cabinet_sensor"
    assert level(running_site, fault) == 1


def test_condensation_stands_on_when_a_sensor_breaks(running_site) -> None:
    analog(running_site, coolant_supply=8.0, humidity=0.95, ambient=30.0)
    running_site.run_for(63.0)
    assert level(running_site, "condensation") == 1
    analog(running_site, coolant_supply=-200.0)
    running_site.run_for(15.0)
    assert level(running_site, "condensation") == 1


@pytest.mark.parametrize(("status", "told"), [(0x20, 1), (0x01, 2)])
def test_what_the_insulation_monitor_says_itself_counts(running_site, status, told) -> None:
    running_site.plants.monitors[0].status = status
    running_site.run_for(15.0)
    assert level(running_site, "insulation_told") == told


@pytest.mark.parametrize("change", [
    {"raw": 0xFFFF}, {"vifc_status": 0x0100}, {"status": 0x08}, {"status": 0x10},
    {"status": 0x02}, {"frozen": True},
])  # fmt: skip
def test_an_insulation_monitor_without_results_is_silent(running_site, change) -> None:
    running_site.run_for(2.0)
    for name, value in change.items():
        setattr(running_site.plants.monitors[0], name, value)
    running_site.run_for(48.0 if "frozen" in change else 13.0)
    assert level(running_site, "insulation_silent") == 2


def test_the_meter_reads_the_channels_of_its_sensor() -> None:
    meter = string_meter
    channels = (meter._CURRENT, meter._U1, meter._U2, meter._U3)
    assert channels == (ivt_s.CURRENT, ivt_s.U1, ivt_s.U2, ivt_s.U3)
