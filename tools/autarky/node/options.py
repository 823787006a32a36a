"""What the `autarky node` commands have in common: their options, a client, how rows are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from autarky.node.client import Client

Bus = Annotated[str, typer.Option("--bus", help="Channel: HOST:PORT of a site, or can0.")]
Interface = Annotated[str, typer.Option(help="python-can interface: autarky, socketcan ...")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
NodeId = Annotated[int, typer.Argument(help="Node id of the cabinet, 1..127.", min=1, max=127)]
BUS = "127.0.0.1:4500"
COORDINATOR = 1  # its node id
NOBODY = "no heartbeat was heard: is the site running, are ids assigned (scan)?"


def open_client(interface: str, bus: str) -> Client:
    """A client that keeps canopen's own messages to itself. Raises as Client does."""
    import logging

    from autarky.node.client import Client

    logging.getLogger("canopen").setLevel(logging.CRITICAL)  # our sentences say it
    return Client(interface, bus)


def show(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Rows of the same keys as a table, or as JSON."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in rows[0] if rows else ("nothing",):
        table.add_column(name)
    for row in rows:
        table.add_row(*[str(value) for value in row.values()])
    Console().print(table)
