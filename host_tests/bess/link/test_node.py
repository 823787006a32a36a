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
    pdo.report = codec.frame("status")
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


KNOWN = (0, 0x80, 0x180 + NODE_ID, 0x200 + NODE_ID, 0x600 + NODE_ID, 0x700 + NODE_ID, 0x701, 0x7E5)


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
    for at in (20, 7020, 14020, 21020, 28020):  # rarer than any heartbeat that 0x1017 allows
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
    assert len(node.sdo.seen) == 2  # each may look up anything; segments of a block cost less
    for now in (40, 50, 60):
        node.poll(now)
    assert node.service_lost == 60 - 2 - 31
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
    assert not node.reset_communication
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


def test_a_second_node_is_noticed_at_any_heartbeat_period_that_0x1017_allows():
    for period_ms in (100, 500, 2500, 5000):
        node, port, _ = started()
        noticed_ms = 0
        for now in range(20, 20000, 10):
            if now % period_ms == 0:
                port.waiting.append((0x700 + NODE_ID, b"\x05"))
            run(node, port, now, now + 10)
            if node.duplicate_id and not noticed_ms:
                noticed_ms = now
        assert 2 * period_ms <= noticed_ms <= 3 * period_ms


def test_a_second_node_without_a_heartbeat_is_noticed_by_its_status():
    node, port, _ = started()
    for at in (20, 120, 220):
        port.waiting.append((0x180 + NODE_ID, bytes(8)))
        run(node, port, at, at + 10)
    assert node.duplicate_id


def heard(node, port, start_ms, end_ms, state=b"\x05", node_id=1):
    """A heartbeat of a node every 500 ms."""
    for now in range(start_ms, end_ms, 10):
        if now % 500 == 0:
            port.waiting.append((0x700 + node_id, state))
        run(node, port, now, now + 10)


def lost():
    node, port, _ = started()
    heard(node, port, 500, 1000)
    run(node, port, 1000, 3000)
    assert node.guard_lost
    return node, port


def test_a_boot_up_is_no_heartbeat_neither_the_first_nor_a_later_one():
    node, port, _ = started()
    heard(node, port, 500, 1000, b"\x00")
    run(node, port, 1000, 4000)
    assert not node.guard_lost
    node, port, _ = started()
    heard(node, port, 500, 1000)
    heard(node, port, 1000, 3000, b"\x00")
    assert node.guard_lost
    heard(node, port, 3000, 3010, b"\x33")
    assert node.guard_lost


def test_supervision_switched_off_clears_a_loss():
    node, port = lost()
    node._parameters.set("heartbeat_consumer", 0)
    node.load()
    run(node, port, 3000, 6000)
    assert not node.guard_lost


def test_another_node_to_watch_is_waited_for():
    node, port = lost()
    node._parameters.set("heartbeat_consumer", 9 << 16 | 1500)
    node.load()
    run(node, port, 3000, 6000)
    assert not node.guard_lost
    heard(node, port, 6000, 6010, node_id=9)
    run(node, port, 6010, 8000)
    assert node.guard_lost


def test_a_loss_outlives_a_write_of_any_other_object():
    node, port = lost()
    node._parameters.set("heartbeat_ms", 200)
    node.load()
    run(node, port, 3000, 3010)
    assert node.guard_lost


def test_neither_node_0_nor_the_node_itself_is_watched():
    for node_id in (0, NODE_ID):
        node, port, _ = started()
        node._parameters.set("heartbeat_consumer", node_id << 16 | 1500)
        node.load()
        heard(node, port, 500, 510, node_id=node_id)
        run(node, port, 510, 4000)
        assert not node.guard_lost


def test_a_heartbeat_time_of_0_stops_the_producer_and_nothing_else():
    node, port, _ = started()
    node._parameters.set("heartbeat_ms", 0)
    node.load()
    sent = run(node, port, 20, 3000)
    assert 0x700 + NODE_ID not in [f[0] for f in sent]
    assert 0x380 + NODE_ID in [f[0] for f in sent]
    assert not node.stop_requested
    heard(node, port, 3000, 3500)
    run(node, port, 3500, 5500)
    assert node.guard_lost


def test_every_order_of_nmt_commands_in_one_tick_leaves_a_reset_that_is_carried_out():
    for reset in (129, 130):
        for other in (1, 2, 128):
            for commands_ in ((reset, other), (other, reset), (reset, other, 1)):
                node, port, _ = started()
                for command in commands_:
                    port.waiting.append((0, bytes((command, NODE_ID))))
                run(node, port, 20, 30)
                assert node.stop_requested
                assert node.reset_node == (reset == 129)
                assert node.reset_communication == (reset == 130)
                port.waiting.append((0, bytes((1, 0))))
                run(node, port, 30, 40)
                assert node.stop_requested


def test_only_an_operational_node_that_can_report_may_work():
    node, port, _ = build()
    assert node.stop_requested
    run(node, port, 0, 10)
    assert node.stop_requested  # pre-operational: its PDOs do not go out
    port.waiting.append((0, bytes((1, 0))))
    run(node, port, 10, 20)
    assert not node.stop_requested
    for command in (2, 128):
        port.waiting.append((0, bytes((command, 0))))
        run(node, port, 20, 30)
        assert node.stop_requested
        port.waiting.append((0, bytes((1, 0))))
        run(node, port, 30, 40)
        assert not node.stop_requested


def test_a_node_whose_status_is_switched_off_must_not_work():
    for name, value in (("tpdo1_enabled", 0), ("tpdo1_type", 254), ("tpdo1_type", 255)):
        node, _, _ = started()
        before = node._parameters.get(name)
        node._parameters.set(name, value)
        node.load()
        assert node.mute
        assert node.stop_requested
        node._parameters.set(name, before)
        node.load()
        assert not node.stop_requested
    node._parameters.set("tpdo1_type", 254)
    node._parameters.set("tpdo1_event_ms", 100)
    node.load()
    assert not node.mute


def test_a_node_that_nobody_hears_for_a_second_must_not_work_until_it_is_heard():
    node, port, _ = started()
    run(node, port, 20, 3000)
    port.full = True
    run(node, port, 3000, 3700)
    assert not node.stop_requested
    run(node, port, 3700, 5100)
    assert node.mute
    assert node.stop_requested
    port.full = False
    run(node, port, 5100, 6000)
    assert not node.stop_requested


def test_a_controller_that_takes_one_frame_in_a_second_is_heard():
    node, port, _ = started()
    for now in range(20, 6000, 10):
        port.full = now % 1000 >= 20
        node.poll(now)
        node.transmit(now)
        assert not node.mute


def test_no_word_and_no_ear_while_a_bit_rate_is_changed():
    node, port, _ = started()
    rates = []
    port.set_bit_rate = rates.append
    node.switch_bit_rate(250, 1000)
    for now in range(20, 2000, 10):
        port.waiting += [(0x600 + NODE_ID, bytes(8)), (0x7E5, bytes(8))]
        node.poll(now)
        node.transmit(now)
        node.service(now)
        assert node.stop_requested
    assert rates == [250]
    assert port.sent == []
    assert node.sdo.seen == node.lss.seen == []
    for now in range(2000, 2100, 10):
        node.service(now)
    run(node, port, 2100, 3200)
    assert not node.stop_requested


def test_a_request_that_raises_costs_only_itself():
    node, port, _ = started()

    def fail(data, now_ms):
        raise AttributeError("planted")

    good = node.sdo.request
    node.sdo.request = fail
    port.waiting += [(0x600 + NODE_ID, bytes((0x40, i, 0, 0, 0, 0, 0, 0))) for i in range(2)]
    node.poll(20)
    raised = 0
    try:
        node.service(20)
    except AttributeError:
        raised += 1
    node.sdo.request = good
    node.service(30)
    assert raised == 1
    assert node.sdo.seen == [bytes((0x40, 1, 0, 0, 0, 0, 0, 0))]


def gaps(event_ms, inhibit_100us=0, seconds=4):
    """Times between two transmissions of TPDO 3, in ms."""
    node, port, _ = started()
    node._parameters.set("tpdo3_inhibit_100us", inhibit_100us)
    node._parameters.set("tpdo3_event_ms", event_ms)
    node.load()
    at = []
    for now in range(20, 20 + seconds * 1000, 10):
        if 0x380 + NODE_ID in [f[0] for f in run(node, port, now, now + 10)]:
            at.append(now)
    return {at[i + 1] - at[i] for i in range(1, len(at) - 1)}


def test_the_event_timer_is_the_longest_time_between_two_kept_to_a_tick():
    for event_ms in (10, 20, 60, 70, 130, 250, 1010):
        assert gaps(event_ms) == {event_ms}
    assert gaps(65) == {60}
    assert gaps(1) == {10}


def test_the_inhibit_time_is_the_shortest_time_between_two():
    assert gaps(20, 300) == {30}
    assert gaps(20, 301) == {40}
    assert gaps(60, 250) == {60}


def test_an_event_timer_that_is_changed_acts_at_once():
    node, port, _ = started()
    run(node, port, 20, 2000)
    node._parameters.set("tpdo3_event_ms", 50)
    node.load()
    assert [f[0] for f in run(node, port, 2000, 2500)].count(0x380 + NODE_ID) >= 9


def test_a_jitter_of_the_clock_does_not_double_the_gap():
    node, port, _ = started()
    node._parameters.set("tpdo3_event_ms", 60)
    node.load()
    at = []
    for tick in range(2, 400):
        now = tick * 10 + tick % 2  # the board's clock, read a millisecond late now and then
        if 0x380 + NODE_ID in [f[0] for f in run(node, port, now, now + 10)]:
            at.append(now)
    assert max([at[i + 1] - at[i] for i in range(len(at) - 1)]) <= 61


def test_a_pdo_that_is_switched_on_or_gets_another_type_begins_anew():
    node, port, _ = started()
    node._parameters.set("tpdo1_type", 240)
    node.load()
    port.waiting.append((0x80, b"\x01"))
    assert 0x180 + NODE_ID not in [f[0] for f in run(node, port, 20, 30)]
    node._parameters.set("tpdo1_type", 1)
    node.load()
    port.waiting.append((0x80, b"\x02"))
    assert 0x180 + NODE_ID in [f[0] for f in run(node, port, 30, 40)]


def test_a_hurried_stream_keeps_its_inhibit_time():
    node, port, _ = started()
    node._parameters.set("tpdo6_inhibit_100us", 300)
    node.load()
    node.pdo.hurry = True
    found = [f[0] for f in run(node, port, 20, 1020)]
    assert found.count(0x500 + NODE_ID) in (33, 34)


def test_nothing_is_said_before_it_is_known_nor_after():
    node, port, codec = started()
    energy, power = codec.frame("energy"), codec.frame("power")
    for frame in (energy, power):
        node.pdo.tell(frame, False)
    port.waiting.append((0x80, b"\x01"))
    ids = [f[0] for f in run(node, port, 20, 3020)]
    assert 0x380 + NODE_ID not in ids
    assert 0x280 + NODE_ID not in ids
    assert 0x180 + NODE_ID in ids
    node.pdo.tell(energy, True)
    node.pdo.tell(power, True)
    port.waiting.append((0x80, b"\x02"))
    ids = [f[0] for f in run(node, port, 3020, 3040)]
    assert 0x380 + NODE_ID in ids  # at once
    assert 0x280 + NODE_ID in ids


def test_event_timers_run_across_the_clock_s_wrap_and_from_any_start():
    for start in (0, 0x1FFFFFF0, 0x20000010, 0x3FFFFF00):
        node, port, _ = build()
        count = 0
        for tick in range(400):
            now = (start + tick * 10) & 0x3FFFFFFF
            if tick == 2:
                port.waiting.append((0, bytes((1, 0))))
            node.poll(now)
            node.transmit(now)
            count += [f[0] for f in port.sent].count(0x380 + NODE_ID)
            port.sent = []
        assert count in (4, 5)


def test_a_new_node_has_no_cause_to_stop_but_that_it_is_not_operational():
    node, _, _ = build()
    for name in (
        "reset_communication", "reset_node", "unheard", "guard_lost", "duplicate_id",
        "sync_pending", "booted", "mute",
    ):  # fmt: skip
        assert getattr(node, name) is False, name
    assert node.sync_count == node.unknown_frames == node.service_lost == 0
    assert (node.vendor_id, node.product_code) == (0, 1)
    assert (node.revision_number, node.serial_number) == (2, 3)


def test_identifiers_follow_from_the_node_id():
    node, _, _ = build()
    assert node.emergency_cob_id == 0x80 + NODE_ID
    assert node.sdo_request_id == 0x600 + NODE_ID
    assert node.sdo_response_id == 0x580 + NODE_ID


def test_the_controller_passes_what_the_node_uses_bit_for_bit():
    node, port, _ = build()
    used = [0x7E5, 0, 0x80, 0x600 + NODE_ID, 0x700 + NODE_ID, 0x180 + NODE_ID, 0x701]
    used.append(0x200 + NODE_ID)
    assert port.filters == [(can_id, 0x7FF, 0) for can_id in used]
    node._parameters.set("heartbeat_consumer", 0)
    node.load()
    used.remove(0x701)
    assert port.filters == [(can_id, 0x7FF, 0) for can_id in used]
    node.pdo.report = node.pdo.report_id = -1
    node.load()
    used.remove(0x180 + NODE_ID)
    assert port.filters == [(can_id, 0x7FF, 0) for can_id in used]


def test_a_node_that_gave_its_id_up_is_silent_until_lss_gives_another():
    node, port, _ = started()
    forgotten = []
    node.lss.forget_id = lambda: forgotten.append(1)
    node.duplicate_id = True
    node.give_up_id()
    assert forgotten == [1]
    assert node.node_id == 0
    assert node.duplicate_id  # the application goes on telling why
    assert node.mute
    assert run(node, port, 20, 2000) == []
    assert node.sdo.seen == ["reset"]
    node.adopt(9)
    assert not node.duplicate_id
    assert run(node, port, 2000, 2010) == [(0x709, b"\x00")]


def test_a_reset_of_communication_forgets_the_guard_a_request_and_who_spoke_with_our_id():
    node, port = lost()
    for _ in range(2):
        port.waiting.append((0x700 + NODE_ID, b"\x05"))
    run(node, port, 3000, 3010)
    node.reset()
    assert not node.guard_lost
    assert node.state == 0
    assert node.sdo.seen == ["reset"]
    port.waiting.append((0x700 + NODE_ID, b"\x05"))
    run(node, port, 3010, 3020)
    assert not node.duplicate_id
    run(node, port, 3020, 9000)
    assert not node.guard_lost  # waits for the first heartbeat again


def test_a_configured_id_is_used_from_the_start_only_if_it_is_configured():
    assert build()[0].node_id == NODE_ID
    assert build(configured=False)[0].node_id == 0


def test_lss_requests_of_eight_bytes_wait_for_the_service_task():
    node, port, _ = started()
    first, second = bytes(range(8)), bytes(range(8, 16))
    port.waiting += [
        (0x7E5, first),
        (0x7E5, second[:7]),
        (0x600 + NODE_ID, second),
        (0x600 + NODE_ID, second[:7]),
    ]
    node.poll(20)
    node.service(20)
    assert node.lss.seen == [first]
    assert node.sdo.seen == [second]


def test_what_waited_for_a_node_without_an_id_is_no_sdo_request():
    node, port, _ = started()
    port.waiting += [(0x600 + NODE_ID, bytes(8)), (0x7E5, bytes(8))]
    node.poll(20)
    node.adopt(0)
    node.service(20)
    assert node.sdo.seen == ["reset"]
    assert node.lss.seen == [bytes(8)]


def test_no_request_is_taken_before_boot_up_nor_once_a_reset_is_asked_for():
    node, port, _ = build()
    port.waiting.append((0x600 + NODE_ID, bytes(8)))
    node.poll(0)
    node.transmit(0)
    node.service(0)
    assert node.sdo.seen == []
    for command in (129, 130):
        node, port, _ = started()
        port.waiting += [(0, bytes((command, 0))), (0x600 + NODE_ID, bytes(8))]
        node.poll(20)
        node.service(20)
        assert node.sdo.seen == []


def test_a_tick_s_service_is_two_requests_or_twenty_segments_and_waits_for_a_busy_server():
    for cheap, count in ((True, 20), (False, 2)):
        node, port, _ = started()
        taken = []
        node.sdo.request = lambda data, now_ms, t=taken, c=cheap: t.append(data) or c
        port.waiting += [(0x600 + NODE_ID, bytes((i,)) + bytes(7)) for i in range(30)]
        node.poll(20)
        node.poll(30)
        node.service(30)
        assert [data[0] for data in taken] == list(range(count))
        node.sdo.busy = True
        node.service(40)
        assert len(taken) == count
        node.sdo.busy = False
        node.service(50)
        assert len(taken) == min(2 * count, 30)


def test_the_server_goes_on_by_itself_only_while_it_has_something_to_do():
    node, _, _ = started()
    steps = []
    node.sdo.step = steps.append
    node.service(20)
    assert steps == []
    node.sdo.idle = False
    node.service(30)
    assert steps == [30]


def test_syncs_are_counted_and_their_counter_reaches_the_pdos():
    node, port, _ = started()
    seen = []
    node.pdo.sync = lambda counter, now_ms: seen.append((counter, now_ms))
    for at, data in ((20, b""), (30, b"\x07"), (40, b"\x07\x00")):
        port.waiting.append((0x80, data))
        run(node, port, at, at + 10)
    assert seen == [(0, 20), (7, 30)]
    assert node.sync_count == 2
    node.sync_count = 0x1FFFFFFF
    port.waiting.append((0x80, b""))
    run(node, port, 50, 60)
    assert node.sync_count == 0


def test_a_sync_before_operational_is_not_made_up_for():
    node, port, _ = build()
    run(node, port, 0, 10)
    seen = []
    node.pdo.sync = lambda counter, now_ms: seen.append(now_ms)
    port.waiting.append((0x80, b""))
    run(node, port, 10, 20)
    port.waiting.append((0, bytes((1, 0))))
    run(node, port, 20, 30)
    assert seen == []


def test_counts_of_what_was_dropped_stay_small_numbers():
    node, port, _ = started()
    node.unknown_frames = node.service_lost = 0x1FFFFFFE
    for at, count in ((20, 0x1FFFFFFF), (30, 0)):
        port.waiting.append((0x123, b""))
        node.poll(at)
        assert node.unknown_frames == count
    port.waiting += [(0x600 + NODE_ID, bytes(8))] * 33
    for at in range(40, 80, 10):
        node.poll(at)
    assert node.service_lost == 0


def test_three_of_our_heartbeats_within_12_s_are_a_second_node_and_one_later_begins_anew():
    for last, found in ((12010, True), (12020, False)):
        node, port, _ = started()
        for at in (20, 6000, last):
            port.waiting.append((0x700 + NODE_ID, b"\x05"))
            node.poll(at)
        assert node.duplicate_id == found
    for at in (last + 10, last + 20):
        port.waiting.append((0x700 + NODE_ID, b"\x7f"))
        node.poll(at)
    assert node.duplicate_id


def test_every_state_that_a_heartbeat_tells_is_one_of_our_id_boot_up_too():
    for data in (b"\x00", b"\x04", b"\x05", b"\x7f", b"\x85"):
        node, port, _ = started()
        for at in (20, 30, 40):
            port.waiting.append((0x700 + NODE_ID, data))
            node.poll(at)
        assert node.duplicate_id


def test_0x1029_tells_what_a_silent_guard_does():
    for behaviour, before, after in (
        (0, OPERATIONAL, PRE_OPERATIONAL), (0, STOPPED, STOPPED), (1, OPERATIONAL, OPERATIONAL),
        (2, OPERATIONAL, STOPPED), (2, PRE_OPERATIONAL, STOPPED),
    ):  # fmt: skip
        node, port, _ = started()
        node._parameters.set("communication_error_behaviour", behaviour)
        node.load()
        node.state = before
        port.waiting.append((0x701, b"\x05"))
        node.poll(20)
        node.poll(1519)
        assert not node.guard_lost
        node.poll(1520)
        assert node.guard_lost
        assert node.state == after


def test_a_start_begins_timers_anew_and_a_second_one_does_not():
    node, port, _ = started()
    begun = []
    node.pdo.start = lambda: begun.append(1)
    port.waiting.append((0, bytes((1, 0))))
    node.poll(20)
    assert begun == []
    port.waiting += [(0, bytes((128, 0))), (0, bytes((1, NODE_ID)))]
    node.poll(30)
    assert begun == [1]


def test_no_nmt_command_acts_before_boot_up_nor_does_an_unknown_one():
    node, port, _ = build()
    for command in (1, 2, 128, 129, 130):
        port.waiting.append((0, bytes((command, 0))))
    node.poll(0)
    assert node.state == 0
    assert not node.reset_node
    assert not node.reset_communication
    node, port, _ = started()
    for command in (0, 3, 127, 131):
        port.waiting.append((0, bytes((command, 0))))
    node.poll(20)
    assert node.state == OPERATIONAL
    assert not node.stop_requested


def test_nobody_hears_us_after_exactly_a_second_without_a_taken_frame():
    node, port, _ = started()
    node._parameters.set("tpdo1_type", 254)
    node._parameters.set("tpdo1_event_ms", 100)
    node.load()
    run(node, port, 20, 1000)
    port.full = True
    refused = 0
    for now in range(1000, 3000, 10):
        tried = node.pdo.tried
        run(node, port, now, now + 10)
        if not refused and node.pdo.tried != tried:
            refused = now
        assert node.unheard == (refused != 0 and now - refused >= 1000)
    assert node.mute


def test_the_bit_rate_changes_after_the_delay_and_as_long_a_silence_follows():
    node, port, _ = started()
    rates = []
    port.set_bit_rate = rates.append
    port.waiting.append((0x600 + NODE_ID, bytes(8)))
    node.poll(20)
    node.switch_bit_rate(125, 300)
    assert node.mute
    for now, changed in ((1000, []), (1299, []), (1300, [125]), (1599, [125])):
        node.service(now)
        assert rates == changed
        assert node.mute
        node.transmit(now)
    node.service(1600)
    assert not node.mute
    assert rates == [125]
    node.service(1610)
    assert node.sdo.seen == []  # what waited was for the old one


def test_a_tick_s_service_counts_segments_and_requests_together():
    node, port, _ = started()
    taken = []
    node.sdo.request = lambda data, now_ms: taken.append(data[0]) or data[0] < 9
    port.waiting += [(0x600 + NODE_ID, bytes((i,)) + bytes(7)) for i in range(14)]
    node.poll(20)
    node.service(20)
    assert taken == list(range(11))


def test_a_tick_s_service_is_two_lss_requests_too():
    node, port, _ = started()
    port.waiting += [(0x7E5, bytes(8))] * 5
    node.poll(20)
    node.service(20)
    assert len(node.lss.seen) == 2


def test_a_node_that_never_had_an_id_is_no_duplicate():
    assert build(configured=False)[0].duplicate_id is False


def test_a_reset_that_waits_leaves_the_state_to_no_other_command():
    for reset in (129, 130):
        for other in (2, 128):
            node, port, _ = started()
            port.waiting += [(0, bytes((reset, 0))), (0, bytes((other, 0)))]
            node.poll(20)
            assert node.state == OPERATIONAL


def test_a_heartbeat_comes_at_its_period_kept_to_a_tick():
    for beat_ms, expected in ((100, 100), (105, 100), (101, 100), (99, 90)):
        node, port, _ = started()
        node._parameters.set("heartbeat_ms", beat_ms)
        node.load()
        times = []
        for now in range(20, 2000, 10):
            if 0x700 + NODE_ID in [f[0] for f in run(node, port, now, now + 10)]:
                times.append(now)
        assert {times[i + 1] - times[i] for i in range(1, len(times) - 1)} == {expected}, beat_ms


def test_a_frame_shorter_than_our_status_is_no_second_node():
    node, port, _ = started()
    for at in (20, 120, 220, 320):
        port.waiting.append((0x180 + NODE_ID, bytes(7)))
        run(node, port, at, at + 10)
    assert not node.duplicate_id
