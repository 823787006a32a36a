"""Protection against the slow oracle: the same samples, the same latches."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from kit.oracle import TRIPS, Oracle
from kit.standing import stands
from kit.test_contracts import IDS
from soak import SOAK

from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port import leaves
from bess.port.ticks import TICKS_MASK
from bess.protect.faults import Protection
from bess.protect.latches import SIZE, Latches

# one process: the last test counts what the first reached
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("protection_machine")]
PARAMETERS = Parameters()
REACHED: Counter[str] = Counter()
EXAMPLES: Counter[str] = Counter()
PERIOD_MS = {trip.signal: trip.period_ms for trip in TRIPS.values()}
SIGNALS = sorted(PERIOD_MS)
NAMES = sorted(TRIPS)
_PARTS = 8


class Machine(RuleBasedStateMachine):
    @initialize(turn=st.integers(0, len(NAMES) - 1))
    def start(self, turn: int) -> None:
        self.turn = turn
        self.memory = bytearray(SIZE)
        self.oracle = Oracle()
        self.now_ms = TICKS_MASK - 60_000  # the clock wraps in a minute of samples
        self._boot()
        for name in NAMES[turn % _PARTS :: _PARTS]:  # chance alone may leave a row out
            self.inject_hold_recover_reset(name, 5, 0)

    def _boot(self) -> None:
        self.signals = Signals()
        self.protection = Protection(
            PARAMETERS, (self.signals,), lambda *event: None, leaves, (Latches(self.memory),)
        )
        self.protection.restore()
        self.signals.put(s.CHARGING, 1 if self.oracle.charging else 0)

    def _evaluate(self) -> None:
        self.protection.evaluate_fast(self.now_ms & TICKS_MASK)
        self.protection.evaluate_cells(self.now_ms & TICKS_MASK)

    def _feed(self, signal: str, value: int, partial: bool, lost: int = 0) -> None:
        """One sample, after `lost` ones that never came."""
        self.now_ms += (1 + lost) * PERIOD_MS[signal]
        put = self.signals.put_partial if partial else self.signals.put
        put(s.names().index(signal), value)
        self._evaluate()
        self.oracle.sample(signal, value, partial, self.now_ms)

    @rule(name=st.sampled_from(NAMES), over=st.integers(-5, 50), samples=st.integers(-1, 1),
          partial=st.booleans())  # fmt: skip
    def inject_and_hold(self, name: str, over: int, samples: int, partial: bool) -> None:
        trip = TRIPS[name]
        for _ in range(trip.samples + samples):
            self._feed(trip.signal, trip.threshold + trip.sign * over, partial)

    @rule(name=st.sampled_from(NAMES), over=st.integers(1, 50), lost=st.integers(1, 9),
          samples=st.integers(-1, 1))  # fmt: skip
    def inject_while_samples_are_lost(self, name: str, over: int, lost: int, samples: int) -> None:
        """`lost` before each: to the sample that ends the delay, one less or one more."""
        trip = TRIPS[name]
        for _ in range(1 - (1 - trip.samples) // (1 + lost) + samples):
            self._feed(trip.signal, trip.threshold + trip.sign * over, False, lost)

    @rule(name=st.sampled_from(NAMES), over=st.sampled_from([1, 5, 50]),
          samples=st.sampled_from([-1, 0, 1]))  # fmt: skip
    def inject_hold_recover_reset(self, name: str, over: int, samples: int) -> None:
        if TRIPS[
            name
        ].while_charging:  # directed: what is judged while charging only is met while charging
            self.charge(True)
        self.inject_and_hold(name, over, samples, False)
        self.recover(name)
        self.reset(TRIPS[name].level == 4)

    @rule(over=st.sampled_from([1, 50]))
    def inject_the_next(self, over: int) -> None:
        """In turn: chance alone draws some faults a hundred times more often than others."""
        self.turn = (self.turn + 1) % len(NAMES)
        self.inject_hold_recover_reset(NAMES[self.turn], over, 0)

    @rule(signal=st.sampled_from(SIGNALS), value=st.integers(-2000, 40000), partial=st.booleans(),
          times=st.integers(1, 60))  # fmt: skip
    def sample(self, signal: str, value: int, partial: bool, times: int) -> None:
        for _ in range(times):
            self._feed(signal, value, partial)

    @rule(name=st.sampled_from(NAMES))
    def recover(self, name: str) -> None:
        trip = TRIPS[name]
        gone = trip.threshold if trip.recover is None else trip.recover
        self._feed(trip.signal, gone - trip.sign, False)

    @rule(name=st.sampled_from(NAMES), inside=st.integers(1, 20))
    def stay_inside_the_hysteresis(self, name: str, inside: int) -> None:
        trip = TRIPS[name]
        gone = trip.threshold if trip.recover is None else trip.recover
        self._feed(trip.signal, gone + trip.sign * inside, False)

    @rule(times=st.integers(1, 200))
    def evaluate_without_a_sample(self, times: int) -> None:
        for _ in range(times):
            self.now_ms += 10
            self._evaluate()

    @rule(on=st.booleans())
    def charge(self, on: bool) -> None:
        self.oracle.charging = on
        self.signals.put(s.CHARGING, 1 if on else 0)

    @rule(service=st.booleans())
    def reset(self, service: bool) -> None:
        self.protection.reset(service)
        self.oracle.reset(service)

    @rule()
    def power_cycle(self) -> None:
        self.oracle.power_cycle()
        self._boot()

    @invariant()
    def latches_are_the_oracle_s(self) -> None:
        if not hasattr(self, "protection"):
            return
        mine = {
            name: TRIPS[name].level for name in NAMES
            if stands(self.protection, IDS[name], TRIPS[name].level)
        }  # fmt: skip
        assert mine == self.oracle.latched
        assert self.protection.tripped == bool(mine)
        assert self.protection.locked_out == (4 in mine.values())

    def teardown(self) -> None:
        if hasattr(self, "oracle"):
            EXAMPLES["all"] += 1
            for name in self.oracle.reached:
                REACHED[name] += 1


Machine.TestCase.settings = settings(
    max_examples=20_000 if SOAK else 200,
    stateful_step_count=50,
    deadline=None,
    derandomize=not SOAK,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestProtection = Machine.TestCase


def test_every_latching_row_was_reached_in_a_twentieth_of_the_examples() -> None:
    if not EXAMPLES["all"]:
        pytest.skip("counts what TestProtection reached in the same process")
    total = EXAMPLES["all"]
    print({name: round(100 * REACHED[name] / total) for name in NAMES})
    # hypothesis draws constants of the modules that happen to be loaded: shares differ a little
    low = {name: REACHED[name] for name in NAMES if 20 * REACHED[name] < total}
    assert not low, f"of {total} examples: {low}"
