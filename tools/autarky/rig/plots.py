"""Traces of a test as small inline SVG: lines that stretch, while their labels are text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from autarky.rig.recording import TRACE
from autarky.rig.results import Histogram
from bess import modes

WIDE, HIGH = 1000, 200  # of a drawing, in its own units
_STRETCHES = 90  # of each stays the lowest and the highest value: no peak is lost
_CABINETS = 3  # more lines than this say nothing
_STATES = modes.NAMES.decode().split()
_LEVELS = {2: "limit", 3: "trip", 4: "lockout"}
_MAIN_CONTACTORS = 0b11

Values = Sequence[float | None]
# title, unit of the axis, the least that it spans, lines: (name, column, per unit, style)
_PANELS: tuple[tuple[str, str, float, tuple[tuple[str, str, float, str], ...]], ...] = (
    ("Power", "kW", 4.0, (
        ("power", "power_w", 1e3, ""), ("set-point", "setpoint_w", 1e3, "dash"),
        ("discharge limit", "discharge_limit_w", 1e3, "thin"),
        ("charge limit", "charge_limit_w", -1e3, "thin"))),
    ("Current", "A", 4.0, (("string", "current_a", 1.0, ""),)),
    ("Voltage", "V", 20.0, (("string", "string_v", 1.0, ""), ("link", "link_v", 1.0, "dash"))),
    ("Cells", "V", 0.05, (
        ("highest", "cell_max_v", 1.0, ""), ("lowest", "cell_min_v", 1.0, "dash"))),
    ("Temperature", "degC", 4.0, (
        ("highest", "temp_max_c", 1.0, ""), ("lowest", "temp_min_c", 1.0, "dash"))),
    ("State of charge", "%", 2.0, (
        ("reported", "soc_reported", 0.01, ""), ("true", "soc_true", 0.01, "dash"))),
)  # fmt: skip
_SITE = ("Site", "kW", 10.0, (
    ("load", "load_w", 1e3, "thin"), ("grid", "grid_w", 1e3, ""),
    ("batteries", "battery_w", 1e3, "dash")))  # fmt: skip


@dataclass
class Line:
    """One line: name, class of its colour and style, path."""

    name: str
    style: str
    path: str


@dataclass
class Plot:
    """What the page draws: places of labels and marks in % from the left or from the top."""

    title: str
    lines: list[Line] = field(default_factory=list)
    y: list[tuple[float, str]] = field(default_factory=list)
    x: list[tuple[float, str]] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)
    bars: list[tuple[float, float, float, str]] = field(default_factory=list)
    note: str = ""


def of_folder(folder: Path) -> list[Plot]:
    """Plots of a test's trace or of a scenario's; [] where the folder has none that can be read."""
    found: list[Plot] = []
    site = _columns(folder / "site.parquet")
    if site and any(site.get("load_w", ())):
        found += _drawn(_SITE, [("", site)], [])
    table = _columns(folder / TRACE) or _columns(folder / "cabinets.parquet")
    if not table:
        return found
    cabinets = _by_cabinet(table)
    marks = _marks(cabinets[0][1]) if len(cabinets) == 1 else []
    found += [_states(cabinets, marks)]
    for panel in _PANELS:
        found += _drawn(panel, cabinets, marks)
    return found


def _columns(path: Path) -> dict[str, list[Any]]:
    try:
        return pq.read_table(path).to_pydict()
    except (OSError, ValueError):  # pyarrow's own errors are ValueErrors
        return {}


def _by_cabinet(table: dict[str, list[Any]]) -> list[tuple[str, dict[str, list[Any]]]]:
    nodes = sorted(set(table["node_id"]))
    found = []
    for node in nodes[:_CABINETS]:
        rows = [at for at, one in enumerate(table["node_id"]) if one == node]
        columns = {name: [values[at] for at in rows] for name, values in table.items()}
        found.append((f"{node} " if len(nodes) > 1 else "", columns))
    return found


def _marks(columns: dict[str, list[Any]]) -> list[tuple[float, str]]:
    """When a level first came, and when the contactors opened: (s, text)."""
    found, seen, closed = [], 0, False
    outputs = columns.get("outputs", [0] * len(columns["time_s"]))
    for time_s, level, bits in zip(columns["time_s"], columns["level"], outputs, strict=True):
        if level > seen:
            seen = level
            if level in _LEVELS:
                found.append((time_s, _LEVELS[level]))
        now = bits & _MAIN_CONTACTORS == _MAIN_CONTACTORS
        if closed and not now:
            found.append((time_s, "open"))
        closed = now
    return found


class _Scale:
    """Time and value to the drawing's units."""

    def __init__(self, times: Values, low: float, high: float) -> None:
        known = [t for t in times if t is not None] or [0.0]
        self.begin, self.end = known[0], max(known[-1], known[0] + 1e-3)
        self.low, self.high = low, high

    def x(self, time_s: float) -> float:
        return WIDE * (time_s - self.begin) / (self.end - self.begin)

    def y(self, value: float) -> float:
        return HIGH * (self.high - value) / (self.high - self.low)

    def path(self, times: Values, values: Values, step: bool = False) -> str:
        parts: list[str] = []
        last: tuple[int, int] | None = None
        for time_s, value in _thin(times, values):
            if value is None or time_s is None:
                last = None
                continue
            at = round(self.x(time_s)), round(self.y(value))
            if at == last:
                continue
            if last is None:
                parts.append(f"M{at[0]} {at[1]}")
            elif step:
                parts.append(f"H{at[0]}" + (f"V{at[1]}" if at[1] != last[1] else ""))
            else:
                parts.append(f"L{at[0]} {at[1]}" if at[1] != last[1] else f"H{at[0]}")
            last = at
        return _joined(parts)

    def times(self) -> list[tuple[float, str]]:
        marks = ticks(self.begin, self.end, 5)
        return [(self.x(t) * 100 / WIDE, f"{t:g} s") for t in marks]

    def places(self, marks: list[tuple[float, str]]) -> list[tuple[float, str]]:
        return [(self.x(t) * 100 / WIDE, text) for t, text in marks]


def _joined(parts: list[str]) -> str:
    """A path of which H after H is one: flat stretches cost nothing."""
    out: list[str] = []
    for part in parts:
        if part[0] == "H" and "V" not in part and out and out[-1][0] == "H" and "V" not in out[-1]:
            out.pop()
        out.append(part)
    return "".join(out)


def _thin(times: Values, values: Values) -> list[tuple[float | None, float | None]]:
    pairs = list(zip(times, values, strict=True))
    wide = -(-len(values) // _STRETCHES)
    if wide <= 2:
        return pairs
    found: list[tuple[float | None, float | None]] = []
    for at in range(0, len(values), wide):
        part = pairs[at : at + wide]
        known = [one for one in part if one[1] is not None]
        if len(known) < len(part):
            found.append((part[0][0], None))
        if known:
            ends = min(known, key=lambda one: one[1] or 0), max(known, key=lambda one: one[1] or 0)
            found += sorted(set(ends), key=lambda one: one[0] or 0)
    return found


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two, not many more than asked for."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{i * step:.6g}") for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _drawn(
    panel: tuple[str, str, float, tuple[tuple[str, str, float, str], ...]],
    cabinets: list[tuple[str, dict[str, list[Any]]]],
    marks: list[tuple[float, str]],
) -> list[Plot]:
    title, unit, least, lines = panel
    series: list[tuple[str, str, Values, Values]] = []
    for at, (prefix, columns) in enumerate(cabinets):
        for number, (name, column, per, style) in enumerate(lines):
            if column in columns:
                values = [None if v is None else v / per for v in columns[column]]
                colour = at if len(cabinets) > 1 else number
                series.append((prefix + name, f"c{colour} {style}", columns["time_s"], values))
    seen = [v for *_, values in series for v in values if v is not None]
    if not seen:
        return []
    low, high = min(seen), max(seen)
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    room = (high - low) * 0.08
    scale = _Scale(series[0][2], low - room, high + room)
    plot = Plot(f"{title}, {unit}", x=scale.times(), marks=scale.places(marks))
    plot.lines = [
        Line(name, style, scale.path(times, values)) for name, style, times, values in series
    ]
    plot.y = [(scale.y(v) * 100 / HIGH, f"{v:g}") for v in ticks(scale.low, scale.high, 4)]
    return [plot]


def _states(
    cabinets: list[tuple[str, dict[str, list[Any]]]], marks: list[tuple[float, str]]
) -> Plot:
    numbers = {
        n for _, columns in cabinets for n in columns["state_number"] if n is not None and n >= 0
    }
    names = sorted(numbers) or [0]
    place = {number: len(names) - 1 - at for at, number in enumerate(names)}
    scale = _Scale(cabinets[0][1]["time_s"], -0.6, len(names) - 0.4)
    plot = Plot("State", x=scale.times(), marks=scale.places(marks))
    for at, (prefix, columns) in enumerate(cabinets):
        values = [place.get(n) for n in columns["state_number"]]
        path = scale.path(columns["time_s"], values, step=True)
        plot.lines.append(Line(f"{prefix}state", f"c{at}", path))
    plot.y = [
        (scale.y(at) * 100 / HIGH, _STATES[n] if n < len(_STATES) else str(n))
        for n, at in place.items()
    ]
    return plot


def of_histogram(one: Histogram) -> Plot:
    """Bars on a logarithmic scale: what is rare and long is what matters."""
    most = math.log10(max([*one.counts, 9]) + 1)
    wide = 100 / max(len(one.counts), 1)
    plot = Plot(f"{one.name}, {one.unit}", note=one.of)
    for at, count in enumerate(one.counts):
        low = one.edges[at - 1] if at else 0.0
        text = f"{low:g}..{one.edges[at]:g} {one.unit}: {count}"
        plot.bars.append((at * wide, wide, 100 * math.log10(count + 1) / most, text))
    every = -(-len(one.edges) // 6)
    plot.x = [
        ((at + 1) * wide, f"{edge:g}")
        for at, edge in enumerate(one.edges)
        if at % every == every - 1
    ]
    decades = [10**n for n in range(0, math.ceil(most) + 1) if math.log10(10**n + 1) <= most]
    plot.y = [(100 - 100 * math.log10(n + 1) / most, f"{n}") for n in decades]
    return plot
