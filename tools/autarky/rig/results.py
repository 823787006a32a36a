"""What a rig's run leaves behind, as data: results.json, from which every report is made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["passed", "failed", "skipped", "error"]
FILE = "results.json"


@dataclass
class Measured:
    """One number with its unit and its limits; None: no limit on that side, or not measured."""

    name: str
    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """With its unit and limits, for people."""
        value = "not measured" if self.value is None else f"{self.value:g} {self.unit}".rstrip()
        low = "" if self.low is None else f"at least {self.low:g}"
        high = "" if self.high is None else f"at most {self.high:g}"
        limits = " and ".join(part for part in (low, high) if part)
        return f"{value} ({limits})" if limits else value

    @property
    def passed(self) -> bool:
        if self.value is None:
            return self.low is None and self.high is None
        return (self.low is None or self.value >= self.low) and (
            self.high is None or self.value <= self.high
        )


@dataclass
class Histogram:
    """How often a measured time or size fell where: counts[i] of what is above edges[i - 1] and
    not above edges[i], the first from 0 on; of: what it was counted over, "a boot and 60 s" say."""

    name: str
    unit: str
    edges: list[float]
    counts: list[int]
    of: str = ""


@dataclass
class Result:
    """One test. row: the fault of FAULTS.md that it is about, "" none; why: of what is not
    passed; folder: of its logs, relative to the report's; seconds: on the wall."""

    test: str
    title: str
    outcome: Outcome
    row: str = ""
    why: str = ""
    measured: list[Measured] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    folder: str = ""
    log_sha256: str = ""
    seconds: float = 0.0


@dataclass
class Run:
    """A whole run. provenance: name -> text (revision, image, board, interpreter, instruments
    with their answers to *IDN?, calibration dates, allowance); started: ISO 8601, UTC;
    histograms: of the controller, where one was measured; complete: it was not broken off."""

    rig: str
    depth: str
    seed: int
    started: str
    provenance: dict[str, str]
    results: list[Result]
    seconds: float = 0.0
    histograms: list[Histogram] = field(default_factory=list)
    complete: bool = True

    @property
    def passed(self) -> bool:
        good = all(result.outcome in ("passed", "skipped") for result in self.results)
        return self.complete and good

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome == outcome for result in self.results)

    def as_json(self) -> str:
        """The content of results.json."""
        content = asdict(self)
        content["passed"] = self.passed
        for row, result in zip(content["results"], self.results, strict=True):
            for one, measured in zip(row["measured"], result.measured, strict=True):
                one["passed"] = measured.passed
        return json.dumps(content, indent=1) + "\n"

    def write(self, folder: Path) -> None:
        """Into the folder's results.json."""
        (folder / FILE).write_text(self.as_json(), encoding="utf-8")


def read(folder: Path) -> Run:
    """Of a folder that a run left. Raises OSError, ValueError."""
    content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    content.pop("passed")
    results = []
    for row in content.pop("results"):
        measured = []
        for one in row.pop("measured"):
            one.pop("passed")
            measured.append(Measured(**one))
        results.append(Result(**row, measured=measured))
    histograms = [Histogram(**one) for one in content.pop("histograms", [])]
    return Run(**content, results=results, histograms=histograms)
