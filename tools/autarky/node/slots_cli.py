"""`autarky node slots`, `request`, `grant`: modules that are to be drawn while the site runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarky.errors import AutarkyError, clear_errors, parse_key
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

if TYPE_CHECKING:
    from autarky.coordinator.law.sharing import CabinetSnapshot
    from autarky.node.client import Client

_LOOK_S = 0.25
_SAFE, _PARTED, _RELEASED = "safe", "parted", "released"


def _cabinets(client: Client) -> list[int]:
    found = [node_id for node_id in client.listen() if node_id != COORDINATOR]
    if not found:
        raise AutarkyError(NOBODY)
    return found


def slots(bus: Bus = BUS, interface: Interface = "autarky", as_json: AsJson = False) -> None:
    """Every cabinet's slots: what a hand may do there (lamp), and which modules are out.

    Example:

      autarky node slots --bus 127.0.0.1:4500
    """
    with clear_errors(), open_client(interface, bus) as client:
        rows: list[dict[str, Any]] = []
        for node_id in _cabinets(client):
            row: dict[str, Any] = {"node": node_id}
            for name in ("state", "removal.stage", "removal.lamp"):
                row[name.split(".")[-1]] = client.read(node_id, name).shown
            missing = client.read(node_id, "slots.missing").raw
            row["missing"] = [slot + 1 for slot in range(32) if missing >> slot & 1]
            rows.append(row)
        if not as_json:
            for row in rows:
                row["missing"] = ", ".join(str(slot) for slot in row["missing"]) or "none"
        show(rows, as_json)


def request(
    node: NodeId,
    back: Annotated[bool, typer.Option("--back", help="Take the request back.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the grant.", min=0)] = 30.0,
    key: Annotated[str, typer.Option(help="Device key, 64 hex digits.")] = "00" * 32,
    bus: Bus = BUS,
    interface: Interface = "autarky",
) -> None:
    """Ask for a cabinet's modules, and wait until they may be drawn; needs the device key.

    The site's coordinator grants it where the others carry the load; then the cabinet's power goes
    over to them, its contactors open, and after a check that none is welded its lamp says pull.
    Ten seconds after all sit again it tests itself and comes back, as after ten minutes without.

    Examples:

      autarky node request 3

      autarky node request 3 --back
    """
    with clear_errors(), open_client(interface, bus) as client:
        client.unlock(node, parse_key(key))
        client.write(node, "removal.asked", 0 if back else 1)
        if back:
            typer.echo(f"cabinet {node}: the request is taken back")
            return
        typer.echo(f"cabinet {node}: asked; wait", err=True)
        ends_s = time.monotonic() + wait
        while (stage := client.read(node, "removal.stage").shown) not in (_SAFE, _PARTED) or (
            client.read(node, "state").shown != _RELEASED
        ):
            if time.monotonic() >= ends_s:
                state = client.read(node, "state").shown
                raise AutarkyError(
                    f"cabinet {node} is not released after {wait:g} s (it is in {state}): no "
                    f"coordinator runs, or it denies it, see `autarky node grant {node}`; the "
                    "request stands until --back"
                )
            time.sleep(_LOOK_S)
        typer.echo(f"cabinet {node}: {stage}, modules may be drawn")


def _snapshot(client: Client, node_id: int) -> CabinetSnapshot:
    """As the cabinet's dictionary has it now; its energy is rated capacity at this voltage."""
    from autarky.coordinator.law.sharing import CabinetSnapshot

    def raw(name: str) -> Any:
        return client.read(node_id, name).raw

    soc, string_mv = raw("soc"), raw("string.voltage")
    energy_kwh = None if string_mv is None else raw("capacity_mah") * string_mv / 1e9
    return CabinetSnapshot(
        client.read(node_id, "state").shown == "run",
        None if soc is None else soc / 10_000,
        energy_kwh,
        float(raw("limits.charge_power")),
        float(raw("limits.discharge_power")),
    )


def grant(
    node: NodeId,
    critical_kw: Annotated[
        float, typer.Option(help="Load that must be carried without the grid.", min=0)
    ] = 0.0,
    hours: Annotated[float, typer.Option(help="For so long.", min=0)] = 0.0,
    bus: Bus = BUS,
    interface: Interface = "autarky",
    as_json: AsJson = False,
) -> None:
    """What the site could do without a cabinet: the numbers by which a coordinator grants.

    Exit code 1 where the reserve is not kept.

    Example:

      autarky node grant 3 --critical-kw 120 --hours 1.5
    """
    with clear_errors(), open_client(interface, bus) as client:
        from dataclasses import asdict
        from math import isinf

        from autarky.coordinator.law.removal import Reserve
        from autarky.coordinator.law.removal import grant as judge

        each = {node_id: _snapshot(client, node_id) for node_id in _cabinets(client)}
        if node not in each:
            known = ", ".join(str(node_id) for node_id in each)
            raise AutarkyError(f"no cabinet has the node id {node}: there are {known}")
        of = sum(snapshot.available for snapshot in each.values())
        del each[node]
        answer = judge([*each.values()], of, Reserve(1000.0 * critical_kw, hours))
        if as_json:
            row = asdict(answer)
            row["reserve_h"] = None if isinf(answer.reserve_h) else answer.reserve_h
            show([row], True)
        else:
            typer.echo(str(answer))
        if not answer.granted:
            raise typer.Exit(1)
