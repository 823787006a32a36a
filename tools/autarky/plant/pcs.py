"""The PCS's CAN face: our published protocol, implemented by the other side."""

from __future__ import annotations

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
__all__ = ["COMMAND_ID", "STATUS_ID", "PcsFace"]


@dataclass
class PcsFace:
    """`follow` and `setpoint_w` are what the cabinet commands; silence stops the PCS."""

    silent: bool = False
    follow: bool = False
    setpoint_w: float = 0.0
    temperature_c: int = 35
    state_forced: int | None = None  # reported whatever it does
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

    def command(self, data: bytes, now_ms: int) -> None:
        """A frame on the command identifier; refused ones change nothing."""
        if self._checker.check(data, len(data)) != OK:
            return
        self._codec.unpack(self._command, data)
        image = self._codec.image
        self.follow = image[self._request] == FOLLOW
        self.setpoint_w = image[self._power] * 10.0
        self._heard_ms = now_ms

    def status(
        self, now_ms: int, state: int, power_w: float, link_v: float, fault: int
    ) -> bytes | None:
        """The status frame when it is due in this tick."""
        if now_ms - self._heard_ms > COMMAND_TIMEOUT_MS:
            self.follow = False
            self.setpoint_w = 0.0
        if self.silent or now_ms % STATUS_PERIOD_MS:
            return None
        image = self._codec.image
        at = self._state
        image[at] = state if self.state_forced is None else self.state_forced
        image[at + 1] = round(power_w / 10)
        image[at + 2] = round(link_v * 10)
        image[at + 3] = fault
        image[at + 4] = self.temperature_c
        self._codec.pack(self._status, self._frame)
        self._sender.protect(self._frame)
        return bytes(self._frame)
