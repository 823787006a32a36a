"""What a run's cabinets noted in their event logs: each fault that was raised, with its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autarky.node.client import decode_log
from bess.protect.fault_table import TABLE as FAULT_TABLE
from bess.table import rows

# unit of the fault table: factor, unit for people, decimals
_UNITS = {
    "dmv": (1e-4, "V", 3), "dc": (0.1, "degC", 1), "mv": (1e-3, "V", 1), "ma": (1e-3, "A", 2),
    "permille": (0.1, "%", 1), "ms": (1e-3, "s", 2), "ohm_v": (1.0, "ohm/V", 0),
    "dc_s": (0.1, "K/s", 1), "cpct": (0.01, "%", 2), "count": (1.0, "", 0),
}  # fmt: skip
_UNIT_OF = {fields[1]: fields[4] for fields in rows(FAULT_TABLE)}


@dataclass(frozen=True)
class Happened:
    """One level of one fault of one cabinet. Times in s since the cabinet's start; value and
    limit, of its first time, with their unit, "" for a flag."""

    id: str
    node: int
    level: str
    first_s: float
    last_s: float
    count: int
    value: str
    limit: str


def shown(fault: str, raw: int) -> str:
    """A number of a log record for people; "" where it is only a flag."""
    if _UNIT_OF.get(fault) not in _UNITS:
        return ""
    factor, unit, decimals = _UNITS[_UNIT_OF[fault]]
    return f"{raw * factor:.{decimals}f} {unit}".strip()


def of_log(node: int, data: bytes) -> list[Happened]:
    """From the bytes of an event log, by first time."""
    found: dict[tuple[str, str], Happened] = {}
    for row in decode_log(data):
        if row["event"] != "raised":
            continue
        key = row["fault"], row["level"]
        first = found.get(key)
        found[key] = Happened(
            row["fault"], node, row["level"], first.first_s if first else row["time_s"],
            row["time_s"], first.count + 1 if first else 1,
            first.value if first else shown(row["fault"], row["value"]),
            first.limit if first else shown(row["fault"], row["limit"]),
        )  # fmt: skip
    return sorted(found.values(), key=lambda happened: happened.first_s)


def of_run(state: Path, nodes: list[int]) -> list[Happened]:
    """From the storage that a run's cabinets left, the most severe and earliest first."""
    found = []
    for node in nodes:
        log = state / f"cabinet{node}" / "log.bin"
        if log.is_file():
            found += of_log(node, log.read_bytes())
    order = ("lockout", "trip", "limit", "warn")
    return sorted(
        found,
        key=lambda h: (order.index(h.level) if h.level in order else 9, h.first_s, h.node),
    )
