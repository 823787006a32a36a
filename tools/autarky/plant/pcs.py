"""The PCS's CAN face: our published protocol, implemented by the other side, well or badly."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from bess.drivers.pcs_can import (
    COMMAND_ID,
    FOLLOW,
    PCS_TABLE,
    STATUS_ID,
    command_ids,
    status_ids,
)
from bess.link.e2e import OK, Checker, Sender
from bess.link.frames import FrameCodec

STATUS_PERIOD_MS = 20
COMMAND_TIMEOUT_MS = 200
TRUE_POWER, SETPOINT, ZERO, FLIPPED = "true", "setpoint", "zero", "flipped"
__all__ = ["COMMAND_ID", "STATUS_ID", "Manners", "PcsFace"]


@dataclass
class Manners:
    """How a PCS departs from what it is told and from what is true; all may stand together.

    keeps_setpoint: new set-points change nothing; keeps_running: neither a stop nor silence ends
    it (the gates' line does, that is hardware); lag_s: time constant towards the set-point;
    jump_w: goes there whatever it is told; start_w: where its power begins. reported_power: one of
    TRUE_POWER, SETPOINT, ZERO, FLIPPED; reported_state: said whatever is so; late_ms: its answers
    are this old.
    """

    keeps_setpoint: bool = False
    keeps_running: bool = False
    lag_s: float = 0.0
    jump_w: float | None = None
    start_w: float = 0.0
    reported_power: str = TRUE_POWER
    reported_state: int | None = None
    late_ms: int = 0


@dataclass
class PcsFace:
    """`follow` and `setpoint_w` are what the cabinet commands; silence stops the PCS.

    `target_w` is where it really goes, and `wants_to_run` whether: the same, by good `manners`.
    """

    manners: Manners = field(default_factory=Manners)
    silent: bool = False
    follow: bool = False
    setpoint_w: float = 0.0
    inlet_c: float = 25.0  # of the air that it draws in
    temperature_c: int | None = None  # what it says of that, where it is not true
    target_w: float = 0.0
    wants_to_run: bool = False
    reported_w: float = 0.0  # in the newest status
    _kept_w: float = 0.0
    _late: deque[tuple[int, int, float]] = field(default_factory=deque)
    _codec: FrameCodec = field(default_factory=lambda: FrameCodec(PCS_TABLE))
    _checker: Checker = field(default_factory=lambda: Checker(command_ids(), 3, 2))
    _sender: Sender = field(default_factory=lambda: Sender(status_ids()))
    _heard_ms: int = -COMMAND_TIMEOUT_MS

    def __post_init__(self) -> None:
        slot = self._codec.slot
        self._request = slot("pcs_command", "request")
        self._power = slot("pcs_command", "active_power")
        self._state = slot("pcs_status", "state")
        self._command = self._codec.frame("pcs_command")
        self._status = self._codec.frame("pcs_status")
        self._frame = bytearray(8)
        # packing and unpacking cost more than all else here, and most frames say what the last said
        self._content: tuple[int, bytes] | None = None  # of the last command, but CRC and counter
        self._told = (False, 0.0)  # what it says: follow, set-point in W
        self._said: tuple[int, ...] = ()  # in the last status

    @property
    def says_c(self) -> int:
        """The temperature that it reports."""
        return round(self.inlet_c) if self.temperature_c is None else self.temperature_c

    def command(self, data: bytes, now_ms: int) -> None:
        """A frame on the command identifier; refused ones change nothing."""
        if self._checker.check(data, len(data)) != OK:
            return
        content = data[1] >> 4, data[2:]
        if content != self._content:
            self._content = content
            self._codec.unpack(self._command, data)
            image = self._codec.image
            self._told = image[self._request] == FOLLOW, image[self._power] * 10.0
        self.follow, self.setpoint_w = self._told
        self._heard_ms = now_ms

    def step(self, dt_s: float) -> None:
        """What it makes of its command in the next dt_s."""
        manners = self.manners
        if not manners.keeps_setpoint:
            self._kept_w = self.setpoint_w
        wanted_w = self._kept_w if manners.jump_w is None else manners.jump_w
        follow = self.follow or (manners.keeps_running and self.wants_to_run)
        if follow and not self.wants_to_run:
            self.target_w = manners.start_w
        self.wants_to_run = follow
        if manners.lag_s > 0.0:
            wanted_w += (self.target_w - wanted_w) * math.exp(-dt_s / manners.lag_s)
        self.target_w = wanted_w

    def _says(self, now_ms: int, state: int, power_w: float) -> tuple[int, float]:
        """State and power as they go out."""
        manners = self.manners
        if manners.reported_state is not None:
            state = manners.reported_state
        if manners.reported_power == SETPOINT:
            power_w = self.setpoint_w
        elif manners.reported_power == ZERO:
            power_w = 0.0
        elif manners.reported_power == FLIPPED:
            power_w = -power_w
        self._late.append((now_ms, state, power_w))
        while len(self._late) > 1 and self._late[1][0] <= now_ms - manners.late_ms:
            self._late.popleft()
        return self._late[0][1:]

    def status(
        self, now_ms: int, state: int, power_w: float, link_v: float, fault: int
    ) -> bytes | None:
        """The status frame when it is due in this tick."""
        if now_ms - self._heard_ms > COMMAND_TIMEOUT_MS:
            self.follow = False
            self.setpoint_w = 0.0
        if self.silent or now_ms % STATUS_PERIOD_MS:
            return None
        state, self.reported_w = self._says(now_ms, state, power_w)
        power, volts = round(self.reported_w / 10), round(link_v * 10)
        said = state, power, volts, fault, self.says_c
        if said != self._said:
            self._said = said
            for slot, value in enumerate(said, self._state):
                self._codec.image[slot] = value
            self._codec.pack(self._status, self._frame)
        self._sender.protect(self._frame)
        return bytes(self._frame)
