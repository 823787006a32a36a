"""Lets stock CAN tools attach to virtual buses: python-can clients and socketcand.

Polled once a tick by who owns the buses; a client that does not read fast enough is dropped,
so that it can never stall the cabinets.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
from collections.abc import Mapping

from autarky.bus import records
from autarky.bus.bus import Bus, Sent
from autarky.bus.timing import EXTENDED, REMOTE
from autarky.errors import AutarkyError

_TICK_MS = 10
_BACKLOG_BYTES = 1 << 20
_SEND = re.compile(r"send\s+([0-9A-Fa-f]+)\s+([0-8])((?:\s+[0-9A-Fa-f]{1,2})*)$")


class BusServerError(AutarkyError):
    """The server cannot listen; the message says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises BusServerError with a sentence."""
    try:
        sock = socket.create_server((host, port), backlog=16)
    except OSError as error:
        raise BusServerError(
            f"cannot listen on {host}:{port}: {error.strerror or error}. "
            "Is another site running there? Choose another port with --bus or --socketcand."
        ) from error
    sock.setblocking(False)
    return sock


class _Client:
    """One attached tool; subclasses know its protocol."""

    hears_itself = False

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.number = 0  # 0 = site bus, else the node id of a cabinet bus
        self.port: int | None = None
        self._in = b""
        self._out = b""

    def queue(self, data: bytes) -> None:
        self._out += data

    def flush(self) -> None:
        """Send what fits. Raises ConnectionError when the client is gone or too slow."""
        if self._out:
            with contextlib.suppress(BlockingIOError):
                self._out = self._out[self.sock.send(self._out) :]
        if len(self._out) > _BACKLOG_BYTES:
            raise ConnectionError("the client does not read")

    def read(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the client left")
        self._in += data

    def frames(self) -> list[tuple[int, bytes]]:
        """Frames the client wants to send."""
        raise NotImplementedError  # pragma: no cover  (abstract)

    def deliver(self, sent: Sent, epoch_us: int) -> None:
        """Queue a frame that passed; epoch_us: when the site's time was 0, us since 1970."""
        raise NotImplementedError  # pragma: no cover  (abstract)


class _RecordClient(_Client):
    """python-can through autarky.bus.client: binary records after a HELLO."""

    greeted = False

    def hello(self) -> int | None:
        """Bus number once the HELLO is there. Raises ConnectionError for a foreign one."""
        if len(self._in) < records.HELLO.size:
            return None
        magic, version, options, number = records.HELLO.unpack_from(self._in)
        self._in = self._in[records.HELLO.size :]
        if magic != records.MAGIC or version != records.VERSION:
            raise ConnectionError("not an autarky client")
        self.greeted = True
        self.hears_itself = bool(options & records.OWN_FRAMES)
        return number

    def frames(self) -> list[tuple[int, bytes]]:
        out = []
        while len(self._in) >= records.FRAME.size:
            can_id, length, _, _, data = records.FRAME.unpack_from(self._in)
            self._in = self._in[records.FRAME.size :]
            out.append((can_id, data[: min(length, 8)]))
        return out

    def deliver(self, sent: Sent, epoch_us: int) -> None:
        flags = records.OWN if sent.sender == self.port else 0
        end_us = epoch_us + sent.end_us
        self.queue(records.FRAME.pack(sent.can_id, len(sent.data), flags, end_us, sent.data))


class _SocketcandClient(_Client):
    """The socketcand text protocol in raw mode: what SavvyCAN and python-can speak."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.queue(b"< hi >")
        self.raw = False

    def frames(self) -> list[tuple[int, bytes]]:
        out = []
        while b">" in self._in:
            text, _, self._in = self._in.partition(b">")
            command = text.decode("ascii", "replace").strip().lstrip("<").strip()
            found = _SEND.match(command)
            if command.startswith("open"):
                self.queue(b"< ok >")
            elif command == "rawmode":
                self.raw = True
                self.queue(b"< ok >")
            elif command == "echo":
                self.queue(b"< echo >")
            elif found:
                identifier, length, data = found.groups()
                flag = EXTENDED if len(identifier) > 3 else 0
                content = bytes(int(b, 16) for b in data.split())
                if len(content) == int(length):
                    out.append((int(identifier, 16) | flag, content))
                else:
                    self.queue(b"< error length differs from data >")
            else:
                self.queue(b"< error unknown command >")
        return out

    def deliver(self, sent: Sent, epoch_us: int) -> None:
        if not self.raw or sent.can_id & REMOTE:
            return
        extended = sent.can_id & EXTENDED
        name = f"{sent.can_id & 0x1FFFFFFF:08X}" if extended else f"{sent.can_id & 0x7FF:03X}"
        stamp = f"{sent.end_us // 1_000_000}.{sent.end_us % 1_000_000:06d}"
        self.queue(f"< frame {name} {stamp} {sent.data.hex().upper()} >".encode())


class BusServer:
    """Serves `buses`, by number: 0 the site bus, else the node id of a cabinet; close() when done.

    Its owner calls poll() before a tick, carried() with the frames that passed and flush() after.
    """

    def __init__(
        self, buses: Mapping[int, Bus], host: str, port: int, socketcand_port: int | None = None
    ) -> None:
        self._buses = buses
        self._selector = selectors.DefaultSelector()
        self._clients: list[_Client] = []
        listener = listen(host, port)
        self.port = listener.getsockname()[1]
        self._listeners = [listener]
        self._selector.register(listener, selectors.EVENT_READ, _RecordClient)
        self.socketcand_port = None
        if socketcand_port is not None:
            second = listen(host, socketcand_port)
            self.socketcand_port = second.getsockname()[1]
            self._listeners.append(second)
            self._selector.register(second, selectors.EVENT_READ, _SocketcandClient)

    def close(self) -> None:
        """Hang up on every client and stop listening."""
        for client in list(self._clients):
            self._drop(client)
        for listener in self._listeners:
            self._selector.unregister(listener)
            listener.close()
        self._selector.close()

    def poll(self, now_ms: int) -> int:
        """Take what clients sent, in the tick that begins at now_ms; the number of clients."""
        for key, _ in self._selector.select(0):
            if isinstance(key.data, type):
                self._accept(key.fileobj, key.data)  # pyright: ignore[reportArgumentType]
                continue
            client = key.data
            try:
                client.read()
                # ready when the tick that has passed began: the bus had been idle since
                self._serve(client, max(now_ms - _TICK_MS, 0) * 1000)
            except OSError:
                self._drop(client)
        return len(self._clients)

    def flush(self) -> None:
        """Send what clients are owed; one that is gone or too slow is dropped."""
        for client in list(self._clients):
            try:
                client.flush()
            except OSError:
                self._drop(client)

    def _accept(self, listener: socket.socket, kind: type[_Client]) -> None:
        sock, _ = listener.accept()
        client = kind(sock)
        if kind is _SocketcandClient:
            client.port = self._buses[0].attach()
        self._clients.append(client)
        self._selector.register(sock, selectors.EVENT_READ, client)

    def _serve(self, client: _Client, now_us: int) -> None:
        if isinstance(client, _RecordClient) and not client.greeted:
            number = client.hello()
            if number is None:
                return
            bus = self._buses.get(number)
            text = b"" if bus else f"there is no cabinet with node id {number}".encode()
            status = records.STATUS_OK if bus else 1
            rate = bus.bitrate if bus else 0
            client.queue(records.ANSWER.pack(records.MAGIC, status, rate, len(text)) + text)
            client.flush()
            if bus is None:
                raise ConnectionError("no such bus")
            client.number = number
            client.port = bus.attach()
        bus = self._buses[client.number]
        assert client.port is not None
        for can_id, data in client.frames():
            bus.send(client.port, can_id, data, now_us)

    def carried(self, number: int, sent: list[Sent], epoch_us: int) -> None:
        """Frames that passed on a bus; epoch_us: when its time was 0, us since 1970."""
        for client in self._clients:
            if client.port is None or client.number != number:
                continue
            for frame in sent:
                if client.hears_itself or frame.sender != client.port:
                    client.deliver(frame, epoch_us)

    def _drop(self, client: _Client) -> None:
        self._clients.remove(client)
        self._selector.unregister(client.sock)
        client.sock.close()
        bus = self._buses.get(client.number)
        if bus is not None and client.port is not None:
            bus.set_filters(client.port, ())
