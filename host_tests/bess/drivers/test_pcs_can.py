"""The PCS's protocol, frame by frame: nothing that is wrong, old or another's is believed."""

import pytest

from bess.drivers import pcs as states
from bess.drivers import pcs_can
from bess.drivers.pcs_can import PcsCan
from bess.link.e2e import Sender, data_ids

# -12.34 kW, 765.4 V, fault 3, 35 degC, state 2, by counters 0..3
STATUS = [
    bytes.fromhex(text)
    for text in ("25202efbe61d0323", "9f212efbe61d0323", "63222efbe61d0323", "d9232efbe61d0323")
]


class Wire:
    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []

    def send(self, can_id: int, data: bytes) -> bool:
        self.sent.append((can_id, bytes(data)))
        return True


def status(counter: int, power_dw: int = 0) -> bytes:
    """A good status with this counter; power in 10 W."""
    frame = bytearray(8)
    frame[2:4] = power_dw.to_bytes(2, "little", signed=True)
    frame[1] = states.RUNNING << 4
    sender = Sender(pcs_can.status_ids())
    for _ in range(counter % 16 + 1):
        sender.protect(frame)
    return bytes(frame)


def hear(pcs: PcsCan, data: bytes, now_ms: int, length: int = 8) -> None:
    assert pcs.receive(0x190, data, length, now_ms) is True


@pytest.fixture
def pcs() -> PcsCan:
    """One that heard two good frames: the first says nothing, it only begins the count."""
    pcs = PcsCan(Wire())
    hear(pcs, status(0), 100)
    assert pcs.status_ms == -1
    hear(pcs, status(1), 120)
    assert pcs.status_ms == 120
    assert pcs.crc_streak == 0
    return pcs


def test_numbers_are_the_published_ones() -> None:
    assert (pcs_can.COMMAND_ID, pcs_can.STATUS_ID) == (0x210, 0x190)
    assert PcsCan.filters == ((0x190, 0x7FF, 0),)
    assert (pcs_can.STOP, pcs_can.FOLLOW) == (0, 1)
    on_the_bus = (states.OFF, states.STARTING, states.RUNNING, states.STOPPING, states.FAULT)
    assert on_the_bus == (0, 1, 2, 3, 4)


def test_its_protected_frames_are_no_site_nodes() -> None:
    """Lists that agree at a counter let a stray frame through there."""
    for ids in (pcs_can.command_ids(), pcs_can.status_ids()):
        for node in range(1, 128):
            for kind in range(4):
                agree = sum(a == b for a, b in zip(ids, data_ids(kind, node), strict=True))
                assert agree <= 1, (node, kind)
    assert pcs_can.command_ids() != pcs_can.status_ids()


def test_nothing_is_known_and_nothing_asked_at_first() -> None:
    pcs = PcsCan(Wire())
    assert pcs.filters == ((0x190, 0x7FF, 0),)
    assert pcs.state == states.OFF
    assert pcs.power_actual_w == pcs.dc_voltage_dv == 0
    assert pcs.fault == pcs.temperature_dc == pcs.crc_streak == 0
    assert pcs.status_ms == -1


def test_a_status_is_read_as_it_is_published() -> None:
    pcs = PcsCan(Wire())
    for n, data in enumerate(STATUS):
        hear(pcs, data, 20 * n)
    assert pcs.state == states.RUNNING
    assert pcs.power_actual_w == -12_340
    assert pcs.dc_voltage_dv == 7654
    assert pcs.fault == 3
    assert pcs.temperature_dc == 350
    assert pcs.status_ms == 60


@pytest.mark.parametrize(("power_w", "data"), [
    (-54_321, "5d10c8ea00000000"), (-54_320, "5d10c8ea00000000"),
])  # fmt: skip
def test_a_command_is_sent_as_it_is_published(power_w: int, data: str) -> None:
    wire = Wire()
    pcs = PcsCan(wire)
    pcs.start()
    pcs.set(power_w, 0)
    pcs.transmit(0)
    assert wire.sent == [(0x210, bytes.fromhex(data))]


@pytest.mark.parametrize(("power_w", "sent_dw"), [
    (0, 0), (9, 0), (-9, 0), (10, 1), (-10, -1), (54_329, 5432), (-54_329, -5432),
])  # fmt: skip
def test_a_command_never_asks_for_more_than_was_allowed(power_w: int, sent_dw: int) -> None:
    for set_to, at in (((power_w, 0), 2), ((0, power_w), 4)):
        wire = Wire()
        pcs = PcsCan(wire)
        pcs.set(*set_to)
        pcs.transmit(0)
        assert wire.sent[0][1][1] >> 4 == pcs_can.STOP
        assert int.from_bytes(wire.sent[0][1][at : at + 2], "little", signed=True) == sent_dw


@pytest.mark.parametrize("start_ms", [0, 1, 5000, 2**30 - 30])
def test_a_command_is_sent_at_once_and_then_every_20_ms(start_ms: int) -> None:
    wire = Wire()
    pcs = PcsCan(wire)
    for after_ms in range(100):
        pcs.transmit(start_ms + after_ms & 2**30 - 1)
        assert len(wire.sent) == after_ms // 20 + 1, after_ms


def test_frames_of_others_are_left_alone() -> None:
    pcs = PcsCan(Wire())
    for can_id in range(0x800):
        if can_id != 0x190:
            assert pcs.receive(can_id, STATUS[0], 8, 0) is False
    assert pcs.crc_streak == 0


@pytest.mark.parametrize("byte", range(8))
def test_a_disturbed_status_changes_nothing_but_the_count_of_refused(pcs, byte: int) -> None:
    data = bytearray(status(2, 500))
    data[byte] ^= 0x10
    for n in (1, 2):
        hear(pcs, data, 140)
        assert pcs.crc_streak == n
    assert pcs.power_actual_w == 0
    assert pcs.status_ms == 120
    hear(pcs, status(2, 500), 160)
    assert pcs.crc_streak == 0
    assert pcs.power_actual_w == 5000


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_status_that_is_cut_short_is_none(pcs: PcsCan, length: int) -> None:
    hear(pcs, status(2, 500), 140, length)
    assert pcs.power_actual_w == 0
    assert pcs.status_ms == 120
    assert pcs.crc_streak == 1


def test_a_repeated_status_is_not_fresh(pcs: PcsCan) -> None:
    hear(pcs, status(1), 140)
    assert pcs.status_ms == 120
    assert pcs.crc_streak == 1


def test_two_lost_frames_are_borne_and_after_three_it_begins_anew(pcs: PcsCan) -> None:
    hear(pcs, status(4), 180)
    assert pcs.status_ms == 180
    hear(pcs, status(8), 260)
    assert pcs.status_ms == 180
    hear(pcs, status(9), 280)
    assert pcs.status_ms == 180
    hear(pcs, status(10), 300)
    assert pcs.status_ms == 300


def test_the_count_of_refused_frames_stays_at_250(pcs: PcsCan) -> None:
    for n in range(1, 300):
        hear(pcs, bytes(8), 140)
        assert pcs.crc_streak == min(n, 250)
