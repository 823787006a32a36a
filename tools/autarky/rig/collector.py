"""Makes the results of pytest's reports, and of these the report of the run."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autarky.rig.results import Histogram, Measured, Outcome, Result, Run

_FAILED = 1
_TO_ITS_END = (0, _FAILED)  # pytest.ExitCode: all passed, some failed
# names of errors whose text is a sentence: ours, and those of a failed test
_NO_REASON = re.compile(r"^(AssertionError|Failed|autarky\.[\w.]+): ")
KEY = "autarky"  # of what a test tells about itself, among pytest's user properties


class Collector:
    """A pytest plugin of one run. said: is told of each result when it is complete; against: an
    earlier run, for what moved."""

    def __init__(
        self, rig: Path, out: Path | None, said: Callable[[Result], object] = lambda result: None,
        against: Run | None = None,
    ) -> None:  # fmt: skip
        self._rig, self._out, self._said, self._against = rig, out, said, against
        self._results: dict[str, Result] = {}
        self._over: set[str] = set()
        self._texts: dict[str, str] = {}  # of what failed
        self._provenance: dict[str, str] = {}
        self._histograms: list[Histogram] = []
        self._started = datetime.now(UTC).replace(microsecond=0)
        self._start_s = time.monotonic()
        self.count = 0  # of tests that pytest has found
        self.run: Run | None = None
        self.note = ""  # of what could not be written

    def pytest_collection_finish(self, session: Any) -> None:
        self.count = len(session.items)

    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """The same of a worker of xdist, each of which finds them all."""
        self.count = len(ids)

    def rig_was(self, provenance: dict[str, str], histograms: list[Histogram]) -> None:
        """What the rig itself tells when its tests are over."""
        self._provenance, self._histograms = provenance, histograms

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = report.nodeid.rpartition("/")[2]
        result = self._results.setdefault(name, Result(name, name, "passed"))
        result.seconds += report.duration
        outcome = _outcome(report)
        if outcome is not None and result.outcome in ("passed", "skipped"):
            result.outcome, result.why = outcome, _why(report)
        if report.failed:
            self._texts[name] = self._texts.get(name, "") + report.longreprtext + "\n"
        if report.when != "teardown":
            return
        for key, value in report.user_properties:
            if key == KEY:
                told: dict[str, Any] = json.loads(value)
                told["measured"] = [Measured(**one) for one in told["measured"]]
                told["title"] = told["title"] or name
                vars(result).update(told)
        self._over.add(name)
        self._tidy(result, self._texts.get(name, ""))
        self._said(result)

    def _tidy(self, result: Result, failure: str) -> None:
        """What a cabinet stored stays where somebody will ask for it: after a failure."""
        if self._out is None or not result.folder:
            return
        folder = self._out / result.folder
        if result.outcome in ("passed", "skipped"):
            shutil.rmtree(folder / "state", ignore_errors=True)
            with contextlib.suppress(OSError):
                folder.rmdir()  # of a skipped test: empty
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "failure.txt").write_text(failure, encoding="utf-8")

    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        """Also of a run that was broken off: what was over then is reported."""
        from autarky.rig import artifacts, reading
        from autarky.rig.provenance import provenance

        rig = reading.read(self._rig)
        self.run = Run(
            rig.name, rig.depth, rig.seed, self._started.isoformat(),
            {**provenance(rig), **self._provenance},
            [self._results[name] for name in sorted(self._over)],
            round(time.monotonic() - self._start_s, 1), self._histograms,
            exitstatus in _TO_ITS_END,
        )  # fmt: skip
        if not self.run.passed and not exitstatus:
            session.exitstatus = _FAILED
        if self._out is not None:
            self.note = artifacts.write_all(self.run, self._out, self._against)


def _outcome(report: Any) -> Outcome | None:
    """Of a phase of a test that did not simply pass."""
    if report.when == "teardown" and report.outcome != "passed":
        return "error"  # pytest calls it expected where the test was expected to fail
    if report.skipped:
        return "skipped"
    if report.failed:
        return "failed" if report.when == "call" else "error"
    return None


def _why(report: Any) -> str:
    """In a sentence: the reason of a skip, or what a failure says first."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash is not None else report.longrepr)
    text = _NO_REASON.sub("", text)
    return text.partition("\nassert ")[0]
