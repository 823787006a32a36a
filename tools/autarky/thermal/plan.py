"""A thermal scenario: its cabinets, and what must hold of each at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log
from pathlib import Path

from autarky.plant.thermal import ThermalModel
from autarky.scenario.recorder import Check
from autarky.thermal.case import HOUR_S, ThermalCase
from autarky.thermal.tally import ThermalResult

FOLDER = Path(__file__).parent
_READY_C = 5.0  # where charge is allowed again: charge_ut_2_recover_dc


@dataclass(frozen=True)
class Promise:
    """A check of every cabinet, or of those whose name is `cabinet`. within: how often the best,
    or how much; the sentence of its kind says of what."""

    name: str
    value: float
    cabinet: str = ""


@dataclass(frozen=True)
class ThermalPlan:
    """One scenario. explains: what a reader sees, a sentence or two for the page."""

    name: str
    title: str
    cases: tuple[ThermalCase, ...]
    promises: tuple[Promise, ...] = ()
    explains: str = ""

    @property
    def seconds(self) -> float:
        return self.cases[0].seconds


def best_heating_s(model: ThermalModel, start_c: float, ambient_c: float, end_c: float) -> float:
    """Least time in which the heater warms all cells alike: an exponential towards where it and
    the loss are equal; infinite where it never arrives."""
    reach_k = model.heater_w * model.heater_efficiency / model.loss_w_k
    share = (end_c - start_c) / (reach_k - (start_c - ambient_c))
    if not 0 <= share < 1:
        return inf
    return -model.heat_capacity_j_k / model.loss_w_k * log(1 - share)


def best_charge_s(case: ThermalCase) -> float:
    """Of a cold-soaked cabinet in constant cold, to its first charge."""
    return best_heating_s(case.plant, case.start_c, case.sky.ambient_c, _READY_C)


def _first_charge(result: ThermalResult, value: float) -> tuple[bool, str]:
    best_s, first_s = best_charge_s(result.case), result.first_charge_s
    if first_s is None:
        return False, f"never allowed; that power permits it after {best_s / HOUR_S:.2f} h"
    return first_s <= value * best_s, (
        f"after {first_s / HOUR_S:.2f} h, {first_s / best_s:.3f} times the "
        f"{best_s / HOUR_S:.2f} h which that power permits (at most {value:g})"
    )


Judge = Callable[[ThermalResult, float], tuple[bool, str]]


def _at_most(get: Callable[[ThermalResult], float], words: str) -> Judge:
    def judge(result: ThermalResult, value: float) -> tuple[bool, str]:
        seen = get(result)
        return seen <= value, f"{words.format(seen)} (at most {value:g})"

    return judge


def _at_least(get: Callable[[ThermalResult], float], words: str) -> Judge:
    def judge(result: ThermalResult, value: float) -> tuple[bool, str]:
        seen = get(result)
        return seen >= value, f"{words.format(seen)} (at least {value:g})"

    return judge


def _said(result: ThermalResult, word: str) -> float:
    return min((t for t, said in result.said if word in said), default=inf)


def _stops(result: ThermalResult, value: float) -> tuple[bool, str]:
    trip_s = _said(result, "(trip) raised")
    wanted = trip_s <= value * HOUR_S
    words = f"tripped after {trip_s / HOUR_S:.2f} h" if trip_s < inf else "never tripped"
    return wanted, f"{words} (by {value:g} h)"


# by name: what a check says of a cabinet's result; the value is its bound
CHECKS: dict[str, tuple[str, Judge]] = {
    "first_charge_times_best": ("charge is allowed in time", _first_charge),
    "outside_at_most_h": ("cells stay within 10..35 degC once they are there", _at_most(
        lambda r: r.hours_outside_since_ready, "outside for {:.2f} h")),
    "spread_at_most_k": ("modules differ little", _at_most(
        lambda r: r.largest_spread_k, "{:.2f} K")),
    "aux_at_most_percent": ("thermal control uses little", _at_most(
        lambda r: 100 * (r.aux_share if r.aux_share is not None else inf),
        "{:.2f} % of throughput")),
    "condensed_at_most_g": ("nothing condenses", _at_most(
        lambda r: 1000 * r.condensed_kg, "{:.2f} g of water")),
    "derated_at_most_h": ("power as wanted", _at_most(
        lambda r: r.hours_derated, "less than wanted for {:.2f} h")),
    "derated_at_least_h": ("power is taken back", _at_least(
        lambda r: r.hours_derated, "less than wanted for {:.2f} h")),
    "hottest_at_most_c": ("no cell gets hotter", _at_most(lambda r: r.most_c, "{:.1f} degC")),
    "coldest_at_least_c": ("no cell gets colder", _at_least(lambda r: r.least_c, "{:.1f} degC")),
    "throughput_at_least_kwh": ("the site got its energy", _at_least(
        lambda r: r.throughput_kwh, "{:.0f} kWh")),
    "tripped_by_h": ("the string stops", _stops),
    "tripped_at_most_h": ("nothing trips", _at_most(
        lambda r: r.tripped_s / HOUR_S, "tripped for {:.2f} h")),
}  # fmt: skip

# what must hold of every cabinet in every scenario
ALWAYS: dict[str, Callable[[ThermalResult], float]] = {
    "no minimum time is broken": lambda r: r.broken_minimum_times,
    "no second is heated without flow": lambda r: r.heated_without_flow_s,
    "no second is charged below 0 degC": lambda r: r.charged_below_zero_s,
}


def judged(plan: ThermalPlan, results: list[ThermalResult]) -> list[Check]:
    """Every promise of every cabinet, then what always holds."""
    checks = []
    for promise in plan.promises:
        words, judge = CHECKS[promise.name]
        for result in results:
            if promise.cabinet in ("", result.name):
                passed, detail = judge(result, promise.value)
                checks.append(Check(f"{words}: {result.name}", passed, detail))
    for words, count in ALWAYS.items():
        broken = {result.name: count(result) for result in results if count(result)}
        detail = ", ".join(f"{name} {number:g}" for name, number in broken.items())
        checks.append(Check(words, not broken, detail))
    return checks


def shipped() -> dict[str, Path]:
    """The thermal scenarios that come along, by name."""
    names = ("cold-soak", "heat-wave", "week", "pump-failure", "sensor-loss", "tropical-door")
    return {name: FOLDER / f"{name}.toml" for name in names}
