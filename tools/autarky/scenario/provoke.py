"""What a person or a script may do to a running virtual site: the table, and the port for it.

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
from dataclasses import dataclass
from typing import Any

from autarky.bus.server import listen
from autarky.coordinator.coordinator import FIRST_NODE_ID
from autarky.errors import AutarkyError
from autarky.scenario.fault_cases import FAULT_CASES
from autarky.sil.site import VirtualSite

_CASES = {case.fault: case for case in FAULT_CASES if not case.inside}
_MOST_BYTES = 1 << 20
_KEY_S = 0.5
_MANY = 5  # words of an argument that do not fit its line


@dataclass(frozen=True)
class Argument:
    """A number within a range, or one of some words."""

    name: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    words: tuple[str, ...] = ()

    def read(self, text: str) -> float | str:
        """Raises AutarkyError with what would be right."""
        if self.words:
            if text not in self.words:
                raise AutarkyError(f"{self.name} is {text!r}: it is one of {', '.join(self.words)}")
            return text
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not self.low <= value <= self.high:
            unit = f" {self.unit}" if self.unit else ""
            raise AutarkyError(f"{self.name} is {text}: give {self.low:g}..{self.high:g}{unit}")
        return value

    def __str__(self) -> str:
        if self.words:
            return "|".join(self.words) if len(self.words) < _MANY else self.name.upper()
        return f"{self.name.upper()}" + (f"[{self.unit}]" if self.unit else "")


@dataclass(frozen=True)
class Action:
    """`act(site, i, *values)` does it to cabinet i; `did` says so with cabinet and values."""

    name: str
    arguments: tuple[Argument, ...]
    did: str
    act: Callable[..., object]

    @property
    def usage(self) -> str:
        """As it is typed."""
        return " ".join((self.name, "CABINET", *map(str, self.arguments)))


def _line(site: VirtualSite, i: int, line: str, state: str) -> None:
    plants, on = site.plants, state == "on"
    if line == "estop":
        plants.estop[i] = on
    elif line == "hvil":
        plants.hvil_open[i] = on
    else:  # smoke, gas and door are broken loops, as the wiring page has them
        plants.input_forced[i][line] = not on


def _key(site: VirtualSite, i: int) -> None:
    site.plants.reset_key[i] = True
    end_ms = site.now_ms + round(_KEY_S * 1000)

    def back(site: VirtualSite) -> None:
        if site.now_ms >= end_ms:
            site.plants.reset_key[i] = False
            site.before_tick.remove(back)

    site.before_tick.append(back)


def _wire(site: VirtualSite, i: int, device: float, pin: float, state: str) -> None:
    chain = site.plants.chains[i]
    wires = chain.open_wires
    if device > len(chain.layout) or pin > chain.layout[int(device) - 1]:
        raise IndexError
    spot = (int(device) - 1, int(pin))
    wires.add(spot) if state == "open" else wires.discard(spot)


def _temperature(site: VirtualSite, i: int, celsius: float | None) -> None:
    site.plants.temperature_forced_c[i] = celsius


def _power(site: VirtualSite, i: int, kw: float) -> None:
    site.coordinator.forced_w[site.cabinets[i].node_id] = 1000 * kw


_ON_OFF = Argument("state", words=("on", "off"))
_MODULE = Argument("module", low=1, high=32)
ACTIONS = {
    action.name: action
    for action in (
        Action("pull", (_MODULE,), "module {0:g} of cabinet {cabinet} pulled",
               lambda site, i, module: site.plants.pull_module(i, int(module) - 1)),
        Action("plug", (_MODULE,), "module {0:g} of cabinet {cabinet} put back",
               lambda site, i, module: site.plants.insert_module(i, int(module) - 1)),
        Action("cell", (Argument("cell", low=1, high=2000), Argument("voltage", "V", 0, 6)),
               "cell {0:g} of cabinet {cabinet} driven to {1:g} V",
               lambda site, i, cell, v: site.plants.cells.force_voltage(i, int(cell) - 1, v)),
        Action("cells-back", (), "the cells of cabinet {cabinet} are their own again",
               lambda site, i: site.plants.cells.release(i)),
        Action("temperature", (Argument("temperature", "degC", -60, 150),),
               "every sensor of cabinet {cabinet} at {0:g} degC", _temperature),
        Action("temperature-back", (), "the sensors of cabinet {cabinet} feel their cells again",
               lambda site, i: _temperature(site, i, None)),
        Action("line", (Argument("line", words=("estop", "hvil", "smoke", "gas", "door")), _ON_OFF),
               "{0} of cabinet {cabinet} {1}", _line),
        Action("wire", (Argument("front-end", low=1, high=64), Argument("pin", low=0, high=18),
                        Argument("state", words=("open", "whole"))),
               "sense wire {1:g} of front end {0:g} of cabinet {cabinet} {2}", _wire),
        Action("power", (Argument("power", "kW", -150, 150),),
               "cabinet {cabinet} is commanded {0:g} kW, + out of the battery", _power),
        Action("power-back", (), "cabinet {cabinet} takes its share again",
               lambda site, i: site.coordinator.forced_w.pop(site.cabinets[i].node_id, None)),
        Action("key", (), "reset key of cabinet {cabinet} turned for half a second", _key),
        Action("restart", (), "control supply of cabinet {cabinet} lost and back",
               lambda site, i: site.power_cycle(i)),
        Action("fault", (Argument("name", words=tuple(_CASES)),),
               "what raises {0} was done to cabinet {cabinet}; restart or a new site undoes it",
               lambda site, i, name: _CASES[name].inject(site, i)),
    )
}  # fmt: skip


def usage() -> list[str]:
    """One line an action, as it is typed; then what the words in capitals may be."""
    lines = [action.usage for action in ACTIONS.values()]
    for action in ACTIONS.values():
        for argument in action.arguments:
            if len(argument.words) >= _MANY:
                lines.append(f"{argument} is one of {', '.join(argument.words)}")
    return lines


@dataclass(frozen=True)
class Step:
    """One action on one cabinet. Made by `read`."""

    action: Action
    node_id: int
    values: tuple[float | str, ...]

    def do(self, site: VirtualSite) -> str:
        """Do it now; what was done. Raises AutarkyError."""
        i = self.node_id - FIRST_NODE_ID
        if not 0 <= i < len(site.cabinets):
            last = FIRST_NODE_ID + len(site.cabinets) - 1
            raise AutarkyError(f"there is no cabinet {self.node_id}: give {FIRST_NODE_ID}..{last}")
        try:
            self.action.act(site, i, *self.values)
        except IndexError:
            raise AutarkyError(
                f"{self.action.name}: this cabinet has none of that number"
            ) from None
        return self.action.did.format(*self.values, cabinet=self.node_id)


def read(text: str) -> Step:
    """A step as it is typed. Raises AutarkyError that says what would be right."""
    words = text.split()
    action = ACTIONS.get(words[0]) if words else None
    if action is None:
        raise AutarkyError(f"there is no action {text!r}: choose from {', '.join(ACTIONS)}")
    wanted = 2 + len(action.arguments)
    if len(words) != wanted or not words[1].isdigit():
        raise AutarkyError(f"{text!r}: write {action.usage}")
    values = tuple(a.read(word) for a, word in zip(action.arguments, words[2:], strict=True))
    return Step(action, int(words[1]), values)


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
                told({"at_s": site.now_ms / 1000, "did": step.do(site)})
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
