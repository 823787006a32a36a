"""What a person sees in the terminal: the live table of a site and the summary of a run."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live
from rich.table import Table

from autarky.scenario.plan import shipped
from autarky.scenario.recorder import Recorder, Summary
from autarky.scenario.run import find
from autarky.sil.site import VirtualSite
from autarky.tables import fault_names
from autarky.thermal import plan as thermal
from autarky.thermal import reading as thermal_reading

_LEVELS = ("", "warn", "limit", "trip", "lockout")
_REFRESH_S = 0.25
_LINE_S = 5.0


class LiveView:
    """A table that refreshes in a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._shown_s = 0.0
        self._start_s = time.monotonic()

    def __enter__(self) -> LiveView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def update(self, site: VirtualSite, recorder: Recorder, total_s: float) -> None:
        """Show the site's state; total_s 0 = without end."""
        now_s = time.monotonic()
        terminal = self._console.is_terminal
        if now_s - self._shown_s < (_REFRESH_S if terminal else _LINE_S):
            return
        self._shown_s = now_s
        virtual_s = site.now_ms / 1000
        speed = virtual_s / max(now_s - self._start_s, 1e-6)
        of = f" of {total_s:.0f}" if total_s else ""
        load = max(bus.load(site.now_ms * 1000) for bus in site.buses)
        head = (
            f"{self._title}: {virtual_s:.0f}{of} s, {speed:.1f} x real time, "
            f"bus load {100 * load:.1f} %, load {recorder.load_w / 1000:.0f} kW, "
            f"grid {recorder.grid_w / 1000:.0f} kW"
        )
        if terminal:
            self._live.update(site_table(site, head), refresh=True)
        else:
            states = " ".join(v.state_name for v in site.coordinator.views.values())
            self._console.print(f"{head}; {states}", highlight=False, soft_wrap=True)


def _shown(layout: str, value: float | None, factor: float = 1.0) -> str:
    """A value, a question mark for one that is not known."""
    return "?" if value is None else format(value * factor, layout)


def site_table(site: VirtualSite, title: str) -> Table:
    """One row a cabinet."""
    table = Table(title=title, title_justify="left", expand=False)
    for name in ("cabinet", "state", "power kW", "SOC %", "cell min..max V", "temp degC", "fault"):
        table.add_column(name, justify="left" if name in ("state", "fault") else "right")
    for view in site.coordinator.views.values():
        fault = ""
        if view.worst_fault:
            fault = (
                f"{fault_names().get(view.worst_fault, view.worst_fault)} ({_LEVELS[view.level]})"
            )
        style = "red" if view.level >= 3 else "yellow" if view.level else ""
        table.add_row(
            view.name, view.state_name, _shown(".1f", view.power_w, 0.001),
            _shown(".1f", view.soc, 100), f"{_shown('.3f', view.cell_min_v)}.."
            f"{_shown('.3f', view.cell_max_v)}", f"{_shown('.0f', view.temp_min_c)}.."
            f"{_shown('.0f', view.temp_max_c)}", fault, style=style,
        )  # fmt: skip
    return table


def print_scenarios(console: Console) -> None:
    """Names, sizes and titles."""
    table = Table()
    for name in ("scenario", "cabinets", "virtual time", "what"):
        table.add_column(name)
    for scenario in map(find, shipped()):
        minutes = scenario.seconds / 60
        length = f"{minutes:.1f} min" if minutes < 120 else f"{minutes / 60:.0f} h"
        table.add_row(scenario.name, str(scenario.cabinets), length, scenario.title)
    for path in thermal.shipped().values():
        plan = thermal_reading.read_plan(path)
        length = f"{plan.seconds / 3600:.0f} h"
        table.add_row(plan.name, str(len(plan.cases)), length, f"{plan.title} (thermal)")
    console.print(table)


def print_summary(console: Console, summary: Summary) -> None:
    """The end of a run."""
    if summary.faults:
        table = Table(title="faults, ms", title_justify="left")
        for name in ("fault", "at", "seen", "open after", "own trip", "deadline", ""):
            left = name in ("fault", "")
            table.add_column(name, justify="left" if left else "right", no_wrap=left)
        for fault in summary.faults:
            table.add_row(
                fault.id, str(fault.injected_ms), str(fault.seen_ms), str(fault.latency_ms),
                str(fault.own_ms), str(fault.deadline_ms - fault.injected_ms), _mark(fault.passed),
            )  # fmt: skip
        console.print(table)
    if summary.only_tested:
        console.print(
            f"{len(summary.only_tested)} more are provoked by make test alone; the report says why",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    for check in summary.checks:
        detail = f": {check.detail}" if check.detail else ""
        console.print(
            f"{_STYLED[check.status]} {check.name}{detail}", highlight=False, soft_wrap=True
        )
    console.print(
        f"{summary.scenario}: {summary.virtual_s:.0f} s in {summary.wall_s:.1f} s "
        f"({summary.virtual_s / summary.wall_s:.1f} x real time), "
        f"{summary.log_frames} frames, bus load {100 * summary.bus_load:.1f} %",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    console.print(f"log_sha256 {summary.log_sha256}", highlight=False, soft_wrap=True)
    console.print(f"report {summary.folder}/report.html", highlight=False, soft_wrap=True)


_STYLED = {
    "pass": "[green]pass[/green]", "FAIL": "[red]FAIL[/red]",
    "not reached": "[yellow]not reached[/yellow]",
}  # fmt: skip


def _mark(passed: bool) -> str:
    return "[green]pass[/green]" if passed else "[red]FAIL[/red]"
