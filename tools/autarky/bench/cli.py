"""`autarky bench`: what firmware and virtual site cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from autarky.errors import AutarkyError, check_target, clear_errors, write_target


def bench(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here; - is stdout.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Virtual seconds of each speed run.")] = 20.0,
    quick: Annotated[
        bool, typer.Option(help="Within a minute: what needs no callgrind and no 32 cabinets.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(metavar="REV", help="Build this commit too; print ratios to it instead."),
    ] = None,
) -> None:
    """Measure speed, instructions per tick and memory; print ratios taken in this run.

    Example:

      autarky bench --json bench.json

      autarky bench --quick

      autarky bench --against HEAD~10      working tree / that commit, measured in turn
    """
    with clear_errors():
        from rich.console import Console

        check_target("--json", json_file)
        console = Console(stderr=str(json_file) == "-")
        if against is not None:
            if quick:
                raise AutarkyError("--quick leaves out what --against compares; drop one of both")
            from autarky.bench.against import run_against

            result = run_against(console, against, seconds)
        else:
            from autarky.bench.bench import run_bench

            result = run_bench(console, seconds, quick)
        write_target(json_file, json.dumps(result, indent=2) + "\n")
