"""A CAN log of a site as python-can reads it: which channel is which bus, and whose frames they
are."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import can
from can.io.blf import BLFParseError

from autarky.bus.messages import identifier_of
from autarky.bus.timing import frame_bits
from autarky.config import places
from autarky.coordinator.cabinet import STATES
from autarky.errors import AutarkyError
from autarky.plant import iso165c, ivt_s
from autarky.plant.pcs import COMMAND_ID
from autarky.sil.buses import CABINET_BIT_RATE
from autarky.tables import frames
from bess import objects

SYNC_ID = 0x080
BEAT_ID = 0x700
_STATUS_ID = 0x180
_BOOTED = b"\0"
_TICK_US = 10_000
_SAME_US = 10  # of time stamps that belong together
_NODES = range(places.FIRST_NODE_ID, places.FIRST_NODE_ID + places.CABINETS_MAX)
_SENSOR_IDS = range(ivt_s.RESULT_ID, ivt_s.RESULT_ID + ivt_s.CHANNELS)
# what python-can's readers raise where a file is not of their format, or ends within a frame
_UNREADABLE = (
    ValueError, LookupError, EOFError, struct.error, zlib.error, can.CanError, BLFParseError,
    NotImplementedError,
)  # fmt: skip
# what the controller sends on its cabinet's bus
INNER_SENT = frozenset({COMMAND_ID, ivt_s.COMMAND_ID, iso165c.REQUEST_ID})


class FieldLogError(AutarkyError):
    """A log that cannot be replayed; the message says what it lacks."""


class LogFrame(NamedTuple):
    """at_us: since the firmware's start, or since the log's, where it had started before."""

    at_us: int
    can_id: int  # with the flags of bus.timing
    data: bytes


@dataclass
class FieldLog:
    """What one cabinet heard and said. booted: its start is in the log; notes: what was assumed."""

    node_id: int
    site: list[LogFrame]
    inner: list[LogFrame]
    booted: bool
    notes: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From its beginning to its last frame."""
        return max(frame.at_us for frame in (self.site[-1], self.inner[-1])) / 1e6

    @property
    def first_state(self) -> str:
        """Where its first status finds the cabinet."""
        return next((name for _, name in states(self.site, self.node_id)), "run")


def states(frames: Iterable[LogFrame], node_id: int) -> list[tuple[float, str]]:
    """Each change of a cabinet's state, by its status: (s, name)."""
    found: list[tuple[float, str]] = []
    for frame in frames:
        if frame.can_id == _STATUS_ID + node_id and len(frame.data) == 8:
            number = frame.data[1] >> 4
            name = STATES[number] if number < len(STATES) else str(number)
            if not found or found[-1][1] != name:
                found.append((frame.at_us / 1e6, name))
    return found


def sent_ids(node_id: int) -> set[int]:
    """Identifiers on which a cabinet sends on the site's bus, as it leaves the works."""
    own = {frame.can_id + node_id for frame in frames(objects.PDO_TABLE) if frame.kind != "rx"}
    return own | {SYNC_ID + node_id, 0x580 + node_id, BEAT_ID + node_id}


def read(path: Path, node_id: int | None = None, channels: Sequence[str] = ()) -> FieldLog:
    """One cabinet's part of a log; channels: the site's and the cabinet's, "" each: found by what
    passes there. Raises FieldLogError, OSError."""
    by_channel = _channels(path)
    site_name, inner_names = _roles(path, by_channel, channels)
    site = by_channel[site_name]
    nodes = _nodes(site)
    if not nodes:
        raise FieldLogError(f"{path}: no cabinet beats on channel {site_name}: is it the site's?")
    if node_id is None and len(nodes) > 1:
        known = ", ".join(map(str, nodes))
        raise FieldLogError(f"{path}: cabinets {known} are in it: say which one, by --cabinet")
    node_id = nodes[0] if node_id is None else node_id
    if node_id not in nodes:
        known = ", ".join(map(str, nodes))
        raise FieldLogError(f"{path}: cabinet {node_id} is not in it, {known} are")
    if len(inner_names) > 1 and len(inner_names) != len(nodes):
        raise FieldLogError(
            f"{path}: {len(inner_names)} channels are cabinets' and {len(nodes)} cabinets are on "
            "the site's: say which is whose, by --channels SITE,CABINET"
        )
    inner_name = inner_names[nodes.index(node_id) if len(inner_names) > 1 else 0]
    notes = [f"channel {site_name} is the site's bus, channel {inner_name} that of the cabinet"]
    return _cut(node_id, site, by_channel[inner_name], notes)


def _channels(path: Path) -> dict[str, list[LogFrame]]:
    found: dict[str, list[LogFrame]] = {}
    try:
        with can.LogReader(path) as reader:
            for message in reader:
                if not message.is_error_frame and not message.is_fd:
                    frames = found.setdefault(str(message.channel), [])
                    frames.append(_frame(message))
    except _UNREADABLE as error:
        raise FieldLogError(
            f"{path} is no log that python-can reads, .blf, .asc or candump's .log: {error}"
        ) from None
    for frames in found.values():
        frames.sort(key=lambda frame: frame.at_us)
    return found


def _frame(message: can.Message) -> LogFrame:
    data = bytes(message.dlc) if message.is_remote_frame else bytes(message.data)
    return LogFrame(round(message.timestamp * 1e6), identifier_of(message), data)


def _roles(
    path: Path, by_channel: dict[str, list[LogFrame]], given: Sequence[str]
) -> tuple[str, list[str]]:
    """The site's channel, and those that may be the cabinet's."""
    for name in given:
        if name and name not in by_channel:
            known = ", ".join(sorted(by_channel)) or "none"
            raise FieldLogError(f"{path}: no frame has the channel {name}: there are {known}")
    ids = {name: {frame.can_id for frame in frames} for name, frames in by_channel.items()}
    inner = [name for name, seen in ids.items() if not seen.isdisjoint(_SENSOR_IDS)]
    site = [name for name, seen in ids.items() if SYNC_ID in seen and name not in inner]
    if len(given) == 2:
        return given[0], [given[1]]
    if len(site) != 1:
        raise FieldLogError(
            f"{path}: {len(site)} channels carry a site's SYNC: say which, by --channels "
            "SITE,CABINET"
        )
    if not inner:
        raise FieldLogError(
            f"{path}: no channel carries results of a current sensor (0x521): without the "
            "cabinet's own bus nobody knows what the firmware measured"
        )
    return site[0], sorted(inner, key=lambda name: (len(name), name))


def _nodes(site: Iterable[LogFrame]) -> list[int]:
    seen = {frame.can_id - BEAT_ID for frame in site}
    return sorted(seen.intersection(_NODES))


def _phase_us(inner: Iterable[LogFrame]) -> int:
    """Where the controller's ticks lie in the log's own 10 ms: there most of its frames begin that
    found their bus idle. A log counts from its first frame, an .asc always."""
    bit_us = 1_000_000 // CABINET_BIT_RATE
    begins = Counter(
        (frame.at_us - bit_us * frame_bits(frame.can_id, frame.data)) % _TICK_US // _SAME_US
        for frame in inner
        if frame.can_id in INNER_SENT
    )
    return begins.most_common(1)[0][0] * _SAME_US if begins else 0


def _cut(node_id: int, site: list[LogFrame], inner: list[LogFrame], notes: list[str]) -> FieldLog:
    """From the cabinet's newest start on, if the log has one, in the firmware's time."""
    starts = [f.at_us for f in site if (f.can_id, f.data) == (BEAT_ID + node_id, _BOOTED)]
    first_us = min(site[0].at_us, inner[0].at_us)
    phase_us = _phase_us(inner)
    booted = bool(starts)
    if booted:  # it speaks in the tick in which it starts
        zero_us = (starts[0] - phase_us) // _TICK_US * _TICK_US + phase_us
        if len(starts) > 1:
            notes.append(f"the cabinet starts {len(starts)} times: replayed from the first on")
    else:
        zero_us = (first_us - phase_us) // _TICK_US * _TICK_US + phase_us
        notes.append(
            "the log begins while the cabinet runs: what it had stored and learned is not known, "
            "so its state of charge is not judged"
        )

    def moved(frames: list[LogFrame]) -> list[LogFrame]:
        return [f._replace(at_us=f.at_us - zero_us) for f in frames if f.at_us >= zero_us]

    return FieldLog(node_id, moved(site), moved(inner), booted, notes)
