"""The bench's CAN buses through python-can, and the witness that speaks on one of them."""

from __future__ import annotations

import struct
import time

import can

from autarky.bus.messages import message_of
from autarky.rig.description import CanBus, Daq
from autarky.rig.instruments import Edge, InstrumentError

_EDGE = struct.Struct("<II")  # outputs of bess.lines, us of its own clock
_WRAP_US = 1 << 32
_DRIFT = 1e-4  # of a quartz against another: 50 ppm each
_JUMP_S = 1.0
_SILENT_S = 2.0  # it sends every 100 ms


class RealBus:
    """One attachment. Raises InstrumentError where the bus is lost.

    Without filters: python-can's recv(0) gives None for a frame that its own filter drops, though
    others wait behind it.
    """

    def __init__(self, name: str, config: CanBus) -> None:
        self.name = name
        self._where = f"{config.interface} {config.channel}"
        try:
            self._bus = can.Bus(
                interface=config.interface, channel=config.channel,
                bitrate=1000 * config.bit_rate_kbit_s,
            )  # fmt: skip
        except (can.CanError, OSError, ValueError) as error:
            raise InstrumentError(
                f"the CAN bus {name} ({self._where}) does not open: {error}"
            ) from error

    def _lost(self, error: Exception) -> InstrumentError:
        return InstrumentError(
            f"the CAN bus {self.name} ({self._where}) is lost: {error}; look at its adapter and "
            "its wires"
        )

    def send(self, can_id: int, data: bytes) -> None:
        """A frame as the virtual buses have it, flags in its upper bits."""
        try:
            self._bus.send(message_of(can_id, data))
        except (can.CanError, OSError) as error:
            raise self._lost(error) from error

    def receive(self, timeout_s: float = 0.0) -> can.Message | None:
        try:
            return self._bus.recv(timeout_s)
        except (can.CanError, OSError, ValueError) as error:
            raise self._lost(error) from error

    def heard(self) -> list[can.Message]:
        """All that came since it was last asked; error frames are none."""
        messages = []
        while (message := self.receive()) is not None:
            if not message.is_error_frame:
                messages.append(message)
        return messages

    def close(self) -> None:
        self._bus.shutdown()


class WitnessClock:
    """A board's stamps as this host's time.monotonic(), s.

    Of the delays between stamp and hearing the least counts as none, so what this gives is late by
    that one: a frame on the wire, and a poll. It may drift as two quartzes do.
    """

    def __init__(self) -> None:
        self._us = 0  # of its clock, wraps added up
        self._ahead_s: float | None = None
        self._heard_s = 0.0

    def at_s(self, stamp_us: int, heard_s: float) -> float:
        """When that was; stamps in the order in which they were heard."""
        self._us += (stamp_us - self._us) % _WRAP_US
        ahead_s = heard_s - self._us / 1e6
        if self._ahead_s is None or abs(ahead_s - self._ahead_s) > _JUMP_S:
            self._ahead_s = ahead_s  # the first, or its board has started anew
        drifted_s = self._ahead_s + _DRIFT * (heard_s - self._heard_s)
        self._ahead_s = min(ahead_s, drifted_s)
        self._heard_s = heard_s
        return self._us / 1e6 + self._ahead_s


class CanDaq:
    """A second board that sends the outputs, u32, and when they came about, u32 us: with every
    edge and every 100 ms."""

    def __init__(self, config: Daq) -> None:
        self._config = config
        self._bus = RealBus("daq", config.bus)
        self._newest: int | None = None
        self._clock = WitnessClock()
        self._heard_s = time.monotonic()

    def idn(self) -> str:
        return f"DAQ on {self._config.bus.interface} {self._config.bus.channel}"

    def edges(self) -> list[Edge]:
        found = []
        for message in self._bus.heard():
            if message.arbitration_id != self._config.can_id or message.dlc != _EDGE.size:
                continue
            self._heard_s = time.monotonic()
            outputs, stamp_us = _EDGE.unpack(bytes(message.data))
            at_s = self._clock.at_s(stamp_us, self._heard_s)
            if outputs != self._newest:
                self._newest = outputs
                found.append(Edge(at_s, outputs))
        if time.monotonic() - self._heard_s > _SILENT_S:
            raise InstrumentError(
                f"the DAQ has sent no frame 0x{self._config.can_id:X} for {_SILENT_S:g} s: the "
                "contactors have no witness; is it on, is can_id of rig.yaml its own?"
            )
        return found

    @property
    def outputs(self) -> int:
        """As they were last seen."""
        return self._newest or 0

    def close(self) -> None:
        self._bus.close()
