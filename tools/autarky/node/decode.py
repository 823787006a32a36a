"""What a cabinet keeps, as rows: its event log, trend, trace and snapshot."""

from __future__ import annotations

import csv
import struct
import zlib
from operator import itemgetter
from pathlib import Path
from typing import Any

from autarky.node.names import NodeError
from autarky.tables import LEVELS, fault_names
from bess.port import ring
from bess.protect import event_log, trace
from bess.scheduler import TASKS
from bess.table import rows

SNAPSHOT, EVENT_LOG, TRACE, TREND = 0x2204, 0x2400, 0x2410, 0x2411  # domains


def _subject(kind: int, item: int) -> str:
    """What a record is about: a fault, or what its kind has instead."""
    words = {
        event_log.PART_FAILED: ("", *(fields[0] for fields in rows(TASKS))),
        event_log.ANCHOR: ("", "full", "empty"),
        event_log.PROGRAM: ("", "on trial", "rolled back", "confirmed"),
    }.get(kind)
    if words is None:
        return fault_names().get(item, "") if item else ""
    return words[item] if item < len(words) else str(item)


def _whole(data: bytes) -> list[bytes]:
    """Records of a ring, in the order they come, whose check is right."""
    size = ring.RECORD
    records = [data[at : at + size] for at in range(0, len(data) - size + 1, size)]
    return [one for one in records if int.from_bytes(one[ring.BODY :], "little") == ring.check(one)]


def damaged_records(data: bytes) -> int:
    """How many records of an event log or a trend are damaged; their neighbours are whole."""
    return len(data) // ring.RECORD - len(_whole(data))


def decode_log(data: bytes) -> list[dict[str, Any]]:
    """Records of the event log, oldest first; damaged ones are left out (`damaged_records`)."""
    out = []
    names_of = event_log.KIND_NAMES.decode().split()
    for record in _whole(data):
        sequence, ticks, boot, kind, item, level, string, value, limit, _ = struct.unpack(
            event_log.FORMAT, record
        )
        out.append(
            {
                "sequence": sequence, "boot": boot, "time_s": ticks / 100,
                "event": names_of[kind] if kind < len(names_of) else f"kind {kind}",
                "fault": _subject(kind, item),
                "string": string,
                "level": LEVELS[level] if level < len(LEVELS) else str(level),
                "value": value, "limit": limit,
            }
        )  # fmt: skip
    return out


def decode_trend(data: bytes) -> list[dict[str, Any]]:
    """Samples of the trend by sequence, oldest first; damaged ones are left out.

    seconds: what a sample covers; a board without FRAM keeps means.
    """
    out = []
    for record in _whole(data):
        sequence, current, string, low, high, cold, hot, soc, seconds = struct.unpack_from(
            trace.TREND_FORMAT, record
        )
        out.append(
            {
                "sequence": sequence, "seconds": max(seconds, 1), "current_a": current / 1000,
                "string_v": string / 1000, "cell_min_v": low / 10000, "cell_max_v": high / 10000,
                "temp_min_c": cold / 10, "temp_max_c": hot, "soc_percent": soc / 2,
            }
        )  # fmt: skip
    return sorted(out, key=itemgetter("sequence"))


def trace_damaged(data: bytes) -> bool:
    """True when a trace's samples are not those that its check was made of."""
    return zlib.crc32(data[8:]) & 0xFFFF != int.from_bytes(data[4:6], "little")


def decode_trace(data: bytes) -> list[dict[str, Any]]:
    """Samples of 100 ms around the newest trip, oldest first; time 0 is the last sample.

    None is what had not been measured yet.
    """

    def known(value: int, unseen: int, per: int) -> float | None:
        return None if value == unseen else value / per

    if data[:2] != b"TR":
        return []
    (count,) = struct.unpack_from("<H", data, 2)
    out = []
    for number in range(min(count, (len(data) - 8) // trace.RECORD)):
        fields = struct.unpack_from("<iiiHHhh", data, 8 + number * trace.RECORD)
        current, string, link, low, high, cold, hot = fields
        out.append(
            {
                "time_s": round((number - count + 1) / 10, 1),
                "current_a": known(current, trace.UNSEEN, 1000),
                "string_v": known(string, trace.UNSEEN, 1000),
                "link_v": known(link, trace.UNSEEN, 1000),
                "cell_min_v": known(low, trace.UNSEEN_DMV, 10000),
                "cell_max_v": known(high, trace.UNSEEN_DMV, 10000),
                "temp_min_c": known(cold, trace.UNSEEN_DC, 10),
                "temp_max_c": known(hot, trace.UNSEEN_DC, 10),
            }
        )  # fmt: skip
    return out


def decode_snapshot(data: bytes) -> dict[str, Any]:
    """All cells in V, all sensors in degC, None where the newest scan did not read them."""
    version, _, cells, sensors, ticks = struct.unpack_from("<BBHHI", data)
    if version != 1:
        raise NodeError(
            f"the snapshot is of version {version}, this tool knows version 1: update the older one"
        )
    volts = struct.unpack_from(f"<{cells}H", data, 10)
    degrees = struct.unpack_from(f"<{sensors}h", data, 10 + 2 * cells)
    fresh = data[10 + 2 * (cells + sensors) :]
    return {
        "uptime_s": ticks / 100,
        "cells_v": [v / 10000 if fresh[i] else None for i, v in enumerate(volts)],
        "sensors_c": [t / 10 if fresh[cells + i] else None for i, t in enumerate(degrees)],
    }


def write_rows(table: list[dict[str, Any]], path: Path) -> None:
    """CSV or Parquet, by the file's ending."""
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(table[0]) if table else [])
            writer.writeheader()
            writer.writerows(table)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(table), path)
