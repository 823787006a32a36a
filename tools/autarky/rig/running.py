"""`autarky rig run`: pytest with the rig's plugin, and a line for each test when it is over."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from autarky.errors import AutarkyError
from autarky.rig.collector import Collector
from autarky.rig.description import Rig
from autarky.rig.results import Result, Run
from autarky.scenario import folders

SUITE = Path(__file__).with_name("suite")
_INTERRUPTED, _USAGE, _NOTHING = 2, 4, 5  # pytest.ExitCode


def run(
    path: Path, rig: Rig, out: Path, tests: Sequence[Path], only: str | None, jobs: int | None,
    said: Callable[[Result, int], object], against: Run | None = None,
) -> tuple[Run, str]:  # fmt: skip
    """All tests of the suite, or those of `tests`, and what the report lacks; only: pytest's -k;
    said: gets each result and how many tests there are; against: for what moved.

    Raises AutarkyError where nothing could be run, KeyboardInterrupt.
    """
    import pytest

    collector = Collector(path, out, lambda result: said(result, collector.count), against)
    arguments = [*map(str, tests or [SUITE]), "--rig", str(path), "--rig-out", str(out)]
    arguments += ["-p", "no:cacheprovider", "-p", "no:terminal", "--continue-on-collection-errors"]
    if only:
        arguments += ["-k", only]
    jobs = jobs or (os.cpu_count() or 1 if rig.depth == "virtual" else 1)
    if jobs > 1 and importlib.util.find_spec("xdist") is not None:
        if rig.depth != "virtual":
            raise AutarkyError(f"--jobs {jobs}: one board serves one test at a time; drop it")
        arguments += ["-n", str(jobs)]
    made, scratch = folders.own(out), out / "pytest"
    try:
        code = pytest.main([*arguments, "--basetemp", str(scratch)], plugins=[collector])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if made and not (collector.run and collector.run.results):
            shutil.rmtree(out)
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    if collector.run is None or not collector.run.results:
        why = f"no test fits -k {only}" if only and code == _NOTHING else "no test was found"
        raise AutarkyError(f"{why} in {', '.join(map(str, tests or [SUITE]))}")
    return collector.run, collector.note
