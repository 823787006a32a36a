"""What was understood of a site.toml, as rows and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from autarky.config.positions import Place
from autarky.config.site import Site


def understood(site: Site, lines: dict[Place, int]) -> list[tuple[str, str, str]]:
    """(key, value, "line 7" or "default") of every key, then each cabinet with its place."""
    keys = site.model_dump(exclude={"segment"})
    if site.segment:
        del keys["cabinets"]["count"]
    found = [
        (".".join(map(str, place)), _text(value), f"line {lines[place]}" if place in lines
         else "default")
        for place, value in _leaves(keys, ())
    ]  # fmt: skip
    for segment in site.segments:
        for cabinet in segment.cabinets:
            place = f"number {cabinet.number}, node id {cabinet.node_id} on {segment.name}"
            found.append((f"cabinet {cabinet.name}", place, ""))
    return found


def as_table(path: Path, site: Site, lines: dict[Place, int]) -> Table:
    """For a person."""
    table = Table(title=str(path), title_justify="left")
    for name in ("what", "value", "from"):
        table.add_column(name)
    for row in understood(site, lines):
        table.add_row(*row)
    return table


def as_json(path: Path, site: Site) -> str:
    """Every key with its value, and the segments with their cabinets."""
    segments = [
        {"name": segment.name, "number": segment.number,
         "cabinets": [vars(cabinet) for cabinet in segment.cabinets]}
        for segment in site.segments
    ]  # fmt: skip
    keys = site.model_dump(mode="json", exclude={"segment": True, "cabinets": {"count"}})
    return json.dumps({"file": str(path), **keys, "segments": segments}, indent=2) + "\n"


def _leaves(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*place, key))
    else:
        yield place, value


def _text(value: Any) -> str:
    return "-" if value in (None, {}) else str(value)
