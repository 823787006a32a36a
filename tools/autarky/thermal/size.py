"""What sizes of heater and chiller mean at a place: start time, energy a year, hours derated.

The year is made of four days, one of each quarter: of those the day whose mean temperature is
nearest to the quarter's mean. Each is run from 19 h, when a discharge has ended, to 19 h of the
next day: one full cycle at 0.5 C, announced an evening before. The hottest day is run besides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from autarky.config.reading import read
from autarky.plant.thermal import MODELS, Kind
from autarky.plant.weather import Weather, generate, read_epw
from autarky.thermal.case import DAY_S, HOUR_S, Sky, ThermalCase, Window
from autarky.thermal.loop import ThermalLoop
from autarky.thermal.plan import best_charge_s
from autarky.thermal.tally import ThermalResult

HEATERS_W = (2000.0, 3000.0, 4000.0, 6000.0, 8000.0)
CHILLERS_W = (3000.0, 5000.0, 8000.0)
WINDOWS = (Window(9.0, 11.0, -0.5), Window(17.0, 19.0, 0.5))
_HEATER_W, _CHILLER_W = 3000.0, 5000.0  # beside which the other one is varied
_START_H = 19.0
_SOAK_S = 24 * HOUR_S
_DAYS = 365
_PARTS = 4
# colder days need no chiller, warmer ones no heater: then sizes make no difference
_NO_CHILLER_C, _NO_HEATER_C = 0.0, 15.0
_READY_C = 5.0
Progress = Callable[[float, float], object]


@dataclass(frozen=True)
class Place:
    """days: (day of the year, how many days it stands for)."""

    weather: Weather
    coldest_c: float
    hottest_c: float
    days: tuple[tuple[int, int], ...]
    hottest_day: int


@dataclass
class Size:
    """One pair of sizes. start_h: from the coldest hour to the first charge, None: not in a day;
    best_start_h: what that power permits. Energy and hours derated of a year; the latter also of
    the hottest day alone."""

    heater_w: float
    chiller_w: float
    start_h: float | None
    best_start_h: float | None
    energy_kwh_year: float
    aux_percent: float
    derated_h_year: float
    derated_h_hottest_day: float


def place(climate: str | None, epw: Path | None, seed: int) -> Place:
    """Raises AutarkyError."""
    weather = read_epw(epw) if epw is not None else generate(climate or "", seed)
    by_day = weather.temp_c[: _DAYS * 24].reshape(_DAYS, 24)
    means = by_day.mean(axis=1)
    bounds = [part * _DAYS // _PARTS for part in range(_PARTS + 1)]
    days = []
    for first, end in pairwise(bounds):
        of_part = means[first:end]
        days.append((first + int(np.abs(of_part - of_part.mean()).argmin()), end - first))
    hottest_day = int(means.argmax())
    return Place(
        weather, float(by_day.min()), float(by_day.max()), tuple(days), hottest_day
    )  # fmt: skip


def parameters_of(site: Path | None) -> Mapping[str, int]:
    """What a site's file says of its cabinets' firmware. Raises AutarkyError."""
    return {} if site is None else read(site).parameters


def _pairs() -> list[tuple[float, float]]:
    heaters = [(heater_w, _CHILLER_W) for heater_w in HEATERS_W]
    chillers = [(_HEATER_W, chiller_w) for chiller_w in CHILLERS_W if chiller_w != _CHILLER_W]
    return heaters + chillers


def _case(pair: tuple[float, float], parameters: Mapping[str, int], seconds: float) -> ThermalCase:
    model = replace(MODELS[Kind.CHILLER], heater_w=pair[0], chiller_w=pair[1])
    return ThermalCase(
        f"{pair[0]:g} W, {pair[1]:g} W", seconds, Kind.CHILLER, model, parameters=parameters
    )


def _days(at: Place, parameters: Mapping[str, int]) -> dict[tuple[int, float, float], ThermalCase]:
    """What has to be run, by day and sizes."""
    cases = {}
    by_day = at.weather.temp_c[: _DAYS * 24].reshape(_DAYS, 24)
    for day in {*(day for day, _ in at.days), at.hottest_day}:
        for pair in {_needed(by_day[day], pair) for pair in _pairs()}:
            start_c = min(max(float(by_day[day].mean()) + 5.0, 8.0), 30.0)
            sky = Sky(year=at.weather, start_day=(day - 1) % _DAYS)
            cases[(day, *pair)] = replace(
                _case(pair, parameters, DAY_S), start_c=start_c, soc=0.1, sky=sky,
                windows=WINDOWS, plan=True, start_hour=_START_H,
            )  # fmt: skip
    return cases


def _needed(temp_c: np.ndarray, pair: tuple[float, float]) -> tuple[float, float]:
    """The sizes whose run tells how that day goes with these."""
    heater_w, chiller_w = pair
    if temp_c.min() >= _NO_HEATER_C:
        heater_w = _HEATER_W
    if temp_c.max() <= _NO_CHILLER_C:
        chiller_w = _CHILLER_W
    return heater_w, chiller_w


def sizes(
    at: Place, parameters: Mapping[str, int], interpreter: str, progress: Progress
) -> list[Size]:
    """Run all of them. Raises AutarkyError."""
    starts = _starts(at, parameters, interpreter, progress)
    cases = _days(at, parameters)
    with ThermalLoop(list(cases.values()), interpreter) as loop:
        results = dict(zip(cases, loop.run(progress), strict=True))
    by_day = at.weather.temp_c[: _DAYS * 24].reshape(_DAYS, 24)

    def of_day(day: int, pair: tuple[float, float]) -> ThermalResult:
        return results[(day, *_needed(by_day[day], pair))]

    found = []
    for pair in _pairs():
        each = [(of_day(day, pair), weight) for day, weight in at.days]
        energy = sum(result.energy_kwh * weight for result, weight in each)
        through = sum(result.throughput_kwh * weight for result, weight in each)
        best_h, first_h = starts[pair[0]]
        found.append(
            Size(
                *pair,
                first_h,
                best_h,
                energy,
                100 * energy / through if through else 0.0,
                sum(result.hours_derated * weight for result, weight in each),
                of_day(at.hottest_day, pair).hours_derated,
            )
        )
    return found


def _starts(
    at: Place, parameters: Mapping[str, int], interpreter: str, progress: Progress
) -> dict[float, tuple[float | None, float | None]]:
    """(best, seen) h from the coldest hour to the first charge, by heater; None: not in a day."""
    if at.coldest_c >= _READY_C:
        return dict.fromkeys(HEATERS_W, (0.0, 0.0))
    sky = Sky(ambient_c=at.coldest_c)
    cases = [
        replace(_case((w, _CHILLER_W), parameters, _SOAK_S), start_c=at.coldest_c, sky=sky)
        for w in HEATERS_W
    ]
    best = [best_charge_s(case) / HOUR_S for case in cases]
    with ThermalLoop(cases, interpreter) as loop:
        while loop.now_s < _SOAK_S and (loop.tally.first_charge_s < 0).any():
            loop.step()
            if loop.now_s % 600 == 0:
                progress(loop.now_s, _SOAK_S)
        seen = loop.tally.first_charge_s
    return {
        w: (b if np.isfinite(b) else None, None if s < 0 else float(s / HOUR_S))
        for w, b, s in zip(HEATERS_W, best, seen, strict=True)
    }


def as_table(at: Place, found: list[Size]) -> Table:
    """For a terminal."""
    title = f"{at.weather.place}: {at.coldest_c:.1f} to {at.hottest_c:.1f} degC"
    table = Table(title=title, title_justify="left")
    for name in ("heater kW", "chiller kW", "start h", "best h", "kWh a year", "% of throughput",
                 "derated h a year", "on the hottest day h"):  # fmt: skip
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            f"{one.heater_w / 1000:g}", f"{one.chiller_w / 1000:g}", _shown(one.start_h),
            _shown(one.best_start_h), f"{one.energy_kwh_year:.0f}", f"{one.aux_percent:.2f}",
            f"{one.derated_h_year:.0f}", f"{one.derated_h_hottest_day:.2f}",
        )  # fmt: skip
    return table


def _shown(hours: float | None) -> str:
    return "not in 24" if hours is None else f"{hours:.1f}"


def notes(at: Place) -> list[str]:
    """What the numbers of the table are."""
    days = ", ".join(str(day + 1) for day, _ in at.days)
    return [
        f"start: cells and air at {at.coldest_c:.1f} degC, its coldest hour, until charge is "
        "allowed; best: what that power permits.",
        f"year: scaled from {len(at.days)} days, each the mean one of a quarter (days {days} of "
        "the year), one full cycle a day at 0.5 C, announced; derated: less power than wanted.",
    ]


def as_json(at: Place, found: list[Size]) -> str:
    content: dict[str, Any] = {
        "place": at.weather.place, "coldest_c": at.coldest_c, "hottest_c": at.hottest_c,
        "days": [{"day": day + 1, "weight": weight} for day, weight in at.days],
        "hottest_day": at.hottest_day + 1, "sizes": [vars(one) for one in found],
    }  # fmt: skip
    return json.dumps(content, indent=2) + "\n"
