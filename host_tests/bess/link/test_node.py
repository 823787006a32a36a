from bess import objects
from bess.link.e2e import Sender, data_ids
from bess.link.frames import FrameCodec
from bess.link.node import OPERATIONAL, PRE_OPERATIONAL, STOPPED, Node

NODE_ID = 5


class Port:
    """A CanPort with a list in and a list out."""

    def __init__(self):
        self.waiting = []
        self.sent = []
        self.full = False
        self.rx_id = self.rx_length = 0
        self.rx_data = bytearray(8)

    def receive(self):
        if not self.waiting:
            return False
        self.rx_id, data = self.waiting.pop(0)
        self.rx_length = len(data)
        self.rx_data = bytearray(data) + bytearray(8 - len(data))
        return True

    def send(self, can_id, data):
        if self.full:
            return False
        self.sent.append((can_id, bytes(data)))
        return True


def build(configured=True):
    port = Port()
    codec = FrameCodec(objects.PDO_TABLE)
    node = Node(port, codec, objects.PDO_TABLE, NODE_ID, configured, 500, 1000, 3, 5)
    return node, port, codec


def run(node, port, start_ms, end_ms):
    for now in range(start_ms, end_ms, 10):
        node.poll(now)
        node.transmit(now)
    sent, port.sent = port.sent, []
    return sent


def started():
    node, port, codec = build()
    run(node, port, 0, 10)
    port.waiting.append((0, bytes((1, 0))))
    run(node, port, 10, 20)
    return node, port, codec


def commands(count, power=100, node_id=NODE_ID, sender=None):
    sender = sender or Sender(data_ids(0, node_id))
    codec = FrameCodec(objects.PDO_TABLE)
    codec.image[codec.slot("command", "mode_request")] = 2
    codec.image[codec.slot("command", "active_power")] = power
    out = []
    for _ in range(count):
        frame = bytearray(8)
        codec.pack(codec.frame("command"), frame)
        sender.protect(frame)
        out.append((0x200 + node_id, bytes(frame)))
    return out


def test_boot_up_then_pre_operational_with_heartbeat_only():
    node, port, _ = build()
    sent = run(node, port, 0, 1100)
    assert sent[0] == (0x700 + NODE_ID, b"\x00")
    assert sent[1:] == [(0x700 + NODE_ID, b"\x7f")] * 2
    assert node.state == PRE_OPERATIONAL


def test_boot_up_is_repeated_until_it_could_be_queued():
    node, port, _ = build()
    port.full = True
    run(node, port, 0, 50)
    port.full = False
    assert run(node, port, 50, 60) == [(0x700 + NODE_ID, b"\x00")]


def test_pdos_come_in_operational_only():
    node, port, _ = started()
    port.waiting.append((0x80, b"\x01"))
    ids = [f[0] for f in run(node, port, 20, 40)]
    assert ids.count(0x180 + NODE_ID) == 1
    assert ids.count(0x280 + NODE_ID) == 1
    port.waiting.append((0, bytes((128, NODE_ID))))
    port.waiting.append((0x80, b"\x02"))
    ids = [f[0] for f in run(node, port, 40, 60)]
    assert 0x180 + NODE_ID not in ids


def test_event_pdos_come_once_a_second():
    node, port, _ = started()
    ids = [f[0] for f in run(node, port, 20, 3020)]
    assert ids.count(0x380 + NODE_ID) in (3, 4)


def test_nmt_for_another_node_or_of_wrong_length_is_ignored():
    node, port, _ = started()
    for data in (bytes((2, NODE_ID + 1)), bytes((2,)), bytes((2, 0, 0)), b""):
        port.waiting.append((0, data))
    run(node, port, 20, 40)
    assert node.state == OPERATIONAL


def test_stop_silences_all_but_the_heartbeat():
    node, port, _ = started()
    port.waiting.append((0, bytes((2, 0))))
    node.emergency(0x3210, 5, 19, 3)
    port.waiting.append((0x80, b"\x01"))
    sent = run(node, port, 20, 1020)
    assert node.state == STOPPED
    assert node.stop_requested
    assert {f[0] for f in sent} == {0x700 + NODE_ID}


def test_emergency_waits_while_stopped_and_comes_after():
    node, port, _ = started()
    port.waiting.append((0, bytes((2, 0))))
    run(node, port, 20, 30)
    node.emergency(0x3210, 5, 19, 3)
    assert (0x80 + NODE_ID) not in [f[0] for f in run(node, port, 30, 60)]
    port.waiting.append((0, bytes((1, 0))))
    sent = run(node, port, 60, 90)
    assert (0x80 + NODE_ID, bytes((0x10, 0x32, 5, 19, 3, 0, 0, 0))) in sent


def test_commands_are_taken_after_five_good_ones():
    node, port, codec = started()
    port.waiting += commands(4)
    run(node, port, 20, 30)
    assert node.received_ms(0) == -1
    port.waiting += commands(5)[4:]
    run(node, port, 30, 40)
    assert node.received_ms(0) == 30
    assert codec.image[codec.slot("command", "active_power")] == 100


def test_commands_for_another_node_change_nothing():
    node, port, _ = started()
    port.waiting += [(0x200 + NODE_ID, data) for _, data in commands(16, node_id=NODE_ID + 1)]
    run(node, port, 20, 30)
    assert node.received_ms(0) == -1


def test_commands_are_refused_before_operational():
    node, port, _ = build()
    run(node, port, 0, 10)
    port.waiting += commands(6)
    run(node, port, 10, 20)
    assert node.received_ms(0) == -1


def test_unknown_identifiers_only_count():
    node, port, codec = started()
    before = list(codec.image)
    for can_id in range(0x800):
        known = can_id in (0, 0x80, 0x200 + NODE_ID, 0x700 + NODE_ID)
        if not known:
            port.waiting.append((can_id, b"\xff" * 8))
    run(node, port, 20, 2000)
    assert list(codec.image) == before
    assert node.unknown_frames == 0x800 - 4
    assert node.state == OPERATIONAL


def test_own_heartbeat_identifier_means_a_duplicate():
    node, port, _ = started()
    port.waiting.append((0x700 + NODE_ID, b"\x05"))
    run(node, port, 20, 30)
    assert node.duplicate_id


def test_work_per_tick_is_bounded_under_a_babbling_node():
    node, port, _ = started()
    port.waiting += [(0x123, b"")] * 100
    node.poll(20)
    assert len(port.waiting) == 100 - 24


def test_unconfigured_node_is_silent_and_deaf():
    node, port, _ = build(configured=False)
    port.waiting.append((0, bytes((1, 0))))
    node.emergency(0x3210, 5, 19, 3)
    assert run(node, port, 0, 2000) == []
    assert node.state == 0


def test_reset_communication_boots_again():
    node, port, _ = started()
    port.waiting.append((0, bytes((130, NODE_ID))))
    run(node, port, 20, 30)
    assert node.reset_requested
    assert node.stop_requested
    node.restart_communication()
    assert run(node, port, 30, 40)[0] == (0x700 + NODE_ID, b"\x00")
