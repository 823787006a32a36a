"""Which test of a run proves which row of FAULTS.md, and how far from its deadline."""

from __future__ import annotations

from dataclasses import dataclass, field

from autarky.generate.safety import REACTIONS, level_of
from autarky.rig.compare import LATENCY_UNIT
from autarky.rig.results import Measured, Result, Run
from autarky.scenario.fault_cases import CASES
from autarky.tables import faults
from bess.parameters import Parameters

NO_TEST = "no test of this run is about it"


@dataclass
class Proof:
    """One test of a row. late_ms: the most that was allowed, with what measuring itself takes;
    share: of the row's due_ms, 0..; None: nothing was measured."""

    result: Result
    measured_ms: float | None
    late_ms: float | None
    share: float | None


@dataclass
class Requirement:
    """One row of FAULTS.md and what proves it. due_ms: its deadline, from the fault on; later than
    that of FAULTS.md where the cause keeps the report in the cabinet (FaultCase.told_ms)."""

    id: int
    name: str
    emcy: str
    level: str
    reaction: str
    due_ms: int
    told: bool
    proofs: list[Proof] = field(default_factory=list)
    skipped: list[Result] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """pass, FAIL or `not covered`, which is neither."""
        if not self.proofs:
            return "not covered"
        return "pass" if all(proof.result.outcome == "passed" for proof in self.proofs) else "FAIL"

    @property
    def why(self) -> str:
        """Of what is not covered."""
        reasons = dict.fromkeys(result.why or "skipped" for result in self.skipped)
        return "; ".join(reasons) if reasons else NO_TEST


def reaction_of(result: Result) -> Measured | None:
    """The time that a test is judged by: the first in ms that has an upper limit."""
    timed = (m for m in result.measured if m.unit == LATENCY_UNIT and m.high is not None)
    return next(timed, None)


def traced(run: Run) -> list[Requirement]:
    """Every row of FAULTS.md, in its order."""
    parameters = Parameters()
    found: dict[str, Requirement] = {}
    for fault in faults().values():
        highest = max(fault.levels, key=level_of)
        case = CASES[fault.name]
        found[fault.name] = Requirement(
            fault.id, fault.name, f"0x{fault.emcy_code:04X}", highest,
            REACTIONS[level_of(highest)], case.told_ms or case.deadline_ms(parameters),
            bool(case.told_ms),
        )  # fmt: skip
    for result in run.results:
        row = found.get(result.row)
        if row is None:
            continue
        if result.outcome == "skipped":
            row.skipped.append(result)
        else:
            row.proofs.append(_proof(result, row.due_ms))
    return list(found.values())


def _proof(result: Result, due_ms: int) -> Proof:
    measured = reaction_of(result)
    if measured is None or measured.value is None:
        return Proof(result, None, None if measured is None else measured.high, None)
    return Proof(result, measured.value, measured.high, measured.value / due_ms)
