"""The host's end of the cable to a board whose firmware runs with its chips here (on_board.py)."""

from __future__ import annotations

import contextlib
import struct
import time
from typing import NamedTuple

import serial

from autarky.rig import on_board
from autarky.sil.firmware import FirmwareLost

_RAW = b"raw REPL; CTRL-B to exit\r\n>"
_PASTE = b"\x05A\x01"
_PROMPTS_S = (3.0, 10.0, 30.0)  # one try each
_LEAVE_S = 20.0
_POLL_S = 0.5
_SAID_MAX = 8192
_HEAD = struct.Struct("<BIIII")
_CTRL_C = 3
_WAKE = b"\r" * 64  # more than the head of a TICK


class Record(NamedTuple):
    """What the board sent; kind 0: a DONE."""

    a: int
    b: int
    c: int
    kind: int


def part(content: bytes) -> bytes:
    """A part as it travels to the board: no Ctrl-C in it, and behind it where there were some."""
    if _CTRL_C not in content:
        return content + b"\x80\x80"
    places = [at for at, byte in enumerate(content) if byte == _CTRL_C]
    numbers = b"".join(map(_seven_bits, [len(places), *places]))
    return content.replace(b"\x03", b"\0") + numbers


def _seven_bits(number: int) -> bytes:
    return bytes((0x80 | number >> 7, 0x80 | number & 0x7F))


class Cable:
    """An open console: `run` a program there, then `send` parts and `receive` records.

    console: as autarky.flash.device opens it; answer_s: how long a board may be silent that owes a
    record. All raise FirmwareLost, a sentence that names the port and holds what the board printed.
    """

    def __init__(self, console: serial.Serial, answer_s: float) -> None:
        self._console = console
        self._answer_s = answer_s
        self._heard = bytearray()
        self.said = b""  # what the board printed last
        self._runs = True  # something that Ctrl-C must end, as far as is known
        console.timeout = _POLL_S

    @property
    def port(self) -> str:
        return str(self._console.port)

    def run(self, program: bytes) -> None:
        """Interrupt whatever runs, reset the interpreter and send it a program."""
        try:
            self._enter()
            self._paste(program)
        except (serial.SerialException, OSError) as error:
            raise self._cut(error) from error

    def _enter(self) -> None:
        """The raw prompt of an interpreter that has just started. Once more where the interrupt
        came at an instant that the interpreter did not survive, and started anew."""
        for seconds in _PROMPTS_S:
            try:
                self._interrupt_and_reset(seconds)
                return
            except FirmwareLost:
                if seconds == _PROMPTS_S[-1]:
                    raise
                self._runs = True

    def _interrupt_and_reset(self, seconds: float) -> None:
        console = self._console
        if self._runs:  # at the virtual board's prompt one more would end its interpreter
            console.write(b"\r\x03")
        console.reset_input_buffer()
        console.write(b"\r\x01")
        self._until(_RAW, seconds)
        console.write(b"\x04")  # a clean heap; main.py is left out
        self._until(b"soft reboot\r\n", seconds)
        self._until(_RAW, seconds)
        self._heard.clear()
        self.said = b""
        self._runs = True

    def _until(self, ending: bytes, seconds: float) -> None:
        said = b""
        deadline = time.monotonic() + seconds
        while not said.endswith(ending):
            said += self._console.read(1)
            if time.monotonic() > deadline:
                heard = said.decode(errors="replace").strip()[-200:] or "nothing"
                raise FirmwareLost(
                    f"{self.port}: the board does not come to its raw prompt; it said {heard!r}. "
                    "Take its power away and give it back, then try again"
                )

    def _paste(self, program: bytes) -> None:
        """MicroPython's raw paste mode, which says how much it can take."""
        console = self._console
        console.write(_PASTE)
        answer = self._exactly(4)
        if answer[:2] != b"R\x01":
            raise FirmwareLost(
                f"{self.port}: the board has no raw paste mode: flash the official MicroPython, "
                "1.29 or later"
            )
        (window,) = struct.unpack("<H", answer[2:])
        room, at = window, 0
        while at < len(program):
            while room == 0 or console.in_waiting:
                if self._exactly(1) != b"\x01":
                    console.write(b"\x04")
                    raise self._lost("took no program")
                room += window
            sent = program[at : at + room]
            console.write(sent)
            room -= len(sent)
            at += len(sent)
        console.write(b"\x04")
        while (answer := self._exactly(1)) == b"\x01":
            pass  # more room, which is not needed
        if answer != b"\x04":
            raise self._lost("took no program")

    def _exactly(self, size: int) -> bytes:
        data = b""
        deadline = time.monotonic() + _PROMPTS_S[-1]
        while len(data) < size:
            data += self._console.read(size - len(data))
            if time.monotonic() > deadline:
                raise self._lost("took no program")
        return data

    def send(self, *parts: bytes) -> None:
        """Parts as on_board.py reads them: nothing for an empty one."""
        try:
            self._console.write(b"".join(map(part, filter(None, parts))))
        except (serial.SerialException, OSError) as error:
            raise self._cut(error) from error

    def receive(self) -> Record:
        """The next record's head; what was printed before it goes to `said`."""
        while True:
            at = self._heard.find(on_board.MARK)
            printed = self._heard[: at if at >= 0 else len(self._heard)]
            if printed:
                self.said = (self.said + bytes(printed))[-_SAID_MAX:]
                del self._heard[: len(printed)]
                if self.said.endswith(b"\x04>"):  # the raw REPL's word for a program that ended
                    self._runs = False
                    raise self._lost("ended its program")
            if at >= 0:
                _, *numbers = _HEAD.unpack(self.content(_HEAD.size))
                return Record(*numbers)
            self._listen()

    def content(self, size: int) -> bytes:
        """So many bytes that belong to a record."""
        heard = self._heard
        while len(heard) < size:
            self._listen()
        data = bytes(heard[:size])
        del heard[:size]
        return data

    def _listen(self) -> None:
        """More bytes."""
        console = self._console
        try:
            data = console.read(max(1, console.in_waiting))
            deadline = time.monotonic() + self._answer_s
            while not data:
                if time.monotonic() > deadline:
                    raise self._lost(
                        f"has not answered for {self._answer_s:.0f} s: its firmware hangs"
                    )
                data = console.read(1)
        except (serial.SerialException, OSError) as error:
            raise self._cut(error) from error
        self._heard += data

    def _lost(self, how: str) -> FirmwareLost:
        said = (
            self.said.removesuffix(b"\x04>").replace(b"\x04", b"").decode(errors="replace").strip()
        )
        return FirmwareLost(
            f"the board behind {self.port} {how}" + (f"; it said:\n{said}" if said else "")
        )

    def _cut(self, error: Exception) -> FirmwareLost:
        said = self.said.decode(errors="replace").strip()
        return FirmwareLost(
            f"{self.port}: the cable was cut, or the board lost its power ({error})"
            + (f"; it had said:\n{said}" if said else "")
        )

    def interrupt(self) -> None:
        """Leave the board at its prompt, whatever it does. Never raises."""
        with contextlib.suppress(serial.SerialException, OSError):
            if self._runs:
                self._console.write(b"\r\x03")
            deadline = time.monotonic() + _LEAVE_S
            said = b""
            while self._runs and time.monotonic() < deadline:
                heard = self._console.read(max(1, self._console.in_waiting))
                if not heard:  # a signal just before the unix port's read is seen after it only
                    self._console.write(_WAKE)
                said = (said + heard)[-8:]
                self._runs = not said.endswith(b"\x04>")
            self._console.write(b"\r\x02")

    def close(self) -> None:
        """Never raises."""
        with contextlib.suppress(serial.SerialException, OSError):
            self._console.close()
