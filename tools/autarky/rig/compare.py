"""What moved between two runs of a rig: outcomes, latencies, tests that came or went."""

from __future__ import annotations

from dataclasses import dataclass, field

from autarky.rig.results import Result, Run

LATENCY_UNIT = "ms"
SHARE = 0.10  # a latency has moved that is further away than this share of the old one,
LEAST_MS = 10.0  # and than this: one tick


@dataclass(frozen=True)
class Latency:
    """A measured time that is another one now, ms; None: not measured."""

    test: str
    name: str
    before_ms: float | None
    after_ms: float | None


@dataclass(frozen=True)
class Outcome:
    """A test that ended otherwise than before."""

    test: str
    before: str
    after: str
    why: str


@dataclass
class Moved:
    """All that moved. since: when the old run started; provenance: (name, before, after)."""

    since: str
    outcomes: list[Outcome] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    provenance: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether a test moved; another revision alone is nothing."""
        return bool(self.outcomes or self.latencies or self.new or self.gone)

    @property
    def worse(self) -> bool:
        """A test that passed fails, or one is gone."""
        bad = ("failed", "error")
        return bool(self.gone) or any(
            one.after in bad and one.before not in bad for one in self.outcomes
        )

    def as_text(self) -> str:
        """For a terminal, one line each."""
        lines = [f"{o.test}: {o.before}, now {o.after}" for o in self.outcomes]
        lines += [
            f"{one.test}: {one.name} {_ms(one.before_ms)}, now {_ms(one.after_ms)}"
            for one in self.latencies
        ]
        lines += [f"{test}: new" for test in self.new] + [f"{test}: gone" for test in self.gone]
        return "\n".join(lines or [f"nothing moved since {self.since}"]) + "\n"


def _ms(value: float | None) -> str:
    return "not measured" if value is None else f"{value:g} ms"


def moved(old: Run, new: Run) -> Moved:
    """From old to new, in new's order."""
    before = {result.test: result for result in old.results}
    after = {result.test: result for result in new.results}
    found = Moved(old.started)
    found.new = [test for test in after if test not in before]
    found.gone = [test for test in before if test not in after]
    for test, result in after.items():
        if test not in before:
            continue
        was = before[test]
        if was.outcome != result.outcome:
            found.outcomes.append(Outcome(test, was.outcome, result.outcome, result.why))
        if "skipped" not in (was.outcome, result.outcome):  # what did not run has measured nothing
            found.latencies += _latencies(was, result)
    facts = {"rig": (old.rig, new.rig), "depth": (old.depth, new.depth)}
    facts["seed"] = (str(old.seed), str(new.seed))
    for name in {**old.provenance, **new.provenance}:
        facts[name] = old.provenance.get(name, ""), new.provenance.get(name, "")
    found.provenance = [(name, a, b) for name, (a, b) in facts.items() if a != b]
    return found


def _latencies(old: Result, new: Result) -> list[Latency]:
    before = {one.name: one.value for one in old.measured if one.unit == LATENCY_UNIT}
    after = {one.name: one.value for one in new.measured if one.unit == LATENCY_UNIT}
    return [
        Latency(new.test, name, before[name], value)
        for name, value in after.items()
        if name in before and _has_moved(before[name], value)
    ]


def _has_moved(before_ms: float | None, after_ms: float | None) -> bool:
    if before_ms is None or after_ms is None:
        return before_ms is not after_ms
    by_ms = abs(after_ms - before_ms)
    return by_ms > LEAST_MS and by_ms > SHARE * abs(before_ms)
