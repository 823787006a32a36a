"""What every PCS family must do (drivers/pcs.py); subclass, name yours, inherit the tests."""

from typing import Any, ClassVar, Protocol

from bess.control.pcs_control import PcsControl
from bess.drivers import pcs as states
from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port.ticks import TICKS_MASK

TICK_MS = 10
STATES = (states.OFF, states.STARTING, states.RUNNING, states.STOPPING, states.FAULT)
READ = (
    "state", "power_actual_w", "dc_voltage_dv", "temperature_dc", "fault", "status_ms",
    "crc_streak",
)  # fmt: skip
Frame = tuple[int, bytes]


class Device(Protocol):
    """The other end of the wire: says what is so, and knows what it was told.

    state: a number of drivers.pcs; power_w: + = out of the battery; told_w, told_var: its
    set-points in the same units; runs: it was told to.
    """

    state: int
    power_w: int
    dc_voltage_dv: int
    temperature_dc: int
    fault: int
    runs: bool
    told_w: int
    told_var: int

    def hear(self, can_id: int, data: bytes, now_ms: int) -> None: ...

    def say(self, now_ms: int) -> list[Frame]: ...


class _Wire:
    def __init__(self) -> None:
        self.sent: list[Frame] = []

    def send(self, can_id: int, data: bytes) -> bool:
        self.sent.append((can_id, bytes(data)))
        return True


class _Gate:
    level = 0

    def value(self, level: int) -> None:
        self.level = level


class _Meter:
    power_w = 0


class PcsContract:
    """Describe a family; pytest collects the inherited tests of a subclass.

    family: the driver; step_w, step_var: of its set-points; silence_ms: that its PCS bears.
    """

    __test__ = False
    family: ClassVar[Any]
    step_w: ClassVar[int]
    step_var: ClassVar[int]
    silence_ms: ClassVar[int]

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    def device(self) -> Device:
        raise NotImplementedError

    def build(self, now_ms: int = 0) -> Any:
        """A new driver and its device; now_ms: what the firmware's clock shows."""
        self.wire = _Wire()
        self.driver = self.family(self.wire)
        self.far = self.device()
        self.start_ms, self.passed_ms = now_ms, 0
        return self.driver

    @property
    def now_ms(self) -> int:
        return (self.start_ms + self.passed_ms) & TICKS_MASK

    def hear(self, frames: list[Frame]) -> None:
        for can_id, data in frames:
            assert self.driver.receive(can_id, data, len(data), self.now_ms) is True

    def run(self, ms: int) -> None:
        for _ in range(ms // TICK_MS):
            self.hear(self.far.say(self.passed_ms))
            self.driver.transmit(self.now_ms)
            for can_id, data in self.wire.sent:
                self.far.hear(can_id, data, self.passed_ms)
            self.wire.sent.clear()
            self.passed_ms += TICK_MS

    def next_frames(self) -> list[Frame]:
        """What the device says next; time goes on until then."""
        for _ in range(100):
            frames = self.far.say(self.passed_ms)
            if frames:
                return frames
            self.passed_ms += TICK_MS
        raise AssertionError("the device says nothing")

    def read(self) -> list[int]:
        return [getattr(self.driver, name) for name in READ]

    def test_at_first_nothing_is_known_and_the_pcs_is_told_to_stop(self) -> None:
        self.build()
        assert self.read() == [states.OFF, 0, 0, 0, 0, -1, 0]
        self.far.runs = True
        self.run(self.silence_ms)
        assert not self.far.runs

    def test_an_order_reaches_the_pcs_before_it_takes_it_for_silence(self) -> None:
        driver = self.build()
        for verb, runs in ((driver.start, True), (driver.stop, False)) * 3:
            self.run(50)
            verb()
            self.run(self.silence_ms // 2)
            assert self.far.runs == runs

    def test_set_points_arrive_in_both_directions(self) -> None:
        driver = self.build()
        driver.start()
        for power_w, reactive_var in ((50_000, -20_000), (-50_000, 20_000), (0, 0)):
            driver.set(power_w, reactive_var)
            self.run(self.silence_ms // 2)
            assert (self.far.told_w, self.far.told_var) == (power_w, reactive_var)

    def test_the_pcs_is_never_asked_for_more_than_the_set_point(self) -> None:
        driver = self.build()
        driver.start()
        for asked in (1, 9, 123, 12_345, 99_999):
            for sign in (1, -1):
                driver.set(sign * asked, -sign * asked)
                self.run(self.silence_ms // 2)
                assert asked - self.step_w < sign * self.far.told_w <= asked
                assert asked - self.step_var < -sign * self.far.told_var <= asked

    def test_orders_may_come_in_any_sequence(self) -> None:
        driver = self.build()
        driver.set(50_000, 0)
        self.run(self.silence_ms)
        assert not self.far.runs, "a set-point is no start"
        driver.start()
        driver.start()
        self.run(self.silence_ms // 2)
        assert (self.far.runs, self.far.told_w) == (True, 50_000)
        driver.stop()
        driver.set(40_000, 0)
        self.run(self.silence_ms // 2)
        assert not self.far.runs

    def test_what_was_told_is_repeated_for_ever_also_over_the_wrap_of_time(self) -> None:
        driver = self.build(TICKS_MASK + 1 - 5 * self.silence_ms)
        driver.start()
        driver.set(30_000, 0)
        self.run(self.silence_ms)
        for _ in range(100):
            self.run(self.silence_ms // 10)
            assert (self.far.runs, self.far.told_w) == (True, 30_000)

    def test_a_driver_that_falls_silent_stops_its_pcs(self) -> None:
        driver = self.build()
        driver.start()
        self.run(self.silence_ms)
        assert self.far.runs
        for _ in range(0, 2 * self.silence_ms, TICK_MS):
            self.passed_ms += TICK_MS
            self.far.say(self.passed_ms)
        assert not self.far.runs

    def test_each_state_is_read(self) -> None:
        self.build()
        for state in (*STATES, states.OFF):
            self.far.state = state
            self.run(200)
            assert self.driver.state == state

    def test_readings_come_in_the_firmware_s_units_and_signs(self) -> None:
        driver = self.build()
        for power_w in (50_000, -50_000, 0):
            far = self.far
            far.power_w, far.dc_voltage_dv, far.temperature_dc, far.fault = power_w, 7650, 350, 3
            self.run(200)
            read = driver.power_actual_w, driver.dc_voltage_dv, driver.temperature_dc, driver.fault
            assert read == (power_w, 7650, 350, 3)
        self.far.temperature_dc = -200
        self.run(200)
        assert driver.temperature_dc == -200
        assert all(type(value) is int for value in self.read())

    def test_a_status_is_stamped_when_it_comes_and_none_before(self) -> None:
        for start_ms in (0, 5000, TICKS_MASK - 95):
            driver = self.build(start_ms)
            self.run(200)
            self.hear(self.next_frames())
            assert driver.status_ms == self.now_ms
            stamp_ms = driver.status_ms
            self.passed_ms += 5000
            assert driver.status_ms == stamp_ms, "silence makes nothing fresh"

    def test_a_damaged_status_is_none_whichever_bit_it_is(self) -> None:
        driver = self.build()
        self.run(200)
        before = self.read()
        self.far.power_w, self.far.state = 60_000, states.FAULT
        frames = self.next_frames()
        refused = 0
        for can_id, data in frames:
            for bit in range(8 * len(data)):
                broken = bytearray(data)
                broken[bit >> 3] ^= 1 << (bit & 7)
                self.hear([(can_id, bytes(broken))])
                refused += 1
                assert self.read() == [*before[:-1], min(refused, 250)], bit
        self.hear(frames)
        assert (driver.power_actual_w, driver.state) == (60_000, states.FAULT)
        assert driver.crc_streak == 0

    def test_a_status_that_is_cut_short_is_none(self) -> None:
        driver = self.build()
        self.run(200)
        before = driver.status_ms
        for can_id, data in self.next_frames():
            for length in range(len(data)):
                driver.receive(can_id, data, length, self.now_ms)
        assert driver.status_ms == before

    def test_a_repeated_status_is_not_fresh(self) -> None:
        driver = self.build()
        self.run(200)
        frames = self.next_frames()
        self.hear(frames)
        before = driver.status_ms
        self.passed_ms += 50
        self.hear(frames)
        assert driver.status_ms == before

    def test_refused_frames_are_counted_to_250(self) -> None:
        driver = self.build()
        can_id = self.next_frames()[0][0]
        for count in range(1, 300):
            self.hear([(can_id, b"\xa5" * 8)])
            assert driver.crc_streak == min(count, 250)

    def test_frames_of_others_are_left_alone_and_its_own_pass_its_filters(self) -> None:
        driver = self.build()
        own = {can_id for can_id, _ in self.next_frames()}
        for can_id in range(0x800):
            passes = any((can_id ^ match) & mask == 0 for match, mask, _ in driver.filters)
            assert passes or can_id not in own
            assert (can_id in driver.ids) == (can_id in own)
            if can_id not in own:
                assert driver.receive(can_id, bytes(8), 8, 0) is False
        assert driver.crc_streak == 0

    def test_an_old_stamp_stays_old(self) -> None:
        driver = self.build()
        self.run(200)
        self.passed_ms += 0x1FFFFFFF
        driver.hold_stamps(self.now_ms)
        assert (self.now_ms - driver.status_ms) & TICKS_MASK == 0x10000000

    def test_it_runs_ramps_and_stops_under_the_cabinet_s_control(self) -> None:
        driver = self.build()
        gate, meter, signals = _Gate(), _Meter(), Signals()
        control = PcsControl(driver, gate, meter, Parameters(), signals)

        def run(ms: int) -> None:
            for _ in range(ms // TICK_MS):
                control.step(self.now_ms, 125_000, 125_000, True)
                self.run(TICK_MS)
                far = self.far
                far.state = states.RUNNING if far.runs and gate.level else states.OFF
                far.power_w = meter.power_w = far.told_w if far.state == states.RUNNING else 0

        control.block()
        run(500)
        assert not self.far.runs
        control.start()
        run(500)
        assert control.running()
        for power_w in (40_000, -40_000):
            control.follow(power_w)
            run(15_000)
            assert self.far.told_w == power_w
            assert signals.value[s.PCS_DEVIATION] <= 1
        assert signals.value[s.PCS_AGE] <= self.silence_ms
        control.block()
        run(self.silence_ms)
        assert (self.far.runs, gate.level) == (False, 0)
        assert not control.running()
