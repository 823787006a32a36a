"""What moved between two runs, and what did not."""

import copy

import pytest

from autarky.rig.compare import moved
from autarky.rig.results import Result, Run


def test_nothing_moves_between_a_run_and_itself(run: Run) -> None:
    found = moved(run, copy.deepcopy(run))
    assert not found.anything
    assert not found.worse
    assert found.provenance == []


@pytest.mark.parametrize(
    ("before_ms", "after_ms", "has_moved"),
    [
        (1000.0, 1100.0, False), (1000.0, 1101.0, True), (1000.0, 899.0, True),
        (20.0, 30.0, False), (20.0, 31.0, True), (0.0, 11.0, True), (50.0, None, True),
        (None, 50.0, True), (None, None, False),
    ],
)  # fmt: skip
def test_a_latency_moves_by_a_tenth_and_by_more_than_a_tick(
    run: Run, before_ms: float | None, after_ms: float | None, has_moved: bool
) -> None:
    old, new = copy.deepcopy(run), copy.deepcopy(run)
    for one, value in ((old, before_ms), (new, after_ms)):
        next(r for r in one.results if r.row == "smoke").measured[0].value = value
    found = moved(old, new)
    assert [one.test for one in found.latencies] == ["fault[smoke]"] * has_moved
    assert found.anything is has_moved


def test_what_is_no_time_is_no_latency(run: Run) -> None:
    new = copy.deepcopy(run)
    new.results[-1].measured[0].value = 9000.0  # a tick's length, us
    assert not moved(run, new).anything


def test_outcomes_new_and_gone_tests(run: Run) -> None:
    new = copy.deepcopy(run)
    by_test = {result.test: result for result in new.results}
    by_test["fault[smoke]"].outcome, by_test["fault[smoke]"].why = "failed", "too late"
    by_test["fault[hvil]"].outcome = "skipped"
    by_test["fault[hvil]"].measured = []
    new.results.remove(by_test["fault[short]"])
    new.results.append(Result("fault[door]", "door", "passed", row="door"))
    new.provenance["revision"] = "deadbee"
    found = moved(run, new)
    assert [(o.test, o.before, o.after, o.why) for o in found.outcomes] == [
        ("fault[hvil]", "passed", "skipped", ""), ("fault[smoke]", "passed", "failed", "too late"),
    ]  # fmt: skip
    assert (found.new, found.gone) == (["fault[door]"], ["fault[short]"])
    assert found.latencies == []
    assert found.provenance == [("revision", "9336435", "deadbee")]
    assert found.worse


def test_a_repaired_test_is_nothing_worse(run: Run) -> None:
    new = copy.deepcopy(run)
    next(r for r in new.results if r.row == "cell_ov").outcome = "passed"
    found = moved(run, new)
    assert found.anything
    assert not found.worse
