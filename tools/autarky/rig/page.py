"""report.html of a run: verdict, what moved, every protection against its deadline, traces."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from autarky.rig import mf4, plots
from autarky.rig.compare import moved
from autarky.rig.recording import BUSES, TRACE
from autarky.rig.requirements import Requirement, traced
from autarky.rig.results import Result, Run

FILE = "report.html"
_TEMPLATE = Environment(
    autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
).from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
_PLOTS_MAX = 1_200_000  # bytes of paths: the page stays below 2 MB whatever fails
_FILES = (BUSES, mf4.of(BUSES), TRACE, "can.log", "report.html")
# what a measured value begins with that tells of the controller itself
_OF_CONTROLLER = ("tick", "heap", "collection")


@dataclass
class Shown:
    """A test with its plots; left_out: they would have made the page too large."""

    result: Result
    plots: list[plots.Plot]
    files: list[str]
    left_out: bool = False


def render(run: Run, folder: Path, against: Run | None = None, mf4_note: str = "") -> str:
    """One HTML text that needs no other file and no network. folder: what the results' own are
    relative to; mf4_note: why there are no MF4 files."""
    budget = [_PLOTS_MAX]
    bad = [_shown(r, folder, budget) for r in run.results if r.outcome in ("failed", "error")]
    scenarios = [
        _shown(r, folder, budget) for r in run.results
        if not r.row and r.checks and r.outcome == "passed"
    ]  # fmt: skip
    rows = traced(run)
    return _TEMPLATE.render(
        run=run, rows=rows, bad=bad, scenarios=scenarios, mf4_note=mf4_note,
        facts=_facts(run, rows), covered=sum(bool(row.proofs) for row in rows),
        moved=None if against is None else moved(against, run), arrow=_arrow, short=_short,
        skipped=_skipped(run), controller=_controller(run),
        histograms=[plots.of_histogram(one) for one in run.histograms],
        files={result.test: _files(result, folder) for result in run.results},
        told=[row.name for row in rows if row.told], high=plots.HIGH, wide=plots.WIDE,
    )  # fmt: skip


def _shown(result: Result, folder: Path, budget: list[int]) -> Shown:
    found = plots.of_folder(folder / result.folder) if result.folder else []
    size = sum(len(line.path) for plot in found for line in plot.lines) + 900 * len(found)
    fits = size <= budget[0]
    budget[0] -= size if fits else 0
    files = _files(result, folder)
    return Shown(result, found if fits else [], files, left_out=not fits)


def _files(result: Result, folder: Path) -> list[str]:
    if not result.folder:
        return []
    return [name for name in _FILES if (folder / result.folder / name).is_file()]


def _facts(run: Run, rows: list[Requirement]) -> list[tuple[str, str]]:
    """What a person looks for first."""
    found = [
        ("tests passed", f"{run.count('passed')} of {len(run.results)}"),
        ("failed, errors", f"{run.count('failed')}, {run.count('error')}"),
        ("skipped", str(run.count("skipped"))),
        ("protections proven",
         f"{sum(row.verdict == 'pass' for row in rows)} of {len(rows)}"),
    ]  # fmt: skip
    timed = [
        (proof.measured_ms / proof.late_ms, row.name)
        for row in rows for proof in row.proofs
        if proof.measured_ms is not None and proof.late_ms and proof.result.outcome == "passed"
    ]  # fmt: skip
    if timed:
        share, name = max(timed)
        found.append(("closest to its limit", f"{100 * share:.0f} % {name}"))
    if run.seconds:
        found.append(("took", f"{run.seconds / 60:.1f} min"))
    return found


def _skipped(run: Run) -> list[tuple[str, list[Result]]]:
    """By reason, those of most tests first."""
    left = [r for r in run.results if r.outcome == "skipped"]
    left.sort(key=lambda r: r.why)
    found = [(why, list(group)) for why, group in groupby(left, key=lambda r: r.why)]
    return sorted(found, key=lambda one: (-len(one[1]), one[0]))


def _controller(run: Run) -> list[tuple[str, str, int, float, float, float]]:
    """(name, unit, in how many tests, lowest, median, highest) of what was measured of it."""
    found: dict[tuple[str, str], list[float]] = {}
    for result in run.results:
        for one in result.measured:
            if one.name.startswith(_OF_CONTROLLER) and one.value is not None:
                found.setdefault((one.name, one.unit), []).append(one.value)
    return [
        (name, unit, len(v), min(v), statistics.median(v), max(v))
        for (name, unit), v in found.items()
    ]


def _arrow(before: float | None, after: float | None) -> str:
    """By how much a latency moved, for people."""
    if before is None or after is None:
        return ""
    share = f", {100 * (after - before) / before:+.0f} %" if before else ""
    return f"{after - before:+.0f} ms{share}"


def _short(why: str) -> str:
    """One line of a reason: of a traceback the last, which says what was wrong."""
    lines = [line.strip() for line in why.splitlines() if line.strip()] or [""]
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]
