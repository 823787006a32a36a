"""Actions by name on a running virtual site: its agenda, and the port that takes them.

One JSON object a line each way. Asked is {"do": "pull 2 3"} or {"script": [{"at_s": 5, "do":
"estop 2 on"}, ...]}, times in virtual s from when it arrives; answered, when it is done,
{"at_s": 12.34, "did": "module 3 of cabinet 2 pulled"}, at the end of each request {"end": true},
and {"error": "a sentence"} where nothing was done. Whoever asked may leave; what was asked goes on.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
from collections.abc import Callable, Iterator
from typing import Any

from autarky.bus.server import listen
from autarky.errors import AutarkyError
from autarky.scenario.actions import Step, read
from autarky.scenario.virtual import apply
from autarky.sil.site import VirtualSite

_MOST_BYTES = 1 << 20


def read_script(content: Any) -> list[tuple[float, Step]]:
    """(s, step) of a script's list. Raises AutarkyError."""
    if not isinstance(content, list):
        raise AutarkyError('a script is a list: [{"at_s": 5, "do": "estop 2 on"}, ...]')
    steps = []
    for number, row in enumerate(content, start=1):
        try:
            at_s, text = float(row["at_s"]), str(row["do"])
        except (TypeError, KeyError, ValueError):
            raise AutarkyError(f"step {number} of the script needs at_s and do: {row}") from None
        if not 0 <= at_s < 1e7:
            raise AutarkyError(f"step {number} of the script: at_s is {at_s:g}, give 0 or more")
        steps.append((at_s, read(text)))
    return steps


class Agenda:
    """Steps that a site does by its own clock, so that a seed and a script give the same bits."""

    def __init__(self, site: VirtualSite) -> None:
        self._waiting: list[tuple[int, int, Step, Callable[[dict[str, Any]], None]]] = []
        self._number = 0
        site.before_tick.append(self._tick)

    def add(self, site: VirtualSite, steps: list[tuple[float, Step]],
            told: Callable[[dict[str, Any]], None]) -> None:  # fmt: skip
        """told(answer) for each step as it is done, and {"end": true} after the last."""
        last = 0
        for at_s, step in steps:
            at_ms = site.now_ms + round(at_s * 1000)
            last = max(last, at_ms)
            self._put(at_ms, step, told)
        self._put(last, None, told)

    def _put(self, at_ms: int, step: Any, told: Callable[[dict[str, Any]], None]) -> None:
        self._number += 1
        self._waiting.append((at_ms, self._number, step, told))
        self._waiting.sort(key=lambda row: row[:2])

    def _tick(self, site: VirtualSite) -> None:
        while self._waiting and self._waiting[0][0] <= site.now_ms:
            _, _, step, told = self._waiting.pop(0)
            if step is None:
                told({"end": True})
                continue
            try:
                told({"at_s": site.now_ms / 1000, "did": apply(site, step)})
            except AutarkyError as error:
                told({"at_s": site.now_ms / 1000, "error": str(error)})


class Port:
    """Takes requests of other terminals; looked at once a tick, so it can stall nobody."""

    def __init__(self, site: VirtualSite, agenda: Agenda, host: str, port: int) -> None:
        self._site, self._agenda = site, agenda
        self._listener = listen(host, port)
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._in: dict[socket.socket, bytes] = {}
        site.before_tick.append(self._tick)

    def close(self) -> None:
        for client in list(self._in):
            self._drop(client)
        self._selector.close()
        self._listener.close()

    def _drop(self, client: socket.socket) -> None:
        if self._in.pop(client, None) is not None:
            self._selector.unregister(client)
            client.close()

    def _tick(self, site: VirtualSite) -> None:
        for key, _ in self._selector.select(0):
            if key.fileobj is self._listener:
                client, _ = self._listener.accept()
                client.setblocking(False)
                self._in[client] = b""
                self._selector.register(client, selectors.EVENT_READ)
            else:
                self._read(key.fileobj)  # pyright: ignore[reportArgumentType]

    def _read(self, client: socket.socket) -> None:
        try:
            data = client.recv(65536)
        except OSError:
            data = b""
        self._in[client] += data
        if not data or len(self._in[client]) > _MOST_BYTES:
            self._drop(client)
            return
        *lines, self._in[client] = self._in[client].split(b"\n")
        for line in lines:
            self._take(client, line)

    def _take(self, client: socket.socket, line: bytes) -> None:
        def told(answer: dict[str, Any]) -> None:
            with contextlib.suppress(OSError):  # who asked has left: it is done all the same
                client.send(json.dumps(answer).encode() + b"\n")

        try:
            request = json.loads(line)
            if not isinstance(request, dict) or not {"do", "script"} & set(request):
                raise AutarkyError('ask for {"do": "pull 2 3"} or {"script": [...]}')
            script = request.get("script", [{"at_s": 0, "do": request.get("do")}])
            self._agenda.add(self._site, read_script(script), told)
        except (AutarkyError, ValueError) as error:
            told({"error": str(error)})
            told({"end": True})


def ask(host: str, port: int, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Answers of a site until its end. Raises AutarkyError where no site listens or it ended."""
    try:
        with socket.create_connection((host, port), timeout=10) as link:
            link.settimeout(None)
            link.sendall(json.dumps(request).encode() + b"\n")
            for line in link.makefile("r", encoding="utf-8"):
                answer = json.loads(line)
                if answer.get("end"):
                    return
                yield answer
    except OSError as error:
        raise AutarkyError(
            f"no site takes provocations at {host}:{port} ({error.strerror or error}): start one "
            "with `autarky site`; its first lines say where it listens"
        ) from None
    raise AutarkyError("the site ended before everything was done")
