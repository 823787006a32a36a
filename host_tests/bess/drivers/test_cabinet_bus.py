"""Frames of the cabinet bus to their drivers."""

from types import SimpleNamespace

import pytest
from built import built

from bess.drivers.cabinet_bus import CabinetBus
from bess.link.can_port import CanPort


@pytest.fixture
def app():
    return built()


class Controller:
    """Frames that have come in."""

    IRQ_RX = 1

    def __init__(self):
        self.frames = []

    def set_filters(self, filters):
        pass

    def irq(self, handler, trigger):
        self.handler = handler

    def come(self, *frames):
        self.frames += frames
        self.handler(self)

    def recv(self, slot):
        if not self.frames:
            return None
        slot[0], slot[1] = self.frames.pop(0)
        slot[2] = slot[3] = 0
        return slot


@pytest.fixture
def bench():
    controller, calls = Controller(), []

    def driver(name, *ids):
        def receive(can_id, data, length, now_ms):
            calls.append((name, can_id, bytes(data), length, now_ms))

        return SimpleNamespace(ids=ids, receive=receive)

    drivers = driver("sensor", 0x521, 0x522), driver("pcs", 0x190)
    bus = CabinetBus(CanPort(controller, ()), drivers)
    return controller, bus, calls


def test_a_frame_goes_to_the_driver_of_its_identifier_and_to_nobody_else(bench):
    controller, bus, calls = bench
    controller.come((0x190, b"12345678"), (0x7FF, b""), (0x522, b"abc"))
    bus.receive(90)
    assert calls == [
        ("pcs", 0x190, b"12345678", 8, 90),
        ("sensor", 0x522, b"abc" + bytes(5), 3, 90),
    ]
    bus.receive(100)
    assert len(calls) == 2


def test_every_driver_of_the_cabinet_is_on_its_bus(app):
    receivers = app.cabinet_bus._receivers
    for can_id in (0x521, 0x524, 0x511):
        assert receivers[can_id] == app.string.ivt.receive
    assert receivers[0x190] == app.pcs_can.receive
    assert receivers[0x037] == receivers[0x023] == app.monitor.receive
    assert 0x520 not in receivers


def test_a_babbling_node_costs_at_most_32_frames_a_tick(bench):
    controller, bus, calls = bench
    controller.come(*[(0x521, bytes((n,))) for n in range(40)])
    bus.receive(0)
    assert len(calls) == 32
    bus.receive(0)
    assert [call[2][0] for call in calls] == list(range(40))


def test_a_frame_that_raised_does_not_come_again(bench):
    controller, bus, calls = bench
    bus._receivers[0x190] = lambda *_: 1 / 0
    controller.come((0x190, b""), (0x521, b""))
    with pytest.raises(ZeroDivisionError):
        bus.receive(0)
    bus.receive(10)
    assert [call[0] for call in calls] == ["sensor"]


def test_the_ring_holds_all_but_one_of_its_places_while_frames_are_handed_out(bench):
    controller, bus, calls = bench
    for _ in range(5):
        controller.come(*[(0x521, bytes((n,))) for n in range(70)])
        assert bus._port.rx_lost == 7
        bus._port.rx_lost = 0
        bus.receive(0)
        bus.receive(0)
        assert [call[2][0] for call in calls] == list(range(63))
        calls.clear()
