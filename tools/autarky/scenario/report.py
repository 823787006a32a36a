"""report.html: one page with the charts of a run on one time axis, its checks, faults and cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from autarky.scenario.recorder import Recorder, Summary
from autarky.sil.meter import BEYOND
from bess import modes

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
CHARTS = Path(__file__).with_name("chart.js").read_text(encoding="utf-8")
_TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    Path(__file__).with_name("report.html").read_text(encoding="utf-8")
)
_MOST_POINTS = 1500
_MOST_CABINETS = 8  # more lines than this say nothing


def write_report(folder: Path, summary: Summary, recorder: Recorder) -> None:
    """Write report.html, which needs no other file and no network."""
    nodes = sorted({row["node_id"] for row in recorder.rows})
    page = _TEMPLATE.render(
        style=STYLE, charts=CHARTS, s=summary, facts=_facts(summary), happened=summary.happened,
        shown=_MOST_CABINETS,
        events=[(t, text) for t, text in recorder.events if text],
        hidden=len(nodes) > _MOST_CABINETS, data=_data(recorder, nodes[:_MOST_CABINETS]),
    )  # fmt: skip
    (folder / "report.html").write_text(page, encoding="utf-8")


def _facts(summary: Summary) -> list[tuple[str, str]]:
    """What a person looks for first."""
    peak = summary.peak
    found = []
    if peak["load_kw"] > 0:
        found += [
            ("highest load *", f"{peak['load_kw']:.0f} kW"),
            ("highest from the grid *", f"{peak['grid_kw']:.0f} kW"),
            ("peak saved *", f"{peak['saved_kw']:.0f} kW"),
            ("highest 10 ms of the grid", f"{peak['grid_spike_kw']:.0f} kW"),
        ]
    if "contract_kw" in peak:
        found += [
            ("contract", f"{peak['contract_kw']:.0f} kW"),
            ("exceeded by *", f"{peak['exceeded_kw']:.0f} kW, {peak['exceeded_kwh']:.2f} kWh"),
            (f"more than {100 * (BEYOND - 1):.0f} % above it, longest",
             f"{peak['exceeded_s']:.1f} s, {peak['exceeded_longest_s']:.1f} s"),
        ]  # fmt: skip
    energy = summary.energy_kwh
    found.append(
        ("discharged, charged", f"{energy['discharged']:.1f}, {energy['charged']:.1f} kWh")
    )
    trips = sum(h.level in ("trip", "lockout") for h in summary.happened)
    found.append(("trips and lockouts", str(trips)))
    if summary.soc:
        largest = max(error["largest_error"] for error in summary.soc.values())
        found.append(("largest SOC error", f"{100 * largest:.1f} %"))
    return found


def _ends(part: list[float]) -> tuple[float | None, float | None]:
    """Lowest and highest, in the order in which they came."""
    if not part:
        return None, None
    low, high = min(part), max(part)
    return (low, high) if part.index(low) < part.index(high) else (high, low)


def _thin(rows: list[list[float | None]]) -> list[list[float | None]]:
    """Columns of equal length, of which none has more than _MOST_POINTS: of each stretch stays its
    lowest and its highest value, so that no peak is lost; the first column is time."""
    length = len(rows[0]) if rows else 0
    wide = 2 * -(-length // _MOST_POINTS)
    if wide <= 2:
        return rows
    out: list[list[float | None]] = [[] for _ in rows]
    for at in range(0, length, wide):
        times = rows[0][at : at + wide]
        out[0].extend((times[0], times[len(times) // 2]))
        for column, made in zip(rows[1:], out[1:], strict=True):
            part = [value for value in column[at : at + wide] if value is not None]
            made.extend(_ends(part))
    return out


def _bound(row: dict[str, Any], sigmas: int) -> float | None:
    """Reported SOC and so many of its sigmas, in % of 0..100."""
    if row["soc_reported"] is None or row["soc_sigma"] is None:
        return None
    return round(100 * min(max(row["soc_reported"] + sigmas * row["soc_sigma"], 0), 1), 3)


def _data(recorder: Recorder, nodes: list[int]) -> str:
    """What the page draws, as JSON that is safe inside a script element."""
    site, contract_w = recorder.site_rows, recorder.meter.contract_w

    def column(rows: list[dict[str, Any]], key: str, per: float = 1.0) -> list[float | None]:
        unknown = (None, -1) if key == "state_number" else (None,)
        return [None if row[key] in unknown else round(row[key] / per, 4) for row in rows]

    columns = [column(site, "time_s")]
    columns += [column(site, key, 1000) for key in ("load_w", "grid_w", "battery_w", "grid_most_w")]
    keys = (
        ("power", "power_w", 1000), ("setpoint", "setpoint_w", 1000), ("current", "current_a", 1),
        ("high", "discharge_limit_w", 1000), ("low", "charge_limit_w", -1000),
        ("soc", "soc_reported", 0.01), ("soc_true", "soc_true", 0.01),
        ("v_min", "cell_min_v", 1), ("v_max", "cell_max_v", 1), ("t_min", "temp_min_c", 1),
        ("t_max", "temp_max_c", 1), ("state", "state_number", 1), ("level", "level", 1),
    )  # fmt: skip
    for node in nodes:
        rows = [row for row in recorder.rows if row["node_id"] == node]
        columns += [column(rows, key, per) for _, key, per in keys]
        columns += [[_bound(row, sigmas) for row in rows] for sigmas in (-3, 3)]
    thin = iter(_thin(columns))
    names = [name for name, _, _ in keys] + ["soc_low", "soc_high"]
    content = {
        "t": next(thin),
        "site": {name: next(thin) for name in ("load", "grid", "battery", "most")},
        "cabinets": [{"node": node, **{name: next(thin) for name in names}} for node in nodes],
        "contract": None if contract_w is None else contract_w / 1000,
        "events": [event for event in recorder.events if event[1]],
        "states": modes.NAMES.decode().split(),
        "cells": recorder.cells[:_MOST_CABINETS],
    }
    return json.dumps(content).replace("<", "\\u003c")
