"""Whatever place, load, plant and failure: the thermal rules hold, inside MicroPython.

Six cabinets at once, their plants up to 30 % off what their firmware was told, each with weather,
load and failures of its own for an hour at steps of a second.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from soak import SOAK

from autarky.plant.thermal import MODELS, Kind
from autarky.thermal.case import Event, Sky, ThermalCase, Window
from autarky.thermal.loop import ThermalLoop

pytestmark = pytest.mark.slow
SECONDS = 3600.0
CABINETS = 6
OFF = ("heat_capacity_j_k", "loss_w_k", "heater_w", "chiller_w", "module_w_k", "flow_w_k")
WARMER_K = 15.0
HOTTEST_HEATED_C = 35.0  # thermal.md: cells stay inside 10..35 degC; heating ends at 25
SWITCHES = (
    "pump_failed", "compressor_failed", "fan_failed", "heater_welded", "heater_failed", "door_open",
    "temperatures_lost",
)  # fmt: skip
CHANNELS = ("coolant_supply", "ambient", "humidity")


@st.composite
def events(draw, kind):
    """Up to three failures, some of which end."""
    found = []
    for _ in range(draw(st.integers(0, 3))):
        at_s = draw(st.floats(0, SECONDS))
        what = draw(st.sampled_from(("switch", "sensor", "drift", "swap", "channel", "silent")))
        if what == "switch" or (what == "silent" and kind != Kind.CHILLER):
            name = draw(st.sampled_from(SWITCHES))
            found.append(Event(at_s, name, ("on",)))
            if draw(st.booleans()):
                found.append(Event(min(at_s + draw(st.floats(1, 1800)), SECONDS), name, ("off",)))
        elif what == "silent":
            found.append(Event(at_s, "chiller_silent", ("on",)))
        elif what == "channel":
            found.append(Event(at_s, "channel_open", (draw(st.sampled_from(CHANNELS)),)))
        else:
            sensor = draw(st.integers(1, 75))
            if what == "drift":
                found.append(Event(at_s, "sensor_drift", (sensor, draw(st.floats(-200, 200)))))
            elif what == "swap":
                found.append(Event(at_s, "sensor_swap", (sensor, draw(st.integers(1, 75)))))
            else:
                how = draw(st.sampled_from(("open", "short", "frozen")))
                found.append(Event(at_s, f"sensor_{how}", (sensor,)))
    return tuple(sorted(found, key=lambda event: event.time_s))


def _near(sky, kelvin):
    return min(sky.ambient_c + sky.swing_k + kelvin, 50.0)


@st.composite
def cases(draw, name):
    kind = draw(st.sampled_from(tuple(Kind)))
    told = MODELS[kind]
    scale = st.floats(0.7, 1.3)
    model = replace(told, **{number: getattr(told, number) * draw(scale) for number in OFF})
    sky = Sky(
        draw(st.floats(-30, 50)), draw(st.floats(0, 8)), draw(st.floats(0.1, 0.95)),
        draw(st.floats(0, 1000)),
    )  # fmt: skip
    c_rate = draw(st.sampled_from((-0.5, -0.2, 0.0, 0.2, 0.5)))
    start_c = draw(st.floats(-30, 45) | st.floats(0, WARMER_K).map(lambda k: _near(sky, k)))
    return ThermalCase(
        name, SECONDS, kind, model, start_c, 0.5, sky,
        (Window(0, 24, c_rate),), draw(st.booleans()), events=draw(events(kind)),
        parameters={
            "heater_w": round(told.heater_w), "chiller_w": round(told.chiller_w),
            "heat_capacity_kj_k": round(told.heat_capacity_j_k / 1000),
            "heat_loss_w_k": round(told.loss_w_k),
        },
        start_hour=draw(st.floats(0, 23)),
    )  # fmt: skip


@settings(
    max_examples=300 if SOAK else 3, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.tuples(*(cases(f"{n}") for n in range(CABINETS))))
def test_no_rule_is_broken_in_any_place_under_any_load_with_any_failure(chosen) -> None:
    for result in ThermalLoop(chosen).run():
        case = result.case
        assert result.broken_minimum_times == 0, case
        assert result.heated_without_flow_s == 0, case
        assert result.charged_below_zero_s == 0, case
        heated = result.traces["mode"] == 1
        if heated.any():
            assert result.traces["t_max"][heated].max() <= HOTTEST_HEATED_C, case
        told = {event.action for event in case.events} & {"door_open", "channel_open"}
        # a cabinet that begins far from its weather is wet whoever dries: air on cold cells, or fog
        above_k = case.start_c - (case.sky.ambient_c + case.sky.swing_k)
        if not told and 0.0 <= above_k <= WARMER_K:
            assert result.condensed_kg == 0, case
