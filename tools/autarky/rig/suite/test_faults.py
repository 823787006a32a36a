"""Every row of FAULTS.md provoked once: told by its own name, and acted upon by its deadline."""

from __future__ import annotations

import pytest

from autarky.rig import needs
from autarky.rig.plugin import Told, skip_without, tell_controller
from autarky.rig.recording import Recording
from autarky.rig.session import Session
from autarky.scenario.fault_cases import FAULT_CASES, FaultCase
from autarky.scenario.trial import LONGEST_S, MAIN_CONTACTORS, Trial, run_trial

_AFTERMATH_S = 0.5  # so that the trace shows where it led


@pytest.mark.parametrize("case", FAULT_CASES, ids=lambda case: case.fault)
def test_fault(rig: Session, measure: Told, case: FaultCase) -> None:
    measure.say(title=f"{case.fault}: {'; '.join(case.done)}", row=case.fault)
    skip_without(rig, needs.of_case(case))
    config = rig.config(inside=case.inside, parameters=case.parameters)
    settled = case.setup != "boot"
    with rig.site(measure.folder, config, settled) as site, Recording(site, measure.folder):
        trial = run_trial(site, case, LONGEST_S)
        site.run_for(_AFTERMATH_S)
        edges = rig.edges(site)
    measure.say(
        log_sha256=site.log.sha256(),
        happened=[f"{name}: level {level}" for name, level in sorted(trial.seen.items())],
    )
    allowed_ms = rig.allowed_ms(case)
    _tell(measure, trial, allowed_ms)
    witnessed = [at_ms for at_ms, outputs in edges if not outputs & MAIN_CONTACTORS]
    after = [at_ms - trial.start_ms for at_ms in witnessed if at_ms >= trial.start_ms]
    tell_controller(rig, measure)
    if after:
        measure("opened, by the witness's clock", round(min(after), 1), "ms")
    assert trial.over, f"nothing told of {case.fault} or acted on it within {LONGEST_S:g} s"
    assert trial.passed(allowed_ms), (
        f"{trial.reaction_ms} ms from cause to reaction, {trial.deadline_ms} ms allowed"
    )


def _tell(measure: Told, trial: Trial, allowance_ms: float) -> None:
    late_ms = trial.latest_ms(allowance_ms)
    names = {"reaction": trial.reaction_ms, "told": trial.reported_ms, "opened": trial.opened_ms}
    for name, value in names.items():
        measure(name, value, "ms", high=late_ms if name == "reaction" else None)
