"""A board at the other end of a cable: its console by pyserial, everything else by mpremote."""

from __future__ import annotations

import json
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import serial
from serial.tools import list_ports

from autarky.errors import AutarkyError

ON_DEVICE = Path(__file__).with_name("on_device.py")
_ANSWER_S = 10.0
_PROMPT_S = 0.7
_ASK_S = 1.5
_PROMPT = b">>> "
_WRITING = re.compile(r"(?:Writing|Preparing) at offset (\d+)")


class DeviceError(AutarkyError):
    """A board does not do what it should; the message says what, and what to do."""


def usb_ports() -> list[str]:
    """Serial ports with a USB device behind them."""
    return sorted(port.device for port in list_ports.comports() if port.vid is not None)


class Device:
    """One port. `reach()` brings the board to its prompt, `call(...)` runs on_device.py there."""

    quiet_s = 30.0  # longest silence of a board that works
    heartbeat_s = 30.0  # from a reset to heartbeat and self-test

    def __init__(self, port: str) -> None:
        self.port = port

    def open(self) -> serial.Serial:
        """Its console, for nobody else meanwhile. Raises DeviceError."""
        try:
            return serial.Serial(self.port, 115200, timeout=0.1, exclusive=True)
        except serial.SerialException as error:
            text = str(error)
            if "exclusively lock" in text or "busy" in text.lower():
                raise DeviceError(
                    f"{self.port} is busy: another program has it open (a terminal, mpremote, "
                    "another flash); close that one"
                ) from None
            if "Permission" in text:
                raise DeviceError(
                    f"{self.port}: no permission; add yourself to the group of that device "
                    "(usually dialout) and log in again"
                ) from None
            found = ", ".join(usb_ports()) or "none"
            raise DeviceError(
                f"there is no board at {self.port}; USB ports here: {found}"
            ) from None

    def reach(self, seconds: float = _ANSWER_S) -> bool:
        """Have a prompt: a running program is asked to leave the board in service mode first.

        Returns whether something was running.
        """
        said = b""
        with self.open() as console:
            console.write(b"\r\x02")  # a REPL answers that, a program does not
            if self._read_until_prompt(console, _PROMPT_S):
                return False
            deadline = time.monotonic() + seconds
            asked = -_ASK_S
            while time.monotonic() < deadline:
                if time.monotonic() - asked > _ASK_S:  # it may just be starting: ask again
                    console.write(b"\r\x03\x02")
                    asked = time.monotonic()
                said = (said + console.read(256))[-4096:]
                if said.endswith(_PROMPT):
                    return True
                if b"contactors are closed" in said:
                    raise DeviceError(
                        f"{self.port}: the cabinet's contactors are closed; stop it first "
                        "(`autarky node write N program.hold 1 --key ...`), then try again"
                    )
        heard = said.decode(errors="replace").strip()
        raise DeviceError(
            f"{self.port} does not answer like MicroPython"
            + (f"; it said: {heard[-200:]}" if heard else ": nothing came back")
            + ". Is the official MicroPython on the board, is it powered?"
        )

    def mpremote(
        self, *arguments: str, resume: bool = True, on_offset: Callable[[int], None] | None = None
    ) -> str:
        """Run the stock mpremote; returns what it printed. Raises DeviceError with its words."""
        command = [sys.executable, "-m", "mpremote", "connect", self.port]
        if resume:
            command.append("resume")
        process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        )
        try:
            said = self._listen_to(process, arguments[0], on_offset)
            code = process.wait(timeout=5.0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        text = said.decode(errors="replace")
        if code:
            lines = [line for line in text.strip().splitlines() if line.strip()]
            why = lines[-1] if lines else "it said nothing"
            raise DeviceError(f"{self.port}: mpremote {arguments[0]} failed: {why}")
        return text

    def _listen_to(
        self, process: subprocess.Popen[bytes], what: str, on_offset: Callable[[int], None] | None
    ) -> bytes:
        """Everything a process says; a board that is silent for long has stopped answering."""
        assert process.stdout is not None
        said = b""
        heard = time.monotonic()
        while True:
            ready, _, _ = select.select([process.stdout], [], [], 0.5)
            if ready:
                data = process.stdout.read(256)
                if not data:
                    return said
                said += data
                heard = time.monotonic()
                found = _WRITING.findall(said[-120:].decode(errors="replace"))
                if found and on_offset is not None:
                    on_offset(int(found[-1]))
            elif time.monotonic() - heard > self.quiet_s:
                raise DeviceError(
                    f"{self.port}: the board stopped answering during mpremote {what}: was its "
                    "power or cable cut? Try again"
                )

    def call(self, function: str, *values: Any, resume: bool = True) -> Any:
        """Run one function of on_device.py on the board; returns its JSON."""
        arguments = ", ".join(repr(value) for value in values)
        code = f"{ON_DEVICE.read_text(encoding='utf-8')}\n{function}({arguments})\n"
        text = self.mpremote("exec", code, resume=resume)
        for line in reversed(text.strip().splitlines()):
            try:
                return json.loads(line)
            except ValueError:
                continue
        raise DeviceError(
            f"{self.port}: the board answered {function} with {text.strip()[-200:]!r}, which is no "
            "answer of ours: try again, or flash it anew"
        )

    def restart(
        self, wanted: tuple[str, ...], seconds: float | None = None, answer: bytes = b""
    ) -> list[str]:
        """Reset the chip and listen to its console until every text of `wanted` was said.

        Returns the lines. A port that goes away with the reset, as USB does, is opened again.
        answer: sent once all but the last of them were said.
        """
        lines: list[str] = []
        console = self.open()
        console.write(b"\r\x03\x02")
        self._read_until_prompt(console, 3.0)
        seconds = seconds or self.heartbeat_s
        console.write(b"import machine; machine.reset()\r")
        said = ""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                said += console.read(256).decode(errors="replace")
            except (serial.SerialException, OSError):
                console.close()
                time.sleep(0.2)
                try:
                    console = self.open()
                except DeviceError:
                    continue  # not back yet
            lines = said.splitlines()
            before = wanted[:-1]
            if answer and all(any(text in line for line in lines) for text in before):
                console.write(answer)
                answer = b""
            if all(any(text in line for line in lines) for text in wanted):
                console.close()
                return lines
            if "Traceback" in said and said.rstrip().endswith(_PROMPT.decode().strip()):
                break
        console.close()
        last = "; ".join(line for line in lines[-4:] if line.strip())
        raise DeviceError(
            f"{self.port}: the program did not report {' and '.join(wanted)} in {seconds:.0f} s"
            + (f"; it said: {last}" if last else ", nor anything else")
        )

    def _read_until_prompt(self, console: serial.Serial, seconds: float) -> bool:
        said = b""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            said += console.read(64)
            if said.endswith(_PROMPT):
                return True
        return False
