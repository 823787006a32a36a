"""What a person sees of a rig's run in the terminal."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autarky.rig.results import Result, Run

if TYPE_CHECKING:
    from autarky.rig.check import Checked

_COLOURS = {"passed": "green", "failed": "bold red", "skipped": "dim", "error": "bold red"}
_MANY = 12  # reasons that a summary lists


def stamp() -> str:
    """Of now, for a folder's name."""
    return datetime.now().strftime("%Y%m%d-%H%M%S")


def _short(test: str) -> str:
    """cell_ov of test_faults.py::test_fault[cell_ov]; a test of one's own whole."""
    return test[test.index("[") + 1 : -1] if test.endswith("]") else test.rpartition("::")[2]


class Lines:
    """A line for each test when it is over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._number = 0

    def result(self, result: Result, count: int) -> None:
        """One more of `count` tests."""
        self._number += 1
        limited = [one for one in result.measured if one.low is not None or one.high is not None]
        said = result.why or (str(limited[0]) if len(limited) == 1 else "")
        colour = _COLOURS[result.outcome]
        self._console.print(
            f"{self._number:4}/{count}  [{colour}]{result.outcome:8}[/]{_short(result.test):24}",
            end="",
        )
        self._console.print(said, markup=False, overflow="fold")


def summary(console: Console, run: Run, folder: Path, note: str = "") -> None:
    """How a run ended, what did not pass, where everything lies; note: of what does not."""
    console.print()
    skipped: dict[str, int] = {}
    for result in run.results:
        if result.outcome in ("failed", "error"):
            console.print(f"[bold red]{result.outcome}[/] {_short(result.test)}: ", end="")
            console.print(result.why, markup=False)
        elif result.outcome == "skipped":
            skipped[result.why] = skipped.get(result.why, 0) + 1
    for why, count in sorted(skipped.items(), key=lambda item: -item[1])[:_MANY]:
        console.print(f"skipped {count}: {why}", markup=False)
    colour = "green" if run.passed else "bold red"
    counts = ", ".join(
        f"{run.count(outcome)} {outcome}" for outcome in ("passed", "failed", "error", "skipped")
        if run.count(outcome) or outcome == "passed"
    )  # fmt: skip
    verdict = "passed" if run.passed else "FAILED" if run.complete else "BROKEN OFF"
    console.print(f"[{colour}]{verdict}[/]: {counts}")
    console.print(f"rig {run.rig}, depth {run.depth}, {run.seconds:.0f} s; the report lies in")
    console.print(f"  {folder / 'report.html'}", markup=False, soft_wrap=True)
    if note:
        console.print(note, markup=False)


def checked(console: Console, found: Checked) -> None:
    """What `check` found."""
    table = Table("instrument", "", "latency", "what it says")
    for row in found.rows:
        latency = "" if row.latency_ms is None else f"{row.latency_ms:.1f} ms"
        there = "[green]there[/]" if row.found else "[bold red]MISSING[/]"
        table.add_row(row.instrument, there, latency, escape(row.said))
    console.print(table)
    if found.allowance_ms is not None:
        console.print(f"tests allow {found.allowance_ms:.0f} ms for what this rig itself takes")
