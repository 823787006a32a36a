"""A trial judges what leaves a cabinet: what does not come, or comes late, is no pass."""

from collections.abc import Iterator

import pytest

from autarky.scenario.fault_cases import CASES, FaultCase
from autarky.scenario.trial import Trial, run_trial
from autarky.sil.site import SiteConfig, VirtualSite


@pytest.fixture
def site() -> Iterator[VirtualSite]:
    with VirtualSite(SiteConfig(cabinets=1, interpreter="inline", soc=0.6)) as made:
        yield made


def test_what_the_case_does_not_bring_about_is_no_pass(site: VirtualSite) -> None:
    trial = run_trial(site, FaultCase("cell_ov", ("line door on",)), longest_s=3.0)
    assert not trial.over
    assert not trial.passed(1e6)
    assert trial.seen == {"door": 1}


def test_another_fault_that_opens_is_no_pass(site: VirtualSite) -> None:
    trial = run_trial(site, FaultCase("cell_ov", ("line estop on",)), longest_s=3.0)
    assert trial.opened_ms == 0
    assert not trial.over
    assert not trial.passed(1e6)


@pytest.mark.parametrize(
    ("fault", "direction_blocked"), [("charge_ut", True), ("soc_low", False)], ids=["own", "other"]
)
def test_a_block_is_one_of_the_fault_s_own_direction(
    site: VirtualSite, fault: str, direction_blocked: bool
) -> None:
    """Cells at 1 degC may not be charged, and be discharged."""
    trial = run_trial(site, FaultCase(fault, ("temperature 1",), level=2), longest_s=2.0)
    assert (trial.blocked_ms is not None) is direction_blocked


@pytest.mark.parametrize(
    ("reported_ms", "opened_ms", "reaction_ms", "passed"),
    [
        (20, 0, 0, True),
        (40, 50, 50, True),
        (40, 60, 60, False),  # late
        (90, 0, 70, False),  # open before, and its own fault found late
        (None, 0, None, False),
        (20, None, None, False),
    ],
)
def test_opening_is_judged_by_the_later_of_both(
    reported_ms: int | None, opened_ms: int | None, reaction_ms: int | None, passed: bool
) -> None:
    trial = Trial(CASES["estop"], 40, 0, reported_ms, opened_ms)
    assert (trial.reaction_ms, trial.passed()) == (reaction_ms, passed)
    assert trial.passed(20.0) is (reaction_ms is not None)


@pytest.mark.parametrize(
    ("reported_ms", "blocked_ms", "passed"),
    [(180, 280, True), (180, None, False), (190, 200, False), (180, 290, False)],
)
def test_a_block_is_told_in_time_and_shown_by_the_next_status(
    reported_ms: int, blocked_ms: int | None, passed: bool
) -> None:
    trial = Trial(CASES["afe_crc"], 150, 0, reported_ms, None, blocked_ms)
    assert trial.passed() is passed
