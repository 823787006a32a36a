"""The board's console: what it says, and what it takes."""

import os
import sys

import pytest

from bess.console import Console


class Cabinet:
    rests = True

    def at_rest(self):
        return self.rests

    class node:
        node_id = 5
        booted = False

    class modes:
        said = ""

        @classmethod
        def self_test_result(cls):
            return cls.said

    def __init__(self) -> None:
        self.confirmed: list[int] = []
        self.command = self

    def confirm(self, value: int) -> int:
        self.confirmed.append(value)
        return 0


@pytest.fixture
def typed(monkeypatch):
    """A terminal: write to it, and the console reads it."""
    out, into = os.pipe()

    class Stdin:  # unbuffered, as MicroPython's
        def fileno(self) -> int:
            return out

        @property
        def buffer(self):
            return self

        def read(self, count: int) -> bytes:
            return os.read(out, count)

    monkeypatch.setattr(sys, "stdin", Stdin())
    yield lambda text: os.write(into, text if isinstance(text, bytes) else text.encode())
    os.close(into)
    os.close(out)


def test_it_says_heartbeat_and_self_test_once(typed, tmp_path, capsys) -> None:
    console, cabinet = Console(str(tmp_path)), Cabinet()
    assert console.step(cabinet) is False
    assert capsys.readouterr().out == ""
    cabinet.node.booted = True
    cabinet.modes.said = "passed"
    console.step(cabinet)
    console.step(cabinet)
    assert capsys.readouterr().out == "autarky: heartbeat of node 5\nautarky: self-test passed\n"
    cabinet.node.booted = False
    cabinet.modes.said = ""


def test_ctrl_c_at_rest_asks_for_service_and_under_load_is_refused(typed, tmp_path, capsys) -> None:
    console, cabinet = Console(str(tmp_path)), Cabinet()
    cabinet.rests = False
    typed(b"\xff\xc3\x80\x03")
    assert console.step(cabinet) is False
    assert "contactors are closed" in capsys.readouterr().out
    assert not (tmp_path / "service").exists()
    cabinet.rests = True
    typed("\x03")
    assert console.step(cabinet) is True
    assert (tmp_path / "service").exists()


def test_a_flood_costs_a_bounded_number_of_characters_a_step(typed, tmp_path, capsys) -> None:
    console, cabinet = Console(str(tmp_path)), Cabinet()
    cabinet.rests = False
    typed(b"\x03" * 1000)
    console.step(cabinet)
    assert capsys.readouterr().out.count("contactors are closed") == 1
    cabinet.rests = True
    typed(b"x" * 79 + b"\x03")
    assert any(console.step(cabinet) for _ in range(200))  # a Ctrl-C of the flood, now at rest
    (tmp_path / "service").unlink()


def test_eight_characters_a_step(typed, tmp_path) -> None:
    console, cabinet = Console(str(tmp_path)), Cabinet()
    typed(b"x" * 79 + b"\x03")
    assert [console.step(cabinet) for _ in range(10)] == [False] * 9 + [True]


def test_who_holds_the_cable_may_confirm(typed, tmp_path, capsys) -> None:
    console, cabinet = Console(str(tmp_path)), Cabinet()
    typed("\x06")
    console.step(cabinet)
    assert cabinet.confirmed == [1]
    assert "program confirmed" in capsys.readouterr().out
