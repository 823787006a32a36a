"""`autarky rig report` and `autarky rig replay`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarky.errors import (
    AutarkyError,
    check_target,
    clear_errors,
    parse_overrides,
    write_target,
)

if TYPE_CHECKING:
    from autarky.rig.results import Run


class NoReportError(AutarkyError):
    """A folder that no run of a rig left."""


def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
    against: Annotated[
        Path | None, typer.Option(help="The folder of an earlier run: what moved since.")
    ] = None,
) -> None:
    """Make a run's report again from its results.json; say what moved since another.

    Examples:

      autarky rig report runs/bench-20260301

      autarky rig report runs/new --against runs/old     exit code 1 where something got worse
    """
    with clear_errors():
        from autarky.rig import page
        from autarky.rig.artifacts import write_all
        from autarky.rig.compare import moved

        run = read_run(folder)
        old = None if against is None else read_run(against)
        note = write_all(run, folder, old)
        typer.echo(folder / page.FILE)
        if note:
            typer.echo(note)
        if old is None:
            return
        found = moved(old, run)
        typer.echo(found.as_text(), nl=False)
        if found.worse:
            raise typer.Exit(1)


def read_run(folder: Path) -> Run:
    """The results that a folder holds. Raises NoReportError."""
    from autarky.rig import results

    try:
        return results.read(folder)
    except FileNotFoundError:
        raise NoReportError(
            f"{folder} has no {results.FILE}: give a folder that `autarky rig run` left"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise NoReportError(
            f"{folder / results.FILE} is none of these tools' results: {error}"
        ) from None


def replay(
    log: Annotated[Path, typer.Argument(help="A .blf, .asc or candump .log of a site.")],
    cabinet: Annotated[
        int | None, typer.Option(help="Node id of the cabinet, if many are.")
    ] = None,
    channels: Annotated[
        str, typer.Option(help="SITE,CABINET: channels of the log; found by what passes there.")
    ] = "",
    dbc: Annotated[
        list[Path] | None, typer.Option(help="Of the site's bus, then of the cabinet's.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Parameter of the cabinet NAME=VALUE; repeat.")
    ] = None,
    interpreter: Annotated[
        str, typer.Option(help="inline (default), micropython, micropython-source or cpython.")
    ] = "inline",
    state: Annotated[
        Path | None, typer.Option(help="Storage that the cabinet had; changed by the replay.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write all differences here; - is stdout.")
    ] = None,
) -> None:
    """Give a site's CAN log to our firmware, and say what it does otherwise than the cabinet did.

    The log has the site's bus and the cabinet's own, as the reports of `autarky rig run` have.
    Exit code 1 where states, emergencies or a value beyond its tolerance differ.

    Examples:

      autarky rig replay site.blf

      autarky rig replay site.asc --cabinet 3 --set cell_ov_3_dmv=36800

      autarky rig replay both.log --channels can0,can1 --json differences.json
    """
    with clear_errors():
        from autarky.rig import replay as work

        check_target("--json", json_file)
        names = [name.strip() for name in channels.split(",")] if channels else []
        if len(names) > 2:
            raise ValueError(f"--channels {channels}: write it as SITE,CABINET")
        found = work.replay(
            log, cabinet, names, parse_overrides(set_), interpreter, dbc or (), state
        )
        write_target(json_file, json.dumps(found.as_dict(), indent=1) + "\n")
        typer.echo(found.as_text(), nl=False, err=str(json_file) == "-")
        if not found.equal:
            raise typer.Exit(1)
