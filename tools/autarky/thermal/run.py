"""Runs a thermal scenario and leaves its folder, as scenario.run does for a site."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from autarky.errors import AutarkyError, no_such
from autarky.scenario import folders
from autarky.thermal.case import HOUR_S
from autarky.thermal.loop import ThermalLoop
from autarky.thermal.plan import ThermalPlan, judged, shipped
from autarky.thermal.reading import is_thermal, read_plan
from autarky.thermal.report import ThermalSummary, write_report

Progress = Callable[[float, float], object]


def find(name: str) -> ThermalPlan | None:
    """A thermal scenario that comes along, by name, or the one of a TOML file; None where the file
    is another one's, or no shipped name is this. Raises AutarkyError."""
    path = shipped().get(name)
    if path is None and name.endswith(".toml") and Path(name).is_file() and is_thermal(Path(name)):
        path = Path(name)
    return None if path is None else read_plan(path)


def found(name: str) -> ThermalPlan:
    """The same. Raises AutarkyError also where there is none."""
    plan = find(name)
    if plan is not None:
        return plan
    if name.endswith(".toml"):
        return read_plan(Path(name))
    raise AutarkyError(
        f"{no_such('thermal scenario', name, shipped())}; "
        "a thermal case of your own is a path that ends in .toml"
    )


def shortened(plan: ThermalPlan, hours: float | None) -> ThermalPlan:
    """The plan of another length; what would happen later is left out."""
    if hours is None:
        return plan
    seconds = hours * HOUR_S
    return replace(plan, cases=tuple(replace(case, seconds=seconds) for case in plan.cases))


def run_thermal(
    plan: ThermalPlan,
    folder: Path,
    interpreter: str = "micropython",
    progress: Progress | None = None,
) -> ThermalSummary:
    """Run one scenario; its summary also stands in the folder. Raises AutarkyError."""
    folders.own(folder)
    try:
        with ThermalLoop(plan.cases, interpreter) as loop:
            results = loop.run(progress)
    except BaseException:
        folder.rmdir()
        raise
    summary = ThermalSummary(
        plan.name, plan.title, plan.explains, interpreter, plan.seconds, results[0].wall_s,
        loop.sha256, judged(plan, results), results, str(folder),
    )  # fmt: skip
    (folder / "summary.json").write_text(summary.as_json(), encoding="utf-8")
    write_report(folder, summary)
    return summary
