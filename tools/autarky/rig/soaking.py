"""`autarky rig soak`: fault case after fault case for hours, whatever is unplugged meanwhile."""

from __future__ import annotations

import contextlib
import random
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from autarky.errors import AutarkyError
from autarky.rig import needs, session
from autarky.rig.description import Rig
from autarky.rig.instruments import InstrumentError
from autarky.rig.provenance import provenance
from autarky.rig.recording import Recording
from autarky.rig.results import Histogram, Measured, Result, Run
from autarky.rig.session import Session
from autarky.scenario import folders
from autarky.scenario.fault_cases import FAULT_CASES, FaultCase
from autarky.scenario.trial import run_trial
from autarky.sil.firmware import FirmwareLost

_PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)  # between looks for what is gone; then the last


class Soak:
    """One soak; its logs of failed rounds lie in the folder. seed: of the order."""

    def __init__(self, rig: Rig, folder: Path, seed: int) -> None:
        folders.own(folder)
        self._rig, self._folder = rig, folder
        self._order = random.Random(seed)
        self._results: dict[str, Result] = {}
        self._rounds = self._outages = 0
        self._complete = False
        self._histograms: list[Histogram] = []
        self._provenance = provenance(rig)
        self._started = datetime.now(UTC).replace(microsecond=0).isoformat()
        self._start_s = time.monotonic()

    def run(self, hours: float, patience_min: float, say: Callable[[str], object]) -> Run:
        """Until the hours are over. Raises AutarkyError where what is gone does not return within
        patience_min, or not before they are over; the bench then is safe."""
        cases = [case for case in FAULT_CASES if not self._lacks(case)]
        ends_s = self._start_s + 3600 * hours
        waiting: list[FaultCase] = []
        while time.monotonic() < ends_s:
            try:
                with contextlib.ExitStack() as stack:
                    opened = self._opened(stack, ends_s, patience_min, say)
                    self._provenance |= opened.provenance
                    while time.monotonic() < ends_s:
                        if not waiting:
                            waiting = self._order.sample(cases, len(cases))
                            self._rounds += 1
                            say(f"round {self._rounds}: {self._told()}")
                        self._one(opened, waiting[-1], say)
                        waiting.pop()
                        self._histograms = opened.histograms()
            except (InstrumentError, FirmwareLost) as error:
                self._outages += 1
                for text in (str(error), *getattr(error, "__notes__", ())):
                    say(text)
                say("the rig is looked for again, and goes on where it was")
        self._complete = True
        return self.result()

    def _lacks(self, case: FaultCase) -> set[str]:
        return needs.of_case(case) - needs.has(self._rig)

    def _opened(
        self, stack: contextlib.ExitStack, ends_s: float, patience_min: float,
        say: Callable[[str], object],
    ) -> Session:  # fmt: skip
        """The rig, waited for; the first time it must be there. Raises AutarkyError."""
        gone_s, tries = time.monotonic(), 0
        while True:
            try:
                return stack.enter_context(session.opened(self._rig))
            except AutarkyError as error:
                now_s = time.monotonic()
                if not self._rounds or now_s >= min(gone_s + 60 * patience_min, ends_s):
                    raise AutarkyError(str(error)) from None
                say(f"after {now_s - gone_s:.0f} s: {error}")
            time.sleep(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])
            tries += 1

    def _one(self, opened: Session, case: FaultCase, say: Callable[[str], object]) -> None:
        """One trial. Raises InstrumentError or FirmwareLost where not the cabinet failed."""
        folder = self._folder / f"round{self._rounds}-{case.fault}"
        shutil.rmtree(folder, ignore_errors=True)  # of a trial that was broken off
        folder.mkdir(parents=True)
        allowance_ms = opened.allowed_ms(case)
        try:
            config = opened.config(inside=case.inside, parameters=case.parameters)
            with opened.site(folder, config, case.setup != "boot") as site, Recording(site, folder):
                trial = run_trial(site, case)
        except InstrumentError:
            raise
        except AutarkyError as error:
            if isinstance(error, FirmwareLost) and self._rig.depth != "virtual":
                raise  # its cable, or its bench
            self._failed(case, folder, str(error), say)
            return
        slowest, times = self._result(case).measured
        times.value = (times.value or 0) + 1
        slowest.high = trial.latest_ms(allowance_ms)
        if not trial.passed(allowance_ms):
            self._failed(case, folder, f"{trial.reaction_ms} ms to react", say)
            return
        slowest.value = max(slowest.value or 0, trial.reaction_ms or 0)
        shutil.rmtree(folder)

    def _result(self, case: FaultCase) -> Result:
        title = f"{case.fault}: {'; '.join(case.done)}"
        measured = [Measured("slowest reaction", None, "ms"), Measured("trials", 0, "")]
        made = Result(case.fault, title, "passed", case.fault, measured=measured)
        return self._results.setdefault(case.fault, made)

    def _failed(
        self, case: FaultCase, folder: Path, why: str, say: Callable[[str], object]
    ) -> None:
        result = self._result(case)
        result.outcome, result.folder = "failed", folder.name
        result.why = f"in round {self._rounds}: {why}"
        say(f"{case.fault}: {result.why}; its logs are in {folder}")

    def _told(self) -> str:
        failed = sum(result.outcome == "failed" for result in self._results.values())
        times = sum(int(result.measured[1].value or 0) for result in self._results.values())
        return f"{times} trials, {failed} cases failed, {self._outages} outages"

    def result(self) -> Run:
        """What came out until now."""
        facts = {"rounds": str(self._rounds), "outages": str(self._outages)}
        return Run(
            self._rig.name, self._rig.depth, self._rig.seed, self._started,
            {**self._provenance, **facts},
            [self._results[name] for name in sorted(self._results)],
            round(time.monotonic() - self._start_s, 1), self._histograms, self._complete,
        )  # fmt: skip
