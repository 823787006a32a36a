"""machine.CAN behind faces that survive a restart."""

from bess.link.can_port import CanPort
from bess.port.can_controller import CanController, SharedCan


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
