"""The coordinator's bus face: NMT on boot-up, protected commands, emergencies."""

from autarky.coordinator.coordinator import Coordinator
from bess import modes, objects
from bess.link.e2e import OK, Checker, Sender, data_ids
from bess.link.frames import FrameCodec


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
    coordinator = Coordinator([2, 3])
    sent = coordinator.step(10, [(0x702, b"\x00")])
    assert (0x000, b"\x01\x02") in sent
    assert coordinator.views[2].booted
    assert not coordinator.views[3].booted


def test_commands_are_protected_and_come_every_100_ms() -> None:
    coordinator = Coordinator([2])
    checker = Checker(data_ids(0, 2), 3, 1)
    results = []
    for now_ms in range(0, 1000, 10):
        for can_id, data in coordinator.step(now_ms, []):
            if can_id == 0x202:
                results.append(checker.check(data, len(data)))
    assert results == [OK] * 10


def test_status_gives_power_within_the_limits() -> None:
    coordinator = Coordinator([2, 3])
    senders = {n: Sender(data_ids(1, n)) for n in (2, 3)}
    coordinator.target_w = 150_000.0
    for now_ms in range(0, 500, 10):
        frames = []
        if now_ms % 100 == 0:
            frames = [(0x182, status(senders[2], limit=600)), (0x183, status(senders[3]))]
        coordinator.step(now_ms, frames)
    assert coordinator.views[2].setpoint_w <= 60_000
    total = coordinator.views[2].setpoint_w + coordinator.views[3].setpoint_w
    assert abs(total - 150_000) < 1


def test_a_disturbed_status_is_refused() -> None:
    coordinator = Coordinator([2])
    data = bytearray(status(Sender(data_ids(1, 2))))
    data[3] ^= 1
    coordinator.step(0, [(0x182, bytes(data))])
    assert coordinator.refused_frames == 1
    assert coordinator.views[2].heard_ms == -1


def test_a_silent_cabinet_gets_no_share() -> None:
    coordinator = Coordinator([2])
    sender = Sender(data_ids(1, 2))
    coordinator.target_w = 50_000.0
    coordinator.step(0, [(0x182, status(sender))])
    coordinator.step(100, [(0x182, status(sender))])
    assert coordinator.views[2].setpoint_w > 0
    coordinator.step(3000, [])
    assert coordinator.views[2].setpoint_w == 0
    assert coordinator.deficit_w == 50_000.0


def test_emergencies_name_fault_and_level() -> None:
    coordinator = Coordinator([2])
    seen = []
    coordinator.on_emergency = seen.append
    coordinator.step(500, [(0x082, bytes((0x10, 0x32, 0x05, 19, 3, 0, 0, 0)))])
    assert (seen[0].code, seen[0].fault_id, seen[0].level, seen[0].at_ms) == (0x3210, 19, 3, 500)


def test_a_silent_coordinator_says_nothing() -> None:
    coordinator = Coordinator([2])
    coordinator.silent = True
    assert coordinator.step(0, [(0x702, b"\x00")]) == []


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
    view = Coordinator([2]).views[2]
    assert [getattr(view, name) for name in MEASURED] == [None] * len(MEASURED)


def test_what_falls_silent_is_not_known_any_more_and_what_goes_on_is() -> None:
    coordinator = Coordinator([2])
    view = coordinator.views[2]
    cells = (0x482, frame("cells", cell_min=3300, cell_max=3310))
    coordinator.step(0, [(0x382, frame("energy", soc=5000, energy_up=900, soc_sigma=3)), cells])
    assert (view.soc, view.soc_sigma, view.cell_min_v) == (0.5, 0.015, 3.3)
    for now_ms in range(10, 3500, 10):
        coordinator.step(now_ms, [cells] if now_ms % 1000 == 0 else [])
    assert view.soc == 0.5
    coordinator.step(3500, [])
    assert (view.soc, view.energy_up_kwh, view.energy_down_kwh) == (None, None, None)
    assert view.soc_sigma is None
    assert view.cell_min_v == 3.3


def test_a_cabinet_that_sends_all_but_its_status_gets_no_share() -> None:
    coordinator = Coordinator([2])
    sender = Sender(data_ids(1, 2))
    coordinator.target_w = 50_000.0
    coordinator.step(0, [(0x182, status(sender))])
    coordinator.step(100, [(0x182, status(sender))])
    assert coordinator.views[2].setpoint_w > 0
    for now_ms in range(110, 3000, 10):
        coordinator.step(now_ms, [(0x382, frame("energy", soc=5000))])
    assert coordinator.views[2].setpoint_w == 0


def test_a_cell_that_is_not_known_any_more_leaves_the_view() -> None:
    coordinator = Coordinator([2])
    coordinator.step(0, [(0x502, frame("cell_stream", voltage_0=3301, voltage_1=3302))])
    coordinator.step(10, [(0x502, frame("cell_stream", voltage_0=0xFFFF, voltage_1=3303))])
    assert coordinator.views[2].cell_v[1] == 3.303
    assert 0 not in coordinator.views[2].cell_v
