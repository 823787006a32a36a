"""python-can interface `autarky`: can.Bus(interface="autarky", channel="127.0.0.1:4500").

The channel is HOST:PORT of `autarky site --bus`; HOST:PORT/N is the cabinet bus of node N.
Imports nothing but python-can and the records of the link, so that it works where only this
package and python-can are installed.
"""

from __future__ import annotations

import select
import socket
import time
from typing import Any, NoReturn

import can
from can.util import cast_from_string

from autarky.bus import records
from autarky.bus.messages import identifier_of, message_of

_CONNECT_S = 60.0
_ANSWER_S = 60.0
_DATA_MAX = 8


def _parse(channel: str) -> tuple[str, int, int]:
    address, _, bus = str(channel).partition("/")
    host, _, port = address.rpartition(":")
    try:
        return host or "127.0.0.1", int(port), int(bus or 0)
    except ValueError:
        raise can.CanInitializationError(
            f"{channel!r} is no channel of a virtual site: use HOST:PORT or HOST:PORT/NODE"
        ) from None


def _flag(name: str, value: Any) -> bool:
    """An option, True or False, also as text out of a configuration file."""
    value = cast_from_string(value) if isinstance(value, str) else value
    if value not in (True, False):
        raise can.CanInitializationError(f"{name}={value!r}: it is True or False")
    return bool(value)


def _objection(msg: can.Message) -> str:
    """Why a frame cannot pass over a bus of classic CAN, "" when it can."""
    most = 0x1FFFFFFF if msg.is_extended_id else 0x7FF
    size = 0 if msg.is_remote_frame else msg.dlc
    rules = (
        (msg.is_fd, "a virtual site has no CAN FD: send frames of 8 bytes with is_fd=False"),
        (msg.is_error_frame, "error frames cannot be sent, only frames with data or remote ones"),
        (
            not 0 <= msg.arbitration_id <= most,
            f"identifier 0x{msg.arbitration_id:X} is above 0x{most:X}"
            + ("" if msg.is_extended_id else ": is_extended_id=True allows up to 0x1FFFFFFF"),
        ),
        (not 0 <= msg.dlc <= _DATA_MAX, f"dlc is {msg.dlc}: a frame has 0..8 bytes"),
        (len(msg.data) != size, f"dlc is {msg.dlc}, but there are {len(msg.data)} bytes of data"),
    )
    return next((sentence for broken, sentence in rules if broken), "")


class AutarkyBus(can.BusABC):
    """One attachment to a bus of a running virtual site.

    receive_own_messages: a frame comes back (is_rx False) when it has passed over the bus.
    fd must be False, bitrate (bit/s) that of the site: there is no other on a virtual bus.
    Timestamps of received frames are the end of the frame in the site's time, in s since 1970,
    good to 1 us between frames of one site.

    Raises can.CanInitializationError when nobody listens, the bus does not exist or an option
    cannot be obeyed; can.CanOperationError when the site ends, a frame is none of classic CAN
    or the bus was shut down; can.CanTimeoutError when the site takes no frame for `timeout` s.
    """

    def __init__(
        self,
        channel: str = "127.0.0.1:4500",
        can_filters: Any = None,
        receive_own_messages: bool = False,
        fd: bool = False,
        bitrate: int | None = None,
        **kwargs: Any,
    ):
        self._is_shutdown = True  # until all has gone well
        host, port, number = _parse(channel)
        if not 0 <= number <= 127:
            raise can.CanInitializationError(f"{channel!r}: node ids are 1..127")
        own = _flag("receive_own_messages", receive_own_messages)
        if _flag("fd", fd):
            raise can.CanInitializationError("a virtual site has no CAN FD: leave fd=True out")
        try:
            self._socket = socket.create_connection((host, port), timeout=_CONNECT_S)
        except (OSError, OverflowError) as error:
            raise can.CanInitializationError(
                f"no virtual site answers at {host}:{port} "
                f"({getattr(error, 'strerror', None) or error}): "
                f"start one with `autarky site --realtime --bus {host}:{port}`"
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # the site listens before its cabinets have booted, and answers after
        self._socket.settimeout(_ANSWER_S)
        self._frames = b""  # whole ones, peeked at
        self._at = 0  # the next of them
        self._peeked = 0  # bytes of them that the socket still holds
        self._part = b""  # of a frame whose rest has not come
        self.channel_info = f"autarky virtual bus {channel}"
        options = records.OWN_FRAMES if own else 0
        self._socket.sendall(records.HELLO.pack(records.MAGIC, records.VERSION, options, number))
        magic = self._exactly(len(records.MAGIC))
        if magic != records.MAGIC:
            self._give_up(
                f"what listens at {host}:{port} is no --bus of a virtual site; a port of "
                "--socketcand takes interface=socketcand"
            )
        rest = self._exactly(records.ANSWER.size - len(magic))
        _, status, rate, size = records.ANSWER.unpack(magic + rest)
        if status != records.STATUS_OK:
            self._give_up(f"the site refused: {self._exactly(size).decode()}")
        if bitrate is not None and int(bitrate) != rate:
            self._give_up(f"bitrate={bitrate}: this bus works at {rate} bit/s; leave it out")
        self._socket.settimeout(None)
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
                self._give_up(
                    "the site hung up before it answered: is it of another version, or about "
                    "to end?"
                )
            data += more
        return data

    def _give_up(self, why: str) -> NoReturn:
        self._socket.close()
        raise can.CanInitializationError(why)

    def _ready(self, write: bool, timeout: float | None) -> bool:
        """Wait until the link can be read or written."""
        sockets = [self._socket]
        try:
            found = select.select([] if write else sockets, sockets if write else [], [], timeout)
        except (OSError, ValueError):  # its descriptor is gone
            raise can.CanOperationError("the bus was shut down") from None
        return any(found)

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        end = None if timeout is None else time.monotonic() + timeout
        while self._at >= len(self._frames):
            wait = None if end is None else max(0.0, end - time.monotonic())
            if not self._ready(write=False, timeout=wait):
                return None, False
            self._peek()
        fields = records.FRAME.unpack_from(self._frames, self._at)
        self._at += records.FRAME.size
        if self._at >= len(self._frames):
            self._take(self._peeked)
        can_id, length, flags, end_us, data = fields
        own = bool(flags & records.OWN)
        return message_of(can_id, data[:length], is_rx=not own, timestamp=end_us / 1e6), False

    def _peek(self) -> None:
        """Read many frames at once, and leave them in the socket until the last is given out.

        So the descriptor stays readable for those who wait on it, as asyncio does.
        """
        data = self._take(1 << 16, socket.MSG_PEEK)
        if not data:
            raise can.CanOperationError("the virtual site has ended")
        whole = self._part + data
        rest = len(whole) % records.FRAME.size
        if len(whole) == rest:
            self._part += self._take(len(data))
            return
        self._frames, self._at = whole[: len(whole) - rest], 0
        self._peeked, self._part = len(data) - rest, b""

    def _take(self, size: int, flags: int = 0) -> bytes:
        try:
            return self._socket.recv(size, flags)
        except OSError as error:
            raise can.CanOperationError(f"the link to the site broke: {error}") from error

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        why = _objection(msg)
        if why:
            raise can.CanOperationError(why)
        if timeout is not None and not self._ready(write=True, timeout=timeout):
            raise can.CanTimeoutError(
                f"the site took no frame within {timeout:g} s: is it stopped?"
            )
        try:
            self._socket.sendall(
                records.FRAME.pack(identifier_of(msg), msg.dlc, 0, 0, bytes(msg.data))
            )
        except OSError as error:
            why = "the bus was shut down" if self._is_shutdown else "the virtual site has ended"
            raise can.CanOperationError(f"{why}: {error}") from error

    def fileno(self) -> int:
        return self._socket.fileno()

    def shutdown(self) -> None:
        super().shutdown()
        self._socket.close()
        self._frames, self._at = b"", 0  # what was not read is gone with the bus
