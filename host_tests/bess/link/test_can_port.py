from bess.link.can_port import CanPort


class Controller:
    IRQ_RX = 1
    STATE_BUS_OFF = 4

    def __init__(self):
        self.frames = []
        self.filters = None
        self.handler = None
        self.now = 1
        self.sent = []
        self.answer = 0
        self.raises = False

    def set_filters(self, filters):
        self.filters = filters

    def irq(self, handler, trigger):
        self.handler = handler

    def recv(self, slot):
        if not self.frames:
            return None
        can_id, data, flags = self.frames.pop(0)
        slot[0], slot[1], slot[2], slot[3] = can_id, memoryview(data), flags, 0
        return slot

    def send(self, can_id, data):
        if self.raises:
            raise OSError(5)
        self.sent.append(can_id)
        return self.answer

    def state(self):
        return self.now

    def restart(self):
        self.now = 1


def build():
    controller = Controller()
    return CanPort(controller, ((1, 2, 0),)), controller


def interrupt(controller, frames):
    controller.frames += frames
    controller.handler(controller)


def test_frames_come_out_in_order():
    port, controller = build()
    interrupt(controller, [(i, bytes((i, 2)), 0) for i in range(10)])
    for i in range(10):
        assert port.receive()
        assert (port.rx_id, port.rx_length) == (i, 2)
        assert bytes(port.rx_data) == bytes((i, 2, 0, 0, 0, 0, 0, 0))
    assert not port.receive()


def test_a_full_ring_counts_what_it_lost_and_keeps_the_old():
    port, controller = build()
    interrupt(controller, [(i, b"", 0) for i in range(100)])
    assert port.rx_lost == 100 - 63
    for i in range(63):
        assert port.receive()
        assert port.rx_id == i
    assert not port.receive()


def test_extended_and_remote_frames_never_pass():
    port, controller = build()
    interrupt(controller, [(1, b"", 1), (2, b"", 2), (3, b"", 0)])
    assert port.receive()
    assert port.rx_id == 3
    assert not port.receive()


def test_a_full_controller_and_a_dead_bus_are_counted():
    port, controller = build()
    assert port.send(5, b"")
    controller.answer = None
    assert not port.send(5, b"")
    controller.raises = True
    assert not port.send(5, b"")
    assert port.tx_lost == 2


def test_bus_off_is_restarted_with_growing_pauses():
    port, controller = build()
    restarts = []
    controller.restart = lambda: restarts.append(now)
    controller.now = 4
    for now in range(0, 20000, 100):
        port.recover(now)
    assert port.bus_off
    assert port.bus_offs == 1
    pauses = [b - a for a, b in zip([0] + restarts, restarts)]
    assert pauses == [100, 200, 400, 800, 1600, 3200, 3200, 3200, 3200, 3200]
    controller.now = 1
    port.recover(20000)
    assert not port.bus_off


def test_pauses_start_over_after_a_minute_without_trouble():
    port, controller = build()
    controller.now = 4
    for now in range(0, 2000, 100):
        controller.now = 4
        port.recover(now)
    for now in range(2000, 63000, 100):
        controller.now = 1
        port.recover(now)
    restarts = []
    controller.restart = lambda: restarts.append(now)
    controller.now = 4
    for now in range(63000, 63500, 100):
        port.recover(now)
    assert restarts[0] == 63100
