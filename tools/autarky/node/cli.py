"""The `autarky node` commands."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from autarky.errors import clear_errors, parse_key
from autarky.node import records_cli, slots_cli, table_cli
from autarky.node.options import (
    BUS,
    COORDINATOR,
    NOBODY,
    AsJson,
    Bus,
    Interface,
    NodeId,
    open_client,
    show,
)

app = typer.Typer(
    help="Read, write, scan and watch cabinets by names, over any python-can bus.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_OWN_INDEX = 0x2000  # our parameters; from 0x2100 on objects, which act at once
_OBJECTS = 0x2100
_HIGHEST_ID = 127


@app.command("list")
def list_(bus: Bus = BUS, interface: Interface = "autarky", as_json: AsJson = False) -> None:
    """Who is on the bus: node id, NMT state, what it is.

    Example:

      autarky node list --bus 127.0.0.1:4500
    """
    with clear_errors(), open_client(interface, bus) as client:
        from autarky.node.names import NodeError

        rows = []
        for node_id, state in client.listen().items():
            row: dict[str, Any] = {"node": node_id, "state": state}
            names_ = ("device_name", "software_version", "identity.serial")
            row.update(dict.fromkeys(names_, ""))
            rows.append(row)
            if node_id == COORDINATOR:
                row["device_name"] = "coordinator"
                continue
            for name in names_:
                try:
                    row[name] = client.read(node_id, name).raw
                except NodeError:
                    row[name] = "no answer"
                    break
        if not rows:
            raise NodeError(NOBODY)
        show(rows, as_json)


@app.command()
def names(
    part: Annotated[str, typer.Argument(help="Only names with this in them.")] = "",
    as_json: AsJson = False,
) -> None:
    """Every name that can be read or written, with its unit and range.

    Example:

      autarky node names cell_ov
    """
    from autarky.node import names as known

    rows = [
        {"name": name, "index": f"0x{v.index:04X}.{v.subindex}", "access": v.access_type,
         "unit": f"{v.factor:g} {v.unit}" if v.unit else "",
         "range": "" if v.min is None else f"{v.min}..{v.max}"}
        for name, v in known.names().items() if part.lower() in name.lower()
    ]  # fmt: skip
    with clear_errors():
        if not rows:
            raise known.NodeError(f"no name has {part!r} in it")
        show(rows, as_json)


@app.command()
def read(
    node: NodeId,
    what: Annotated[list[str], typer.Argument(help="Names, or 0xINDEX.SUB.")],
    bus: Bus = BUS,
    interface: Interface = "autarky",
    as_json: AsJson = False,
) -> None:
    """Read values by name.

    Examples:

      autarky node read 2 cells.voltage.max soc

      autarky node read 2 fault.cell_ov --json
    """
    with clear_errors(), open_client(interface, bus) as client:
        rows = [client.read(node, name) for name in what]
        if as_json:
            typer.echo(json.dumps({r.name: r.raw for r in rows}, indent=2))
        else:
            show([{"name": r.name, "value": r.shown, "raw": r.raw} for r in rows], False)


@app.command()
def write(
    node: NodeId,
    name: Annotated[str, typer.Argument(help="Name of a parameter.")],
    value: Annotated[str, typer.Argument(help="Raw integer in the unit of its name.")],
    key: Annotated[str, typer.Option(help="Device key, 64 hex digits.")] = "00" * 32,
    store: Annotated[bool, typer.Option(help="Keep it over a loss of power.")] = False,
    bus: Bus = BUS,
    interface: Interface = "autarky",
    as_json: AsJson = False,
) -> None:
    """Write a parameter; needs the device key and open contactors.

    Parameters of the cabinet (0x2000 and up) act with its next start, so store them; those of
    CiA 301 (heartbeat, PDOs) act at once. On a virtual site: `autarky site --no-coordinator`
    keeps the contactors open.

    Example:

      autarky node write 2 cell_ov_3_dmv 36400 --store
    """
    with clear_errors(), open_client(interface, bus) as client:
        from autarky.node.names import NodeError, find

        secret = parse_key(key)
        try:
            number = int(value, 0)
        except ValueError:
            raise NodeError(f"write {value!r} as an integer, in the unit of {name}") from None
        client.unlock(node, secret)
        before = client.read(node, name)
        after = client.write(node, name, number)
        if store:
            client.store(node)
        if as_json:
            unit = find(name).unit
            typer.echo(
                json.dumps(
                    {"name": name, "old": before.value, "new": after.value, "unit": unit,
                     "old_raw": before.raw, "new_raw": after.raw, "stored": store,
                     "in_force": _acts_at_once(name)}
                )
            )  # fmt: skip
        else:
            typer.echo(f"{name}: {before.shown} -> {after.shown}; {_when_it_acts(name, store)}")


def _acts_at_once(name: str) -> bool:
    """Parameters of CiA 301 act at once, our own with the next start of the cabinet."""
    from autarky.node.names import find

    return not _OWN_INDEX <= find(name).index < _OBJECTS


def _when_it_acts(name: str, stored: bool) -> str:
    if _acts_at_once(name):
        return "it acts at once" + (" and is stored" if stored else ", and is lost with a reset")
    if stored:
        return "stored, it acts from the cabinet's next start (NMT reset node)"
    return "NOT in force: it acts with the next start, and without --store it is lost then"


@app.command()
def scan(
    assign: Annotated[
        int | None, typer.Option(help="Give what is found ids from this one on.", min=1, max=127)
    ] = None,
    bus: Bus = BUS,
    interface: Interface = "autarky",
    as_json: AsJson = False,
) -> None:
    """Find cabinets without a node id (LSS fastscan), and give them one.

    Example:

      autarky node scan --assign 10
    """
    with clear_errors(), open_client(interface, bus) as client:
        from autarky.node.names import NodeError

        rows: list[dict[str, Any]] = []
        taken = set(client.listen()) if assign else set()
        node_id = assign or 0
        while (identity := client.fastscan()) is not None:
            row: dict[str, Any] = dict(
                zip(("vendor", "product", "revision", "serial"), identity, strict=True)
            )
            rows.append(row)
            if not assign:
                client.leave_configuration()
                break  # without an id the next scan would find the same one
            while node_id in taken:
                node_id += 1
            if node_id > _HIGHEST_ID:
                client.leave_configuration()
                show(rows[:-1], as_json)
                raise NodeError(
                    f"no node id from {assign} to {_HIGHEST_ID} is free for the next cabinet "
                    f"(serial {identity[3]}): assign from a lower one"
                )
            client.assign(node_id)
            taken.add(node_id)
            row["node"] = node_id
        if rows or as_json:
            show(rows, as_json)
        else:
            typer.echo("no cabinet without a node id answered")


@app.command()
def watch(
    node: NodeId,
    what: Annotated[list[str] | None, typer.Argument(help="Names; a useful set without.")] = None,
    period: Annotated[float, typer.Option(help="Seconds between readings.", min=0.05)] = 0.5,
    count: Annotated[int, typer.Option(help="Stop after this many; 0 = never.", min=0)] = 0,
    bus: Bus = BUS,
    interface: Interface = "autarky",
    as_json: AsJson = False,
) -> None:
    """Read values again and again until Ctrl-C.

    Example:

      autarky node watch 2 string.voltage string.current
    """
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    chosen = what or [
        "state", "string.voltage", "string.current", "soc", "cells.voltage.min",
        "cells.voltage.max", "cells.temperature.max", "limits.discharge_power", "fault.worst",
    ]  # fmt: skip
    console = Console()
    with (
        clear_errors(),
        open_client(interface, bus) as client,
        Live(console=console, auto_refresh=False) as live,
    ):
        done = 0
        while not count or done < count:
            readings = [client.read(node, name) for name in chosen]
            done += 1
            if as_json:
                typer.echo(json.dumps({r.name: r.raw for r in readings}))
            else:
                table = Table(title=f"cabinet {node}", title_justify="left")
                table.add_column("name")
                table.add_column("value")
                for reading in readings:
                    table.add_row(reading.name, reading.shown)
                live.update(table, refresh=True)
            if not count or done < count:
                time.sleep(period)


for command in (
    records_cli.log, records_cli.trend, records_cli.trace, records_cli.snapshot, table_cli.table,
    slots_cli.slots, slots_cli.request, slots_cli.grant,
):  # fmt: skip
    app.command()(command)
