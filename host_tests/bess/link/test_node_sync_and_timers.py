"""SYNC and timers of a node: when its PDOs go out."""

from rigs.node import NODE_ID, build, run, started


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
