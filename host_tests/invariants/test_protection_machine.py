"""Protection against the slow oracle: the same samples, the same latches."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from kit.oracle import RECOVER, TRIPS, Oracle
from kit.test_contracts import IDS

from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port import leaves
from bess.protect.faults import Protection
from bess.protect.latches import SIZE, Latches

# one process: the last test counts what the first reached
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("protection_machine")]
SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
PARAMETERS = Parameters()
REACHED: Counter[str] = Counter()
EXAMPLES: Counter[str] = Counter()
SIGNALS = sorted({row[0] for row in TRIPS.values()})
NAMES = sorted(TRIPS)
GATED = [name for name in NAMES if TRIPS[name][5]]


class Machine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.memory = bytearray(SIZE)
        self.oracle = Oracle()
        self._boot()

    def _boot(self) -> None:
        self.signals = Signals()
        self.protection = Protection(
            PARAMETERS, self.signals, lambda *event: None, leaves, Latches(self.memory)
        )
        self.protection.restore()
        self.signals.put(s.CHARGING, 1 if self.oracle.charging else 0)

    def _feed(self, signal: str, value: int, partial: bool) -> None:
        put = self.signals.put_partial if partial else self.signals.put
        put(s.names().index(signal), value)
        self.protection.evaluate_fast(0)
        self.protection.evaluate_cells(0)
        self.oracle.sample(signal, value, partial)

    @rule(name=st.sampled_from(NAMES), over=st.integers(-5, 50), samples=st.integers(-1, 1),
          partial=st.booleans())  # fmt: skip
    def inject_and_hold(self, name: str, over: int, samples: int, partial: bool) -> None:
        signal, sign, threshold, need, _, _ = TRIPS[name]
        for _ in range(need + samples):
            self._feed(signal, threshold + sign * over, partial)

    @rule(name=st.sampled_from(NAMES), over=st.sampled_from([1, 5, 50]),
          samples=st.sampled_from([-1, 0, 1]))  # fmt: skip
    def inject_hold_recover_reset(self, name: str, over: int, samples: int) -> None:
        if TRIPS[name][5]:  # directed: what is judged while charging only is met while charging
            self.charge(True)
        self.inject_and_hold(name, over, samples, False)
        self.recover(name)
        self.reset(TRIPS[name][4] == 4)

    @rule(name=st.sampled_from(GATED), over=st.sampled_from([1, 50]))
    def inject_behind_the_gate(self, name: str, over: int) -> None:
        """Few steps open a gate by chance: without this rule their faults are met too seldom."""
        self.inject_hold_recover_reset(name, over, 0)

    @rule(signal=st.sampled_from(SIGNALS), value=st.integers(-2000, 40000), partial=st.booleans(),
          times=st.integers(1, 60))  # fmt: skip
    def sample(self, signal: str, value: int, partial: bool, times: int) -> None:
        for _ in range(times):
            self._feed(signal, value, partial)

    @rule(name=st.sampled_from(NAMES))
    def recover(self, name: str) -> None:
        signal, sign, threshold, _, _, _ = TRIPS[name]
        self._feed(signal, RECOVER.get(name, threshold) - sign, False)

    @rule(name=st.sampled_from(NAMES), inside=st.integers(1, 20))
    def stay_inside_the_hysteresis(self, name: str, inside: int) -> None:
        signal, sign, threshold, _, _, _ = TRIPS[name]
        self._feed(signal, RECOVER.get(name, threshold) + sign * inside, False)

    @rule(times=st.integers(1, 200))
    def evaluate_without_a_sample(self, times: int) -> None:
        for _ in range(times):
            self.protection.evaluate_fast(0)
            self.protection.evaluate_cells(0)

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
            name: TRIPS[name][4] for name in NAMES
            if self.protection.is_active(IDS[name], TRIPS[name][4])
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
    max_examples=20_000 if SOAK else 220,
    stateful_step_count=50,
    deadline=None,
    derandomize=not SOAK,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestProtection = Machine.TestCase


def test_every_core_fault_was_latched_in_a_tenth_of_the_examples() -> None:
    if not EXAMPLES["all"]:
        pytest.skip("counts what TestProtection reached in the same process")
    total = EXAMPLES["all"]
    print({name: round(100 * REACHED[name] / total) for name in NAMES})
    low = {name: REACHED[name] for name in NAMES if REACHED[name] < 0.1 * total}
    assert not low, f"of {total} examples: {low}"
