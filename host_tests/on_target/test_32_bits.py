"""The firmware gives the same DONE in every tick on 32 bits, on 64 bits and on CPython.

What 64 bits cannot show is an integer beyond 31 bits under a locked heap: it allocates on every
board, the task dies and the contactors open.
"""

from pathlib import Path

import pytest

from autarky.arm import debian, heap, interpreters
from autarky.arm.compare import compare, differing_fields
from autarky.arm.interpreters import play
from autarky.arm.records import NAMES, Maker
from autarky.build.boards import Board, all_boards
from autarky.paths import FIRMWARE

pytestmark = pytest.mark.slow
# a string of 2.8 kV is beyond what its sensor tells; precharging is beyond a range of 1 A
NEVER_RUNS = {"270 cells, AFE words", "parameters at their minimum"}
HEAP_BYTES = 160 * 1024


@pytest.fixture(scope="module")
def maker() -> Maker:
    return Maker()


@pytest.mark.parametrize("name", NAMES)
def test_every_done_is_the_same_on_32_bits_on_64_bits_and_on_cpython(
    name: str, maker: Maker, tmp_path: Path
) -> None:
    others = [interpreters.cpython(), interpreters.webassembly()]
    record = maker.standing(name)
    right, found = compare(record, interpreters.folders(), tmp_path, interpreters.unix(), others)
    assert not found, "\n".join(map(str, found))
    assert not right.dead
    assert len(right.digests) == len(record.ticks)
    assert "run" in right.states or name in NEVER_RUNS


def test_a_planted_overflow_is_seen_on_32_bits_only(maker: Maker, tmp_path: Path) -> None:
    """One product widened: the string's power without rounding first, 10**10 at 280 A."""
    text = (FIRMWARE / "bess" / "measure" / "string_meter.py").read_text()
    narrow = "(self.string_mv // 100) * (self.current_ma // 100) // 100"
    assert narrow in text
    wide = text.replace(narrow, "self.string_mv * self.current_ma // 1000000")
    folders = interpreters.folders({"bess/measure/string_meter": wide.encode()})
    record = maker.standing("normal run")
    planted, (found,) = compare(
        record, folders, tmp_path, interpreters.unix(), [interpreters.webassembly()]
    )
    assert not planted.dead
    assert found.tick < len(record.ticks)
    assert "MemoryError" in found.text
    assert "dead tasks: ['fast']" in found.fields
    assert str(found.tick) == found.command.split()[-1]


def test_a_record_repeats_itself(tmp_path: Path) -> None:
    first, second = (Maker().fuzzed(3).write(tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert play(interpreters.cpython(), tmp_path, first).digests


def test_a_difference_is_told_by_its_field() -> None:
    head = (1).to_bytes(4, "little")
    right = head + (1).to_bytes(4, "little") + bytes(8) + bytes(8) + b"\x01" + bytes(7)
    seen = bytes(16)
    assert differing_fields(right, seen) == [
        "output minus: 0, expected 1", "frame 0: none, expected bus 0 000#",
    ]  # fmt: skip
    assert differing_fields(right, b"") == ["no DONE: the firmware had died"]


def test_the_debian_mirror_is_the_machines_own(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("# deb http://old/debian x main\n")
    with pytest.raises(debian.DebianError, match="no Debian mirror"):
        debian.mirror(tmp_path)
    (parts / "other.sources").write_text("URIs: https://deb.nodesource.com/node_20.x\n")
    (parts / "debian.sources").write_text("Types: deb\nURIs: http://mirror.site/debian\n")
    assert debian.mirror(tmp_path) == "http://mirror.site/debian"
    (tmp_path / "sources.list").write_text("deb [arch=amd64] http://one.line/debian sid main\n")
    assert debian.mirror(tmp_path) == "http://one.line/debian"


@pytest.mark.parametrize(
    "board", [b for b in all_boards() if b.port != "unix"], ids=lambda b: b.name
)
def test_heap_after_boot_leaves_a_board_room_to_work(board: Board) -> None:
    """Of a board's 256 KiB (boards.md), on words of 32 bits as it has them.

    What is left is for an update, the console and fragments; an image that a board without ROMFS
    keeps in its heap stands in that board's own budget.
    """
    estimate = heap.estimate(board)
    held_bytes = estimate.image_bytes if board.rom == "heap" else 0
    assert estimate.heap_bytes - held_bytes <= HEAP_BYTES
    assert estimate.heap_bytes <= estimate.budget_bytes
