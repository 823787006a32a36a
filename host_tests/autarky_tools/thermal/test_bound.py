"""The least energy by foresight: against closed forms, brute force, and who is judged by it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from autarky.errors import AutarkyError
from autarky.plant.thermal_model import ThermalModel
from autarky.plant.weather import Weather, generate
from autarky.thermal.bound import Limits, bound, foresight, hull, problem_of
from autarky.thermal.optimum import Plane, Problem, solve
from autarky.thermal.task import Task, Window, allowed_c
from autarky.thermal.year import CONTESTANTS, Column, Run, Setup
from bess.control.preheat import CHARGE, DISCHARGE

_C, _UA = 1.8e6, 30.0


def problem(outside_c, **changes):
    n = len(outside_c)
    base = Problem(
        step_s=60.0, heat_capacity_j_k=_C, loss_w_k=_UA, outside_c=np.asarray(outside_c, float),
        heat_cost=1.0 / 0.95, heat_most_w=5700.0, cool_cost=np.full(n, 1 / 3.0),
        cool_most_w=np.full(n, 5000.0), least_c=np.full(n, -40.0), most_c=np.full(n, 35.0),
        rate_least=np.zeros(n), rate_most=np.zeros(n), start_c=(20.0, 20.0),
    )  # fmt: skip
    return replace(base, **changes)


def weather(temp_c, humidity=0.5):
    """The same temperature all year."""
    return Weather("test", np.full(8760, float(temp_c)), np.full(8760, humidity), np.zeros(8760))


def test_heat_that_is_wanted_once_comes_as_late_as_full_power_permits():
    n = 24 * 60
    least_c = np.full(n, -40.0)
    least_c[-1] = 5.0
    found = solve(problem(np.full(n, -30.0), least_c=least_c, start_c=(-30.0, -30.0)))
    reach_k = 5700.0 / _UA
    heating_s = -_C / _UA * np.log(1.0 - 35.0 / reach_k)
    assert heating_s / 3600.0 == pytest.approx(3.4, abs=0.05)  # thermal.md, 6 kW
    assert found.kwh == pytest.approx(heating_s * 6000.0 / 3.6e6, rel=0.003)
    assert found.temperature_c[n - 5 * 60] == pytest.approx(-30.0)


def test_heat_that_cannot_leave_by_itself_is_cooled_at_the_limit():
    n = 600
    kilowatt = Plane(np.full(n, 1000.0), np.zeros(n), np.zeros(n))
    found = solve(
        problem(
            np.full(n, 25.0), rate_least=np.ones(n), rate_most=np.ones(n),
heat_least=(kilowatt,), heat_most=(kilowatt,), start_c=(35.0, 35.0),
        )
    )  # fmt: skip
    assert found.cooling_kwh == pytest.approx((1000.0 - _UA * 10.0) / 3.0 * n * 60 / 3.6e6)
    assert found.temperature_c == pytest.approx(np.full(n + 1, 35.0))


def test_no_choice_of_full_power_by_the_hour_is_cheaper():
    n = 6
    outside_c = np.array([20.0, 22.0, 30.0, 40.0, 45.0, 45.0])
    cost = 1.0 / np.array([4.0, 3.9, 3.3, 2.7, 2.3, 2.3])
    at = problem(outside_c, step_s=3600.0, cool_cost=cost, start_c=(34.9, 34.9))
    found = solve(at)
    half = _UA * 3600.0 / _C / 2.0
    cheapest = np.inf
    for shares in product(np.linspace(0.0, 0.1, 6), repeat=n):
        now_c, spent_j, well = 34.9, 0.0, True
        for outside, share, price in zip(outside_c, shares, cost, strict=True):
            cold_k = 5000.0 * share * 3600.0 / _C
            now_c = (now_c * (1 - half) + 2 * half * outside - cold_k) / (1 + half)
            spent_j += 5000.0 * share * 3600.0 * price
            well = well and now_c <= 35.0
        if well:
            cheapest = min(cheapest, spent_j / 3.6e6)
    assert found.kwh <= cheapest
    assert found.kwh == pytest.approx(cheapest, rel=0.35)  # in steps of 100 W


def test_a_limit_that_nothing_keeps_is_said():
    n = 4
    at = problem(np.full(n, 50.0), cool_most_w=np.zeros(n), start_c=(35.0, 35.0))
    with pytest.raises(AutarkyError, match="no control keeps the cells within their limits"):
        solve(at)


def test_weather_that_is_never_too_cold_nor_too_warm_costs_nothing():
    assert bound(problem_of(ThermalModel(), Task(), weather(20.0), (0, 10))).kwh == pytest.approx(
        0.0, abs=1e-6
    )


def test_a_cold_pack_is_warmed_no_more_than_its_current_needs():
    found = bound(problem_of(ThermalModel(), Task(), weather(-20.0), (0, 4)))
    charging = slice(48 * 2 + 18, 48 * 2 + 30)
    at_c = (found.temperature_c[charging][:-1] + found.temperature_c[charging][1:]) / 2
    assert 5.0 <= at_c.min() <= at_c.max() < 13.0
    assert found.rate_c[charging].sum() * 0.5 == pytest.approx(1.0)
    allowed = allowed_c(CHARGE, at_c)
    assert (found.rate_c[charging][:-1] <= allowed + 0.01).all()


@pytest.mark.parametrize("from_c", [-12.0, 1.9, 4.8, 5.0, 9.0, 14.9])
def test_a_hull_lies_above_what_the_firmware_allows(from_c):
    for window in Task().windows:
        span_c = np.arange(from_c, 35.0, 0.1)
        constant, slope, _ = hull(window, min(from_c, 2.0), from_c)
        most = np.minimum(allowed_c(window.purpose, span_c), window.rate_c)
        assert (constant + slope * span_c >= most - 1e-9).all()


def test_with_foresight_the_cells_make_the_heat_that_they_make():
    task = Task()
    for air_c in (-10.0, 33.0):
        limits = Limits(14.0, 12.0, -5.0, 30.0)
        wanted = problem_of(ThermalModel(), task, weather(air_c), (0, 6), limits=limits)
        found = foresight(wanted)
        at_c = (found.temperature_c[1:] + found.temperature_c[:-1]) / 2
        made_w = task.cell_heat_w(found.rate_c, at_c)
        assert found.own_w == pytest.approx(made_w, rel=0.01, abs=25.0)
        least = bound(wanted)
        assert least.kwh <= found.kwh <= 1.15 * least.kwh


def test_an_optimum_that_does_not_come_to_rest_is_none(monkeypatch):
    monkeypatch.setattr("autarky.thermal.bound._AT_REST", -1.0)
    with pytest.raises(AutarkyError, match="with foresight still moves by"):
        foresight(problem_of(ThermalModel(), Task(), weather(20.0), (0, 2)))


def test_a_pack_that_is_warm_since_it_was_heated_must_be_heated():
    limits = Limits(15.0, 14.0, -5.0)
    found = bound(problem_of(ThermalModel(), Task(), weather(-10.0), (0, 6), limits=limits))
    at_nine = found.temperature_c[18::48][1:]
    assert (at_nine >= 15.0 - 1e-6).all()


def test_more_asked_costs_more():
    def daily(rate_c):
        length_s = 6 * 3600.0
        charge = Window(CHARGE, 0.0, length_s, rate_c)
        return Task(windows=(charge, Window(DISCHARGE, 2 * length_s, length_s, rate_c)))

    gentle, hard = daily(0.25), daily(0.5)
    costs = [
        bound(problem_of(ThermalModel(), task, weather(35.0), (0, 5))).kwh
        for task in (gentle, hard)
    ]
    assert 0.0 < costs[0] < costs[1]


def test_nobody_who_serves_needs_less():
    places = {"subarctic": (11, generate("subarctic")), "desert": (190, generate("desert"))}
    columns = [
        Column(name, who, day, 1) for name, (day, _) in places.items() for who in CONTESTANTS
    ]
    setup = Setup({name: year for name, (_, year) in places.items()}, run_in_days=0)
    run = Run(columns, setup)
    for column, totals in zip(run.columns, run.run(), strict=True):
        day, year = places[column.weather]
        least = bound(problem_of(setup.model, setup.task, year, (day, day + 1), (15.0, 15.0)))
        if totals["missed_kwh"] == 0.0:
            assert totals.kwh >= least.kwh > 0.0 or least.kwh == pytest.approx(0.0, abs=1e-6)
