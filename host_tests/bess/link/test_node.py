from bess import objects
from bess.link.e2e import Sender, data_ids
from bess.link.frames import FrameCodec
from bess.link.node import OPERATIONAL, PRE_OPERATIONAL, STOPPED, Node
from bess.link.pdo import Pdos
from bess.parameters import Parameters

NODE_ID = 5


class Port:
    """A CanPort with a list in and a list out."""

    def __init__(self):
        self.waiting = []
        self.sent = []
        self.full = False
        self.rx_id = self.rx_length = 0
        self.rx_data = bytearray(8)
        self.filters = ()

    def set_filters(self, filters):
        self.filters = filters

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


class Idle:
    """SDO and LSS servers that only remember what they got."""

    busy = False
    idle = True

    def __init__(self):
        self.seen = []
        self.pending_id = NODE_ID

    def request(self, data, now_ms=0):
        self.seen.append(bytes(data))

    def reset(self):
        self.seen.append("reset")


def build(configured=True):
    port = Port()
    codec = FrameCodec(objects.PDO_TABLE)
    parameters = Parameters()
    parameters.set("node_id", NODE_ID)
    parameters.set("node_configured", 1 if configured else 0)
    pdo = Pdos(port, codec, objects.PDO_TABLE, parameters)
    pdo.stream = codec.frame("cell_stream")
    pdo.fill = lambda frame: None
    node = Node(port, pdo, parameters, (0, 1, 2, 3))
    node.sdo = Idle()
    node.lss = Idle()
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
    node.emcy.put(0x3210, 5, 19, 3)
    port.waiting.append((0x80, b"\x01"))
    sent = run(node, port, 20, 1020)
    assert node.state == STOPPED
    assert node.stop_requested
    assert {f[0] for f in sent} == {0x700 + NODE_ID}


def test_emergency_waits_while_stopped_and_comes_after():
    node, port, _ = started()
    port.waiting.append((0, bytes((2, 0))))
    run(node, port, 20, 30)
    node.emcy.put(0x3210, 5, 19, 3)
    assert (0x80 + NODE_ID) not in [f[0] for f in run(node, port, 30, 60)]
    port.waiting.append((0, bytes((1, 0))))
    sent = run(node, port, 60, 90)
    assert (0x80 + NODE_ID, bytes((0x10, 0x32, 5, 19, 3, 0, 0, 0))) in sent


def test_commands_are_taken_after_five_good_ones():
    node, port, codec = started()
    port.waiting += commands(4)
    run(node, port, 20, 30)
    assert node.pdo.heard_ms[0] == -1
    port.waiting += commands(5)[4:]
    run(node, port, 30, 40)
    assert node.pdo.heard_ms[0] == 30
    assert codec.image[codec.slot("command", "active_power")] == 100


def test_commands_for_another_node_change_nothing():
    node, port, _ = started()
    port.waiting += [(0x200 + NODE_ID, data) for _, data in commands(16, node_id=NODE_ID + 1)]
    run(node, port, 20, 30)
    assert node.pdo.heard_ms[0] == -1


def test_commands_are_refused_before_operational():
    node, port, _ = build()
    run(node, port, 0, 10)
    port.waiting += commands(6)
    run(node, port, 10, 20)
    assert node.pdo.heard_ms[0] == -1


KNOWN = (0, 0x80, 0x200 + NODE_ID, 0x600 + NODE_ID, 0x700 + NODE_ID, 0x701, 0x7E5)


def test_unknown_identifiers_only_count():
    node, port, codec = started()
    before = list(codec.image)
    for can_id in range(0x800):
        known = can_id in KNOWN
        if not known:
            port.waiting.append((can_id, b"\xff" * 8))
    run(node, port, 20, 2000)
    assert list(codec.image) == before
    assert node.unknown_frames == 0x800 - len(KNOWN)
    assert node.state == OPERATIONAL


def test_three_heartbeats_with_our_identifier_mean_a_duplicate():
    node, port, _ = started()
    for at in (20, 520):
        port.waiting.append((0x700 + NODE_ID, b"\x05"))
        run(node, port, at, at + 10)
    assert not node.duplicate_id
    port.waiting.append((0x700 + NODE_ID, b"\x05"))
    run(node, port, 1020, 1030)
    assert node.duplicate_id
    node.service(1030)
    assert node.stop_requested


def test_stray_frames_with_our_identifier_are_no_duplicate():
    node, port, _ = started()
    for at in (20, 5030, 10040, 15050):
        port.waiting.append((0x700 + NODE_ID, b"\x05"))
        port.waiting.append((0x700 + NODE_ID, b"\x33"))
        port.waiting.append((0x700 + NODE_ID, b"\x05\x05"))
        run(node, port, at, at + 10)
    assert not node.duplicate_id


def test_the_coordinator_s_heartbeat_is_watched_once_it_was_heard():
    node, port, _ = started()
    run(node, port, 20, 4000)
    assert not node.guard_lost
    port.waiting.append((0x701, b"\x05"))
    run(node, port, 4000, 5500)
    assert not node.guard_lost
    run(node, port, 5500, 5510)
    assert node.guard_lost
    assert node.state == OPERATIONAL  # 0x1029:1 = 1: the PDOs go on
    port.waiting.append((0x701, b"\x05"))
    run(node, port, 5510, 5520)
    assert not node.guard_lost


def test_requests_wait_for_the_service_task_and_a_storm_loses_only_itself():
    node, port, _ = started()
    port.waiting += [(0x600 + NODE_ID, bytes((0x40, i, 0, 0, 0, 0, 0, 0))) for i in range(60)]
    node.poll(20)
    assert node.sdo.seen == []
    node.poll(30)
    node.service(30)
    assert len(node.sdo.seen) == 20
    for now in (40, 50, 60):
        node.poll(now)
    assert node.service_lost == 60 - 20 - 31
    assert node.state == OPERATIONAL


def test_short_requests_and_requests_in_stopped_are_dropped():
    node, port, _ = started()
    port.waiting += [(0x600 + NODE_ID, b"\x40\x00\x10"), (0x7E5, b"\x04")]
    node.poll(20)
    port.waiting.append((0, bytes((2, 0))))
    port.waiting.append((0x600 + NODE_ID, bytes(8)))
    node.poll(30)
    node.service(30)
    assert node.sdo.seen == []
    assert node.lss.seen == []


def test_work_per_tick_is_bounded_under_a_babbling_node():
    node, port, _ = started()
    port.waiting += [(0x123, b"")] * 100
    node.poll(20)
    assert len(port.waiting) == 100 - 16


def test_unconfigured_node_is_silent_and_deaf():
    node, port, _ = build(configured=False)
    port.waiting.append((0, bytes((1, 0))))
    node.emcy.put(0x3210, 5, 19, 3)
    assert run(node, port, 0, 2000) == []
    assert [f[0] for f in port.filters] == [0x7E5]
    assert node.state == 0


def test_reset_communication_boots_again():
    node, port, _ = started()
    port.waiting.append((0, bytes((130, NODE_ID))))
    run(node, port, 20, 30)
    assert node.reset_communication
    assert node.stop_requested
    node.reset()
    assert not node.stop_requested
    assert run(node, port, 30, 40)[0] == (0x700 + NODE_ID, b"\x00")


def test_every_nth_sync_sends_and_inhibit_holds_back():
    node, port, _ = started()
    node._parameters.set("tpdo1_type", 3)
    node._parameters.set("tpdo3_event_ms", 100)
    node._parameters.set("tpdo3_inhibit_100us", 5000)
    node.load()
    node.pdo.start()
    found = []
    for at in range(20, 1020, 10):
        if at % 100 == 20:
            port.waiting.append((0x80, bytes((at // 100 + 1,))))
        found += [f[0] for f in run(node, port, at, at + 10)]
    assert found.count(0x180 + NODE_ID) == 3
    assert found.count(0x280 + NODE_ID) == 10
    assert found.count(0x380 + NODE_ID) == 2


def test_a_hurried_stream_comes_every_tick():
    node, port, _ = started()
    node.pdo.hurry = True
    found = [f[0] for f in run(node, port, 20, 1020)]
    assert found.count(0x500 + NODE_ID) == 100
