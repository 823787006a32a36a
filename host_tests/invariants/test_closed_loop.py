"""The closed loop under random events: every invariant in every tick, and what was reached."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from kit.world import EXAMPLES, REACHED, CabinetMachine
from soak import SOAK

from bess import modes

# one process: the last test counts what the first reached
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("closed_loop")]

CabinetMachine.TestCase.settings = settings(
    max_examples=400 if SOAK else 24,
    stateful_step_count=60 if SOAK else 25,
    deadline=None,
    derandomize=not SOAK,
    phases=[Phase.explicit, Phase.generate],  # an example is seconds long: not shrunk
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestCabinet = CabinetMachine.TestCase


def test_enough_was_reached() -> None:
    """A machine that reaches nothing proves nothing: trips and states that must have been met."""
    if not EXAMPLES["all"]:
        pytest.skip("counts what TestCabinet reached in the same process")
    total = EXAMPLES["all"]
    for fault in ("2", "3", "19", "20", "49"):  # HVIL, module, cell OV and UV, loss of power
        assert REACHED[fault] >= 0.1 * total, (fault, REACHED)
    for state in (modes.STANDBY, modes.RUN, modes.FAULT, modes.SELF_TEST):
        assert REACHED[f"state {state}"] >= 0.3 * total, (modes.NAMES.split()[state], REACHED)
