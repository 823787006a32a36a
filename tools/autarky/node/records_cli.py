"""`autarky node log`, `trend`, `trace`, `snapshot`: what a cabinet keeps, shown or into a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from autarky.errors import AutarkyError, check_target, clear_errors
from autarky.node.options import BUS, AsJson, Bus, Interface, NodeId, open_client, show

_ROW_FILES = (".csv", ".parquet")


def _writable(path: Path | None) -> Path | None:
    """Before minutes of reading, not after them."""
    with clear_errors():
        if path is not None and path.suffix not in _ROW_FILES:
            raise AutarkyError(f"--out {path}: give FILE.csv or FILE.parquet")
        check_target("--out", path)
    return path


OutFile = Annotated[
    Path | None, typer.Option(help="Write to FILE.csv or FILE.parquet.", callback=_writable)
]


def _write_or_print(
    rows: list[dict[str, Any]],
    what: str,
    out: Path | None,
    shown: list[dict[str, Any]],
    as_json: bool,
) -> None:
    """All rows into a file or as JSON; `shown` of them as a table."""
    if out is not None:
        from autarky.node.decode import write_rows

        write_rows(rows, out)
        typer.echo(f"{len(rows)} {what} in {out}")
    else:
        show(rows if as_json else shown, as_json)


def _tell_damaged(count: int, what: str) -> None:
    if count:
        typer.echo(f"{count} damaged {what} are left out", err=True)


def log(
    node: NodeId,
    out: OutFile = None,
    last: Annotated[int, typer.Option(help="Show only the newest records.", min=1)] = 40,
    bus: Bus = BUS,
    interface: Interface = "autarky",
    as_json: AsJson = False,
) -> None:
    """The cabinet's event log.

    Examples:

      autarky node log 2 --last 10

      autarky node log 2 --out events.parquet
    """
    with clear_errors(), open_client(interface, bus) as client:
        from autarky.node import decode

        data = client.domain(node, decode.EVENT_LOG)
        rows = decode.decode_log(data)
        _tell_damaged(decode.damaged_records(data), "records")
        _write_or_print(rows, "records", out, rows[-last:], as_json)


def trend(
    node: NodeId,
    out: OutFile = None,
    last: Annotated[int, typer.Option(help="Show only the newest samples.", min=1)] = 40,
    bus: Bus = BUS,
    interface: Interface = "autarky",
    as_json: AsJson = False,
) -> None:
    """The trend: a sample each second, means of a minute on a board without FRAM.

    Example:

      autarky node trend 2 --out trend.parquet
    """
    with clear_errors(), open_client(interface, bus) as client:
        from autarky.node import decode

        data = client.domain(node, decode.TREND)
        rows = decode.decode_trend(data)
        _tell_damaged(decode.damaged_records(data), "samples")
        _write_or_print(rows, "samples", out, rows[-last:], as_json)


def trace(
    node: NodeId,
    out: OutFile = None,
    bus: Bus = BUS,
    interface: Interface = "autarky",
    as_json: AsJson = False,
) -> None:
    """The 30 s around the newest trip, a sample every 100 ms.

    Example:

      autarky node trace 2 --out trip.csv
    """
    with clear_errors(), open_client(interface, bus) as client:
        from autarky.node import decode

        data = client.domain(node, decode.TRACE)
        rows = decode.decode_trace(data)
        if not rows:
            raise decode.NodeError(
                "no trace is there: a trip's is whole 15 s after it, and needs a trip"
            )
        if decode.trace_damaged(data):
            typer.echo("the trace's check differs: one or more samples are damaged", err=True)
        _write_or_print(rows, "samples", out, rows[:: max(len(rows) // 30, 1)], as_json)


def snapshot(
    node: NodeId,
    out: OutFile = None,
    bus: Bus = BUS,
    interface: Interface = "autarky",
    as_json: AsJson = False,
) -> None:
    """All cells and sensors of a cabinet at one instant.

    Example:

      autarky node snapshot 2 --json
    """
    with clear_errors(), open_client(interface, bus) as client:
        from autarky.node import decode

        found = decode.decode_snapshot(client.domain(node, decode.SNAPSHOT))
        if out is not None:
            decode.write_rows([{"cell": i, "v": v} for i, v in enumerate(found["cells_v"])], out)
            typer.echo(f"{len(found['cells_v'])} cells in {out}")
        elif as_json:
            typer.echo(json.dumps(found))
        else:
            rows = [
                _extremes("cell voltage V", found["cells_v"]),
                _extremes("temperature degC", found["sensors_c"]),
            ]
            show(rows, False)


def _extremes(what: str, values: list[float | None]) -> dict[str, Any]:
    known = [(value, i) for i, value in enumerate(values) if value is not None]
    if not known:
        return {"what": what, "lowest": "-", "highest": "-", "read": f"0 of {len(values)}"}
    (low, low_at), (high, high_at) = min(known), max(known)
    return {
        "what": what, "lowest": f"{low:.4g} (number {low_at})",
        "highest": f"{high:.4g} (number {high_at})", "read": f"{len(known)} of {len(values)}",
    }  # fmt: skip
