"""A node that nobody can hear must not work."""

from rigs.node import NODE_ID, build, run, started


def test_only_an_operational_node_that_can_report_may_work():
    node, port, _ = build()
    assert node.stop_requested()
    run(node, port, 0, 10)
    assert node.stop_requested()  # pre-operational: its PDOs do not go out
    port.waiting.append((0, bytes((1, 0))))
    run(node, port, 10, 20)
    assert not node.stop_requested()
    for command in (2, 128):
        port.waiting.append((0, bytes((command, 0))))
        run(node, port, 20, 30)
        assert node.stop_requested()
        port.waiting.append((0, bytes((1, 0))))
        run(node, port, 30, 40)
        assert not node.stop_requested()


def test_a_node_whose_status_is_switched_off_must_not_work():
    for name, value in (("tpdo1_enabled", 0), ("tpdo1_type", 254), ("tpdo1_type", 255)):
        node, _, _ = started()
        before = node._parameters.get(name)
        node._parameters.set(name, value)
        node.load()
        assert node.mute()
        assert node.stop_requested()
        node._parameters.set(name, before)
        node.load()
        assert not node.stop_requested()
    node._parameters.set("tpdo1_type", 254)
    node._parameters.set("tpdo1_event_ms", 100)
    node.load()
    assert not node.mute()


def test_a_node_that_nobody_hears_for_a_second_must_not_work_until_it_is_heard():
    node, port, _ = started()
    run(node, port, 20, 3000)
    port.full = True
    run(node, port, 3000, 3700)
    assert not node.stop_requested()
    run(node, port, 3700, 5100)
    assert node.mute()
    assert node.stop_requested()
    port.full = False
    run(node, port, 5100, 6000)
    assert not node.stop_requested()


def test_a_controller_that_takes_one_frame_in_a_second_is_heard():
    node, port, _ = started()
    for now in range(20, 6000, 10):
        port.full = now % 1000 >= 20
        node.poll(now)
        node.transmit(now)
        assert not node.mute()


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
        assert node.stop_requested()
    assert rates == [250]
    assert port.sent == []
    assert node.sdo.seen == node.lss.seen == []
    for now in range(2000, 2100, 10):
        node.service(now)
    run(node, port, 2100, 3200)
    assert not node.stop_requested()


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
    assert node.mute()


def test_the_bit_rate_changes_after_the_delay_and_as_long_a_silence_follows():
    node, port, _ = started()
    rates = []
    port.set_bit_rate = rates.append
    port.waiting.append((0x600 + NODE_ID, bytes(8)))
    node.poll(20)
    node.switch_bit_rate(125, 300)
    assert node.mute()
    for now, changed in ((1000, []), (1299, []), (1300, [125]), (1599, [125])):
        node.service(now)
        assert rates == changed
        assert node.mute()
        node.transmit(now)
    node.service(1600)
    assert not node.mute()
    assert rates == [125]
    node.service(1610)
    assert node.sdo.seen == []  # what waited was for the old one
