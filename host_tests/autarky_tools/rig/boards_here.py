"""Boards that tests of processor in the loop work on: virtual ones, and consoles that answer."""

import contextlib
import os
import pty
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import serial

from autarky.flash.device import Device
from autarky.flash.virtual_board import VirtualBoard
from autarky.rig.cable import Cable
from autarky.rig.description import Board, Rig


def rig(port: str = "virtual", name: str = "unix") -> Rig:
    """A rig of depth processor."""
    return Rig(name="pil", depth="processor", board=Board(name=name, port=port))


@contextlib.contextmanager
def at_its_prompt(folder: Path) -> Iterator[VirtualBoard]:
    """A virtual board that starts nothing by itself."""
    with VirtualBoard(folder) as board:
        Device(board.path).reach()
        yield board


@contextlib.contextmanager
def cable(port: str, answer_s: float = 60.0) -> Iterator[Cable]:
    """The host's end of a port's cable."""
    made = Cable(Device(port).open(), answer_s)
    try:
        yield made
    finally:
        made.interrupt()
        made.close()


@contextlib.contextmanager
def answering(answers: dict[bytes, bytes]) -> Iterator[Cable]:
    """The cable of a console that answers each request by what stands there, once it was heard."""
    outer, inner = pty.openpty()
    tty.setraw(inner)
    ended = threading.Event()

    def answer() -> None:
        heard = b""
        with contextlib.suppress(OSError):
            while not ended.is_set():
                heard += os.read(outer, 64)
                for request, said in answers.items():
                    if heard.endswith(request):
                        heard = b""
                        os.write(outer, said)

    threading.Thread(target=answer, daemon=True).start()
    made = Cable(serial.Serial(os.ttyname(inner), timeout=0.1), 1.0)
    try:
        yield made
    finally:
        ended.set()
        made.close()
        os.close(inner)
        os.close(outer)
