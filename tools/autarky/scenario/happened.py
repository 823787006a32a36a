"""What a run's cabinets noted in their event logs: each fault that was raised, with its numbers."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autarky.node.decode import decode_log
from autarky.sil.inline import InlineFirmware
from autarky.sil.site import VirtualSite
from autarky.tables import faults

# unit of the fault table: factor, unit for people, decimals
_UNITS = {
    "dmv": (1e-4, "V", 3), "dc": (0.1, "degC", 1), "mv": (1e-3, "V", 1), "ma": (1e-3, "A", 2),
    "permille": (0.1, "%", 1), "ms": (1e-3, "s", 2), "ohm_v": (1.0, "ohm/V", 0),
    "dc_s": (0.1, "K/s", 1), "cpct": (0.01, "%", 2), "count": (1.0, "", 0),
}  # fmt: skip
# signal: what is furthest out, and where the recorder has its number
_PLACES = {
    "cell_max": ("cell", ("cell_max_at",)), "cell_min": ("cell", ("cell_min_at",)),
    "cell_min_raw": ("cell", ("cell_min_at",)),
    "cell_spread": ("cell", ("cell_min_at", "cell_max_at")),
    "temp_max": ("sensor", ("sensor_max_at",)), "temp_min": ("sensor", ("sensor_min_at",)),
    "temp_spread": ("sensor", ("sensor_min_at", "sensor_max_at")),
    "modules_missing": ("module", ("modules_out",)),
}  # fmt: skip


@dataclass(frozen=True)
class Happened:
    """One level of one fault of one cabinet since one of its starts, which `boot` counts from 1.

    Times in s since that start; value and limit, of its first time, with their unit, "" for a
    flag; place: see `placed`.
    """

    id: str
    node: int
    level: str
    first_s: float
    last_s: float
    count: int
    value: str
    limit: str
    boot: int = 1
    place: str = ""


def shown(fault: str, raw: int) -> str:
    """A number of a log record for people; "" where it is only a flag."""
    known = faults().get(fault)
    if known is None or known.unit not in _UNITS:
        return ""
    factor, unit, decimals = _UNITS[known.unit]
    return f"{raw * factor:.{decimals}f} {unit}".strip()


def of_log(node: int, data: bytes) -> list[Happened]:
    """From the bytes of an event log, by first time."""
    found: dict[tuple[str, str, int], Happened] = {}
    for row in decode_log(data):
        if row["event"] != "raised":
            continue
        key = row["fault"], row["level"], row["boot"]
        first = found.get(key)
        found[key] = Happened(
            row["fault"], node, row["level"], first.first_s if first else row["time_s"],
            row["time_s"], first.count + 1 if first else 1,
            first.value if first else shown(row["fault"], row["value"]),
            first.limit if first else shown(row["fault"], row["limit"]),
            row["boot"],
        )  # fmt: skip
    return sorted(found.values(), key=lambda happened: (happened.boot, happened.first_s))


def stored(state: Path, nodes: list[int]) -> dict[int, bytes]:
    """The event logs that a run's cabinets left in their storage, by node id."""
    logs = {node: state / f"cabinet{node}" / "log.bin" for node in nodes}
    return {node: log.read_bytes() for node, log in logs.items() if log.is_file()}


def in_memory(site: VirtualSite) -> dict[int, bytes]:
    """The same of a running site without a state folder, whose storage goes with it."""
    logs = {
        cabinet.number: cabinet.firmware.app.log
        for cabinet in site.cabinets
        if isinstance(cabinet.firmware, InlineFirmware)
    }
    return {node: log.read(0, log.size()) for node, log in logs.items()}


def of_run(logs: dict[int, bytes]) -> list[Happened]:
    """Of every cabinet, the most severe and earliest first."""
    found = [happened for node, data in logs.items() for happened in of_log(node, data)]
    order = ("lockout", "trip", "limit", "warn")
    return sorted(
        found,
        key=lambda h: (order.index(h.level) if h.level in order else 9, h.boot, h.first_s, h.node),
    )


def placed(found: list[Happened], samples: list[dict[str, Any]]) -> list[Happened]:
    """With the cell, sensor or module, from 1, that was furthest out in the plant; "" where a
    fault has no place, or its cabinet had started anew: samples, the recorder's, are by the site's
    time, which is a cabinet's since its first start.

    A cell or sensor stood out before the level was reached, a module is out from then on.
    """
    of_node: dict[int, list[dict[str, Any]]] = {}
    for sample in samples:
        of_node.setdefault(sample["node_id"], []).append(sample)
    out = []
    for one in found:
        known = faults().get(one.id)
        what, columns = _PLACES.get(known.signal if known else "", ("", ()))
        mine = of_node.get(one.node, [])
        at = bisect_right(mine, one.first_s, key=lambda sample: sample["time_s"]) - 1
        at = at if one.boot == 1 else -1
        if what == "module" and 0 <= at < len(mine) - 1 and not mine[at]["modules_out"]:
            at += 1
        numbers = [str(mine[at][column]) for column in columns] if at >= 0 else []
        place = " and ".join(number for number in numbers if number)
        out.append(replace(one, place=f"{what} {place}" if place else ""))
    return out


def tripped_ms(found: list[Happened], fault: str, node: int, injected_ms: int) -> int | None:
    """When a provoked fault itself tripped, locked out or stopped its cabinet, ms; None: never."""
    times = [
        round(1000 * one.first_s)
        for one in found
        if (one.id, one.node, one.boot) == (fault, node, 1)
        and one.level in ("trip", "lockout", "stop")
    ]
    return min((time for time in times if time >= injected_ms), default=None)
