"""The board's console, and machine.CAN behind faces that survive a restart."""

import os
import sys

import pytest

from bess.link.can_port import CanPort
from bess.port.can_controller import CanController, SharedCan
from bess.port.console import Console


class Cabinet:
    at_rest = True
    self_test_result = ""

    class node:
        node_id = 5
        booted = False

    def __init__(self) -> None:
        self.confirmed: list[int] = []

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
    cabinet.self_test_result = "passed"
    console.step(cabinet)
    console.step(cabinet)
    assert capsys.readouterr().out == "autarky: heartbeat of node 5\nautarky: self-test passed\n"
    cabinet.node.booted = False


def test_ctrl_c_at_rest_asks_for_service_and_under_load_is_refused(typed, tmp_path, capsys) -> None:
    console, cabinet = Console(str(tmp_path)), Cabinet()
    cabinet.at_rest = False
    typed(b"\xff\xc3\x80\x03")
    assert console.step(cabinet) is False
    assert "contactors are closed" in capsys.readouterr().out
    assert not (tmp_path / "service").exists()
    cabinet.at_rest = True
    typed("\x03")
    assert console.step(cabinet) is True
    assert (tmp_path / "service").exists()


def test_a_flood_costs_a_bounded_number_of_characters_a_step(typed, tmp_path, capsys) -> None:
    console, cabinet = Console(str(tmp_path)), Cabinet()
    cabinet.at_rest = False
    typed(b"\x03" * 1000)
    console.step(cabinet)
    assert capsys.readouterr().out.count("contactors are closed") == 1
    cabinet.at_rest = True
    typed(b"x" * 1000)
    for _ in range(20):
        assert console.step(cabinet) in (False, True)


def test_who_holds_the_cable_may_confirm(typed, tmp_path, capsys) -> None:
    console, cabinet = Console(str(tmp_path)), Cabinet()
    typed("\x06")
    console.step(cabinet)
    assert cabinet.confirmed == [1]
    assert "program confirmed" in capsys.readouterr().out


class Can:
    """A machine.CAN that forgets at every restart, as mimxrt's does."""

    IRQ_RX = 2
    STATE_BUS_OFF = 4

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes, int]] = []
        self.filters = self.handler = None
        self.bitrate = 0

    def set_filters(self, filters):
        self.filters = list(filters)

    def irq(self, handler, trigger):
        self.handler = handler

    def recv(self, slot):
        if not self.frames:
            return None
        slot[0], data, slot[2] = self.frames.pop(0)
        slot[1] = memoryview(data)
        return slot

    def send(self, can_id, data, flags=0):
        return 0

    def state(self):
        return 1

    def restart(self):
        assert self.handler is not None  # a restart before the first irq() is a crash there
        self.filters = self.handler = None

    def init(self, bitrate):
        self.bitrate = bitrate
        self.filters = self.handler = None

    def take(self, *frames):
        self.frames += frames
        self.handler(self)


def drained(port: CanPort) -> list[tuple[int, bytes]]:
    found = []
    while port.receive():
        found.append((port.rx_id, bytes(port.rx_data[: port.rx_length])))
    return found


def test_filters_and_handler_survive_restart_and_init() -> None:
    can = Can()
    controller = CanController(can)
    controller.restart()
    port = CanPort(controller, [(0x100, 0x7FF, 0)])
    for again in (controller.restart, lambda: port.set_bit_rate(250)):
        again()
        assert can.filters == [(0x100, 0x7FF, 0)]
        can.take((0x100, b"\1", 0))
        assert drained(port) == [(0x100, b"\1")]
    assert can.bitrate == 250_000


def test_two_ports_share_one_controller_each_with_its_own_filters() -> None:
    can = Can()
    shared = SharedCan(CanController(can))
    site = CanPort(shared.faces[0], [(0x202, 0x7FF, 0), (0x080, 0x7FF, 0)])
    cabinet = CanPort(shared.faces[1], [(0x520, 0x7F8, 0), (0x080, 0x7FF, 0)])
    assert can.filters == [
        (0x202, 0x7FF, 0),
        (0x080, 0x7FF, 0),
        (0x520, 0x7F8, 0),
        (0x080, 0x7FF, 0),
    ]
    can.take((0x202, b"a", 0), (0x521, b"b", 0), (0x080, b"c", 0), (0x333, b"d", 0))
    assert drained(site) == [(0x202, b"a"), (0x080, b"c")]
    assert drained(cabinet) == [(0x521, b"b"), (0x080, b"c")]
    shared.faces[0].restart()
    can.take((0x521, b"e", 0))
    assert drained(cabinet) == [(0x521, b"e")]
    assert drained(site) == []
