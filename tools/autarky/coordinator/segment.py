"""One CAN bus of cabinets, as its CANopen master: frames in, frames out.

Built on the PyPI package canopen for NMT, heartbeats and emergencies; the cyclic objects
use the firmware's own tables (bess.objects), with E2E protection both ways. Time is
given by the caller, so that it runs in lockstep as well as in real time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import can
import canopen
import canopen.emcy

from autarky.config import places
from autarky.coordinator.cabinet import CabinetView, Reader, Wish
from bess import objects
from bess.link.e2e import OK, Checker, Sender, data_ids
from bess.link.frames import FrameCodec
from bess.table import rows

COORDINATOR_ID = 1
HEARTBEAT_MS = 500
_NMT_STATES_TO_START = (0, 127)  # booted, or waiting in pre-operational
_HEARTBEAT_ID = 0x700 + COORDINATOR_ID
_SYNC_ID = 0x080
_COMMAND_ID = 0x200
_SCHEDULE_ID = 0x400
_SCHEDULE_PART_MS = 10_000
_SCHEDULE_MOST = 0xFFFF
_OPERATIONAL = b"\x05"
_SYNC_ROUND = 240  # CiA 301: the counter of a SYNC is 1..240

Frame = tuple[int, bytes]  # identifier, data


@dataclass
class Emergency:
    """One EMCY object, as it was received; number: the cabinet's on the site; string: of the
    cabinet, from 1 on, 0 for all of it.
    """

    at_ms: int
    node_id: int
    code: int
    fault_id: int
    level: int
    number: int = 0
    string: int = 0


class _Outbox(can.BusABC):
    """Where canopen believes its bus is: collects what it sends."""

    _is_shutdown = True  # python-can warns of what nobody shut down; here nothing is open

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        self.frames.append((msg.arbitration_id, bytes(msg.data)))


@dataclass(frozen=True)
class _Cyclic:
    """A cyclic object of one cabinet: number and name in PDO_TABLE; its E2E partner if any."""

    number: int
    name: str
    view: CabinetView
    checker: Checker | None


class Segment:
    """`receive` what the bus brought, queue `beat`, `sync` and `command`, then `take` what to send.

    `views` by node id. on_emergency is called with each EMCY object.
    """

    def __init__(self, cabinets: Iterable[CabinetView], name: str = "site") -> None:
        self.name = name
        self.views = {view.node_id: view for view in cabinets}
        self.on_emergency: Callable[[Emergency], None] = lambda emergency: None
        self.refused_frames = 0
        self._now_ms = 0
        self._beaten_ms = -HEARTBEAT_MS
        self._sync = 0
        self._codec = FrameCodec(objects.PDO_TABLE)
        self._reader = Reader(self._codec)
        self._command = self._codec.frame("command")
        self._request_slot, self._stream_slot, self._power_slot, *self._unused_slots = (
            self._codec.slot("command", name)
            for name in (
                "mode_request", "fast_stream", "active_power", "reactive_power", "droop_offset",
            )
        )  # fmt: skip
        self._schedule = self._codec.frame("schedule")
        self._purpose_slot = self._codec.slot("schedule", "purpose")
        self._frame = bytearray(8)
        self._network = canopen.Network()
        self._outbox = _Outbox()
        self._network.bus = self._outbox
        self._cyclic: dict[int, _Cyclic] = {}
        self._senders: dict[int, Sender] = {}
        self._announcers: dict[int, Sender] = {}
        for view in self.views.values():
            self._add(view)

    @classmethod
    def of(cls, place: places.Segment) -> Segment:
        """As a site's description has it."""
        return cls((CabinetView(c.node_id, c.number, c.name) for c in place.cabinets), place.name)

    def _add(self, view: CabinetView) -> None:
        node_id = view.node_id
        node = self._network.add_node(canopen.RemoteNode(node_id, canopen.ObjectDictionary()))
        node.nmt.add_heartbeat_callback(lambda state: self._on_heartbeat(view, state))
        node.emcy.add_callback(lambda error: self._on_emergency(view, error))
        self._senders[node_id] = Sender(data_ids(self._command, node_id))
        self._announcers[node_id] = Sender(data_ids(self._schedule, node_id))
        frames = [fields for fields in rows(objects.PDO_TABLE) if fields[0] == "frame"]
        for number, (_, name, can_id, direction, protection) in enumerate(frames):
            if direction != "rx":
                protected = protection == "e2e"
                checker = Checker(data_ids(number, node_id), 3, 1) if protected else None
                self._cyclic[int(can_id, 0) + node_id] = _Cyclic(number, name, view, checker)

    def receive(self, now_ms: int, frames: Iterable[Frame]) -> None:
        """What the bus brought until now_ms; frames that E2E refuses change nothing."""
        self._now_ms = now_ms
        for can_id, data in frames:
            cyclic = self._cyclic.get(can_id)
            if cyclic is None:
                self._network.notify(can_id, bytearray(data), now_ms / 1000)
            else:
                self._read(cyclic, data)

    def _read(self, cyclic: _Cyclic, data: bytes) -> None:
        checker = cyclic.checker
        if (checker is not None and checker.check(data, len(data)) != OK) or len(data) != 8:
            self.refused_frames += 1
            return
        cyclic.view.heard(cyclic.name, self._now_ms)
        self._reader.read(cyclic.number, cyclic.name, data, cyclic.view)

    def _on_heartbeat(self, view: CabinetView, state: int) -> None:
        if state == 0:
            view.booted = True
        nmt = self._network.nodes[view.node_id].nmt
        view.nmt_state = nmt.state
        if state in _NMT_STATES_TO_START:
            nmt.state = "OPERATIONAL"

    def _on_emergency(self, view: CabinetView, error: canopen.emcy.EmcyError) -> None:
        fault_id, level, string = error.data[:3]
        self.on_emergency(
            Emergency(self._now_ms, view.node_id, error.code, fault_id, level, view.number, string)
        )

    def beat(self, now_ms: int) -> None:
        """Our heartbeat, where it is due."""
        if now_ms - self._beaten_ms >= HEARTBEAT_MS:
            self._beaten_ms = now_ms
            self._outbox.frames.append((_HEARTBEAT_ID, _OPERATIONAL))

    def sync(self) -> None:
        """Ask every cabinet for its cyclic objects."""
        self._sync = self._sync % _SYNC_ROUND + 1
        self._outbox.frames.append((_SYNC_ID, bytes((self._sync,))))

    def command(self, view: CabinetView, fast_stream: bool) -> None:
        """Request and set-point of a view to its cabinet."""
        image = self._codec.image
        image[self._request_slot] = view.request
        image[self._stream_slot] = int(fast_stream)
        # a sum of shares may lie a hair below its whole
        image[self._power_slot] = int(view.setpoint_w / 100 + math.copysign(1e-6, view.setpoint_w))
        for slot in self._unused_slots:
            image[slot] = 0
        self._codec.pack(self._command, self._frame)
        self._senders[view.node_id].protect(self._frame)
        self._outbox.frames.append((_COMMAND_ID + view.node_id, bytes(self._frame)))

    def announce(self, view: CabinetView, wish: Wish, now_ms: int) -> None:
        """What will be wanted of a cabinet, and when; later than 7.5 days is told as that."""
        left = max(wish.at_ms - now_ms, 0) // _SCHEDULE_PART_MS
        image, at = self._codec.image, self._purpose_slot
        image[at], image[at + 1] = wish.purpose, int(wish.island)
        image[at + 2] = min(left, _SCHEDULE_MOST)
        image[at + 3] = min(round(1000 * wish.rate_c), _SCHEDULE_MOST)
        self._codec.pack(self._schedule, self._frame)
        self._announcers[view.node_id].protect(self._frame)
        self._outbox.frames.append((_SCHEDULE_ID + view.node_id, bytes(self._frame)))

    def take(self) -> list[Frame]:
        """What is to be sent, in this order; the queue is empty then."""
        frames, self._outbox.frames = self._outbox.frames, []
        return frames
