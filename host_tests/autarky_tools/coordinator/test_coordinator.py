"""The coordinator's bus face: NMT on boot-up, protected commands, emergencies, many segments."""

import pytest

from autarky.coordinator.cabinet import CabinetView, Wish
from autarky.coordinator.coordinator import Coordinator, Segment
from bess import modes, objects
from bess.control import preheat
from bess.link.e2e import OK, Checker, Sender, data_ids
from bess.link.frames import FrameCodec


def one_bus(*node_ids: int) -> Coordinator:
    return Coordinator([Segment(CabinetView(node_id) for node_id in node_ids)])


def status(sender: Sender, state: int = modes.RUN, limit: int = 1000) -> bytes:
    codec = FrameCodec(objects.PDO_TABLE)
    codec.image[codec.slot("status", "state")] = state
    codec.image[codec.slot("status", "charge_limit")] = limit
    codec.image[codec.slot("status", "discharge_limit")] = limit
    frame = bytearray(8)
    codec.pack(codec.frame("status"), frame)
    sender.protect(frame)
    return bytes(frame)


def test_a_booting_cabinet_is_started() -> None:
    coordinator = one_bus(2, 3)
    (sent,) = coordinator.step(10, [[(0x702, b"\x00")]])
    assert (0x000, b"\x01\x02") in sent
    assert coordinator.views[2].booted
    assert not coordinator.views[3].booted


def test_commands_are_protected_and_come_every_100_ms() -> None:
    coordinator = one_bus(2)
    checker = Checker(data_ids(0, 2), 3, 1)
    results = []
    for now_ms in range(0, 1000, 10):
        for can_id, data in coordinator.step(now_ms, [[]])[0]:
            if can_id == 0x202:
                results.append(checker.check(data, len(data)))
    assert results == [OK] * 10


def test_status_gives_power_within_the_limits() -> None:
    coordinator = one_bus(2, 3)
    senders = {n: Sender(data_ids(1, n)) for n in (2, 3)}
    coordinator.target_w = 150_000.0
    for now_ms in range(0, 500, 10):
        frames = []
        if now_ms % 100 == 0:
            frames = [(0x182, status(senders[2], limit=600)), (0x183, status(senders[3]))]
        coordinator.step(now_ms, [frames])
    assert coordinator.views[2].setpoint_w <= 60_000
    total = coordinator.views[2].setpoint_w + coordinator.views[3].setpoint_w
    assert abs(total - 150_000) < 1


def test_a_disturbed_status_is_refused() -> None:
    coordinator = one_bus(2)
    data = bytearray(status(Sender(data_ids(1, 2))))
    data[3] ^= 1
    coordinator.step(0, [[(0x182, bytes(data))]])
    assert coordinator.refused_frames == 1
    assert coordinator.views[2].heard_ms == -1


def test_a_silent_cabinet_gets_no_share() -> None:
    coordinator = one_bus(2)
    sender = Sender(data_ids(1, 2))
    coordinator.target_w = 50_000.0
    coordinator.step(0, [[(0x182, status(sender))]])
    coordinator.step(100, [[(0x182, status(sender))]])
    assert coordinator.views[2].setpoint_w > 0
    coordinator.step(3000, [[]])
    assert coordinator.views[2].setpoint_w == 0
    assert coordinator.deficit_w == 50_000.0


def test_emergencies_name_fault_level_and_string() -> None:
    coordinator = one_bus(2)
    seen = []
    coordinator.on_emergency = seen.append
    coordinator.step(500, [[(0x082, bytes((0x10, 0x32, 0x05, 19, 3, 16, 0, 0)))]])
    assert (seen[0].code, seen[0].fault_id, seen[0].level, seen[0].at_ms) == (0x3210, 19, 3, 500)
    assert seen[0].string == 16


def test_a_silent_coordinator_says_nothing() -> None:
    coordinator = one_bus(2)
    coordinator.silent = True
    assert coordinator.step(0, [[(0x702, b"\x00")]]) == [[]]


def frame(name: str, **values: int) -> bytes:
    codec = FrameCodec(objects.PDO_TABLE)
    for field, value in values.items():
        codec.image[codec.slot(name, field)] = value
    data = bytearray(8)
    codec.pack(codec.frame(name), data)
    return bytes(data)


MEASURED = (
    "dc_voltage_v", "dc_current_a", "power_w", "soc", "soc_sigma", "energy_up_kwh",
    "energy_down_kwh", "cell_min_v", "cell_max_v", "temp_min_c", "temp_max_c",
)  # fmt: skip


def test_nothing_is_known_of_a_cabinet_that_said_nothing() -> None:
    view = one_bus(2).views[2]
    assert [getattr(view, name) for name in MEASURED] == [None] * len(MEASURED)


def test_what_falls_silent_is_not_known_any_more_and_what_goes_on_is() -> None:
    coordinator = one_bus(2)
    view = coordinator.views[2]
    cells = (0x482, frame("cells", cell_min=3300, cell_max=3310))
    coordinator.step(0, [[(0x382, frame("energy", soc=5000, energy_up=900, soc_sigma=3)), cells]])
    assert (view.soc, view.soc_sigma, view.cell_min_v) == (0.5, 0.015, 3.3)
    for now_ms in range(10, 3500, 10):
        coordinator.step(now_ms, [[cells] if now_ms % 1000 == 0 else []])
    assert view.soc == 0.5
    coordinator.step(3500, [[]])
    assert (view.soc, view.energy_up_kwh, view.energy_down_kwh) == (None, None, None)
    assert view.soc_sigma is None
    assert view.cell_min_v == 3.3


def test_a_cabinet_that_sends_all_but_its_status_gets_no_share() -> None:
    coordinator = one_bus(2)
    sender = Sender(data_ids(1, 2))
    coordinator.target_w = 50_000.0
    coordinator.step(0, [[(0x182, status(sender))]])
    coordinator.step(100, [[(0x182, status(sender))]])
    assert coordinator.views[2].setpoint_w > 0
    for now_ms in range(110, 3000, 10):
        coordinator.step(now_ms, [[(0x382, frame("energy", soc=5000))]])
    assert coordinator.views[2].setpoint_w == 0


def test_a_cell_that_is_not_known_any_more_leaves_the_view() -> None:
    coordinator = one_bus(2)
    coordinator.step(0, [[(0x502, frame("cell_stream", voltage_0=3301, voltage_1=3302))]])
    coordinator.step(10, [[(0x502, frame("cell_stream", voltage_0=0xFFFF, voltage_1=3303))]])
    assert coordinator.views[2].cell_v[1] == 3.303
    assert 0 not in coordinator.views[2].cell_v


def two_buses() -> Coordinator:
    """Node ids 2 and 3 on one bus, 2 on another."""
    north = Segment([CabinetView(2), CabinetView(3)], "north")
    return Coordinator([north, Segment([CabinetView(2, 102, "south 1")], "south")])


def test_a_second_segment_is_a_list_entry_and_shares_the_target() -> None:
    coordinator = two_buses()
    assert [(n, v.name) for n, v in coordinator.views.items()] == [
        (2, "2"), (3, "3"), (102, "south 1"),
    ]  # fmt: skip
    senders = {key: Sender(data_ids(1, key[1])) for key in ((0, 2), (0, 3), (1, 2))}
    coordinator.target_w = 90_000.0
    for now_ms in (0, 100, 200):
        frames = [[], []]
        for (segment, node_id), sender in senders.items():
            frames[segment].append((0x180 + node_id, status(sender)))
        sent = coordinator.step(now_ms, frames)
    assert [[can_id for can_id, _ in out if can_id != 0x701] for out in sent] == [
        [0x80, 0x202, 0x203], [0x80, 0x202],
    ]  # fmt: skip
    powers = [v.setpoint_w for v in coordinator.views.values()]
    assert powers == pytest.approx([30_000.0] * 3)


def test_each_segment_has_its_own_heartbeat_sync_and_counters() -> None:
    coordinator = two_buses()
    checkers = [Checker(data_ids(0, 2), 3, 1) for _ in range(2)]
    for now_ms in range(0, 1000, 10):
        sent = coordinator.step(now_ms, [[], []])
        assert all(((0x701, b"\x05") in out) == (now_ms % 500 == 0) for out in sent)
        assert all(((0x80, bytes((now_ms // 100 + 1,))) in out) == (now_ms % 100 == 0)
                   for out in sent)  # fmt: skip
        for out, checker in zip(sent, checkers):
            assert [checker.check(d, 8) for can_id, d in out if can_id == 0x202] in ([], [OK])


def test_what_a_node_says_on_one_segment_is_not_its_namesakes() -> None:
    coordinator = two_buses()
    heard = []
    coordinator.on_emergency = heard.append
    emergency = (0x082, bytes((0x10, 0x32, 0x05, 19, 3, 0, 0, 0)))
    sent = coordinator.step(10, [[], [(0x702, b"\x00"), emergency]])
    assert [(0x000, b"\x01\x02") in out for out in sent] == [False, True]
    assert [v.booted for v in coordinator.views.values()] == [False, False, True]
    assert [(e.node_id, e.number) for e in heard] == [(2, 102)]


def test_two_cabinets_of_one_number_are_refused() -> None:
    with pytest.raises(ValueError, match="two cabinets have one number"):
        Coordinator([Segment([CabinetView(2)]), Segment([CabinetView(2)])])


def test_a_forced_power_is_commanded_and_the_others_make_up_the_rest() -> None:
    coordinator = one_bus(2, 3)
    senders = {n: Sender(data_ids(1, n)) for n in (2, 3)}
    coordinator.target_w = 50_000.0
    coordinator.forced_w[2] = 40_000.0
    coordinator.step(0, [[]])
    assert coordinator.views[2].setpoint_w == 40_000.0  # heard before it runs
    assert coordinator.deficit_w == 50_000.0
    for now_ms in (10, 100):
        coordinator.step(now_ms, [[(0x180 + n, status(s)) for n, s in senders.items()]])
    assert [v.setpoint_w for v in coordinator.views.values()] == pytest.approx([4e4, 1e4])
    assert abs(coordinator.deficit_w) < 1e-6


def test_a_wish_is_told_when_it_is_new_and_every_5_s_with_what_is_left_of_its_time() -> None:
    coordinator = one_bus(2, 3)
    codec = FrameCodec(objects.PDO_TABLE)
    checker = Checker(data_ids(codec.frame("schedule"), 2), 3, 1)
    slot = codec.slot("schedule", "purpose")
    coordinator.wishes[2] = Wish(preheat.CHARGE, 40_000, island=True, rate_c=0.25)
    told = []
    for now_ms in range(0, 23_000, 100):
        if now_ms == 17_000:
            coordinator.wishes[2] = Wish(preheat.IDLE, 10**12)
        for can_id, data in coordinator.step(now_ms, [[]])[0]:
            if 0x400 < can_id < 0x480:
                assert can_id == 0x402
                assert checker.check(data, len(data)) == OK
                codec.unpack(codec.frame("schedule"), data)
                told.append((now_ms, *codec.image[slot : slot + 4]))
    charge, idle = preheat.CHARGE, preheat.IDLE
    assert told == [
        (0, charge, 1, 4, 250), (5_000, charge, 1, 3, 250), (10_000, charge, 1, 3, 250),
        (15_000, charge, 1, 2, 250), (17_000, idle, 0, 0xFFFF, 0), (22_000, idle, 0, 0xFFFF, 0),
    ]  # fmt: skip


def test_who_does_not_answer_the_sync_is_made_up_for_within_50_ms_of_it() -> None:
    coordinator = one_bus(2, 3)
    senders = {n: Sender(data_ids(1, n)) for n in (2, 3)}
    coordinator.target_w = 40_000.0
    for now_ms in range(0, 1000, 10):
        heard = [(0x180 + n, status(s)) for n, s in senders.items()] if now_ms % 100 == 20 else []
        coordinator.step(now_ms, [heard])
    assert [v.setpoint_w for v in coordinator.views.values()] == pytest.approx([2e4, 2e4])
    commanded = {}
    for now_ms in range(1000, 1110, 10):
        alive = [(0x182, status(senders[2]))] if now_ms == 1020 else []
        sent = coordinator.step(now_ms, [alive])[0]
        if any(can_id == 0x202 for can_id, _ in sent):
            commanded[now_ms] = [v.setpoint_w for v in coordinator.views.values()]
    assert commanded[1000] == pytest.approx([2e4, 2e4])
    assert commanded[1050] == commanded[1100] == pytest.approx([4e4, 0.0])


def test_who_asks_is_released_when_its_power_has_gone_over() -> None:
    coordinator = one_bus(2, 3)
    senders = {n: Sender(data_ids(1, n)) for n in (2, 3)}
    coordinator.target_w = 40_000.0
    answers = []
    coordinator.leaving.on_answer = lambda number, answer: answers.append((number, answer.granted))
    requests, totals = [], []
    for now_ms in range(0, 6000, 10):
        if now_ms == 1000:
            coordinator.leaving.asked.add(3)
        heard = [(0x180 + n, status(s)) for n, s in senders.items()] if now_ms % 100 == 20 else []
        coordinator.step(now_ms, [heard])
        if now_ms % 100 == 0 and now_ms >= 500:
            requests.append(coordinator.views[3].request)
            totals.append(sum(v.setpoint_w for v in coordinator.views.values()))
    assert totals == pytest.approx([40_000.0] * len(totals))
    assert answers == [(3, True)]
    assert requests.index(objects.REQUEST_RELEASE) == pytest.approx(35, abs=1)  # 3 s of ramp
    assert set(requests[36:]) == {objects.REQUEST_RELEASE}
    assert coordinator.views[2].request == objects.REQUEST_RUN


def test_a_newcomer_s_ramp_never_costs_the_plant_its_power() -> None:
    coordinator = one_bus(2, 3)
    senders = {n: Sender(data_ids(1, n)) for n in (2, 3)}
    coordinator.target_w = 40_000.0
    here = {2}
    totals = []
    for now_ms in range(0, 3000, 10):
        if now_ms == 1000:
            here = {2, 3}
        elif now_ms == 1500:
            here = {3}  # 2 goes while 3 has a sixth of its share
        came = now_ms % 100 == 20
        heard = [(0x180 + n, status(senders[n])) for n in here] if came else []
        coordinator.step(now_ms, [heard])
        if now_ms >= 1600:
            totals.append(sum(v.setpoint_w for v in coordinator.views.values()))
    assert totals == pytest.approx([40_000.0] * len(totals))
