"""The thermal loop: the same on both interpreters; failures end in the table's reaction."""

from __future__ import annotations

import pytest
from autarky_tools.thermal.conftest import at, case
from soak import SOAK

from autarky.plant.thermal import MODELS, Kind, ThermalModel
from autarky.thermal import record
from autarky.thermal.case import Announcement, Sky, Window
from autarky.thermal.plan import best_charge_s
from autarky.thermal.tally import MODES


def eventful(minutes: float):
    """Three sets that heat, cool and fail."""
    windows = (Window(0.2, 0.6, 0.5), Window(0.6, 1.0, -0.5))
    cold = (
        at(5, "sensor_open", 7), at(9, "pump_failed", "on"), at(14, "pump_failed", "off"),
        at(18, "sensor_drift", 31, 40.0), at(25, "temperatures_lost", "on"),
        at(28, "temperatures_lost", "off"), at(30, "reset"),
    )  # fmt: skip
    hot = (at(6, "door_open", "on"), at(12, "door_open", "off"), at(20, "channel_open", "humidity"))
    return [
        case(minutes, name="cold chiller", start_c=-12.0, windows=windows, events=cold,
             announcements=(Announcement(0.0, "discharge", 600.0, rate_c=0.5),)),
        case(minutes, name="hot liquid", kind=Kind.LIQUID, start_c=33.0, windows=windows,
             events=hot),
        case(minutes, name="hot air", kind=Kind.AIR, start_c=33.0, windows=windows, events=hot,
             sky=Sky(ambient_c=40.0, humidity=0.6)),
    ]  # fmt: skip


def test_micropython_and_cpython_say_the_same_every_second(loop_of) -> None:
    cases = eventful(35.0)
    inside, here = loop_of(*cases, interpreter="micropython"), loop_of(*cases)
    for _ in range(35 * 60):
        inside.step()
        here.step()
        assert (inside.out == here.out).all(), inside.now_s
    assert inside.sha256 == here.sha256
    modes = {result.traces["mode"].max() for result in inside.tally.results(1.0)}
    assert MODES.index("cool") in modes


@pytest.mark.slow
def test_a_day_of_a_chiller_in_micropython_keeps_every_promise(loop_of) -> None:
    """Preheat for the charge, and the charge; in `make soak` all of the day."""
    windows = (Window(3.0, 5.0, -0.5), Window(17.0, 19.0, 0.5))
    (result,) = loop_of(
        case(
            24 * 60 if SOAK else 5 * 60,
            start_c=8.0,
            soc=0.1,
            windows=windows,
            plan=True,
            sky=Sky(ambient_c=-15.0),
        ),
        interpreter="micropython",
    ).run()
    assert result.broken_minimum_times == 0
    assert result.heated_without_flow_s == 0
    assert result.charged_below_zero_s == 0
    assert result.condensed_kg == 0
    assert result.tripped_s == 0
    assert result.throughput_kwh > (250 if SOAK else 110)


def test_charge_is_allowed_about_when_the_heater_can(loop_of) -> None:
    model = ThermalModel(heater_w=12000.0)
    cold = case(60, model=model, start_c=2.0, sky=Sky(ambient_c=-10.0))
    loop = loop_of(cold)
    while loop.now_s < cold.seconds and loop.tally.first_charge_s[0] < 0:
        loop.step()
    assert 0 < loop.tally.first_charge_s[0] < 1.25 * best_charge_s(cold)


def test_an_open_sensors_neighbours_stand_in_two_kelvin_colder_and_hotter(loop_of) -> None:
    (result,) = loop_of(case(10, sensor_offset_k=0.0, events=(at(2, "sensor_open", 8),))).run()
    assert result.traces["told_min"][60] == pytest.approx(20.0, abs=0.2)
    assert result.traces["told_min"][-1] == pytest.approx(18.0, abs=0.2)
    assert result.traces["told_max"][-1] == pytest.approx(22.0, abs=0.2)
    assert any("sensor_open (warn) raised" in text for _, text in result.said)


@pytest.mark.parametrize("how", ["sensor_open", "sensor_short"])
def test_two_neighbours_lost_stop_the_string(loop_of, how: str) -> None:
    events = at(2, how, 8), at(3, how, 9)
    windows = (Window(0.0, 24.0, 0.2),)
    (result,) = loop_of(case(10, windows=windows, events=events)).run()
    assert result.tripped_s > 5 * 60
    assert result.traces["current_c"][100] == pytest.approx(0.2)
    assert result.traces["current_c"][-1] == 0


def test_nothing_is_heated_blind(loop_of) -> None:
    loop = loop_of(case(20, start_c=-10.0, events=(at(5, "temperatures_lost", "on"),)))
    while loop.now_s < 300:
        loop.step()
    assert loop.world.heat.heating[0]
    while loop.now_s < 1200:
        loop.step()
        if loop.now_s > 320:
            assert not loop.world.heat.heating[0]
    assert MODES[loop.out[0, record.MODE]] == "failsafe"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_pump_that_fails_ends_heat_and_halves_power(loop_of, kind: Kind) -> None:
    windows = (Window(0.0, 24.0, 0.2),)
    (result,) = loop_of(
        case(20, kind=kind, start_c=0.0, windows=windows, events=(at(5, "pump_failed", "on"),))
    ).run()
    assert result.heated_s > 100
    assert result.heated_without_flow_s == 0
    assert result.traces["discharge_c"][-1] == pytest.approx(result.traces["discharge_c"][200] / 2)


@pytest.mark.parametrize("kind", list(Kind))
def test_an_open_door_ends_the_compressor(loop_of, kind: Kind) -> None:
    loop = loop_of(case(20, kind=kind, start_c=33.0, events=(at(10, "door_open", "on"),)))
    while loop.now_s < 600:
        loop.step()
    assert loop.out[0, record.STATE] & record.CHILLER_ON
    for _ in range(5):
        loop.step()
    assert not loop.out[0, record.STATE] & record.CHILLER_ON


def test_a_silent_chiller_is_told_and_power_taken_back(loop_of) -> None:
    (result,) = loop_of(case(10, events=(at(5, "chiller_silent", "on"),))).run()
    assert any("chiller_silent (warn) raised" in text for _, text in result.said)
    assert result.traces["discharge_c"][-1] == pytest.approx(0.2, abs=0.01)


def test_a_swapped_and_a_frozen_sensor_change_nothing_while_all_are_alike(loop_of) -> None:
    events = at(1, "sensor_swap", 3, 60), at(1, "sensor_frozen", 20)
    (result,) = loop_of(case(5, events=events)).run()
    assert result.tripped_s == 0
    assert result.traces["told_max"][-1] == pytest.approx(20.0, abs=0.5)


def test_a_sensor_that_is_well_again_is_believed_again(loop_of) -> None:
    events = at(1, "sensor_shift", 20, 30.0), at(3, "sensor_well", 20), at(4, "estop", "on")
    (result,) = loop_of(case(6, events=events)).run()
    assert result.traces["told_max"][120] == pytest.approx(50.0, abs=1.0)
    assert result.traces["told_max"][200] == pytest.approx(20.0, abs=0.5)
    assert result.tripped_s > 0


def test_current_is_never_more_than_the_firmware_allows(loop_of) -> None:
    (result,) = loop_of(case(10, start_c=3.0, windows=(Window(0.0, 24.0, -0.5),))).run()
    assert (result.traces["current_c"] >= result.traces["charge_c"] - 1e-9).all()
    assert result.hours_derated > 0.1


def test_announcements_count_down_and_a_plan_makes_them(loop_of) -> None:
    told = case(
        10,
        announcements=(
            Announcement(60.0, "charge", 300.0, rate_c=0.25),
            Announcement(480.0, "silent"),
        ),
    )
    assert told.announced(0.0) is None
    said = told.announced(180.0)
    assert said is not None
    assert (said.purpose, said.wanted_in_s, said.rate_c) == ("charge", 180.0, 0.25)
    assert told.announced(500.0) is None
    planned = case(10, plan=True, windows=(Window(22.0, 2.0, 0.5),))
    said = planned.announced(0.0)
    assert said is not None
    assert (said.purpose, said.wanted_in_s, said.rate_c) == ("discharge", 0.0, 0.5)
    assert planned.wanted_c(0.0) == 0.5
    later = planned.announced(4 * 3600.0)
    assert later is not None
    assert later.wanted_in_s == 18 * 3600.0


def test_defaults_of_each_kind_tell_the_firmware_its_plant() -> None:
    for kind in Kind:
        settings = case(kind=kind, parameters={"pump_lead_ms": 5000}).settings()
        assert settings["cooling_set"] == kind
        assert settings["heater_w"] == MODELS[kind].heater_w
        assert settings["pump_lead_ms"] == 5000
