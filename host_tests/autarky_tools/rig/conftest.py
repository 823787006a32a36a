"""What several tests of rigs share: a run of every kind of result, a recorded test, a simulated
bench in a process of its own and what its record says."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S

from autarky.rig.description import Rig
from autarky.rig.reading import read
from autarky.rig.recording import Recording
from autarky.rig.results import Histogram, Measured, Result, Run
from autarky.rig.simulated import EXAMPLE, SimulatedBench, fill
from autarky.scenario.fault_cases import CASES
from autarky.scenario.trial import run_trial
from autarky.sil.site import SiteConfig, VirtualSite
from autarky.tables import faults
from bess.parameters import Parameters

PARAMETERS = Parameters()


def fault_result(name: str, took_ms: float | None, outcome: str = "passed", **more) -> Result:
    high = CASES[name].told_ms or 10.0 + CASES[name].deadline_ms(PARAMETERS)
    measured = [] if outcome == "skipped" else [Measured("reaction", took_ms, "ms", high=high)]
    return Result(
        f"fault[{name}]", f"{name} acts in time", outcome, row=name, measured=measured, **more
    )


@pytest.fixture
def run() -> Run:
    results = [fault_result(name, 20.0) for name in faults() if name not in ("door", "gas")]
    by_row = {result.row: result for result in results}
    by_row["cell_ov"].outcome = "failed"
    by_row["cell_ov"].why = "reaction after 1480 ms, 1130 ms <at most>"
    by_row["cell_ov"].measured[0].value = 1480.0
    by_row["cell_ov"].folder = "cell_ov"
    by_row["estop"].outcome = "error"
    by_row["estop"].why = "Traceback (most recent call last):\n  x\nthe supply is silent\x1b[0m"
    by_row["estop"].measured = []
    results.append(fault_result("gas", None, "skipped", why="needs line gas: no relay has it"))
    results.append(
        Result(
            "scenario[peak]", "two cabinets shave", "passed", folder="peak", log_sha256="ab" * 32,
            checks=[{"name": "power was shaved", "status": "pass", "detail": "1.6 kWh"}],
            measured=[Measured("tick, longest", 3100.0, "us", high=10_000.0)],
        )
    )  # fmt: skip
    return Run(
        "bench", "hardware", 1, "2026-11-28T08:00:00+00:00", {"revision": "9336435"}, results,
        seconds=61.5, histograms=[Histogram("tick", "us", [1000.0, 2000.0], [90_000, 3])],
    )  # fmt: skip


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Recording leaves of an E-stop; the site's own log lies beside it, as can.log."""
    from autarky.sil.can_log import CanLog

    folder = tmp_path_factory.mktemp("recorded")
    config = SiteConfig(cabinets=1, interpreter="inline")
    with (
        VirtualSite(config, CanLog(folder / "can.log")) as site, Recording(site, folder),
    ):  # fmt: skip
        run_trial(site, CASES["estop"])
    return folder


class BenchProcess:
    """`rig` with its ports, `order` what happens to it, `events` of its record since `mark`."""

    def __init__(self, folder: Path, *options: str, example: Path = EXAMPLE) -> None:
        self._record = folder / "record.jsonl"
        self.lock = folder / "rig.lock"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "autarky.rig.simulated", str(example), "--record",
             str(self._record), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.ports = json.loads(self.process.stdout.readline())
        self.rig: Rig = fill(read(example), self.ports)

    def order(self, words: str) -> None:
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def events(self) -> list[tuple[float, str, object]]:
        lines = self._record.read_text().splitlines(keepends=True)
        return [tuple(json.loads(line)) for line in lines if line.endswith("\n")]

    def live(self) -> dict[str, object]:
        """What is on or closed now."""
        state = {what: value for _, what, value in self.events()}
        return {
            what: value for what, value in state.items()
            if value and (what in ("supply.live", "cells.live") or what.startswith("relay."))
        }  # fmt: skip

    def wait(self, until: Callable[[], bool], what: str) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < end_s, f"{what}: {self.live()}"
            time.sleep(0.01)

    def safe_since_s(self, start_s: float) -> float:
        """When all of it was off or open, s after that instant; waits for it."""
        self.wait(lambda: not self.live(), "it was not made safe")
        return max((at_s for at_s, what, value in self.events() if not value), default=0) - start_s

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BenchProcess]:
    bench = BenchProcess(tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()


@pytest.fixture
def own_simulated(tmp_path: Path) -> Iterator[Callable[..., BenchProcess]]:
    """One that a test may spoil."""
    made: list[BenchProcess] = []

    def make(*options: str) -> BenchProcess:
        made.append(BenchProcess(tmp_path, *options))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture
def instruments() -> Iterator[tuple[SimulatedBench, Rig]]:
    """The instruments inside this process, without a controller."""
    bench = SimulatedBench(read(EXAMPLE), device=False)
    yield bench, fill(read(EXAMPLE), {**bench.ports, "bus": "127.0.0.1:9"})
    bench.close()
