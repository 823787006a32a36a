"""The coordinator on the site bus: starts cabinets, commands power, keeps their states.

Built on the PyPI package canopen for NMT, heartbeats and emergencies; the cyclic objects
use the firmware's own tables (bess.objects), with E2E protection both ways. Time is
given by the caller, so that it runs in lockstep as well as in real time.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import can
import canopen
import canopen.emcy

from autarky.coordinator.law import CabinetSnapshot, share
from bess import modes, objects
from bess.link.e2e import OK, Checker, Sender, data_ids
from bess.link.frames import FrameCodec
from bess.table import rows

COORDINATOR_ID = 1
FIRST_NODE_ID = 2
PERIOD_MS = 100
STATES = modes.NAMES.decode().split()
HEARTBEAT_MS = 500
LOST_MS = 1500  # three heartbeats
_SYNC_ID = 0x080
_NO_CELL = 0xFFFF
# what each cyclic object measures, and for how long one may stay away
_MEASURED = {
    "power": ("dc_voltage_v", "dc_current_a", "power_w"),
    "energy": ("soc", "soc_sigma", "energy_up_kwh", "energy_down_kwh"),
    "cells": ("cell_min_v", "cell_max_v"),
    "temperatures": ("temp_min_c", "temp_max_c"),
}
_FORGET_MS = {"power": LOST_MS, "energy": 3500, "cells": 3500, "temperatures": 3500}
_LOG = logging.getLogger(__name__)


@dataclass
class Emergency:
    """One EMCY object, as it was received."""

    at_ms: int
    node_id: int
    code: int
    fault_id: int
    level: int


@dataclass
class CabinetView:
    """What the coordinator knows of one cabinet, in SI units; None: not measured or long unheard.

    heard_ms: its newest frame, -1 = never; `group_ms` the newest of each cyclic object.
    """

    node_id: int
    heard_ms: int = -1
    group_ms: dict[str, int] = field(default_factory=dict)
    booted: bool = False
    nmt_state: str = "?"
    state: int = -1  # not heard yet
    charge_limit_w: float = 0.0
    discharge_limit_w: float = 0.0
    worst_fault: int = 0
    flags: int = 0
    dc_voltage_v: float | None = None
    dc_current_a: float | None = None
    power_w: float | None = None
    soc: float | None = None
    soc_sigma: float | None = None
    energy_up_kwh: float | None = None
    energy_down_kwh: float | None = None
    cell_min_v: float | None = None
    cell_max_v: float | None = None
    temp_min_c: float | None = None
    temp_max_c: float | None = None
    cell_v: dict[int, float] = field(default_factory=dict)
    request: int = objects.REQUEST_STANDBY
    setpoint_w: float = 0.0

    @property
    def level(self) -> int:
        return self.flags & 7

    @property
    def state_name(self) -> str:
        if self.state < 0:
            return "unknown"
        return STATES[self.state] if self.state < len(STATES) else f"state {self.state}"

    def heard(self, group: str, now_ms: int) -> None:
        """A cyclic object came."""
        self.heard_ms = self.group_ms[group] = now_ms

    def forget(self, now_ms: int) -> None:
        """What was not heard of for three of its periods is not known any more."""
        for group, names in _MEASURED.items():
            if group in self.group_ms and now_ms - self.group_ms[group] >= _FORGET_MS[group]:
                del self.group_ms[group]
                for name in names:
                    setattr(self, name, None)

    def snapshot(self, now_ms: int) -> CabinetSnapshot:
        status_ms = self.group_ms.get("status")
        energy_kwh = None
        if self.energy_up_kwh is not None and self.energy_down_kwh is not None:
            energy_kwh = max(self.energy_up_kwh + self.energy_down_kwh, 0.1)
        return CabinetSnapshot(
            available=status_ms is not None
            and now_ms - status_ms < LOST_MS
            and self.state == modes.RUN,
            soc=self.soc,
            energy_kwh=energy_kwh,
            charge_limit_w=self.charge_limit_w,
            discharge_limit_w=self.discharge_limit_w,
        )


class _Outbox(can.BusABC):
    """Where canopen believes its bus is: collects what it sends."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        self.frames.append((msg.arbitration_id, bytes(msg.data)))

    def shutdown(self) -> None:
        """Nothing is open."""


@dataclass
class _Protected:
    """E2E partners of one cabinet."""

    sender: Sender
    checkers: dict[int, Checker] = field(default_factory=dict)


class Coordinator:
    """Step it every 10 ms with what the bus brought; it returns what to send.

    `views` by node id; `target_w` is the total battery power (+ = discharge) that the
    owner wants; `wanted_state` the request for all cabinets; `muted` node ids get no command,
    `held` ones are kept in standby, `forced_w` gives single ones their own power,
    `fast_streams` (four at most) send all cells within a second.
    """

    def __init__(self, node_ids: Iterable[int]) -> None:
        self.views = {n: CabinetView(n) for n in node_ids}
        self.emergencies: list[Emergency] = []
        self.on_emergency: Callable[[Emergency], None] | None = None
        self.target_w = 0.0
        self.deficit_w = 0.0
        self.wanted_state = objects.REQUEST_RUN
        self.muted: set[int] = set()
        self.held: set[int] = set()
        self.forced_w: dict[int, float] = {}
        self.fast_streams: set[int] = set()
        self.silent = False
        self.refused_frames = 0
        self._now_ms = 0
        self._sync = 0
        self._codec = FrameCodec(objects.PDO_TABLE)
        self._frame = bytearray(8)
        self._network = canopen.Network()
        self._outbox = _Outbox()
        self._network.bus = self._outbox
        self._dispatch: dict[int, tuple[int, str, int, Checker | None]] = {}
        self._partners: dict[int, _Protected] = {}
        self._command = self._codec.frame("command")
        for node_id in self.views:
            self._add(node_id)
        slot = self._codec.slot
        self._command_slots = (
            slot("command", "mode_request"), slot("command", "fast_stream"),
            slot("command", "active_power"),
        )  # fmt: skip
        self._slots = {
            name: self._first_slot(name)
            for name in ("status", "power", "energy", "cells", "temperatures", "cell_stream")
        }
        self._last_beat_ms = -HEARTBEAT_MS

    def _first_slot(self, frame_name: str) -> int:
        current, slot = "", 0
        for fields in rows(objects.PDO_TABLE):
            if fields[0] == "frame":
                current = fields[1]
            else:
                if current == frame_name:
                    return slot
                slot += 1
        raise KeyError(frame_name)

    def _add(self, node_id: int) -> None:
        node = self._network.add_node(canopen.RemoteNode(node_id, canopen.ObjectDictionary()))
        node.nmt.add_heartbeat_callback(lambda state, n=node_id: self._on_heartbeat(n, state))
        node.emcy.add_callback(lambda error, n=node_id: self._on_emergency(n, error))
        partner = _Protected(Sender(data_ids(self._command, node_id)))
        number = 0
        for fields in rows(objects.PDO_TABLE):
            if fields[0] != "frame":
                continue
            can_id = int(fields[2], 0) + node_id
            if fields[3] != "rx":
                checker = None
                if fields[4] == "e2e":
                    checker = Checker(data_ids(number, node_id), 3, 1)
                    partner.checkers[number] = checker
                self._dispatch[can_id] = (number, fields[1], node_id, checker)
            number += 1
        self._partners[node_id] = partner

    def step(self, now_ms: int, received: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        """One tick: take the frames, and every 100 ms command all cabinets."""
        self._now_ms = now_ms
        for can_id, data in received:
            self._receive(can_id, data)
        if self.silent:
            self._outbox.frames.clear()
            return []
        if now_ms - self._last_beat_ms >= HEARTBEAT_MS:
            self._last_beat_ms = now_ms
            self._outbox.frames.append((0x700 + COORDINATOR_ID, b"\x05"))
        if now_ms % PERIOD_MS == 0:
            self._sync = self._sync % 240 + 1
            self._outbox.frames.append((_SYNC_ID, bytes((self._sync,))))
            self._command_all()
        frames = self._outbox.frames
        self._outbox.frames = []
        return frames

    def _receive(self, can_id: int, data: bytes) -> None:
        known = self._dispatch.get(can_id)
        if known is None:
            self._network.notify(can_id, bytearray(data), self._now_ms / 1000)
            return
        number, name, node_id, checker = known
        if (checker is not None and checker.check(data, len(data)) != OK) or len(data) != 8:
            self.refused_frames += 1
            return
        self._codec.unpack(number, data)
        view = self.views[node_id]
        view.heard(name, self._now_ms)
        image, at = self._codec.image, self._slots[name]
        if name == "status":
            view.state = image[at]
            view.charge_limit_w = image[at + 1] * 100.0
            view.discharge_limit_w = image[at + 2] * 100.0
            view.worst_fault = image[at + 3]
            view.flags = image[at + 4]
        elif name == "power":
            view.dc_voltage_v = image[at + 1] * 0.1
            view.dc_current_a = image[at + 2] * 0.1
            view.power_w = image[at + 3] * 100.0
        elif name == "energy":
            view.soc = image[at] / 10000
            view.energy_up_kwh = image[at + 2] * 0.1
            view.energy_down_kwh = image[at + 3] * 0.1
            view.soc_sigma = image[at + 6] * 0.005
        elif name == "cells":
            view.cell_min_v, view.cell_max_v = image[at] / 1000, image[at + 1] / 1000
        elif name == "cell_stream":
            for i in range(objects.STREAM_CELLS):
                if image[at + 1 + i] != _NO_CELL:
                    view.cell_v[image[at] + i] = image[at + 1 + i] / 1000
                else:
                    view.cell_v.pop(image[at] + i, None)
        elif name == "temperatures":
            view.temp_min_c, view.temp_max_c = float(image[at]), float(image[at + 1])

    def _on_heartbeat(self, node_id: int, state: int) -> None:
        view = self.views[node_id]
        if state == 0:
            view.booted = True
        node = self._network.nodes[node_id]
        view.nmt_state = node.nmt.state
        if state in (0, 127):  # booted, or waiting in pre-operational: let it work
            node.nmt.state = "OPERATIONAL"

    def _on_emergency(self, node_id: int, error: canopen.emcy.EmcyError) -> None:
        emergency = Emergency(self._now_ms, node_id, error.code, error.data[0], error.data[1])
        self.emergencies.append(emergency)
        if self.on_emergency is not None:
            self.on_emergency(emergency)

    def _command_all(self) -> None:
        views = list(self.views.values())
        for view in views:
            view.forget(self._now_ms)
        powers, self.deficit_w = share(self.target_w, [v.snapshot(self._now_ms) for v in views])
        request_slot, stream_slot, power_slot = self._command_slots
        image = self._codec.image
        for view, power_w in zip(views, powers, strict=True):
            view.setpoint_w = self.forced_w.get(view.node_id, power_w)
            held = view.node_id in self.held
            view.request = objects.REQUEST_STANDBY if held else self.wanted_state
            if view.node_id in self.muted:
                continue
            image[request_slot] = view.request
            image[stream_slot] = 1 if view.node_id in self.fast_streams else 0
            # a sum of shares may lie a hair below its whole
            image[power_slot] = int(view.setpoint_w / 100 + math.copysign(1e-6, view.setpoint_w))
            image[power_slot + 1] = image[power_slot + 2] = 0
            self._codec.pack(self._command, self._frame)
            self._partners[view.node_id].sender.protect(self._frame)
            self._outbox.frames.append((0x200 + view.node_id, bytes(self._frame)))
