"""What travels on the cable to a board, both ways, and what is said where it is not ours."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from autarky_tools.rig import boards_here
from hypothesis import given
from hypothesis import strategies as st

from autarky.rig import cable as host
from autarky.rig import on_board
from autarky.rig.cable import Cable
from autarky.rig.processor import Measures, ProcessorFirmware
from autarky.sil.firmware import Done, FirmwareLost

RAW = b"raw REPL; CTRL-B to exit\r\n>"
PROMPTS = {b"\r\x01": RAW, b"\x04": b"OK\r\nMPY: soft reboot\r\n" + RAW}


class Source(io.BytesIO):
    """Reads as MicroPython's streams do: at most `size` bytes into a buffer."""

    def readinto(self, buffer, size):
        data = self.read(size)
        memoryview(buffer)[: len(data)] = data
        return len(data)


@given(st.binary(min_size=1, max_size=2500), st.lists(st.integers(0, 2499)))
def test_a_part_never_holds_ctrl_c_and_arrives_as_it_was(content: bytes, places) -> None:
    data = bytearray(content)
    for place in places:
        data[place % len(data)] = 3
    sent = host.part(bytes(data))
    assert 3 not in sent
    board = on_board.Cable(Source(sent + b"rest"), io.BytesIO(), 16)
    got = bytearray(len(data))
    assert board.read_into(got, len(got))
    assert got == data
    assert board._readinto.__self__.read() == b"rest"


def test_a_host_that_has_gone_is_the_end_at_any_byte() -> None:
    sent = host.part(b"12\x03\x03")
    for size in range(len(sent)):
        board = on_board.Cable(Source(sent[:size]), io.BytesIO(), 16)
        assert not board.read_into(bytearray(4), 4), size


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({}, "the board does not come to its raw prompt; it said 'nothing'"),
        ({b"\r\x01": b"login: "}, "does not come to its raw prompt; it said 'login:'"),
        (PROMPTS | {b"\x05A\x01": b"R\0xx"}, "the board has no raw paste mode: flash the official"),
        (PROMPTS | {b"\x05A\x01": b"R\x01\x04\0", b"\n1\n2": b"\x04"}, "took no program"),
        (PROMPTS | {b"\x05A\x01": b"R\x01"}, "took no program"),
        (PROMPTS | {b"\x05A\x01": b"R\x01\0\x04", b"\n1\n2\n\x04": b"?"}, "took no program"),
    ],
)
def test_a_console_that_is_no_board_s_is_told_from_one(monkeypatch, answers, sentence) -> None:
    monkeypatch.setattr(host, "_PROMPTS_S", (0.5, 1.0))
    with boards_here.answering(answers) as cable, pytest.raises(FirmwareLost, match=sentence):
        cable.run(b"\n1\n2\n")


def test_nothing_is_written_beyond_a_region_s_end() -> None:
    region = on_board.HostRegion(on_board.Cable(Source(), io.BytesIO(), 16), 0, 10)
    with pytest.raises(ValueError, match="write beyond the end of the region"):
        region.write(8, b"123")


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Iterator[str]:
    """The port of a chip as it comes from the factory."""
    with boards_here.at_its_prompt(tmp_path_factory.mktemp("bare")) as board:
        yield board.path


def firmware(cable: Cable, folder: Path) -> ProcessorFirmware:
    return ProcessorFirmware(cable, "cabinet 2", folder, Measures())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("print('hello')\n1 // 0", "ended its program; it said:\nhello(?s:.*)ZeroDivisionError"),
        ("import gc gc", "ended its program; it said:(?s:.*)SyntaxError"),
        (
            "import sys\nprint('hm')\nsys.stdout.buffer.write(bytes([30] + [9] * 16))",
            r"sent a record of kind 151587081, which is none of ours.*b'hm",
        ),
    ],
)
def test_a_program_that_does_otherwise_is_told_with_its_words(
    bare: str, tmp_path: Path, monkeypatch, program: str, sentence: str
) -> None:
    monkeypatch.setattr(host, "_LEAVE_S", 1.0)  # one has ended already, and says nothing more
    with boards_here.cable(bare) as cable, pytest.raises(FirmwareLost, match=sentence):
        cable.run(program.encode())
        firmware(cable, tmp_path).receive_done()


@pytest.mark.slow
def test_a_program_that_hangs_is_told_and_left(bare: str, tmp_path: Path) -> None:
    ready = struct.pack("<BIIII", on_board.MARK, 0, 0, 0, on_board.READY)
    program = f"""
import micropython, sys
micropython.kbd_intr(3)
sys.stdout.buffer.write({ready!r})
try:
    while True:
        pass
finally:
    micropython.kbd_intr(-1)
"""
    with boards_here.cable(bare, 0.3) as cable:
        cable.run(program.encode())
        running = firmware(cable, tmp_path)
        running.begin("", 1, False)
        with pytest.raises(
            FirmwareLost, match=r"the board behind .* has not answered for 0 s: its"
        ):
            running.receive_done()
        running.close()
        cable.run(b"print('I am back')")
        with pytest.raises(FirmwareLost, match="I am back"):
            running.receive_done()


@pytest.mark.slow
def test_what_is_printed_between_records_does_not_spoil_them(bare: str, tmp_path: Path) -> None:
    frame = struct.pack("<IBB2x8s", 0x181, 2, 1, b"\x1e\x04")
    done = struct.pack("<BIIII", on_board.MARK, 5, 1, 4, 0) + frame + b"\2\0\1\2"
    program = f"""
import sys
for number in range(3):
    print("noise", number, "\u00fc")
    sys.stdout.buffer.write({done!r} + bytes([number, 0, 0, 0] + [7, 1, 0, 0] * 3))
print("end")
sys.stdin.buffer.read(1)
"""
    with boards_here.cable(bare) as cable:
        cable.run(program.encode())
        running = firmware(cable, tmp_path)
        for number in range(3):
            assert running.receive_done() == Done(5, [(1, 0x181, b"\x1e\x04")], [b"\1\2"])
            assert f"noise {number}".encode() in cable.said
        assert list(running.measures.tick_us) == [0, 1, 2]
        assert list(running.measures.heap_before_bytes) == [263] * 3
