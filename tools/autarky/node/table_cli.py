"""`autarky node table`: what a cabinet learned of its cells' voltage, read, used, taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarky.errors import AutarkyError, check_target, clear_errors, parse_key, write_target
from autarky.node.options import BUS, AsJson, Bus, Interface, NodeId, open_client, show

if TYPE_CHECKING:
    from autarky.node.client import Client


def table(
    node: NodeId,
    out: Annotated[
        Path | None, typer.Option(help="Write the whole table, as learned, for `soc evaluate`.")
    ] = None,
    use: Annotated[
        bool, typer.Option("--use", help="Store what was learned: in force from the next start.")
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="Store 0: the table as shipped, from the next start.")
    ] = False,
    key: Annotated[str, typer.Option(help="Device key, 64 hex digits.")] = "00" * 32,
    bus: Bus = BUS,
    interface: Interface = "autarky",
    as_json: AsJson = False,
) -> None:
    """What a cabinet learned of its cells' rest voltage, against the table that it shipped with.

    Learned where the charge is known to 1.5 %, at most 40 mV, and no more than shown: judge it
    (`autarky soc evaluate DATA --chemistry my.table`), then --use it. --use and --clear need the
    device key and open contactors, as `node write` does.

    Examples:

      autarky node table 2 --out my.table

      autarky node table 2 --use
    """
    with clear_errors(), open_client(interface, bus) as client:
        if use and clear:
            raise AutarkyError("--use and --clear exclude each other: give one of them")
        check_target("--out", out)
        rows = _rows(client, node)
        if out is not None:
            write_target(out, table_text(client.read(node, "chemistry").raw, node, rows))
        if use or clear:
            _store(client, node, key, [0 if clear else row["proposed_dmv"] for row in rows], rows)
        if as_json:
            typer.echo(json.dumps(rows, indent=2))
            return
        show([{key: row[key] for key in row if key != "proposed_dmv"} for row in rows], False)
        if out is not None:
            typer.echo(f"table: {out}")
        if use or clear:
            typer.echo("stored, it acts from the cabinet's next start (NMT reset node)")


def _rows(client: Client, node: int) -> list[dict[str, Any]]:
    """Charge, looks, what was learned, what is in use, and what --use would store, by knot."""
    from bess.estimate.table_shift import KNOTS, SURE_LOOKS

    rows = []
    for knot in range(KNOTS):
        looks = client.read(node, f"table_shift.looks.{knot}").raw
        learned = client.read(node, f"table_shift.learned.{knot}").raw
        used = client.read(node, f"table_shift_{10 * knot}_dmv").raw
        rows.append(
            {
                "charge_pct": 10 * knot, "looks": looks, "learned_dmv": learned,
                "in_use_dmv": used, "proposed_dmv": learned if looks >= SURE_LOOKS else used,
            }
        )  # fmt: skip
    return rows


def table_text(chemistry: int, node: int, rows: list[dict[str, Any]]) -> str:
    """The table of a family (parameter `chemistry`) with the proposed shifts in it."""
    from bess.estimate import lfp, nmc
    from bess.estimate.chemistry import Chemistry

    text = (lfp.TABLE, nmc.TABLE)[chemistry]
    ocv_dmv = Chemistry(text, [row["proposed_dmv"] for row in rows]).ocv_dmv
    lines = [f"# as learned on cabinet {node}"]
    for line in text.decode().splitlines():
        fields = line.split()
        if fields[0] == "soc":
            fields[2] = str(ocv_dmv[int(fields[1])])
        lines.append(" ".join(fields))
    return "\n".join(lines) + "\n"


def _store(
    client: Client, node: int, key: str, shifts_dmv: list[int], rows: list[dict[str, Any]]
) -> None:
    client.unlock(node, parse_key(key))
    for row, dmv in zip(rows, shifts_dmv, strict=True):
        if dmv != row["in_use_dmv"]:
            client.write(node, f"table_shift_{row['charge_pct']}_dmv", dmv)
            row["in_use_dmv"] = dmv
    client.store(node)
