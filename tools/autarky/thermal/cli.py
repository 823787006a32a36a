"""`autarky thermal`: one scenario of the thermal loop, and sizes of heater and chiller."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarky.errors import AutarkyError, check_target, clear_errors, write_target

if TYPE_CHECKING:
    from rich.console import Console

    from autarky.thermal.plan import ThermalPlan

app = typer.Typer(
    help="Thermal control from -30 to 50 degC: scenarios, and what sizes a place wants.",
    no_args_is_help=True, rich_markup_mode=None,
)  # fmt: skip

_SHOWN_S = 2.0
JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Also write it here for machines; - is stdout.")
]
Interpreter = Annotated[
    str | None, typer.Option(help="micropython (default, the compiled image) or cpython.")
]


class _Told:
    """How far a run is: in a terminal one line that is written anew, else one now and then."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._started_s = self._shown_s = time.monotonic()

    def __call__(self, done_s: float, of_s: float) -> None:
        now_s = time.monotonic()
        rate = done_s / max(now_s - self._started_s, 1e-6)
        if now_s - self._shown_s < (_SHOWN_S if self._console.is_terminal else 5 * _SHOWN_S):
            return
        self._shown_s = now_s
        left_s = (of_s - done_s) / max(rate, 1e-6)
        self._console.print(
            f"{self._title}: {done_s / 3600:.1f} of {of_s / 3600:.1f} h, {rate:.0f} s a second, "
            f"{left_s:.0f} s to go", highlight=False, soft_wrap=True,
            end="\r" if self._console.is_terminal else "\n",
        )  # fmt: skip


def run_plan(
    plan: ThermalPlan,
    hours: float | None,
    out: Path | None,
    json_file: Path | None,
    interpreter: str | None,
) -> None:
    """Run, write and say it; exit code 1 where a check failed. Raises AutarkyError."""
    from rich.console import Console

    from autarky.scenario.folders import unused
    from autarky.thermal.run import run_thermal, shortened

    if hours is not None and not 0 < hours < 1e6:
        raise AutarkyError(f"--hours {hours}: the length must be above 0")
    check_target("--json", json_file)
    console = Console(stderr=str(json_file) == "-")
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = out or unused(Path("runs") / f"{plan.name}-{stamp}")
    told = _Told(console, plan.name)
    summary = run_thermal(shortened(plan, hours), folder, interpreter or "micropython", told)
    styles = {"pass": "[green]pass[/green]", "FAIL": "[red]FAIL[/red]"}
    for check in summary.checks:
        detail = f": {check.detail}" if check.detail else ""
        console.print(
            f"{styles[check.status]} {check.name}{detail}", highlight=False, soft_wrap=True
        )
    console.print(
        f"{plan.name}: {summary.virtual_s / 3600:.1f} h in {summary.wall_s:.1f} s "
        f"({summary.steps_per_s:.0f} steps a second of {len(summary.cabinets)} cabinets)",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    console.print(f"report {summary.folder}/report.html", highlight=False, soft_wrap=True)
    write_target(json_file, summary.as_json())
    if not summary.passed:
        raise typer.Exit(1)


@app.command("run")
def run_command(
    scenario: Annotated[str, typer.Argument(help="A name of `autarky run --list`, or a file.")],
    hours: Annotated[float | None, typer.Option(help="Length in hours of virtual time.")] = None,
    json_file: JsonFile = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run (default runs/...).")] = None,
    interpreter: Interpreter = None,
) -> None:
    """Run a thermal scenario and write its report, as `autarky run` does.

    Examples:

      autarky thermal run cold-soak

      autarky thermal run my.toml --hours 24
    """
    with clear_errors():
        from autarky.thermal.run import found

        run_plan(found(scenario), hours, out, json_file, interpreter)


@app.command()
def size(
    site: Annotated[
        Path | None, typer.Argument(metavar="SITE.TOML", help="Its cabinets' parameters count.")
    ] = None,
    climate: Annotated[
        str | None,
        typer.Option(help="subarctic, continental, temperate, tropical or desert."),
    ] = None,
    epw: Annotated[
        Path | None, typer.Option(help="The place's own weather: an EPW file (energyplus.net).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of a climate's year.", min=0)] = 1,
    json_file: JsonFile = None,
    interpreter: Interpreter = None,
) -> None:
    """Say what heater and chiller sizes mean at a place: start time, energy a year, derating.

    Examples:

      autarky thermal size --climate subarctic

      autarky thermal size site.toml --epw Kiruna.epw --json sizes.json
    """
    with clear_errors():
        from rich.console import Console

        from autarky.thermal import size as module

        if (climate is None) == (epw is None):
            raise AutarkyError("give the place's weather: either --climate or --epw")
        check_target("--json", json_file)
        console = Console(stderr=str(json_file) == "-")
        place = module.place(climate, epw, seed)
        found = module.sizes(
            place, module.parameters_of(site), interpreter or "micropython",
            _Told(console, place.weather.place),
        )  # fmt: skip
        console.print(module.as_table(place, found))
        for line in module.notes(place):
            console.print(line, highlight=False, soft_wrap=True)
        write_target(json_file, module.as_json(place, found))
