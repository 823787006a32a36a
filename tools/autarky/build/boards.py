"""What the host must know of a board: boards/NAME/board.toml."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autarky.errors import AutarkyError
from autarky.paths import ROOT

BOARDS = ROOT / "boards"


@dataclass(frozen=True)
class Board:
    """One board.toml; sizes in bytes."""

    name: str
    folder: Path
    port: str  # MicroPython port: stm32, mimxrt, unix
    march: str  # its processor, as mpy-cross names it: machine code of no other is in its image
    build: str  # sys.implementation._build of its interpreter
    interpreter: str  # oldest release
    firmware_file: str  # the official release's file, as micropython.org names it
    rom: str  # where an image runs from: "partition" (ROMFS), or "heap", read at each start
    rom_bytes: int  # room for an image
    heap_bytes: int  # the interpreter's whole heap
    heap_budget_bytes: int  # ours, after boot
    can_controllers: int
    update: str  # "field": over CAN and USB; "cable": USB only
    format: str  # device code that makes the file system, in provisioning
    device_files: tuple[str, ...]
    hertz: int = 0  # what its board.py sets the processor's clock to; 0: as it boots


@cache
def all_boards() -> tuple[Board, ...]:
    """Every folder with a board.toml, by name. Raises AutarkyError for a wrong one."""
    found = []
    for path in sorted(BOARDS.glob("*/board.toml")):
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            values["device_files"] = tuple(values["device_files"])
            found.append(Board(name=path.parent.name, folder=path.parent, **values))
        except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
            raise AutarkyError(
                f"{path}: {error}; the files of the other boards show what stands in it"
            ) from None
    return tuple(found)


def alike(march: str) -> list[str]:
    """Names of the boards with this processor: one image is for all of them."""
    return [board.name for board in all_boards() if board.march == march]


def find(name: str) -> Board:
    """Board of a name. Raises AutarkyError with the names there are."""
    for board in all_boards():
        if board.name == name:
            return board
    names = [board.name for board in all_boards()]
    near = difflib.get_close_matches(name.upper(), names, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise AutarkyError(
        f"--board {name}: there is no such board; choose from {', '.join(names)}{hint}"
    )
