"""PDOs: their pieces, what is received, and what a SYNC sends."""

from rigs.pdos import ENERGY, LONE, NODE_ID, ORDER, REMARK, STATUS, STREAM, TABLE, Bench

from bess.link.e2e import Sender, data_ids
from bess.link.pdo import Pdos

IDS = (0x209, 0x309, 0x189, 0x289, 0x389, 0x489)


def pieces(bench, frame):
    """The mapped pieces of a frame: (kind, bits) of each, by its image objects."""
    count = bench.pdo.describe(0x2180 + frame, 0)[1]
    return [bench.pdo.describe(0x2180 + frame, sub)[0] for sub in range(1, count + 1)]


def test_a_new_pdo_object_has_counted_and_said_nothing():
    bench = Bench()
    assert bench.pdo.count == 6
    assert (bench.pdo.tried, bench.pdo.taken) == (0, 0)
    fresh = Pdos(bench.port, bench.codec, TABLE, bench.parameters)
    assert not fresh.mute
    assert not fresh.hurry
    assert (fresh.report, fresh.report_id, fresh.stream) == (-1, -1, -1)
    fresh.configure(0)
    assert fresh.report_id == -1
    assert not fresh.mute
    assert list(fresh.heard_ms) == [-1] * 6
    assert fresh.hurry_ms == 10


def test_received_and_sent_frames_are_numbered_apart_from_one():
    bench = Bench()
    bases = ((0x1400, 0), (0x1401, 1), (0x1800, 2), (0x1801, 3), (0x1802, 4), (0x1803, 5))
    for index, frame in bases:
        assert bench.pdo.cob_id(index) == IDS[frame] | 0x40000000
        mapping = bench.pdo.describe(index + 0x200, 1)
        assert mapping[1] >> 16 == 0x2180 + frame
    for index in (0x13FF, 0x1402, 0x15FF, 0x1602, 0x17FF, 0x1804, 0x19FF, 0x1A04, 0x217F, 0x2186):
        assert bench.pdo.describe(index, 0) is None, hex(index)


def test_each_field_is_a_piece_and_bit_fields_of_a_byte_are_that_byte():
    bench = Bench()
    assert pieces(bench, ORDER) == ["u8", "u8", "i16"]
    assert pieces(bench, REMARK) == ["u16"]
    assert pieces(bench, STATUS) == ["u8", "u8", "i16"]
    assert pieces(bench, ENERGY) == ["u16", "i8", "u8", "u8", "u8", "i16"]
    assert pieces(bench, STREAM) == ["u16"]
    assert pieces(bench, LONE) == ["u8"]
    for frame, sizes in ((0, (8, 8, 16)), (3, (16, 8, 8, 8, 8, 16)), (5, (8,))):
        index = 0x1600 if frame == 0 else 0x1A00 - 2 + frame
        assert bench.pdo.describe(index, 0) == ("u8", len(sizes))
        for sub in range(1, len(sizes) + 1):
            told = (0x2180 + frame) << 16 | sub << 8 | sizes[sub - 1]
            assert bench.pdo.describe(index, sub) == ("u32", told)
        assert bench.pdo.describe(index, len(sizes) + 1) is None
        assert bench.pdo.describe(0x2180 + frame, len(sizes) + 1) is None


def test_a_piece_reads_what_the_frame_would_hold_with_its_sign():
    bench = Bench()
    for field, value in (
        ("charge", 0x1234), ("change", -5), ("strings", 3), ("wanted", 0), ("far", 6),
        ("near", 7), ("wide", -1000),
    ):  # fmt: skip
        bench.set_image("energy", field, value)
    read = [bench.pdo.describe(0x2180 + ENERGY, sub)[1] for sub in range(1, 7)]
    assert read[:2] == [0x1234, -5]
    assert read[2] == 3
    assert read[3:] == [6, 7, -1000]
    for value in (0, 127, -128):
        bench.set_image("energy", "change", value)
        assert bench.pdo.describe(0x2180 + ENERGY, 2)[1] == value
    for value in (32767, -32768, 1):
        bench.set_image("energy", "wide", value)
        assert bench.pdo.describe(0x2180 + ENERGY, 6)[1] == value
    bench.pdo.tell(ENERGY, False)
    assert bench.pdo.describe(0x2180 + ENERGY, 1) == ("u16", None)


def test_only_received_frames_pass_the_filters_and_are_taken():
    bench = Bench()
    assert bench.pdo.filters(NODE_ID) == [(0x209, 0x7FF, 0), (0x309, 0x7FF, 0)]
    assert bench.pdo.receive(0x309, b"\x34\x12\x00\x00\x00\x00\x00\x00", 8, 70)
    assert bench.image("remark", "number") == 0x1234
    assert list(bench.pdo.heard_ms) == [-1, 70, -1, -1, -1, -1]
    for can_id in (0x189, 0x30A, 0x308, 0x300):
        assert not bench.pdo.receive(can_id, bytes(8), 8, 80), hex(can_id)
    assert bench.pdo.heard_ms[REMARK] == 70


def test_a_received_frame_that_is_switched_off_is_ours_and_changes_nothing():
    bench = Bench(rpdo2_enabled=0)
    assert bench.pdo.receive(0x309, b"\x34\x12\x00\x00\x00\x00\x00\x00", 8, 70)
    assert bench.image("remark", "number") == 0
    assert bench.pdo.heard_ms[REMARK] == -1


def test_a_protected_frame_is_taken_after_five_good_ones_and_a_bad_one_never():
    bench = Bench()
    sender = Sender(data_ids(ORDER, NODE_ID))
    taken = []
    for now_ms in range(7):
        data = bytearray((0, 0x20, 0x0C, 0xFE, 0, 0, 0, 0))
        sender.protect(data)
        assert bench.pdo.receive(0x209, data, 8, now_ms)
        taken.append(bench.pdo.heard_ms[ORDER])
    assert taken[-1] == 6
    assert taken[0] == -1
    assert bench.image("order", "power") == -500
    assert bench.image("order", "mode") == 2
    assert bench.pdo.receive(0x209, bytes(8), 8, 50)
    assert bench.pdo.heard_ms[ORDER] == 6
    assert bench.pdo.checkers[ORDER].crc_errors == 1
    assert bench.pdo.checkers[REMARK] is None


def test_a_new_id_forgets_who_was_heard_and_its_partners():
    bench = Bench()
    bench.pdo.receive(0x309, bytes(8), 8, 70)
    before = bench.pdo.checkers[ORDER], bench.pdo.senders[STATUS]
    bench.pdo.configure(10)
    assert bench.pdo.heard_ms[REMARK] == -1
    assert bench.pdo.checkers[ORDER] is not before[0]
    assert bench.pdo.senders[STATUS] is not before[1]
    assert [frame for frame in range(6) if bench.pdo.senders[frame]] == [STATUS]
    assert bench.pdo.report_id == 0x18A
    assert bench.pdo.cob_id(0x1400) == 0x4000020A


def test_a_protected_frame_is_sent_as_its_receiver_checks_it():
    bench = Bench()
    other = Sender(data_ids(STATUS, NODE_ID))
    bench.set_image("status", "state", 4)
    bench.set_image("status", "power", -2)
    for _ in range(20):
        bench.pdo.sync(0, 0)
        expected = bytearray((0, 0x40, 0xFE, 0xFF, 0, 0, 0, 0))
        other.protect(expected)
        assert bench.port.sent.pop() == (0x189, bytes(expected))


def test_a_sync_sends_what_is_synchronous_enabled_and_known():
    bench = Bench()
    assert bench.syncs(0, 5) == [[0x189], [0x189]]
    bench.set(tpdo2_type=240)
    assert bench.syncs(*[0] * 240)[-1] == [0x189, 0x289]
    bench.set(tpdo2_type=241)
    assert bench.syncs(*[0] * 500).count([0x189, 0x289]) == 0
    bench.set(tpdo1_enabled=0)
    assert bench.syncs(0) == [[]]
    bench.set(tpdo1_enabled=1)
    bench.pdo.tell(STATUS, False)
    assert bench.syncs(0, 0) == [[], []]
    bench.pdo.tell(STATUS, True)
    assert bench.syncs(0) == [[0x189]]


def test_a_received_frame_is_never_sent_by_a_sync():
    assert Bench(rpdo1_type=1).syncs(0) == [[0x189]]


def test_every_nth_sync_sends():
    bench = Bench(tpdo1_type=3)
    told = [bool(found) for found in bench.syncs(*range(1, 10))]
    assert told == [False, False, True] * 3


def test_the_first_is_that_of_the_start_value_and_from_then_on_every_nth():
    bench = Bench(tpdo1_type=2, tpdo1_sync_start=4)
    told = [bool(found) for found in bench.syncs(1, 2, 3, 4, 5, 6, 7)]
    assert told == [False, False, False, True, False, True, False]
    bench.pdo.start()
    assert [bool(found) for found in bench.syncs(8, 9, 4)] == [False, False, True]
    bench.pdo.start()
    assert [bool(found) for found in bench.syncs(0, 0, 0)] == [True, False, True]


def test_a_start_counts_syncs_anew_and_sends_what_a_timer_sends_at_once():
    bench = Bench(tpdo1_type=3, tpdo2_event_ms=1000)
    assert bench.syncs(1, 2) == [[], []]
    assert bench.ticks(0, 20) == [(0, 0x289)]
    bench.pdo.start()
    assert bench.syncs(3, 4) == [[], []]
    assert bench.ticks(20, 40) == [(20, 0x289)]


def test_a_node_that_is_configured_again_begins_anew_too():
    bench = Bench(tpdo1_type=3, tpdo2_event_ms=1000)
    assert bench.syncs(1, 2) == [[], []]
    assert bench.ticks(0, 20) == [(0, 0x289)]
    bench.pdo.configure(NODE_ID)
    assert bench.syncs(3, 4) == [[], []]
    assert bench.ticks(20, 40) == [(20, 0x289)]


def test_a_parameter_of_another_pdo_leaves_counts_and_timers_alone():
    bench = Bench(tpdo1_type=3, tpdo2_event_ms=100)
    bench.syncs(1, 2)
    assert bench.ticks(0, 50) == [(0, 0x289)]
    bench.set(tpdo3_event_ms=1000)
    assert bench.syncs(3) == [[0x189]]
    assert bench.ticks(50, 150) == [(50, 0x389), (100, 0x289)]


def test_a_pdo_that_is_switched_off_and_on_counts_anew():
    bench = Bench(tpdo1_type=3)
    bench.syncs(1, 2)
    bench.set(tpdo1_enabled=0)
    bench.set(tpdo1_enabled=1)
    assert bench.syncs(3, 4, 5) == [[], [], [0x189]]


def test_frames_that_the_controller_takes_or_not_are_counted_and_wrap():
    bench = Bench()
    assert bench.pdo.give(0x123, b"ab")
    assert bench.port.sent == [(0x123, b"ab")]
    bench.port.full = True
    assert not bench.pdo.give(0x123, b"ab")
    assert (bench.pdo.tried, bench.pdo.taken) == (2, 1)
    bench.port.full = False
    bench.pdo.tried = bench.pdo.taken = 0x1FFFFFFF
    bench.pdo.give(0x123, b"ab")
    assert (bench.pdo.tried, bench.pdo.taken) == (0, 0)
    bench.pdo.tried = bench.pdo.taken = 0x1FFFFFFE
    bench.pdo.give(0x123, b"ab")
    assert (bench.pdo.tried, bench.pdo.taken) == (0x1FFFFFFF, 0x1FFFFFFF)


def test_the_report_is_kept_back_where_it_is_off_or_neither_sync_nor_time_sends_it():
    for values, mute in (
        ({}, False), ({"tpdo1_enabled": 0}, True), ({"tpdo1_type": 240}, False),
        ({"tpdo1_type": 241}, True), ({"tpdo1_type": 255}, True),
        ({"tpdo1_type": 255, "tpdo1_event_ms": 1}, False),
        ({"tpdo1_enabled": 0, "tpdo1_event_ms": 1}, True),
    ):  # fmt: skip
        assert Bench(**values).pdo.mute == mute, values


def test_inhibit_time_and_sync_start_are_fixed_while_their_pdo_exists():
    bench = Bench(tpdo2_enabled=0)
    for sub in range(7):
        assert bench.pdo.fixed(0x1800, sub) == (sub in (3, 6)), sub
        assert not bench.pdo.fixed(0x1801, sub)
        assert not bench.pdo.fixed(0x1804, sub)
        assert bench.pdo.fixed(0x1401, sub) == (sub in (3, 6))
    assert not bench.pdo.fixed(0x2000, 3)
