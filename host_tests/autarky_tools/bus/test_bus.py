"""The virtual bus: exact bit times, arbitration, filters, faults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarky.bus.bus import Bus, BusFault
from autarky.bus.timing import CRC15_POLYNOMIAL, EXTENDED, REMOTE, arbitration_key, frame_bits


def slow_bits(can_id: int, data: bytes) -> int:
    """Bit by bit from the standard, independent of the tables."""
    bits = [0] + [can_id >> i & 1 for i in range(10, -1, -1)] + [0, 0, 0]
    bits += [len(data) >> i & 1 for i in range(3, -1, -1)]
    for byte in data:
        bits += [byte >> i & 1 for i in range(7, -1, -1)]
    crc = 0
    for bit in bits:
        top = crc >> 14 & 1
        crc = crc << 1 & 0x7FFF
        if top ^ bit:
            crc ^= CRC15_POLYNOMIAL
    bits += [crc >> i & 1 for i in range(14, -1, -1)]
    sent: list[int] = []
    run = 0
    for bit in bits:
        run = run + 1 if sent and sent[-1] == bit else 1
        sent.append(bit)
        if run == 5:
            sent.append(1 - bit)
            run = 1
    return len(sent) + 1 + 2 + 7 + 3


@given(can_id=st.integers(0, 0x7FF), data=st.binary(max_size=8))
def test_bits_agree_with_the_standard_bit_by_bit(can_id: int, data: bytes) -> None:
    assert frame_bits(can_id, data) == slow_bits(can_id, data)


def test_worst_case_of_eight_bytes_is_135_bits_or_less() -> None:
    assert frame_bits(0, bytes(8)) <= 135
    assert frame_bits(0x555, b"\xaa" * 8) >= 111


def test_remote_frames_carry_no_data() -> None:
    assert frame_bits(0x123 | REMOTE, bytes(8)) < frame_bits(0x123, bytes(8)) - 50


def test_lower_identifier_wins_and_standard_beats_extended() -> None:
    assert arbitration_key(0x100) < arbitration_key(0x101)
    assert arbitration_key(0x100) < arbitration_key(0x100 | REMOTE)
    assert arbitration_key(0x100) < arbitration_key(0x100 << 18 | EXTENDED)
    assert arbitration_key(0x100 | REMOTE) < arbitration_key(0x100 << 18 | EXTENDED)


def test_frames_pass_in_order_of_identifier_and_hold_the_bus() -> None:
    bus = Bus(500_000)
    a, b = bus.attach(), bus.attach()
    bus.send(a, 0x300, bytes(8), 0)
    bus.send(b, 0x100, bytes(8), 0)
    bus.send(a, 0x200, bytes(8), 0)
    sent = bus.advance(10_000)
    assert [f.can_id for f in sent] == [0x100, 0x200, 0x300]
    expected = 0
    for frame in sent:
        expected += 2 * frame_bits(frame.can_id, frame.data)
        assert frame.end_us == expected


def test_a_frame_that_started_is_not_overtaken() -> None:
    bus = Bus(500_000)
    port = bus.attach()
    bus.send(port, 0x700, bytes(8), 0)
    bus.send(port, 0x001, bytes(8), 50)
    assert [f.can_id for f in bus.advance(10_000)] == [0x700, 0x001]


def test_a_full_bus_carries_its_backlog_on() -> None:
    bus = Bus(500_000)
    port = bus.attach()
    for i in range(100):
        bus.send(port, 0x100 + i, bytes(8), 0)
    total = []
    for tick in range(1, 5):
        total += [f.can_id for f in bus.advance(tick * 10_000)]
    assert total == [0x100 + i for i in range(100)]
    assert 0.9 < bus.load(25_000) <= 1.1


def test_filters_choose_who_receives() -> None:
    bus = Bus()
    everything, some, none = bus.attach(), bus.attach([(0x200, 0x700)]), bus.attach(())
    assert bus.recipients(0x245) == [everything, some]
    assert bus.recipients(0x345) == [everything]
    bus.set_filters(none, [(0x345, 0x7FF)])
    assert bus.recipients(0x345) == [everything, none]
    assert bus.recipients(0x245 | EXTENDED) == [everything]


@pytest.mark.parametrize(("kind", "count"), [("drop", 0), ("duplicate", 2), ("corrupt", 1)])
def test_faults_do_what_they_say(kind: str, count: int) -> None:
    bus = Bus(seed=3)
    port = bus.attach()
    bus.faults.append(BusFault(kind, lambda can_id, _: can_id == 0x201, remaining=1))
    bus.send(port, 0x201, b"\x01\x02", 0)
    bus.send(port, 0x202, b"\x01\x02", 0)
    sent = bus.advance(10_000)
    hit = [f for f in sent if f.can_id == 0x201]
    assert len(hit) == count
    if kind == "corrupt":
        assert hit[0].data != b"\x01\x02"
    bus.send(port, 0x201, b"\x01\x02", 10_000)
    assert [f.data for f in bus.advance(20_000)] == [b"\x01\x02"]


def test_a_delayed_frame_comes_later() -> None:
    bus = Bus()
    port = bus.attach()
    bus.faults.append(BusFault("delay", lambda *_: True, remaining=1, delay_us=5_000))
    bus.send(port, 0x201, b"", 0)
    sent = bus.advance(10_000)
    assert len(sent) == 1
    assert sent[0].end_us > 5_000


def test_an_unknown_fault_is_refused() -> None:
    bus = Bus()
    port = bus.attach()
    bus.faults.append(BusFault("explode", lambda *_: True))
    bus.send(port, 0x201, b"", 0)
    with pytest.raises(ValueError, match="'explode' is no bus fault: drop"):
        bus.advance(10_000)


def test_a_bus_off_port_is_silent() -> None:
    bus = Bus()
    port = bus.attach()
    bus.off.add(port)
    bus.send(port, 0x201, b"", 0)
    assert bus.advance(10_000) == []


def test_a_delayed_frame_is_late_once_and_arrives() -> None:
    bus = Bus()
    port = bus.attach()
    bus.faults.append(BusFault("delay", lambda *_: True, delay_us=5_000))
    bus.send(port, 0x123, b"\x01", 0)
    assert bus.advance(4_000) == []
    (late,) = bus.advance(20_000)
    assert late.data == b"\x01"
    assert 5_000 < late.end_us < 6_000
    assert bus.advance(60_000) == []
