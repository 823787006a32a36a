"""What every protection must do; subclass, describe yours, inherit the tests."""

from typing import Any, ClassVar

from kit.standing import stands

from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port import leaves
from bess.port.ticks import TICKS_MASK
from bess.protect.fault_table import TABLE
from bess.protect.faults import Protection
from bess.protect.latches import SIZE, Latches
from bess.table import rows

WARN, LIMIT, TRIP, LOCKOUT = 1, 2, 3, 4


class Remembered:
    """Parameters looked up once each: protection is built some hundred times here."""

    def __init__(self, parameters: Any) -> None:
        self._parameters = parameters
        self._known: dict[str, int | None] = {}

    def get(self, name: str) -> int:
        if name not in self._known:
            try:
                self._known[name] = self._parameters.get(name)
            except KeyError:
                self._known[name] = None
        value = self._known[name]
        if value is None:
            raise KeyError(name)
        return value


_DEFAULTS = Remembered(Parameters())


class ProtectionContract:
    """Describe one level of one fault; pytest collects the inherited tests of a subclass.

    fault: id; signal: name of the signal; level 1..4; threshold in the signal's unit, typed
    from your own specification; samples: fresh samples that its delay takes; over: True when
    above the threshold is bad; well: a value at which the cause has surely gone; gate: signal
    that must be non-zero, or "". parameters() and table() may bring rows of your own.
    """

    __test__ = False
    fault: ClassVar[int]
    signal: ClassVar[str]
    level: ClassVar[int]
    threshold: ClassVar[int]
    samples: ClassVar[int]
    over: ClassVar[bool] = True
    well: ClassVar[int] = 0
    gate: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    def parameters(self) -> Any:
        return _DEFAULTS

    def table(self) -> bytes:
        return TABLE

    def build(self, memory: bytearray | None = None) -> Protection:
        self.signals = Signals()
        self.events: list[tuple[int, int, bool]] = []
        latches = Latches(memory if memory is not None else bytearray(SIZE))
        protection = Protection(
            self.parameters(), (self.signals,), self._event, leaves, (latches,), self.table()
        )
        protection.restore()
        if self.gate:
            self.signals.put(s.names().index(self.gate), 1)
        self.protection = protection
        self.now_ms = 0
        row = next(fields for fields in rows(self.table()) if int(fields[0]) == self.fault)
        said = "over" if self.over else "under"
        assert row[3] == said, f"the row {row[1]} is judged {row[3]}, its contract says {said}"
        self.period_ms = int(row[8])
        return protection

    def _event(self, string, fault, level, raised, emcy, value, limit) -> None:
        self.events.append((fault, level, raised))

    def feed(self, value: int, partial: bool = False, times: int = 1) -> None:
        put = self.signals.put_partial if partial else self.signals.put
        for _ in range(times):
            put(s.names().index(self.signal), value)
            self.now_ms = (self.now_ms + self.period_ms) & TICKS_MASK
            self.protection.evaluate_fast(self.now_ms)
            self.protection.evaluate_cells(self.now_ms)

    @property
    def bad(self) -> int:
        return self.threshold + (1 if self.over else -1)

    @property
    def standing(self) -> bool:
        return stands(self.protection, self.fault, self.level)

    def test_it_acts_at_its_last_sample_and_not_one_sooner(self) -> None:
        self.build()
        self.feed(self.bad, times=self.samples - 1)
        assert not self.standing
        self.feed(self.bad)
        assert self.standing
        assert (self.fault, self.level, True) in self.events

    def test_the_threshold_itself_is_well(self) -> None:
        self.build()
        self.feed(self.threshold, times=self.samples + 5)
        assert not self.standing

    def test_every_value_beyond_acts_and_every_value_before_does_not(self) -> None:
        for distance in range(1, 6):
            self.build()
            sign = 1 if self.over else -1
            self.feed(self.threshold + sign * distance, times=self.samples)
            assert self.standing, distance
            self.build()
            self.feed(self.threshold - sign * distance, times=self.samples + 2)
            assert not self.standing, distance

    def test_glitches_never_add_up(self) -> None:
        self.build()
        for _ in range(5):
            self.feed(self.bad, times=self.samples - 1)
            self.feed(self.well)
        assert not self.standing

    def test_old_samples_are_never_judged_again(self) -> None:
        self.build()
        if self.samples > 1:
            self.feed(self.bad)
            for _ in range(self.samples + 5):
                self.protection.evaluate_fast(self.now_ms)
                self.protection.evaluate_cells(self.now_ms)
            assert not self.standing

    def test_lost_samples_do_not_stretch_its_delay(self) -> None:
        """Four of five are lost: it acts by the first that comes after its time."""
        self.build()
        if self.samples > 1:
            span_ms = (self.samples - 1) * self.period_ms
            elapsed_ms = 0
            self.feed(self.bad)
            while elapsed_ms < span_ms:
                assert not self.standing
                self.now_ms += 4 * self.period_ms
                self.feed(self.bad)
                elapsed_ms += 5 * self.period_ms
            assert self.standing

    def test_one_bad_sample_after_a_silence_is_a_glitch(self) -> None:
        self.build()
        if self.samples > 1:
            self.feed(self.well)
            self.now_ms += 100 * self.samples * self.period_ms
            self.feed(self.bad)
            assert not self.standing

    def test_a_partial_sample_raises(self) -> None:
        self.build()
        self.feed(self.bad, partial=True, times=self.samples)
        assert self.standing

    def test_a_partial_sample_never_clears(self) -> None:
        self.build()
        self.feed(self.bad, times=self.samples - 1)
        self.feed(self.well, partial=True)
        self.feed(self.bad)
        assert self.standing
        self.feed(self.well, partial=True, times=100)
        assert self.standing

    def test_its_reaction_stands_with_it(self) -> None:
        self.build()
        self.feed(self.bad, times=self.samples)
        protection = self.protection
        assert protection.worst_level >= self.level
        assert protection.tripped == (self.level >= TRIP)
        assert protection.locked_out == (self.level == LOCKOUT)
        if self.level >= LIMIT:
            assert protection.charge_blocked or protection.discharge_blocked

    def test_it_latches_if_it_trips_and_recovers_if_it_does_not(self) -> None:
        self.build()
        self.feed(self.bad, times=self.samples)
        # a latch outlives any time; the longest recovery is 60 s of 10 ms samples
        self.feed(self.well, times=100 if self.level >= TRIP else 6_100)
        assert self.standing == (self.level >= TRIP)

    def test_a_reset_is_refused_while_the_cause_stands(self) -> None:
        self.build()
        self.feed(self.bad, times=self.samples)
        self.protection.reset(True)
        assert self.standing

    def test_a_reset_clears_once_the_cause_has_gone(self) -> None:
        if self.level < TRIP:
            return
        self.build()
        self.feed(self.bad, times=self.samples)
        self.feed(self.well)
        assert self.protection.reset(self.level == LOCKOUT)
        assert not self.standing

    def test_a_lockout_needs_service(self) -> None:
        if self.level != LOCKOUT:
            return
        self.build()
        self.feed(self.bad, times=self.samples)
        self.feed(self.well)
        assert not self.protection.reset(False)
        assert self.standing

    def test_a_latch_outlives_a_loss_of_power(self) -> None:
        memory = bytearray(SIZE)
        self.build(memory)
        self.feed(self.bad, times=self.samples)
        self.build(memory)
        assert self.standing == (self.level >= TRIP)
        assert self.protection.tripped == (self.level >= TRIP)

    def test_a_reset_is_remembered_over_a_loss_of_power(self) -> None:
        if self.level < TRIP:
            return
        memory = bytearray(SIZE)
        self.build(memory)
        self.feed(self.bad, times=self.samples)
        self.feed(self.well)
        self.protection.reset(self.level == LOCKOUT)
        self.build(memory)
        assert not self.standing
