"""The weld check: by mirror contacts and by voltages, its bounds, its lock and its end."""

from rigs.contactors import Rig, parameter, timeline

from bess.control import contactors as c
from bess.measure import signals as s


def test_welded_mirror_contact_locks():
    rig = Rig().closed()
    rig.follow = False
    rig.machine.open("test")
    rig.run(2000)
    assert rig.machine.state == c.LOCKED
    assert rig.signals.value[s.WELDED] == 1
    rig.machine.close()
    rig.run(1000)
    assert rig.levels() == (0, 0, 0)


def test_weld_is_seen_by_voltage_when_the_mirror_contact_lies():
    for plus, minus, expected in (
        (768000, 760000, c.LOCKED),  # plus welded: outer plus at the string
        (748001, 0, c.LOCKED),
        (460000, 0, c.LOCKED),  # minus welded: the whole link against the string's minus
        (230000, -230000, c.OPEN),  # floating link, well
        (10000, -10000, c.OPEN),
    ):
        rig = Rig().closed()
        rig.meter.outer_plus_mv = plus
        rig.meter.outer_minus_mv = minus
        rig.machine.open("test")
        rig.run(2000)
        assert rig.machine.state == expected, (plus, minus)


def test_a_broken_string_tells_nothing_of_a_weld_until_it_is_whole_again():
    for string_mv in (0, 13000, 40000):
        rig = Rig().closed()
        rig.meter.string_mv = string_mv
        rig.meter.outer_plus_mv = string_mv  # welded, or nothing there: who knows
        rig.machine.open("module drawn")
        rig.machine.close()
        rig.run(30000)
        assert rig.machine.state == c.WELD_CHECK, string_mv
        assert not rig.machine.is_open
        assert rig.levels() == (0, 0, 0)
    rig.meter.string_mv = rig.meter.outer_plus_mv = 768000
    rig.run(100)
    assert rig.machine.state == c.LOCKED
    assert rig.machine.cause == "plus welded"


def test_service_unlocks_after_a_passed_weld_check():
    rig = Rig().closed()
    rig.follow = False
    rig.machine.open("test")
    rig.run(2000)
    rig.follow = True
    rig.machine.unlock()
    assert not rig.machine.is_open
    rig.run(1000)
    assert rig.machine.is_open


def test_service_cannot_unlock_a_contactor_that_is_still_welded():
    rig = Rig().closed()
    rig.follow = False
    rig.machine.open("test")
    rig.run(2000)
    rig.machine.unlock()
    rig.run(2000)
    assert rig.machine.state == c.LOCKED
    assert rig.machine.welded


def test_a_weld_that_happened_without_power_is_found_at_boot():
    rig = Rig()
    pins = rig.pins
    machine = rig.build()
    rig.meter.outer_plus_mv = rig.meter.string_mv
    machine.close()
    for now_ms in range(0, 2000, 10):
        rig.meter.link_samples += 1
        machine.step(now_ms)
        assert not any(pin.level for pin in pins.values())
    assert machine.state == c.LOCKED
    assert machine.welded


def test_service_clears_the_weld_it_has_looked_at():
    rig = Rig().closed()
    rig.follow = False
    rig.machine.open("test")
    rig.run(2000)
    assert rig.machine.welded is True
    rig.follow = True
    rig.machine.unlock()
    rig.run(1000)
    assert rig.machine.welded is False
    assert rig.signals.value[s.WELDED] == 0


def test_a_mirror_contact_has_the_discharge_time_to_fall():
    weld_ms = parameter("weld_discharge_ms")
    rig = Rig().closed()
    rig.follow = False
    rig.machine.open("test")
    rig.inputs.minus_closed = False  # one of two is enough
    start_ms = timeline(rig, "weld_check")[-1][1]
    assert timeline(rig, "locked")[-1] == ("locked", start_ms + weld_ms)


def test_the_bounds_of_the_weld_check_are_exact():
    gap_mv = parameter("weld_gap_mv")
    string_mv = 768000
    half_mv = gap_mv // 2
    for string, plus, minus, cause in (
        (string_mv, string_mv - gap_mv, -half_mv, "weld check passed"),
        (string_mv, string_mv - gap_mv + 1, -half_mv, "plus welded"),
        (2 * gap_mv, 2 * gap_mv, gap_mv, "settled"),  # too low to tell
        (2 * gap_mv + 1, 2 * gap_mv, gap_mv, "plus welded"),
        (string_mv, gap_mv, 0, "weld check passed"),
        (string_mv, gap_mv + 1, 0, "minus welded"),
        (string_mv, 2 * gap_mv, half_mv, "weld check passed"),
        (string_mv, 2 * gap_mv, half_mv - 1, "minus welded"),
        (string_mv, 2 * gap_mv, -half_mv, "weld check passed"),
        (string_mv, 2 * gap_mv, 1 - half_mv, "minus welded"),
    ):
        rig = Rig().closed()
        rig.meter.string_mv = string
        rig.meter.outer_plus_mv = plus
        rig.meter.outer_minus_mv = minus
        rig.machine.open("test")
        rig.run(2000)
        assert rig.machine.cause == cause, (string, plus, minus)


def test_the_weld_check_at_boot_counts_from_the_first_tick():
    rig = Rig()
    rig.meter.link_samples = 500
    machine = rig.build()
    opened_ms = -1
    for now_ms in range(100000, 102000, 10):
        machine.step(now_ms)
        rig.meter.link_samples += 1
        if machine.is_open and opened_ms < 0:
            opened_ms = now_ms
    assert opened_ms == 100000 + parameter("weld_discharge_ms")


def test_either_mirror_contact_alone_tells_a_weld():
    for name in ("minus_closed", "plus_closed"):
        rig = Rig().closed()
        rig.follow = False
        rig.inputs.minus_closed = rig.inputs.plus_closed = rig.inputs.precharge_closed = False
        setattr(rig.inputs, name, True)
        rig.machine.open("test")
        rig.run(2000)
        assert (rig.machine.state, rig.machine.cause) == (c.LOCKED, "mirror contact closed"), name
