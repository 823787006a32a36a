"""SDO and LSS requests: which wait for the service task, and how many it takes."""

from rigs.node import NODE_ID, build, started

from bess.link.node import OPERATIONAL


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
