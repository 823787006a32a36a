"""A scenario as its TOML file says it: the site, its load, an agenda of actions, its checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autarky.scenario.actions import Step, Value
from autarky.scenario.checks import CheckKind

FOLDER = Path(__file__).parent


def _chosen(which: str | int, numbers: Sequence[int]) -> list[int]:
    """Which of a site's cabinets, by their numbers, a file means."""
    chosen = {"first": numbers[:1], "last": numbers[-1:], "all": numbers}
    return [which] if isinstance(which, int) else list(chosen[which])


@dataclass(frozen=True)
class At:
    """A row of the agenda: share of the run's length, plus time_s."""

    share: float
    time_s: float
    step: Step
    cabinet: str | int
    where: str

    def steps(self, numbers: Sequence[int], seconds: float) -> list[tuple[float, Step]]:
        """(s, step) on a site of these cabinets and a run of that length."""
        at_s = self.share * seconds + self.time_s
        if self.step.action.of_site:
            return [(at_s, self.step)]
        chosen = _chosen(self.cabinet, numbers)
        return [(at_s, replace(self.step, cabinet=number)) for number in chosen]


@dataclass(frozen=True)
class Promise:
    """A check that a scenario names. always: also of a run that is not whole."""

    kind: CheckKind
    values: tuple[Value, ...]
    cabinet: str | int
    title: str
    always: bool
    where: str

    def cabinets(self, numbers: Sequence[int]) -> list[int]:
        return _chosen(self.cabinet, numbers)


@dataclass(frozen=True)
class Plan:
    """One scenario. whole_s: what a shorter run lasts has no agenda. load: model and kW a cabinet;
    peak_shaving: shares of the whole load above which to discharge, below which to charge."""

    name: str
    title: str
    seconds: float
    cabinets: int = 2
    resizable: bool = True
    soc: float | None = None
    temperature_c: float | None = None
    whole_s: float = 0.0
    driver: str = ""
    parameters: dict[str, int] = field(default_factory=dict)
    load: tuple[str, float] | None = None
    peak_shaving: tuple[float, float] | None = None
    at: tuple[At, ...] = ()
    check: tuple[Promise, ...] = ()


def shipped() -> dict[str, Path]:
    """The scenarios that come along, by name."""
    first = ("peak", "day", "trip")
    names = sorted(path.stem for path in FOLDER.glob("*.toml"))
    ordered = sorted(names, key=lambda name: first.index(name) if name in first else len(first))
    return {name: FOLDER / f"{name}.toml" for name in ordered}
