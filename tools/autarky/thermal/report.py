"""report.html: one page with what was promised, totals, pictures over time and what happened."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from autarky.scenario.recorder import Check
from autarky.scenario.report import CHARTS, STYLE
from autarky.thermal.case import HOUR_S
from autarky.thermal.events import sentence
from autarky.thermal.tally import MODES, ThermalResult

_TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    Path(__file__).with_name("report.html").read_text(encoding="utf-8")
)
_DRAWN = (
    "t_min", "t_mean", "t_max", "supply", "air", "ambient", "dew", "mode", "power_kw", "charge_c",
    "discharge_c", "current_c", "told_min", "told_max",
)  # fmt: skip
_MOST_DEAD_C = 95.0  # beyond, what a spoilt sensor feels would hide the rest of a picture
_TOLD = 6
_LINES = ((10.0, "10"), (35.0, "35"))
# key of the totals, words, how it is written
_TOTALS = (
    ("energy_kwh", "energy of thermal control", "{:.1f} kWh", 1.0),
    ("throughput_kwh", "throughput", "{:.0f} kWh", 1.0),
    ("aux_share", "energy of thermal control over throughput", "{:.2f} %", 100.0),
    ("first_charge_s", "first charge allowed after", "{:.2f} h", 1 / HOUR_S),
    ("ready_s", "cells in 10..35 degC after", "{:.2f} h", 1 / HOUR_S),
    ("hours_outside_since_ready", "outside 10..35 degC after that", "{:.2f} h", 1.0),
    ("hours_derated", "less power than wanted", "{:.2f} h", 1.0),
    ("least_c", "coldest module ever", "{:.1f} degC", 1.0),
    ("most_c", "hottest module ever", "{:.1f} degC", 1.0),
    ("largest_spread_k", "largest spread of modules", "{:.2f} K", 1.0),
    ("condensed_kg", "water condensed", "{:.2f} g", 1000.0),
    ("heated_s", "heater on", "{:.2f} h", 1 / HOUR_S),
    ("cooled_s", "compressor on", "{:.2f} h", 1 / HOUR_S),
    ("compressor_starts", "starts of the compressor", "{:.0f}", 1.0),
    ("tripped_s", "tripped", "{:.2f} h", 1 / HOUR_S),
)  # fmt: skip


@dataclass
class ThermalSummary:
    """summary.json."""

    scenario: str
    title: str
    explains: str
    interpreter: str
    virtual_s: float
    wall_s: float
    records_sha256: str
    checks: list[Check]
    cabinets: list[ThermalResult]
    folder: str

    def __post_init__(self) -> None:
        for check in self.checks:
            check.judge(self.virtual_s)

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        return "passed" if self.passed else "failed"

    @property
    def steps_per_s(self) -> float:
        return self.virtual_s / self.wall_s if self.wall_s else 0.0

    def as_json(self) -> str:
        content = {
            "scenario": self.scenario, "title": self.title, "interpreter": self.interpreter,
            "pass": self.passed, "virtual_s": self.virtual_s, "wall_s": self.wall_s,
            "steps_per_s": self.steps_per_s, "records_sha256": self.records_sha256,
            "checks": [
                {"name": c.name, "pass": c.passed, "status": c.status, "detail": c.detail}
                for c in self.checks
            ],
            "cabinets": [
                {**result.totals(), "said": [[t, text] for t, text in result.said]}
                for result in self.cabinets
            ],
            "folder": self.folder,
        }  # fmt: skip
        return json.dumps(content, indent=2) + "\n"


def write_report(folder: Path, summary: ThermalSummary) -> None:
    """Write report.html, which needs no other file and no network."""
    results = summary.cabinets
    events = _events(results)
    page = _TEMPLATE.render(
        s=summary, style=STYLE, charts=CHARTS, names=[result.name for result in results],
        totals=_totals(results), events=events, data=_data(results, events),
        happened=[(result.name, _happened(result)) for result in results],
    )  # fmt: skip
    (folder / "report.html").write_text(page, encoding="utf-8")


def _totals(results: list[ThermalResult]) -> list[tuple[str, list[str]]]:
    found = []
    for key, words, layout, factor in _TOTALS:
        values = [result.totals()[key] for result in results]
        if any(values):
            shown = ["never" if v is None else layout.format(v * factor) for v in values]
            found.append((words, shown))
    return found


def _events(results: list[ThermalResult]) -> list[tuple[float, str]]:
    """(h, sentence) of what was done to the cabinets, once where it was done to all."""
    found: dict[tuple[float, str], list[str]] = {}
    for result in results:
        for event in result.case.events:
            if event.time_s < result.case.seconds:
                key = event.time_s / HOUR_S, sentence(event.action, event.values)
                found.setdefault(key, []).append(result.name)
    return [
        (hour, words if len(names) == len(results) else f"{', '.join(names)}: {words}")
        for (hour, words), names in sorted(found.items())
    ]


def _happened(result: ThermalResult) -> list[tuple[float, str]]:
    """Faults and modes; what comes again and again is told some times, then counted."""
    done = {sentence(event.action, event.values) for event in result.case.events}
    times = Counter(text for _, text in result.said)
    told: Counter[str] = Counter()
    found = []
    for t, text in result.said:
        told[text] += 1
        if text in done or told[text] > _TOLD:
            continue
        more = times[text] - _TOLD
        again = f", and {more} times more" if told[text] == _TOLD and more > 0 else ""
        found.append((t, text + again))
    return found


def _column(name: str, values: Any) -> list[float | None]:
    """Rounded; what no sensor feels is not drawn."""
    unknown = ~np.isfinite(values)
    if name in ("told_min", "told_max"):
        unknown |= np.abs(values) > _MOST_DEAD_C
    rounded = np.round(values, 3).tolist()
    return [None if bad else v for bad, v in zip(unknown.tolist(), rounded, strict=True)]


def _data(results: list[ThermalResult], events: list[tuple[float, str]]) -> str:
    """What the page draws, as JSON that is safe inside a script element."""
    content = {
        "unit": "h",
        "t": np.round(results[0].time_s / HOUR_S, 4).tolist(),
        "events": [list(event) for event in events],
        "modes": MODES,
        "lines": [{"at": at, "name": f"{name} degC", "color": "#98a2b3"} for at, name in _LINES],
        "cabinets": [
            {"name": result.name, **{name: _column(name, result.traces[name]) for name in _DRAWN}}
            for result in results
        ],
    }
    return json.dumps(content).replace("<", "\\u003c")
