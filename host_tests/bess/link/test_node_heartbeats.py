"""Heartbeats: the node's own, the guard's, and those that a second node sends with our id."""

from rigs.node import NODE_ID, build, run, started

from bess.link.node import OPERATIONAL, PRE_OPERATIONAL, STOPPED


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
    assert node.stop_requested()


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
    assert not node.stop_requested()
    heard(node, port, 3000, 3500)
    run(node, port, 3500, 5500)
    assert node.guard_lost


def test_a_node_that_gave_its_id_up_is_silent_until_lss_gives_another():
    node, port, _ = started()
    forgotten = []
    node.lss.forget_id = lambda: forgotten.append(1)
    node.duplicate_id = True
    node.give_up_id()
    assert forgotten == [1]
    assert node.node_id == 0
    assert node.duplicate_id  # the application goes on telling why
    assert node.mute()
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


def test_a_node_that_never_had_an_id_is_no_duplicate():
    assert build(configured=False)[0].duplicate_id is False


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
