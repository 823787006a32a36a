"""The commands from a bare board to a running cabinet: sign, flash, provision, doctor, update, board."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from autarky.errors import AutarkyError, clear_errors, parse_key

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SigningKey = Annotated[
    Path | None,
    typer.Option("--signing-key", help="Key file; the checkout's developer key without."),
]
_BUS = "127.0.0.1:4500"
_COORDINATOR = 1


def developer_key(make: bool) -> Path | None:
    """The checkout's own key, made when it is first needed."""
    from autarky.flash import keys

    if not keys.DEVELOPER_KEY.exists():
        if not make:
            return None
        typer.echo(f"made a developer key, {keys.DEVELOPER_KEY}: for cabinets on the desk only")
        keys.create(keys.DEVELOPER_KEY)
    return keys.DEVELOPER_KEY


def sign(
    new_key: Annotated[Path | None, typer.Option(help="Make a signing key here, and stop.")] = None,
    signing_key: SigningKey = None,
    board: Annotated[
        list[str] | None, typer.Option(help="Only for this board; repeat. All without.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The package.")] = Path("autarky.package"),
    show: Annotated[Path | None, typer.Option(help="Show what a package is, and stop.")] = None,
    as_json: AsJson = False,
) -> None:
    """Build the program, sign it, and write a package for `autarky update`.

    Examples:

      autarky sign --new-key ~/keys/site.json

      autarky sign --signing-key ~/keys/site.json --out autarky-0.1.0.package

      autarky sign --show autarky-0.1.0.package
    """
    with clear_errors():
        from autarky.flash import boards, keys, package

        if new_key is not None:
            keys.create(new_key)
            typer.echo(
                f"{new_key}: {keys.SIGNATURES} signatures. Never copy it and never restore it from "
                "a backup: a leaf that is used twice can be forged"
            )
            return
        if show is not None:
            made = package.read_file(show)
        else:
            key = signing_key or developer_key(make=True)
            assert key is not None
            names = [boards.find(name).name for name in board] if board else None
            made = package.make(key, names)
            if not out.parent.is_dir():
                raise AutarkyError(f"--out {out}: its folder does not exist")
            out.write_bytes(made.data)
        rows = dict(made.manifest, signature=f"{len(made.signature)} bytes")
        if show is None:
            rows["package"] = str(out)
            rows["signatures left"] = str(keys.left(key))
        if as_json:
            typer.echo(json.dumps(rows))
        else:
            for name, value in rows.items():
                typer.echo(f"{name:16} {value}")


def update(
    file: Annotated[Path, typer.Argument(help="A package of `autarky sign`.")],
    node: Annotated[
        list[int] | None, typer.Option(help="Node id; repeat. All that are heard without.")
    ] = None,
    bus: Annotated[str, typer.Option("--bus", help="Channel: HOST:PORT of a site, or can0.")] = _BUS,
    interface: Annotated[str, typer.Option(help="python-can interface.")] = "autarky",
    key: Annotated[str, typer.Option(help="Device key of the cabinets, 64 hex digits.")] = "00" * 32,
    as_json: AsJson = False,
) -> None:
    """Bring a signed program to running cabinets over CAN, one after the other.

    Each is stopped in order, takes the package, verifies it, starts it on trial, passes its
    self-test, is confirmed, and runs again before the next one is touched. The first that fails
    ends the work; it rolls back by itself, and the others were not touched.

    Examples:

      autarky update autarky.package --bus 127.0.0.1:4500

      autarky update autarky.package --interface socketcand --bus can0 --node 2 --json
    """
    with clear_errors():
        from autarky.flash import package
        from autarky.node.client import Client, NodeError

        made = package.read_file(file)
        secret = parse_key(key)
        with Client(interface, bus) as client:
            nodes = node or [n for n in client.listen() if n != _COORDINATOR]
            if not nodes:
                raise NodeError("no cabinet was heard: is the site running, is --bus right?")
            rows = _update_all(client, made, secret, nodes, as_json)
        if as_json:
            typer.echo(json.dumps(rows))


def _update_all(client: Any, made: Any, secret: bytes, nodes: list[int], quiet: bool) -> list[dict[str, Any]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    from autarky.flash.update import Progress, Updater

    console = Console(stderr=quiet)
    rows = []
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Bars(*columns, console=console, transient=True) as bars:
        for node_id in nodes:
            task = bars.add_task(f"cabinet {node_id}", total=len(made.data))

            class Shown(Progress):
                def stage(self, text: str, node_id: int = node_id, task: Any = task) -> None:
                    bars.update(task, description=f"cabinet {node_id}: {text}")

                def bytes_done(self, count: int, total: int, task: Any = task) -> None:
                    bars.update(task, completed=count)

            word = Updater(client, made, secret, Shown()).run(node_id)
            bars.update(task, description=f"cabinet {node_id}: {word}", completed=len(made.data))
            rows.append({"node": node_id, "version": made.version, "result": word})
            if not quiet:
                console.print(f"cabinet {node_id}: {word}, version {made.version}", highlight=False)
    return rows
