"""python-can interface `autarky`: can.Bus(interface="autarky", channel="127.0.0.1:4500").

The channel is HOST:PORT of `autarky site --bus`; HOST:PORT/N is the cabinet bus of node N.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import Any, NoReturn

import can

from autarky.paths import wire

_HELLO = struct.Struct("<4sBBH8x")
_ANSWER = struct.Struct("<4sBBHI")
_FRAME = struct.Struct("<IBB2x8s")
_EXTENDED = 0x80000000
_REMOTE = 0x40000000


def _parse(channel: str) -> tuple[str, int, int]:
    address, _, bus = str(channel).partition("/")
    host, _, port = address.rpartition(":")
    try:
        return host or "127.0.0.1", int(port), int(bus or 0)
    except ValueError:
        raise can.CanInitializationError(
            f"{channel!r} is no channel of a virtual site: use HOST:PORT or HOST:PORT/NODE"
        ) from None


_CONNECT_S = 60.0
_ANSWER_S = 60.0


class AutarkyBus(can.BusABC):
    """One attachment to a bus of a running virtual site.

    Raises can.CanInitializationError when nobody listens or the bus does not exist, and
    can.CanOperationError when the site ends.
    """

    def __init__(self, channel: str = "127.0.0.1:4500", can_filters: Any = None, **kwargs: Any):
        host, port, number = _parse(channel)
        try:
            self._socket = socket.create_connection((host, port), timeout=_CONNECT_S)
        except OSError as error:
            self._is_shutdown = True
            raise can.CanInitializationError(
                f"no virtual site answers at {host}:{port} ({error.strerror or error}): "
                f"start one with `autarky site --realtime --bus {host}:{port}`"
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # the site listens before its cabinets have booted, and answers after
        self._socket.settimeout(_ANSWER_S)
        self._buffer = b""
        self.channel_info = f"autarky virtual bus {channel}"
        self._socket.sendall(_HELLO.pack(wire.MAGIC, wire.VERSION, wire.KIND_CLIENT, number))
        status, size = _ANSWER.unpack(self._exactly(wire.ANSWER_SIZE))[1::3]
        if status != wire.STATUS_OK:
            self._give_up(f"the site refused: {self._exactly(size).decode()}")
        self._socket.settimeout(_CONNECT_S)
        super().__init__(channel=channel, can_filters=can_filters, **kwargs)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self._socket.recv(size - len(data))
            except TimeoutError:
                self._give_up(
                    f"the site did not answer within {_ANSWER_S:.0f} s: is it overloaded?"
                )
            except OSError:
                more = b""
            if not more:
                self._give_up("the site hung up before it answered")
            data += more
        return data

    def _give_up(self, why: str) -> NoReturn:
        self._socket.close()
        self._is_shutdown = True
        raise can.CanInitializationError(why)

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        end = None if timeout is None else time.monotonic() + timeout
        while len(self._buffer) < wire.FRAME_SIZE:
            wait = None if end is None else max(0.0, end - time.monotonic())
            readable, _, _ = select.select([self._socket], [], [], wait)
            if not readable:
                return None, False
            try:
                data = self._socket.recv(65536)
            except OSError as error:
                raise can.CanOperationError(f"the link to the site broke: {error}") from error
            if not data:
                raise can.CanOperationError("the virtual site has ended")
            self._buffer += data
        can_id, length, _, data = _FRAME.unpack_from(self._buffer)
        self._buffer = self._buffer[wire.FRAME_SIZE :]
        extended = bool(can_id & _EXTENDED)
        message = can.Message(
            arbitration_id=can_id & (0x1FFFFFFF if extended else 0x7FF),
            is_extended_id=extended,
            is_remote_frame=bool(can_id & _REMOTE),
            data=data[:length],
            dlc=length,
            timestamp=time.time(),
        )
        return message, False

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        can_id = msg.arbitration_id
        if msg.is_extended_id:
            can_id |= _EXTENDED
        if msg.is_remote_frame:
            can_id |= _REMOTE
        try:
            self._socket.sendall(_FRAME.pack(can_id, msg.dlc, 0, bytes(msg.data)))
        except OSError as error:
            raise can.CanOperationError(f"the virtual site has ended: {error}") from error

    def fileno(self) -> int:
        return self._socket.fileno()

    def shutdown(self) -> None:
        super().shutdown()
        self._socket.close()
