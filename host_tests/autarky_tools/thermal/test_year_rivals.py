"""Rivals keep the rules of pump, heater and compressor; the task asks the same of all."""

import numpy as np
import pytest

from autarky.errors import AutarkyError
from autarky.plant.weather import Weather
from autarky.thermal.rivals import RIVALS, Settings, Thermostat
from autarky.thermal.task import Service, Task, allowed_c
from autarky.thermal.year import Column, Run, Setup, by_year, year_columns
from bess.control.preheat import CHARGE, DISCHARGE


def driven(settings, low_c, high_c, flow=lambda pump: pump):
    """Course of (pump, heater, compressor) of one thermostat through temperatures by 10 s."""
    rival = Thermostat(settings, 1)
    out = []
    for low, high in zip(low_c, high_c, strict=True):
        flowing = flow(rival.pump)
        rival.step(np.array([low]), np.array([high]), flowing, 10.0)
        out.append((rival.pump[0], rival.heater[0], rival.compressor[0]))
    return np.array(out)


def lengths(on):
    """Lengths of stretches of one state, s, without the first and the last."""
    edges = np.flatnonzero(np.diff(on.astype(int)))
    return np.diff(edges) * 10.0


def test_pump_leads_and_lags():
    warm = [9.0] * 20 + [16.0] * 40
    course = driven(RIVALS["thermostat"], warm, warm)
    pump, heater = course[:, 0], course[:, 1]
    assert pump[0]
    assert not heater[0]
    assert np.flatnonzero(heater)[0] == 1  # 10 s of proven flow later
    assert (np.flatnonzero(pump)[-1] - np.flatnonzero(heater)[-1]) * 10 in (110, 120)


def test_without_flow_neither_heats_nor_cools():
    course = driven(RIVALS["thermostat"], [0.0] * 20, [40.0] * 20, lambda pump: pump & False)
    assert not course[:, 1:].any()


def test_minimum_times_hold_whatever_the_temperatures_do():
    rng = np.random.default_rng(3)
    low, high = rng.uniform(0, 20, 4000), rng.uniform(20, 35, 4000)
    course = driven(Settings(10.0, 15.0), low, high)
    assert lengths(course[:, 2]).min() >= 180.0
    on = np.flatnonzero(np.diff(course[:, 1].astype(int)) == 1)
    off = np.flatnonzero(np.diff(course[:, 1].astype(int)) == -1)
    ends = off[off > on[0]]
    assert len(ends) > 10
    assert (ends - on[: len(ends)]).min() * 10 >= 60.0
    assert not (course[:, 1] & course[:, 2]).any()


def test_thermostat_heats_from_10_to_15_and_cools_from_28_to_22():
    low = [11.0] * 3 + [9.9] * 3 + [14.9] * 12 + [15.1] * 12
    assert driven(RIVALS["thermostat"], low, low)[:, 1].sum() == 14
    high = [27.9] * 3 + [28.1] * 3 + [22.1] * 30 + [21.9] * 12
    course = driven(RIVALS["thermostat"], high, high)[:, 2]
    assert not course[:3].any()
    assert course[4:36].all()
    assert not course[36:].any()


def test_a_window_asks_one_cycle_and_counts_what_did_not_flow():
    task = Task()
    service = Service(task, 3)
    low_c = np.array([20.0, 5.0, -1.0])  # full current, a tenth of 1 C, none
    for step in range(8640):
        service.step(step * 10.0, low_c, low_c, 10.0)
    assert service.asked_kwh == pytest.approx(np.full(3, 460.0))
    assert service.moved_kwh[0] == pytest.approx(460.0)
    assert service.missed_kwh == pytest.approx([0.0, 0.4 * 230.0, 230.0], abs=0.5)


@pytest.mark.parametrize(
    ("hour", "now", "later"),
    [(8.0, (0, 0, 0.0), (CHARGE, 3600, 0.25)),
     (10.0, (CHARGE, 0, 0.25), (DISCHARGE, 7 * 3600, 0.5)),
     (23.0, (0, 0, 0.0), (CHARGE, 10 * 3600, 0.25))],
)  # fmt: skip
def test_the_next_wish_is_announced(hour, now, later):
    service = Service(Task(), 1)
    service.step(hour * 3600.0, np.array([20.0]), np.array([20.0]), 10.0)
    assert service.announced(hour * 3600.0) == (now, later)


def test_the_firmware_is_asked_what_it_allows():
    assert allowed_c(CHARGE, np.array([-1.0, 5.0, 12.5, 20.0])) == pytest.approx(
        [0, 0.1, 0.25, 0.5]
    )
    assert allowed_c(DISCHARGE, np.array([-19.0, 6.0])) == pytest.approx([0.2, 0.5])


def test_every_month_of_the_year_is_there_once():
    columns = year_columns(["desert"], ["ours"])
    assert sum(column.days for column in columns) == 365
    assert [column.first_day for column in columns][:3] == [0, 31, 59]


def test_an_unknown_contestant_is_named():
    with pytest.raises(AutarkyError, match="there is no contestant 'theirs': choose of ours"):
        Run([Column("x", "theirs", 0, 1)], Setup({}))


def test_in_mild_weather_nobody_needs_anything_and_all_serve():
    mild = Weather("test", np.full(8760, 15.0), np.full(8760, 0.5), np.zeros(8760))
    columns = [Column("mild", who, 0, 1) for who in ("ours", "thermostat", "hold")]
    run = Run(columns, Setup({"mild": mild}, run_in_days=0))
    found = by_year(dict(zip(run.columns, run.run(), strict=True)))
    for totals in found.values():
        assert totals.kwh == 0.0
        assert totals["moved_kwh"] == pytest.approx(460.0)
        assert totals["missed_kwh"] == totals["cold_h"] == totals["hot_h"] == 0.0
