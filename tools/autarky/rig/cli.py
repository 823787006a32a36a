"""The `autarky rig` commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autarky.errors import check_target, clear_errors, write_target
from autarky.rig import commands

app = typer.Typer(
    help="Run every scenario and fault case on a rig: virtual, one board on a cable, or a bench.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command()(commands.report)
app.command()(commands.replay)

RigFile = Annotated[Path, typer.Argument(help="rig.yaml; boards/rigs has some that run here.")]
Out = Annotated[Path | None, typer.Option(help="Folder of logs and reports (default runs/...).")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Also write what came out here; - is stdout.")
]
Against = Annotated[
    Path | None, typer.Option(help="Folder of an earlier run: the report says what moved.")
]


@app.command()
def run(
    rig: RigFile,
    tests: Annotated[
        list[Path] | None, typer.Argument(help="pytest files of your own, in place of the suite.")
    ] = None,
    out: Out = None,
    against: Against = None,
    only: Annotated[
        str | None, typer.Option("-k", help="Only tests that fit it, as pytest's -k has it.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=64, help="At depth virtual: so many tests at once.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Run the suite on a rig, or tests of your own, and write its report.

    Examples:

      autarky rig run boards/rigs/virtual.yaml

      autarky rig run boards/rigs/pil_virtual.yaml -k "estop or cell_ov"

      autarky rig run rig.yaml my_test.py --against runs/rig-bench-20261128-101500

      autarky rig run boards/rigs/virtual.yaml --json - -k smoke
    """
    with clear_errors():
        from rich.console import Console

        from autarky.rig import compare, reading, results, running, shown
        from autarky.scenario.folders import unused

        described = reading.read(rig)
        check_target("--json", json_file)
        earlier = commands.read_run(against) if against is not None else None
        folder = out or unused(Path("runs") / f"rig-{described.name}-{shown.stamp()}")
        console = Console(stderr=str(json_file) == "-", highlight=False)
        lines = shown.Lines(console)
        done, note = running.run(
            rig, described, folder, tests or [], only, jobs, lines.result, earlier
        )
        if earlier is not None:
            console.print(compare.moved(earlier, done).as_text(), markup=False)
        shown.summary(console, done, folder, note)
        write_target(json_file, (folder / results.FILE).read_text(encoding="utf-8"))
        if not done.passed:
            raise typer.Exit(1)


@app.command()
def check(rig: RigFile, json_file: JsonFile = None) -> None:
    """Talk to each instrument of a rig, name what is missing, measure how long each takes.

    Examples:

      autarky rig check boards/rigs/bench_simulated.yaml

      autarky rig check rig.yaml --json -
    """
    with clear_errors():
        import json
        from dataclasses import asdict

        from rich.console import Console

        from autarky.rig import reading, session, shown

        described = reading.read(rig)
        check_target("--json", json_file)
        checked = session.checked(described)
        shown.checked(Console(stderr=str(json_file) == "-", highlight=False), checked)
        write_target(json_file, json.dumps(asdict(checked), indent=1) + "\n")
        if not checked.passed:
            raise typer.Exit(1)


@app.command()
def soak(
    rig: RigFile,
    hours: Annotated[float, typer.Option(min=0.001, max=1000, help="How long, on the wall.")] = 12,
    seed: Annotated[int | None, typer.Option(min=0, help="Order of the cases.")] = None,
    patience: Annotated[
        float, typer.Option(min=0, max=1440, help="Minutes to wait for an instrument to return.")
    ] = 30,
    out: Out = None,
    json_file: JsonFile = None,
) -> None:
    """Fault case after fault case for hours, in a random order; waits for what was unplugged.

    Examples:

      autarky rig soak rig.yaml --hours 12

      autarky rig soak boards/rigs/virtual.yaml --hours 0.01 --seed 7
    """
    with clear_errors():
        from rich.console import Console

        from autarky.rig import artifacts, reading, results, shown, soaking
        from autarky.scenario.folders import unused

        described = reading.read(rig)
        check_target("--json", json_file)
        folder = out or unused(Path("runs") / f"rig-{described.name}-soak-{shown.stamp()}")
        console = Console(stderr=str(json_file) == "-", highlight=False)
        soaked = soaking.Soak(described, folder, described.seed if seed is None else seed)
        try:
            done = soaked.run(hours, patience, lambda text: console.print(text, markup=False))
        finally:  # also of one that was broken off
            note = artifacts.write_all(soaked.result(), folder)
        shown.summary(console, done, folder, note)
        write_target(json_file, (folder / results.FILE).read_text(encoding="utf-8"))
        if not done.passed:
            raise typer.Exit(1)
