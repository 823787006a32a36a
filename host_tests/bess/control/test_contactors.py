from bess.control import contactors as c
from bess.control.contactors import Contactors
from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.protect import history as h
from bess.protect.history import SIZE, History, provision


class Pin:
    def __init__(self):
        self.level = 0

    def value(self, level):
        self.level = level


class Inputs:
    def __init__(self):
        self.minus_closed = self.plus_closed = self.precharge_closed = False


class Meter:
    def __init__(self):
        self.string_mv = 768000
        self.link_mv = 0
        self.current_ma = 0
        self.outer_plus_mv = 0
        self.outer_minus_mv = 0
        self.link_samples = 0
        self.current_samples = 0


class Rig:
    """Contactors with pins that follow their commands at once, 10 ms a step."""

    def __init__(self):
        self.pins = {"minus": Pin(), "plus": Pin(), "precharge": Pin()}
        self.inputs = Inputs()
        self.meter = Meter()
        self.signals = Signals()
        self.memory = bytearray(SIZE)
        provision(self.memory)
        self.history = History(self.memory)
        self.machine = self.build()
        self.now_ms = 0
        self.follow = True
        self.rise_mv = 10000
        assert self.machine.state == c.WELD_CHECK  # nobody knows how the last opening ended
        self.run(600)
        assert self.machine.is_open
        self.now_ms = 0
        self.machine._failed_ms = self.machine._since_ms = 0

    def restart(self):
        """The chip comes out of a reset: outputs low, backup memory as it was kept."""
        for pin in self.pins.values():
            pin.level = 0
        self.history = History(self.memory)
        self.machine = self.build()

    def build(self):
        """Contactors as after a start."""
        return Contactors(
            self.pins, self.inputs, self.meter, Parameters(), self.signals, self.history
        )

    def run(self, ms):
        for _ in range(ms // 10):
            if self.follow:
                self.inputs.minus_closed = self.pins["minus"].level == 1
                self.inputs.plus_closed = self.pins["plus"].level == 1
                self.inputs.precharge_closed = self.pins["precharge"].level == 1
            if self.pins["precharge"].level and self.rise_mv:
                self.meter.link_mv = min(self.meter.link_mv + self.rise_mv, self.meter.string_mv)
            self.meter.link_samples += 1
            self.meter.current_samples += 1
            self.machine.step(self.now_ms)
            self.now_ms += 10

    def levels(self):
        return tuple(self.pins[name].level for name in ("minus", "precharge", "plus"))

    def closed(self):
        self.machine.close()
        self.run(3000)
        assert self.machine.state == c.CLOSED
        return self


def test_order_of_closing():
    rig = Rig()
    rig.machine.close()
    seen = []
    for _ in range(300):
        rig.run(10)
        if not seen or seen[-1] != rig.levels():
            seen.append(rig.levels())
    assert seen == [(1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)]
    assert rig.machine.state == c.CLOSED
    assert list(rig.history.closings) == [1, 1, 1]


def test_plus_closes_only_within_three_percent_and_twenty_volts():
    rig = Rig()
    rig.machine.close()
    rig.rise_mv = 0
    rig.meter.link_mv = 768000 - 20001
    rig.run(2000)
    assert rig.machine.state == c.PRECHARGE
    rig.meter.link_mv = 768000 - 20000
    rig.run(50)
    assert rig.machine.state == c.CLOSE_PLUS


def test_three_percent_is_the_limit_on_a_low_string():
    rig = Rig()
    rig.meter.string_mv = 48000
    rig.machine.close()
    rig.rise_mv = 0
    rig.meter.link_mv = 48000 - 1441
    rig.run(2000)
    assert rig.machine.state == c.PRECHARGE
    rig.meter.link_mv = 48000 - 1440
    rig.run(50)
    assert rig.machine.state == c.CLOSE_PLUS


def test_current_must_have_gone_before_plus_closes():
    rig = Rig()
    rig.machine.close()
    rig.meter.current_ma = 1000
    rig.run(3000)
    assert rig.machine.state == c.PRECHARGE
    rig.meter.current_ma = 999
    rig.run(50)
    assert rig.machine.state == c.CLOSE_PLUS


def test_an_old_link_voltage_never_ends_precharge():
    """The sample under way when the relay closed does not count."""
    rig = Rig()
    rig.meter.link_mv = rig.meter.string_mv
    rig.machine.close()
    rig.run(10)
    frozen = rig.meter.link_samples
    for _ in range(100):
        rig.run(10)
        rig.meter.link_samples = frozen
    assert rig.machine.state in (c.CLOSE_MINUS, c.PRECHARGE)


def test_precharge_gives_up_after_its_time_and_tries_three_times():
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    closings = 0
    was = 0
    for _ in range(6000):
        rig.run(10)
        now = rig.pins["precharge"].level
        closings += 1 if now and not was else 0
        was = now
    assert closings == 3
    assert rig.signals.value[s.PRECHARGE_FAILED] == 1
    assert rig.levels() == (0, 0, 0)


def test_precharge_time_out_is_exact_and_pauses_before_the_next_try():
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    while rig.machine.state != c.PRECHARGE:
        rig.run(10)
    began = rig.now_ms
    while rig.machine.state == c.PRECHARGE:
        rig.run(10)
    assert rig.now_ms - began == 5010
    failed = rig.now_ms
    while not rig.pins["minus"].level:
        rig.run(10)
    assert 10000 <= rig.now_ms - failed <= 10020


def test_open_from_every_state_drops_the_outputs_in_the_same_call():
    for stop_at in (c.CLOSE_MINUS, c.PRECHARGE, c.CLOSE_PLUS, c.CLOSED):
        rig = Rig()
        rig.machine.close()
        while rig.machine.state != stop_at:
            rig.run(10)
        rig.machine.open("test")
        assert rig.levels() == (0, 0, 0)
        rig.run(2000)
        assert rig.machine.is_open


def test_never_from_open_to_closed_without_precharge():
    rig = Rig().closed()
    rig.machine.open("test")
    rig.run(2000)
    rig.machine.close()
    states = set()
    while rig.machine.state != c.CLOSED:
        states.add(rig.machine.state)
        rig.run(10)
    assert c.PRECHARGE in states


def test_feedback_that_differs_is_put_every_tick():
    rig = Rig().closed()
    assert rig.signals.value[s.FEEDBACK_DIFFERS] == 0
    rig.follow = False
    rig.inputs.plus_closed = False
    rig.run(10)
    assert rig.signals.value[s.FEEDBACK_DIFFERS] == 1


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


def test_a_minus_that_does_not_close_is_stuck_until_the_operator_resets():
    rig = Rig()
    rig.follow = False
    rig.machine.close()
    assert rig.machine.wanted
    assert not rig.machine.closed
    rig.run(5000)
    assert not rig.machine.stuck
    rig.run(20)
    assert rig.machine.stuck
    assert rig.signals.value[s.CONTACTOR_STUCK] == 1
    assert rig.levels() == (0, 0, 0)
    rig.machine.forget_tries()
    rig.run(10)
    assert rig.signals.value[s.CONTACTOR_STUCK] == 0


def test_a_plus_that_does_not_close_is_stuck():
    rig = Rig()
    rig.machine.close()
    while rig.machine.state != c.CLOSE_PLUS:
        rig.run(10)
    since_ms = rig.now_ms
    rig.follow = False
    rig.inputs.plus_closed = False
    while not rig.machine.stuck:
        rig.run(10)
    assert 5000 <= rig.now_ms - since_ms <= 5020
    assert rig.machine.tries == 1


def test_the_precharge_resistor_is_never_loaded_beyond_its_rating():
    """Invariant 13: over retries too; it closes again only when it has cooled."""
    rig = Rig()
    rig.rise_mv = 0
    rig.meter.current_ma = 14000
    rig.machine.close()
    heat_mj = 0
    hottest = 0
    causes = set()
    for _ in range(60):
        for _ in range(100):
            rig.run(10)
            if rig.pins["precharge"].level:
                heat_mj += 14 * 14 * 56 * 10
            hottest = max(hottest, heat_mj)
            causes.add(rig.machine.cause)
        heat_mj -= heat_mj // 60
        rig.machine.step_slow()
    assert hottest <= 6000 * 1000 * 1.02
    assert "precharge resistor hot" in causes
    assert "precharge time-out" not in causes


def test_a_negative_current_heats_the_same():
    rig = Rig()
    rig.rise_mv = 0
    rig.meter.current_ma = -14000
    rig.machine.close()
    rig.run(300)
    assert rig.signals.value[s.PRECHARGE_HEAT] > 0
    before = rig.machine.heat_permille
    for _ in range(200):
        rig.machine.step_slow()
    assert rig.machine.heat_permille < before
    for _ in range(2000):
        rig.machine.step_slow()
    assert rig.machine.heat_permille == 0
    rig.machine.step_slow()


def test_a_link_above_the_string_matches_within_the_same_bounds():
    rig = Rig()
    rig.rise_mv = 0
    rig.meter.link_mv = 768000 + 20001
    rig.meter.string_mv = 768000
    rig.machine.close()
    rig.run(1000)
    assert rig.machine.state == c.PRECHARGE
    rig.meter.link_mv = 768000 + 20000
    rig.run(100)
    assert rig.machine.state in (c.CLOSE_PLUS, c.CLOSED)


def test_a_mirror_contact_that_stays_closed_forbids_the_next_closing():
    rig = Rig()
    rig.follow = False
    rig.inputs.plus_closed = True
    rig.machine.close()
    rig.run(100)
    assert rig.levels() == (0, 0, 0)


def test_lock_and_unlock_need_their_states():
    rig = Rig()
    rig.machine.unlock()
    assert rig.machine.state == c.OPEN
    rig.machine.lock()
    assert rig.machine.state == c.LOCKED
    rig.machine.close()
    rig.run(500)
    assert rig.levels() == (0, 0, 0)
    rig = Rig().closed()
    rig.machine.lock()
    assert rig.machine.state == c.OPENING


def test_a_hot_resistor_is_not_loaded_again_before_it_has_cooled():
    rig = Rig()
    rig.rise_mv = 0
    rig.meter.current_ma = 14000
    rig.machine.close()
    while rig.machine.cause != "precharge resistor hot":
        rig.run(10)
    rig.run(20000)
    for _ in range(60):
        rig.machine.step_slow()
        rig.run(10)
        assert rig.machine.state == c.OPEN
        assert rig.levels() == (0, 0, 0)
    for _ in range(10):
        rig.machine.step_slow()
    rig.run(20)
    assert rig.machine.state == c.CLOSE_MINUS


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


def timeline(rig, until, ms=20000):
    """[(state, since)] on the rig's clock until a state or the end."""
    seen = []
    for _ in range(ms // 10):
        at_ms = rig.now_ms
        rig.run(10)
        name = c.STATE_NAMES.decode().split()[rig.machine.state]
        if not seen or seen[-1][0] != name:
            seen.append((name, at_ms))
        if name == until:
            break
    return seen


def parameter(name):
    return Parameters().get(name)


def test_the_timeline_of_closing_and_opening_is_exact():
    settle_ms = parameter("contactor_settle_ms")
    weld_ms = parameter("weld_discharge_ms")
    rig = Rig()
    rig.meter.link_mv = rig.meter.string_mv
    rig.machine.close()
    assert timeline(rig, "closed") == [
        ("close_minus", 0),
        ("precharge", settle_ms),
        ("close_plus", settle_ms + 20),  # two fresh samples of the link
        ("closed", 2 * settle_ms + 20),
    ]
    assert rig.machine.tries == 0
    assert rig.machine.closed is True
    start_ms = rig.now_ms
    rig.machine.open("test")
    rig.machine._since_ms = start_ms  # it fell between two ticks
    assert timeline(rig, "open") == [
        ("opening", start_ms),
        ("weld_check", start_ms + settle_ms),
        ("open", start_ms + settle_ms + weld_ms),
    ]
    assert rig.machine.closed is False


def test_asking_to_open_again_does_not_hold_the_weld_check_up():
    rig = Rig().closed()
    for _ in range(200):
        rig.machine.open("again")
        rig.run(10)
    assert rig.machine.is_open


def test_precharge_wants_two_new_samples_and_the_weld_check_too():
    for state, ends in (("precharge", c.CLOSE_PLUS), ("weld_check", c.OPEN)):
        for base in (700, 65535):
            rig = Rig()
            rig.meter.link_samples = rig.meter.current_samples = base
            rig.meter.link_mv = rig.meter.string_mv
            rig.machine.close()
            if state == "weld_check":
                timeline(rig, "closed")
                rig.machine.open("test")
            timeline(rig, state)
            begin = rig.machine._link_samples
            assert rig.machine._current_samples == rig.meter.current_samples
            for fresh, expected in ((0, False), (1, False), (2, True)):
                for _ in range(100):
                    rig.now_ms += 10
                    rig.meter.link_samples = (begin + fresh) & 0xFFFF
                    rig.meter.current_samples = (begin + fresh) & 0xFFFF
                    rig.machine.step(rig.now_ms)
                    if rig.machine.state == ends:
                        break
                assert (rig.machine.state == ends) == expected, (state, base, fresh)


def test_times_out_exactly_and_tries_again_exactly():
    settle_ms = parameter("contactor_settle_ms")
    timeout_ms = parameter("precharge_timeout_ms")
    weld_ms = parameter("weld_discharge_ms")
    pause_ms = parameter("precharge_pause_ms")
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    failed_ms = settle_ms + timeout_ms + 10
    seen = timeline(rig, "none", failed_ms + pause_ms + 20)
    assert seen == [
        ("close_minus", 0),
        ("precharge", settle_ms),
        ("opening", failed_ms),
        ("weld_check", failed_ms + settle_ms),
        ("open", failed_ms + settle_ms + weld_ms),
        ("close_minus", failed_ms + pause_ms),
    ]
    assert rig.machine.tries == 2  # the second one is noted as it begins
    rig.machine.forget_tries()
    assert rig.machine.tries == 0
    for first in ("minus", "plus"):
        rig = Rig()
        rig.meter.link_mv = rig.meter.string_mv
        rig.machine.close()
        if first == "plus":
            timeline(rig, "close_plus")
            rig.follow = False
            rig.inputs.plus_closed = False
            begin_ms = rig.now_ms - 10
        else:
            rig.follow = False
            begin_ms = 0
        assert timeline(rig, "opening")[-1] == ("opening", begin_ms + timeout_ms + 10)


def test_a_new_machine_is_quiet():
    """Nothing is driven, wanted, welded or failed before anybody asked."""
    rig = Rig()
    pins = {"minus": Pin(), "plus": Pin(), "precharge": Pin()}
    signals = Signals()
    machine = Contactors(pins, rig.inputs, rig.meter, Parameters(), signals, rig.history)
    for now_ms in range(0, 3000, 10):
        rig.meter.link_samples += 1
        machine.step(now_ms)
        for signal in (s.FEEDBACK_DIFFERS, s.WELDED, s.CONTACTOR_STUCK, s.PRECHARGE_FAILED):
            assert (signals.value[signal], signals.count[signal] > 0) == (0, True)
        assert not any(pin.level for pin in pins.values())
    assert machine.is_open is True
    assert machine.wanted is False
    assert machine.welded is False


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


def test_the_heat_of_the_resistor_is_exact():
    """I^2 R t of a tick: 56 ohm, at most 100 A, kept up to twice the rating of 6 kJ."""
    rated_mj = parameter("precharge_rated_j") * 1000
    for current_ma, mj in (
        (0, 0), (-99, 0), (14000, 140 * 140 * 56 // 10), (-14000, 140 * 140 * 56 // 10),
        (2000000, 5600000), (-2000000, 5600000), (100100, 5600000),
    ):  # fmt: skip
        rig = Rig()
        rig.machine.close()
        timeline(rig, "precharge")
        rig.meter.current_ma = current_ma
        rig.machine.step(rig.now_ms)
        assert list(rig.machine._heat_mj) == [mj, 0, 0, 0, 0, 0, 0], current_ma
    for current_ma in (2000000, -2000000):
        rig = Rig()
        rig.machine.close()
        timeline(rig, "precharge")
        rig.meter.current_ma = current_ma
        for _ in range(3):
            rig.machine._warm()
        assert rig.machine._heat_mj[0] == 2 * rated_mj
        assert rig.signals.value[s.PRECHARGE_HEAT] == 2000


def test_the_resistor_cools_exactly():
    """What went in counts for its cooling time of 60 s, in parts of 10 s."""
    rated_j = parameter("precharge_rated_j")
    rig = Rig()
    machine = rig.machine
    machine._heat_mj[0] = rated_j * 1000
    for second in range(1, 80):
        machine.step_slow()
        heat_permille = 1000 if second < 70 else 0
        assert machine.heat_permille == heat_permille, second
        assert rig.signals.value[s.PRECHARGE_HEAT] == heat_permille
        assert rig.history.value[h.HEAT_PERMILLE] == heat_permille


def test_the_rating_itself_is_too_hot():
    rated_mj = parameter("precharge_rated_j") * 1000
    for heat_mj, closes in ((rated_mj - 1, True), (rated_mj, False)):
        rig = Rig()
        rig.rise_mv = 0
        rig.machine._heat_mj[0] = heat_mj
        rig.machine.close()
        rig.run(10)
        assert (rig.machine.state == c.CLOSE_MINUS) == closes
        rig = Rig()
        rig.rise_mv = 0
        rig.machine.close()
        timeline(rig, "precharge")
        rig.machine._heat_mj[0] = heat_mj
        rig.run(10)
        assert (rig.machine.state == c.PRECHARGE) == closes


def test_a_string_without_voltage_never_matches():
    rig = Rig()
    rig.rise_mv = 0
    rig.meter.string_mv = 0
    rig.machine.close()
    rig.run(2000)
    assert rig.machine.state == c.PRECHARGE
    rig.meter.string_mv = rig.meter.link_mv = 1
    rig.run(10)
    assert rig.machine.state == c.CLOSE_PLUS


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


def test_locked_drives_open_in_every_tick():
    rig = Rig()
    rig.machine.lock()
    rig.machine._drive(True, True, True)
    assert rig.levels() == (1, 1, 1)
    rig.run(10)
    assert rig.levels() == (0, 0, 0)


def test_each_pole_counts_its_own_closings_and_keeps_them():
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    rig.run(6000)  # the precharge fails: plus never closes
    assert list(History(rig.memory).closings) == [1, 0, 1]
    rig.rise_mv = 10000
    rig.run(12000)
    assert rig.machine.closed
    assert list(History(rig.memory).closings) == [2, 1, 2]
    assert History(rig.memory).value[h.TRIES] == 0


def test_a_restart_in_the_middle_of_a_precharge_finds_it_spent():
    """Tries, their pause and the resistor's energy outlive whatever ends the program."""
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    timeline(rig, "precharge")
    kept = History(rig.memory)
    assert kept.value[h.TRIES] == 1
    assert kept.value[h.HEAT_PERMILLE] == 1000
    rig.restart()
    assert rig.machine.heat_permille == 1000
    rig.machine.close()
    rig.run(8000)
    assert rig.machine.state == c.OPEN
    for _ in range(70):
        rig.machine.step_slow()
    rig.run(10)
    assert rig.machine.state == c.OPEN  # the pause after a failed try begins with the start
    rig.run(3000)
    assert rig.machine.state == c.PRECHARGE


def test_the_third_try_that_a_restart_cuts_short_is_a_failed_precharge():
    rig = Rig()
    rig.history.value[h.TRIES] = 2
    rig.rise_mv = 0
    rig.machine._failed_ms = -20000
    rig.machine.close()
    timeline(rig, "precharge")
    assert rig.signals.value[s.PRECHARGE_FAILED] == 0  # it has not failed yet
    rig.restart()
    rig.run(10)
    assert rig.signals.value[s.PRECHARGE_FAILED] == 1


def test_a_precharge_that_is_withdrawn_has_not_failed_but_its_heat_counts():
    for until in ("close_minus", "precharge", "close_plus"):
        rig = Rig()
        rig.meter.current_ma = 900
        rig.machine.close()
        timeline(rig, until)
        for _ in range(5):
            rig.machine._warm()
        heat_permille = rig.machine.heat_permille
        rig.machine.open("request withdrawn")
        kept = History(rig.memory)
        assert kept.value[h.TRIES] == 0, until
        assert kept.value[h.HEAT_PERMILLE] == heat_permille, until


def test_closings_in_a_row_are_limited_and_the_limit_outlives_a_restart():
    in_a_row, worked_off_s = parameter("closings_in_a_row"), parameter("closing_worked_off_s")
    rig = Rig()
    closings = 0
    for second in range(60):
        rig.machine.close()
        rig.run(500)
        rig.machine.open("test")
        rig.meter.link_mv = 768000
        rig.run(700)
        if second % 20 == 3:
            rig.restart()
            rig.run(700)
        rig.machine.step_slow()
        closings = rig.history.closings[0]
        most = in_a_row + (second + 1) // worked_off_s
        assert closings <= most, second
    assert closings >= in_a_row + 2  # and it goes on when time has passed


def test_memory_that_was_lost_may_have_held_a_hot_resistor():
    rig = Rig()
    rig.history = History(bytearray(SIZE))
    assert rig.history.blank
    assert rig.build().heat_permille == 1000


def test_heat_found_at_a_start_counts_as_fresh():
    rig = Rig()
    rig.history.put(h.HEAT_PERMILLE, 500)
    rig.restart()
    for second in range(70):  # six parts of a minute, and the present one
        assert rig.machine.heat_permille == 500, second
        rig.machine.step_slow()
    assert rig.machine.heat_permille == 0


def test_closings_are_worked_off_one_by_one_on_the_dot_and_never_below_none():
    worked_off_s = parameter("closing_worked_off_s")
    rig = Rig()
    rig.history.put(h.RECENT_CLOSINGS, 2)
    for left in (2, 1, 0, 0):
        for _ in range(worked_off_s):
            assert rig.history.value[h.RECENT_CLOSINGS] == left
            rig.machine.step_slow()


def test_a_failed_precharge_keeps_the_heat_it_really_took():
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    timeline(rig, "precharge")
    assert History(rig.memory).value[h.HEAT_PERMILLE] == 1000
    while rig.machine.state == c.PRECHARGE:
        rig.run(10)
    assert History(rig.memory).value[h.HEAT_PERMILLE] == rig.machine.heat_permille == 0


def test_an_old_current_never_ends_precharge():
    rig = Rig()
    rig.meter.current_samples = 40000
    rig.meter.link_mv = rig.meter.string_mv
    rig.machine.close()
    timeline(rig, "precharge")
    frozen = rig.meter.current_samples
    for _ in range(100):
        rig.meter.current_samples = frozen - 1
        rig.run(10)
    assert rig.machine.state == c.PRECHARGE


def test_a_precharge_that_is_broken_off_heats_until_its_relay_has_parted():
    rig = Rig()
    rig.rise_mv = 0
    rig.machine.close()
    timeline(rig, "precharge")
    rig.meter.current_ma = 14000
    rig.machine.open("request withdrawn")
    before_mj = rig.machine._heat_mj[0]
    ticks = 0
    while rig.machine.state == c.OPENING:
        rig.run(10)
        ticks += 1
    heat_mj = 140 * 140 * rig.machine._resistor_ohm // 10
    assert rig.machine._heat_mj[0] == before_mj + ticks * heat_mj > 0
    assert History(rig.memory).value[h.HEAT_PERMILLE] == rig.machine.heat_permille > 0
    rig.run(50)
    assert rig.machine._heat_mj[0] == before_mj + ticks * heat_mj


def test_what_flows_while_closed_contactors_open_heats_no_resistor():
    rig = Rig().closed()
    rig.meter.current_ma = 14000
    before_mj = rig.machine._heat_mj[0]
    rig.machine.open("trip")
    rig.run(100)
    assert rig.machine._heat_mj[0] == before_mj


def test_either_mirror_contact_alone_tells_a_weld():
    for name in ("minus_closed", "plus_closed"):
        rig = Rig().closed()
        rig.follow = False
        rig.inputs.minus_closed = rig.inputs.plus_closed = rig.inputs.precharge_closed = False
        setattr(rig.inputs, name, True)
        rig.machine.open("test")
        rig.run(2000)
        assert (rig.machine.state, rig.machine.cause) == (c.LOCKED, "mirror contact closed"), name


def test_nothing_closes_while_any_feedback_says_closed():
    for name in ("minus_closed", "plus_closed", "precharge_closed"):
        rig = Rig()
        rig.follow = False
        setattr(rig.inputs, name, True)
        rig.machine.close()
        rig.run(1000)
        assert rig.machine.state == c.OPEN, name
        assert rig.levels() == (0, 0, 0)


def test_what_happened_days_ago_stays_long_ago():
    rig = Rig()
    rig.machine._since_ms = rig.machine._failed_ms = 5
    rig.machine.hold_stamps(2**28)
    assert (rig.machine._since_ms, rig.machine._failed_ms) == (5, 5)
    rig.machine.hold_stamps(2**28 + 15)
    assert (rig.machine._since_ms, rig.machine._failed_ms) == (15, 15)
