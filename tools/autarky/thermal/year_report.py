"""`make thermal-report`: a year in five climates beside the optimum with perfect foresight and two
rivals, into THERMAL.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from autarky.errors import clear_errors
from autarky.paths import ROOT
from autarky.plant.thermal_model import MODELS, Kind
from autarky.plant.weather import CLIMATES, Weather, generate
from autarky.thermal.bound import WIDE as WIDE_LIMITS
from autarky.thermal.bound import Bound, Limits, bound, foresight, problem_of
from autarky.thermal.task import PCS_LOSS, Task, Window
from autarky.thermal.year import (
    CONTESTANTS,
    OUR_VALUES,
    OURS,
    WIDE,
    Column,
    Run,
    Setup,
    Totals,
    by_year,
    in_processes,
    year_columns,
)
from bess.control.preheat import CHARGE, DISCHARGE, Preheat
from bess.parameters import Parameters

PAGE = ROOT / "firmware" / "bess" / "control" / "THERMAL.md"
CELLS = "the cells"
_DOOR_DAY = 14
_HOT_DAYS = 10
_ROUND_KWH = 0.5


@dataclass(frozen=True)
class Goal:
    """One line of the table of goals."""

    what: str
    wanted: str
    measured: str
    reached: bool


def own_limits(contestant: str = OURS) -> Limits:
    """What that set of parameters promises cells and site, for the charge of the task."""
    parameters = Parameters()
    for name, value in OUR_VALUES[contestant].items():
        parameters.set(name, value)
    get = parameters.get
    preheat = Preheat(parameters)
    preheat.announce(CHARGE, 0, False, round(1000 * Task().windows[0].rate_c))
    heated_below_dc = [preheat.bounds()[0]]
    warm_dc = get("cool_on_mean_dc")
    preheat.wants(False, warm_dc, warm_dc, warm_dc, 0, 0)  # it was ready
    heated_below_dc.append(preheat.bounds()[0])
    return Limits(
        ready_c=heated_below_dc[0] / 10.0,
        charge_c=heated_below_dc[1] / 10.0,
        discharge_c=get("heat_discharge_mean_dc") / 10.0,
        most_c=get("cool_on_mean_dc") / 10.0,
    )


def over(totals: Totals, least: Bound) -> float:
    """Share above the least; 0 where neither needs anything."""
    if least.kwh < _ROUND_KWH:
        return 0.0 if totals.kwh < _ROUND_KWH else np.inf
    return totals.kwh / least.kwh - 1.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share < 10.0 else "-"


def year_table(
    years: Mapping[tuple[str, str], Totals],
    optima: Mapping[tuple[str, str], Bound],
    bounds: Mapping[tuple[str, str], Bound],
) -> list[str]:
    """optima and bounds by (climate, whose limits: OURS, WIDE, for bounds also CELLS)."""
    lines = [
        "| climate | who | kWh | heater | compressor | pump, dryer | over foresight | not served | "
        "below 10, above 35 degC | of throughput | starts | water g |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for climate in dict.fromkeys(climate for climate, _ in years):
        lines.append(
            f"| {climate} | nothing within the cells' limits needs less than | "
            f"{bounds[climate, CELLS].kwh:.0f} | | | | | 0 | | | | |"
        )
        for who in (OURS, WIDE):
            least = optima[climate, who]
            lines.append(
                f"| | foresight, limits of {who} (no less than {bounds[climate, who].kwh:.0f}) | "
                f"{least.kwh:.0f} | {least.heating_kwh:.0f} | {least.cooling_kwh:.0f} | in both | "
                "| 0 | | | | |"
            )
        for (place, who), t in years.items():
            if place != climate:
                continue
            least = optima[climate, WIDE if who == WIDE else OURS]
            lines.append(
                f"| | {who} | {t.kwh:.0f} | {t['heater_kwh']:.0f} | {t['compressor_kwh']:.0f} | "
                f"{t['pump_kwh'] + t['other_kwh']:.0f} | {_percent(over(t, least))} | "
                f"{_missed(t)} | {t['cold_h']:.0f}, {t['hot_h']:.0f} h | {_share(t):.2f} % | "
                f"{t['starts']:.0f} | {1000 * t['condensed_kg']:.0f} |"
            )
    return lines


def _missed(t: Totals) -> str:
    share = t["missed_kwh"] / t["asked_kwh"]
    return f"{t['missed_kwh']:.0f} kWh, {100 * share:.1f} %" if share > 1e-4 else "0"


def _share(t: Totals) -> float:
    """Percent of what the pack gave: half of what went in and out."""
    return 100.0 * t.kwh / (t["moved_kwh"] / 2.0)


def year_goals(
    years: Mapping[tuple[str, str], Totals], optima: Mapping[tuple[str, str], Bound]
) -> list[Goal]:
    """15 % over foresight, climate by climate, each set of parameters against its own limits."""
    goals = []
    for climate in dict.fromkeys(climate for climate, _ in years):
        for who in (OURS, WIDE):
            if (climate, who) not in years:
                continue
            share = over(years[climate, who], optima[climate, who])
            more = years[climate, who].kwh - optima[climate, who].kwh
            goals.append(
                Goal(
                    f"a year, {climate}, {who}: over foresight within the same limits",
                    "<= 15 %", f"{_percent(share)}, {more:.0f} kWh", share <= 0.15,
                )
            )  # fmt: skip
    return goals


def _one(weather: Weather, setup: Setup, days: int, who: str = OURS) -> Totals:
    (totals,) = Run([Column("here", who, 0, days)], replace(setup, weathers={"here": weather})).run()  # fmt: skip
    return totals


def _steady(mean_c: float, swing_c: float) -> Weather:
    hours = np.arange(8760.0)
    temp_c = mean_c + swing_c * np.cos(2.0 * np.pi * (hours - 15.0) / 24.0)
    sun_w_m2 = 900.0 * np.maximum(np.sin(2.0 * np.pi * (hours - 6.0) / 24.0), 0.0)
    return Weather(f"{mean_c:g} degC", temp_c, np.full(8760, 0.4), sun_w_m2)


def other_goals(years_by_month: Mapping[Column, Totals], progress: Callable[[str], None]) -> list[Goal]:  # fmt: skip
    """Shares of throughput, spread, condensation."""
    goals = []
    progress("35 degC mean")
    weather, setup = _steady(35.0, 6.0), Setup({})
    for who in (OURS, WIDE):
        share = _share(_one(weather, setup, _HOT_DAYS, who))
        problem = problem_of(
            setup.model, setup.task, weather, (0, _HOT_DAYS), limits=own_limits(who)
        )
        least = 100.0 * foresight(problem).kwh / (_HOT_DAYS * setup.task.energy_kwh)
        goals.append(
            Goal(f"energy at 35 degC mean, one cycle a day, {who}, of what the pack gave",
                 "<= 2.0 %", f"{share:.2f} %, foresight {least:.2f} %", share <= 2.0)
        )  # fmt: skip
    january = [t for c, t in years_by_month.items() if (c.weather, c.contestant, c.first_day) == ("subarctic", OURS, 0)]  # fmt: skip
    for t in january:
        goals.append(
            Goal("energy in a subarctic January with planned preheat, of what the pack gave",
                 "<= 3.0 %", f"{_share(t):.2f} %", _share(t) <= 3.0)
        )  # fmt: skip
    day = 4 * 3600.0
    half_c = (Window(CHARGE, 9 * 3600.0, day, 0.5), Window(DISCHARGE, 17 * 3600.0, day, 0.5))
    for kind, most_k in ((Kind.LIQUID, 3.0), (Kind.AIR, 5.0)):
        progress(f"spread, {kind.name.lower()}")
        for mean_c in (-20.0, 35.0):
            setup = Setup(
                {}, model=MODELS[kind], kind=kind, task=Task(windows=half_c), run_in_days=1
            )
            t = _one(_steady(mean_c, 6.0), setup, 2)
            goals.append(
                Goal(f"spread at 0.5 C, {kind.name.lower()}, {mean_c:g} degC outside",
                     f"<= {most_k:g} K", f"{t['spread_k']:.1f} K", t["spread_k"] <= most_k)
            )  # fmt: skip
    wet = [t for c, t in years_by_month.items() if (c.weather, c.contestant) == ("tropical", OURS)]
    if wet:
        grams = 1000.0 * sum(t["condensed_kg"] for t in wet)
        goals.append(
            Goal("water on cells and pipes in a tropical year, door open 15 min a month",
                 "0", f"{grams:.1f} g", grams <= 0.05)
        )  # fmt: skip
    return goals


def _promised(limits: Limits) -> str:
    return (
        f"mean >= {limits.ready_c:g} when charge is wanted, >= {limits.charge_c:g} while it flows, "
        f"never above {limits.most_c:g} degC"
    )


def page(years: list[str], goals: list[Goal], task: Task, seed: int) -> str:
    """All of THERMAL.md; seed: of its weather."""
    charge, discharge = task.windows
    values = ", ".join(f"`{k}` {v / 10:g}" for k, v in OUR_VALUES[WIDE].items())
    return "\n".join([
        "# Thermal control: what it needs in a year", "",
        "Written by `make thermal-report`; the task, plant and weather are the same for all.", "",
        f"- Task: every day {charge.length_s / 3600:g} h from {charge.start_s / 3600:g} h on in which the pack "
        f"is to be charged with one cycle ({task.energy_kwh:g} kWh) at up to {charge.rate_c:g} C, and "
        f"{discharge.length_s / 3600:g} h from {discharge.start_s / 3600:g} h on in which it is to give that at up to "
        f"{discharge.rate_c:g} C. Cells take what the firmware's tables allow at their temperature; what has not "
        "flowed at the end was not served, and who does not serve is not cheaper. Our control is told the next wish "
        "as the coordinator tells it; the rivals know nothing.",
        "- Plant: `tools/autarky/plant/thermal.py`, liquid loop, five modules, steps of 10 s, the sun as in every thermal run "
        f"(`absorbed_w`), {100 * PCS_LOSS:g} % loss in the PCS. Heat of the cells is ohmic (`string_heat_w`). Weather: "
        f"`generate(climate)`, seed {seed}. Months run side by side, each after three days that are not counted. "
        "The door is open for 15 min on each month's 15th day.",
        "- Ours: the real `control/thermal` on CPython, once a second while it does anything, else once a minute; "
        f"\"{OURS}\" as shipped, \"{WIDE}\" with {values} degC.",
        "- Rivals: the same pump, heater and compressor with the same lead, lag and minimum times. \"thermostat\" "
        "heats below 10 up to 15 and cools above 28 down to 22 degC; \"hold\" heats below 5 up to 7.",
        "- Foresight: the optimum of a linear programme that knows the weather of the whole year "
        "(`tools/autarky/thermal/bound.py`) within what the parameters promise, "
        f"{OURS}: {_promised(own_limits(OURS))}; {WIDE}: {_promised(own_limits(WIDE))}. Nothing in it has to start, "
        "lead, lag or keep off the dew point, and it chooses its current where cold limits it, a little more than "
        "the tables allow. "
        "\"No less than\" is a proof: the same with heat of the cells that the programme may choose between "
        f"bounds. Within the cells' limits: >= {WIDE_LIMITS.charge_c:g} when charge is wanted, never above "
        f"{WIDE_LIMITS.most_c:g} degC. The rivals stand against the limits of {OURS}, which they do not keep.",
        "", *years, "",
        "\"Of throughput\" is energy over what the pack gave, the stricter half of what went in and out. "
        "Hours are of operation.", "",
        "## Goals", "", "| goal | wanted | measured | reached |", "|---|---|---|---|",
        *[f"| {g.what} | {g.wanted} | {g.measured} | {'yes' if g.reached else '**not reached**'} |" for g in goals],
        "",
    ])  # fmt: skip


def main() -> None:
    """Entry point of `make thermal-report`."""
    parser = argparse.ArgumentParser(prog="python -m autarky.thermal.year_report", description=__doc__)  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the weather")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    with clear_errors():
        weathers = {name: generate(name, arguments.seed) for name in CLIMATES}
        setup = Setup(weathers, door_day=_DOOR_DAY)
        promised = {OURS: own_limits(OURS), WIDE: own_limits(WIDE), CELLS: WIDE_LIMITS}
        print("foresight", flush=True)
        problems = {
            (name, who): problem_of(setup.model, setup.task, weather, limits=limits)
            for (name, weather), (who, limits) in product(weathers.items(), promised.items())
        }
        bounds = {key: bound(problem) for key, problem in problems.items()}
        optima = {key: foresight(problem) for key, problem in problems.items() if key[1] != CELLS}
        columns = year_columns([*weathers], CONTESTANTS)
        found = in_processes(columns, setup, arguments.processes)
        months = {column: found[column] for column in columns}
        years = by_year(months)
        goals = year_goals(years, optima) + other_goals(
            months, lambda text: print(text, flush=True)
        )
        text = page(year_table(years, optima, bounds), goals, setup.task, arguments.seed)
        PAGE.write_text(text, encoding="utf-8")
        print(PAGE.relative_to(ROOT))


if __name__ == "__main__":
    main()
