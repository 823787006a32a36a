"""Cabinets by names instead of indices: what the `autarky node` commands are made of."""

from __future__ import annotations

import csv
import difflib
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import can
import canopen
import canopen.lss
from canopen import objectdictionary
from canopen.objectdictionary import ODVariable
from canopen.sdo.exceptions import SdoAbortedError, SdoCommunicationError

from autarky.errors import AutarkyError
from autarky.node.aborts import meaning
from autarky.node.unlock import unlock
from autarky.paths import GENERATED
from autarky.tables import LEVELS, fault_names
from bess import modes
from bess.control import contactors, thermal
from bess.port import ring
from bess.protect import event_log, trace
from bess.scheduler import TASKS
from bess.table import rows

EDS = GENERATED / "cabinet.eds"
SNAPSHOT, EVENT_LOG, TRACE, TREND = 0x2204, 0x2400, 0x2410, 0x2411
_LISTEN_S = 3.0
_INCOMPATIBLE = 0x06040043  # CiA 301: the parameters contradict each other
_CHOICES = {
    "state": modes.NAMES.decode().split(),
    "contactors.state": contactors.STATE_NAMES.decode().split(),
    "thermal.mode": thermal.MODE_NAMES.decode().split(), "fault.worst_level": LEVELS,
}  # fmt: skip
_KEY_HINTS = {
    0x06010000: "it is the wrong one; the next try must wait, longer each time",
    0x08000022: "after a wrong key it takes none for a while: read session.wait",
}
# abort codes of a server that knows nothing of the transfer: unknown command, toggle bit
_CUT = (0x05040001, 0x05030000)
_CUT_TRIES = 3
_SILENCE = "No SDO response"  # canopen has one class for this and for an answer that does not fit

# A cabinet answers within two ticks. An answer that comes late, on a busy machine, is a wrong bit:
# the scan then ends without a cabinet, and is done again with more patience.
_LSS_ANSWER_S = (0.1, 0.5, 3.0)
_LSS_TAKES_S = 10.0  # for what must be answered: a new id, which is stored first


class NodeError(AutarkyError):
    """A cabinet refused or did not answer; the message is a sentence."""


def _has_no_data(error: Exception) -> bool:
    """Nothing is there to read: not measured yet, or its sensor has fallen silent."""
    return isinstance(error, SdoAbortedError) and error.code == 0x08000024


@dataclass(frozen=True)
class Reading:
    """A value that was read: raw as on the bus (None: not known), `shown` with its unit."""

    name: str
    raw: Any
    shown: str

    @property
    def value(self) -> Any:
        """In the unit of its name; raw where it has none."""
        variable = find(self.name)
        if not variable.unit or not isinstance(self.raw, int):
            return self.raw
        return float(f"{self.raw * variable.factor:.10g}")


@cache
def dictionary() -> objectdictionary.ObjectDictionary:
    """The object dictionary of cabinet.eds; node ids do not matter for names."""
    return canopen.import_od(str(EDS))


def variables() -> Iterator[ODVariable]:
    """Every entry of the EDS."""
    for entry in dictionary().values():
        if isinstance(entry, ODVariable):
            yield entry
        else:
            yield from entry.values()


@cache
def names() -> dict[str, ODVariable]:
    """Entries by name; counts and PDO mappings, which repeat, are left out."""
    return {
        v.name: v
        for v in variables()
        if v.name != "number_of_entries" and not v.name.startswith("mapping_")
    }


def find(name: str) -> ODVariable:
    """Entry of a name, or of 0xINDEX[.SUB]. Raises NodeError with the nearest names."""
    found = names().get(name)
    if found is not None:
        return found
    if name.lower().startswith("0x"):
        index, _, sub = name.partition(".")
        try:
            wanted = int(index, 16), int(sub or "0", 0)
        except ValueError:
            raise NodeError(f"{name!r} is no place: write it as 0xINDEX.SUB") from None
        for variable in variables():
            if (variable.index, variable.subindex) == wanted:
                return variable
    near = [known for known in names() if name.lower() in known.lower()][:8]
    near = near or difflib.get_close_matches(name, names(), 5)
    text = f"; similar: {', '.join(near)}" if near else "; `autarky node names` lists all"
    raise NodeError(f"nothing is named {name!r}{text}")


class _Ended(can.Listener):
    """Takes the end of the bus from the reading thread; the next request says it in a sentence."""

    def on_message_received(self, msg: can.Message) -> None:
        """Everything is canopen's."""

    def on_error(self, exc: Exception) -> None:
        """Nothing to do: requests time out and tell."""


class Client:
    """A canopen network on a python-can bus; use as a context manager.

    Raises NodeError where a cabinet refuses or stays silent, can.CanError where the bus is
    not there.
    """

    def __init__(self, interface: str, channel: str) -> None:
        self.network = canopen.Network()
        self.network.listeners.append(_Ended())  # pyright: ignore[reportArgumentType]
        try:
            self.network.connect(interface=interface, channel=channel)
        except TypeError as error:
            raise NodeError(f"interface {interface!r} needs more than a channel: {error}") from None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.network.disconnect()

    def node(self, node_id: int) -> canopen.RemoteNode:
        if node_id not in self.network:
            node = self.network.add_node(node_id, dictionary())
            node.sdo.RESPONSE_TIMEOUT = 5.0
        return self.network[node_id]  # pyright: ignore[reportReturnType]

    def _guard(self, node_id: int, what: str, error: Exception) -> NodeError:
        if isinstance(error, SdoAbortedError):
            return NodeError(f"cabinet {node_id} refused {what}: {meaning(error.code)}")
        return NodeError(f"cabinet {node_id} does not answer; `autarky node list` shows who does")

    def _upload(self, node_id: int, variable: ODVariable) -> bytes:
        """Asked again where a restart cut the answer in two, or a late answer came instead."""
        sdo = self.node(node_id).sdo
        for _ in range(_CUT_TRIES):
            try:
                return sdo.upload(variable.index, variable.subindex)
            except SdoAbortedError as error:
                if error.code not in _CUT:
                    raise
            except SdoCommunicationError as error:
                if _SILENCE in str(error):
                    raise
        return sdo.upload(variable.index, variable.subindex)

    def read(self, node_id: int, name: str) -> Reading:
        """One value by name."""
        variable = find(name)
        try:
            data = self._upload(node_id, variable)
        except (SdoAbortedError, SdoCommunicationError) as error:
            if _has_no_data(error):
                return Reading(name, None, "not known")
            raise self._guard(node_id, f"to read {name}", error) from error
        raw: Any = variable.decode_raw(data)
        if isinstance(raw, bytes | bytearray):
            return Reading(name, raw.hex(), raw.hex())
        if name == "fault.worst":
            return Reading(name, raw, fault_names().get(raw, "none"))
        choices = LEVELS if name.startswith("fault.") else _CHOICES.get(name)
        if choices is not None and raw < len(choices):
            return Reading(name, raw, choices[raw])
        if isinstance(raw, str) or not variable.unit:
            return Reading(name, raw, str(raw))
        return Reading(name, raw, f"{raw * variable.factor:.10g} {variable.unit}")

    def write(self, node_id: int, name: str, value: int) -> Reading:
        """Write a raw integer by name; returns what reads back."""
        variable = find(name)
        if not variable.writable:
            raise NodeError(f"{name} can only be read")
        low, high = variable.min, variable.max
        if low is not None and high is not None and not low <= value <= high:
            raise NodeError(f"{name} is {value}, allowed are {low}..{high}")
        try:
            data = variable.encode_raw(value)
        except (struct.error, OverflowError):
            raise NodeError(f"{value} does not fit the type of {name}") from None
        try:
            self.node(node_id).sdo.download(variable.index, variable.subindex, data)
        except (SdoAbortedError, SdoCommunicationError) as error:
            raise self._guard(node_id, f"to write {name}", error) from error
        return self.read(node_id, name)

    def unlock(self, node_id: int, key: bytes) -> None:
        """Open the session for writing."""
        try:
            unlock(self.node(node_id), key)
        except (SdoAbortedError, SdoCommunicationError) as error:
            if isinstance(error, SdoAbortedError):
                text = _KEY_HINTS.get(error.code) or meaning(error.code)
                raise NodeError(f"cabinet {node_id} did not take the key: {text}") from None
            raise self._guard(node_id, "the key", error) from error

    def store(self, node_id: int) -> None:
        """Keep all parameters over a loss of power."""
        try:
            self.node(node_id).store()
        except (SdoAbortedError, SdoCommunicationError) as error:
            if isinstance(error, SdoAbortedError) and error.code == _INCOMPATIBLE:
                why = self.read(node_id, "parameters.conflict").raw
                raise NodeError(
                    f"cabinet {node_id} stored nothing: {why}. What was written stands unstored "
                    "until it is corrected or the cabinet starts anew"
                ) from None
            raise self._guard(node_id, "to store", error) from error

    def domain(self, node_id: int, index: int) -> bytes:
        """A DOMAIN by block upload."""
        try:
            with self.node(node_id).sdo.open(index, 0, "rb", block_transfer=True) as source:
                content: Any = source.read()
                return bytes(content)
        except (SdoAbortedError, SdoCommunicationError) as error:
            if _has_no_data(error):
                return b""
            raise self._guard(node_id, f"object 0x{index:04X}", error) from error

    def listen(self, seconds: float = _LISTEN_S) -> dict[int, str]:
        """Node ids whose heartbeat was heard, with their NMT state."""
        states = {0: "boot-up", 4: "stopped", 5: "operational", 127: "pre-operational"}
        heard: dict[int, str] = {}

        def beat(can_id: int, data: bytearray, stamp: float) -> None:
            if len(data) == 1:
                heard[can_id - 0x700] = states.get(data[0] & 0x7F, f"state {data[0]}")

        for node_id in range(1, 128):
            self.network.subscribe(0x700 + node_id, beat)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.network.check()
            time.sleep(0.05)
        for node_id in range(1, 128):
            self.network.unsubscribe(0x700 + node_id, beat)
        return dict(sorted(heard.items()))

    def leave_configuration(self) -> None:
        """Every cabinet back to the LSS waiting state, so that the next scan can find it."""
        self.network.lss.send_switch_state_global(self.network.lss.WAITING_STATE)

    def fastscan(self) -> list[int] | None:
        """Identity of one cabinet without a node id, left in LSS configuration state, or None."""
        lss = self.network.lss
        try:
            for lss.RESPONSE_TIMEOUT in _LSS_ANSWER_S:
                self.leave_configuration()
                found, identity = lss.fast_scan()
                if found:
                    return identity
        finally:
            lss.RESPONSE_TIMEOUT = _LSS_TAKES_S
        return None

    def assign(self, node_id: int) -> None:
        """Give the cabinet that fastscan selected an id, stored over a loss of power."""
        lss = self.network.lss
        try:
            lss.configure_node_id(node_id)
            lss.store_configuration()
        except canopen.lss.LssError as error:
            raise NodeError(f"the cabinet did not take node id {node_id}: {error}") from error
        finally:
            self.leave_configuration()


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
        sequence, ticks, boot, kind, item, level, _actor, value, limit, _ = struct.unpack(
            event_log.FORMAT, record
        )
        out.append(
            {
                "sequence": sequence, "boot": boot, "time_s": ticks / 100,
                "event": names_of[kind] if kind < len(names_of) else f"kind {kind}",
                "fault": _subject(kind, item),
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


__all__ = ["Client", "NodeError", "Reading", "can", "decode_log", "decode_snapshot"]
