"""Supply, multimeter and cell emulator behind SCPI sockets, coupled: what the supply gives is what
the meter reads. Their words are those of scpi.py; a record keeps the instant of everything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

_NO_ERROR = '+0,"No error"'
_UNDEFINED = '-113,"Undefined header"'
_OUT_OF_RANGE = '-222,"Data out of range"'
_PROT = 1 << 11  # of the questionable status: off by the watchdog
_LEAST_S = 0.1
_MOST_V, _MOST_A = 60.0, 10.0  # of the instrument: its bench may allow less


class Record:
    """What arrived and what moved, with the machine's monotonic time; the largest of each."""

    def __init__(self, path: Path | None = None) -> None:
        self.events: list[tuple[float, str, Any]] = []
        self.largest: dict[str, float] = {}
        self._file: IO[str] | None = None
        if path is not None:
            self._file = path.open("w", encoding="ascii", buffering=1)

    def __call__(self, what: str, value: Any) -> None:
        at_s = time.monotonic()
        self.events.append((at_s, what, value))
        if isinstance(value, float) and value > self.largest.get(what, float("-inf")):
            self.largest[what] = value
        if self._file is not None:
            self._file.write(json.dumps([at_s, what, value]) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Scpi:
    """One instrument: rows of a pattern and what it answers, None for a setting.

    `silent` takes it off its socket: whoever is connected is hung up on.
    """

    name = ""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._error = _NO_ERROR
        self._words: list[tuple[re.Pattern[str], Callable[..., str | None]]] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.silent = False
        self.on(r"\*IDN\?", lambda: f"Autarky,Simulated {self.name},0,1")
        self.on(r"SYST:ERR\?", self._next_error)

    def on(self, pattern: str, call: Callable[..., str | None]) -> None:
        self._words.append((re.compile(pattern), call))

    def _next_error(self) -> str:
        error, self._error = self._error, _NO_ERROR
        return error

    def refuse(self, value: float, most: float) -> bool:
        """Note an error for a value that this instrument cannot give."""
        if 0 <= value <= most:
            return False
        self._error = _OUT_OF_RANGE
        return True

    def heard(self) -> None:
        """Any message has come."""

    def answer(self, line: str) -> str:
        """All answers of a line, "" where it asks nothing."""
        self.heard()
        answers = []
        for part in line.split(";"):
            words = part.strip().lstrip(":")
            for pattern, call in self._words:
                if found := pattern.fullmatch(words):
                    said = call(*found.groups())
                    break
            else:
                self._error, said = _UNDEFINED, None
            if said is not None:
                answers.append(said)
        return ";".join(answers)

    async def serve(self) -> int:
        """Listens on the port that it returns."""
        self._server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, ValueError):
            while not self.silent and (line := await reader.readline()):
                said = self.answer(line.decode("ascii", "replace").strip())
                if said:
                    writer.write(said.encode() + b"\n")
                    await writer.drain()
        self._writers.discard(writer)
        writer.close()

    def unplug(self, out: bool) -> None:
        """Take its cable out, or put it back; what it has set stays."""
        self.silent = out
        for writer in list(self._writers) if out else []:
            writer.close()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.unplug(True)


class SimulatedSupply(Scpi):
    """`live_v` at its terminals; a `stuck` one does not switch."""

    name = "supply"

    def __init__(self, record: Record, has_watchdog: bool = True) -> None:
        super().__init__(record)
        self._volts = self._amps = 0.0
        self._on = self._latched = self._watched = False
        self._delay_s = 60.0
        self._timer: asyncio.TimerHandle | None = None
        self.stuck = False
        number = r"([-+\w.]+)"
        self.on(f"VOLT {number}", self._set_volts)
        self.on(f"CURR {number}", self._set_amps)
        self.on(r"OUTP ([01])", self._put)
        self.on(r"OUTP\?", lambda: str(int(self._on)))
        self.on(r"OUTP:PROT:CLE", self._clear)
        self.on(r"MEAS:VOLT\?", lambda: f"{self.live_v:+.6E}")
        self.on(r"MEAS:CURR\?", lambda: f"{0.25 if self.live_v else 0.0:+.6E}")
        self.on(r"STAT:QUES:COND\?", lambda: str(_PROT if self._latched else 0))
        if has_watchdog:
            self.on(r"OUTP:PROT:WDOG (ON|OFF)", self._watch)
            self.on(f"OUTP:PROT:WDOG:DEL {number}", self._set_delay)
            self.on(r"OUTP:PROT:WDOG:DEL\?", lambda: f"{self._delay_s:g}")
            self.on(r"OUTP:PROT:WDOG:DEL\? MIN", lambda: f"{_LEAST_S:g}")

    @property
    def live_v(self) -> float:
        return self._volts if self._on and not self._latched else 0.0

    def _set_volts(self, text: str) -> None:
        self.record("supply.volts", float(text))
        if not self.refuse(float(text), _MOST_V):
            self._volts = float(text)

    def _set_amps(self, text: str) -> None:
        self.record("supply.amps", float(text))
        if not self.refuse(float(text), _MOST_A):
            self._amps = float(text)

    def _move(self, on: bool, latched: bool) -> None:
        was = self.live_v
        self._on, self._latched = on, latched
        if bool(was) != bool(self.live_v):
            self.record("supply.live", self.live_v)

    def _put(self, state: str) -> None:
        if not self.stuck:
            self._move(state == "1", self._latched)

    def _clear(self) -> None:
        self._move(self._on, False)

    def _watch(self, state: str) -> None:
        self._watched = state == "ON"
        self.heard()

    def _set_delay(self, text: str) -> None:
        if not self.refuse(float(text) - _LEAST_S, 3600.0):
            self._delay_s = float(text)

    def heard(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._watched:
            self._timer = asyncio.get_running_loop().call_later(self._delay_s, self._bite)

    def _bite(self) -> None:
        if self._on and not self._latched:
            self.record("supply.watchdog", True)
            self._move(self._on, True)


class SimulatedMeter(Scpi):
    """Reads the terminals of the supply, and what else feeds them (`other_v`)."""

    name = "meter"

    def __init__(self, record: Record, supply: SimulatedSupply) -> None:
        super().__init__(record)
        self.other_v = 0.0
        self.on(r"MEAS:VOLT:DC\?", lambda: f"{max(supply.live_v, self.other_v):+.6E}")


class SimulatedCells(Scpi):
    """`volts` of its channels while `live`, else 0; changes counts the settings."""

    name = "cells"

    def __init__(self, record: Record, channels: int) -> None:
        super().__init__(record)
        self.volts = [0.0] * channels
        self.live = False
        self.changes = 0
        every = rf"\(@1:{channels}\)"
        self.on(r"SOUR(\d+):VOLT ([-+\w.]+)", self._set)
        self.on(rf"OUTP ([01]),{every}", self._put)
        self.on(rf"OUTP\? {every}", lambda: ",".join([str(int(self.live))] * channels))
        self.on(rf"MEAS:VOLT\? {every}", self._measure)

    def _set(self, channel: str, text: str) -> None:
        value = float(text)
        if not self.record.largest.get("cells.volts", float("-inf")) >= value:
            self.record("cells.volts", value)
        if not self.refuse(value, 5.5) and 1 <= int(channel) <= len(self.volts):
            self.volts[int(channel) - 1] = value
            self.changes += 1

    def _put(self, state: str) -> None:
        self.live = state == "1"
        self.changes += 1
        self.record("cells.live", self.live)

    def _measure(self) -> str:
        return ",".join(f"{v if self.live else 0.0:.4f}" for v in self.volts)
