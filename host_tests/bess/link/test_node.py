"""The states of a node: NMT commands, boot-up, its identifiers, and the frames that it takes."""

from rigs.node import NODE_ID, build, run, started

from bess import objects
from bess.link.e2e import Sender, data_ids
from bess.link.frames import FrameCodec
from bess.link.node import OPERATIONAL, PRE_OPERATIONAL, STOPPED


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
    assert node.stop_requested()
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


KNOWN = (
    0, 0x80, 0x180 + NODE_ID, 0x200 + NODE_ID, 0x400 + NODE_ID, 0x600 + NODE_ID, 0x700 + NODE_ID,
    0x701, 0x7E5,
)  # fmt: skip


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
    assert node.stop_requested()
    node.reset()
    assert not node.reset_communication
    assert run(node, port, 30, 40)[0] == (0x700 + NODE_ID, b"\x00")


def test_every_order_of_nmt_commands_in_one_tick_leaves_a_reset_that_is_carried_out():
    for reset in (129, 130):
        for other in (1, 2, 128):
            for commands_ in ((reset, other), (other, reset), (reset, other, 1)):
                node, port, _ = started()
                for command in commands_:
                    port.waiting.append((0, bytes((command, NODE_ID))))
                run(node, port, 20, 30)
                assert node.stop_requested()
                assert node.reset_node == (reset == 129)
                assert node.reset_communication == (reset == 130)
                port.waiting.append((0, bytes((1, 0))))
                run(node, port, 30, 40)
                assert node.stop_requested()


def test_a_new_node_has_no_cause_to_stop_but_that_it_is_not_operational():
    node, _, _ = build()
    for name in (
        "reset_communication", "reset_node", "unheard", "guard_lost", "duplicate_id",
        "sync_pending", "booted",
    ):  # fmt: skip
        assert getattr(node, name) is False, name
    assert not node.mute()
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
    used += [0x200 + NODE_ID, 0x400 + NODE_ID]
    assert port.filters == [(can_id, 0x7FF, 0) for can_id in used]
    node._parameters.set("heartbeat_consumer", 0)
    node.load()
    used.remove(0x701)
    assert port.filters == [(can_id, 0x7FF, 0) for can_id in used]
    node.pdo.report = node.pdo.report_id = -1
    node.load()
    used.remove(0x180 + NODE_ID)
    assert port.filters == [(can_id, 0x7FF, 0) for can_id in used]


def test_a_configured_id_is_used_from_the_start_only_if_it_is_configured():
    assert build()[0].node_id == NODE_ID
    assert build(configured=False)[0].node_id == 0


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
    assert not node.stop_requested()


def test_a_reset_that_waits_leaves_the_state_to_no_other_command():
    for reset in (129, 130):
        for other in (2, 128):
            node, port, _ = started()
            port.waiting += [(0, bytes((reset, 0))), (0, bytes((other, 0)))]
            node.poll(20)
            assert node.state == OPERATIONAL
