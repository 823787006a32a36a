"""The pin tables in boards/NAME/README.md, out of each board.py."""

from __future__ import annotations

import re
from pathlib import Path

from autarky.build.boards import all_boards
from autarky.errors import AutarkyError

_SECTION = re.compile(r"(<!-- pins: written by make generate -->\n).*?(<!-- end of pins -->)", re.S)
_TABLE = re.compile(r'PINS = b"""\\\n(.*?)"""', re.S)
_KINDS = {
    "can": "CAN bus, id: TX, RX",
    "spi": "SPI bus, id: SCK, MISO, MOSI",
    "cs": "chip select, high at rest",
    "out": "output, low at start, external pull-down",
    "pwm": "speed as pulse width, 0 at start, external pull-down",
    "tacho": "fans' tacho with pull-up, where they are fitted instead of a flow switch",
    "in": "input with pull-up, contact to ground = well",
    "analog": "analog, 0..3.3 V",
}


def pins(board_py: Path) -> list[list[str]]:
    """Rows [kind, name, pin] of a board.py, without importing it."""
    found = _TABLE.search(board_py.read_text(encoding="utf-8"))
    if found is None:
        raise AutarkyError(f'{board_py} has no PINS table: PINS = b"""... is wanted')
    return [line.split() for line in found[1].splitlines() if line.strip()]


def board_pages() -> dict[Path, str]:
    """Every board's README with its pin table renewed."""
    pages = {}
    for board in all_boards():
        page = board.folder / "README.md"
        text = page.read_text(encoding="utf-8")
        if _SECTION.search(text) is None:
            continue
        lines = ["| signal | pin | what |", "|---|---|---|"]
        lines += [
            f"| {name} | {pin.replace(':', ': ').replace(',', ', ')} | {_KINDS[kind]} |"
            for kind, name, pin in pins(board.folder / "board.py")
        ]
        table = "\n".join(lines) + "\n"
        pages[page] = _SECTION.sub(lambda m, t=table: m[1] + t + m[2], text)
    return pages
