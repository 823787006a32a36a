"""`autarky soc evaluate`: the firmware's estimator over a trace, against its reference."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib  # what is missing is said now, not after minutes of work
import numpy as np
from numpy.typing import NDArray

from autarky.arm.counting import counting
from autarky.arm.debian import DebianError
from autarky.build import image
from autarky.paths import FIRMWARE
from autarky.soc import on_target
from autarky.soc.traces import Floats, Trace, TraceError

RUNTIMES = ("cpython", "micropython")
PRECISIONS = ("double", "single")
SCORED_AFTER_S = 3600
SCORED_ABOVE = 0.05
_CONVERGED = 0.03
_COST_SAMPLES = 600
_ARM_SAMPLES = 60  # five looks at the voltage, emulated


@dataclass(frozen=True)
class Errors:
    """What is done to a good trace: a gain and an offset of current, noise of voltage.

    gain_pct of the value, offset_pct_fs of full_scale_a, noise_mv rms white; start_error_pct is
    added to the reference's first charge, start_sigma_pct is what the estimator is told of it.
    """

    start_error_pct: float = 0.0
    gain_pct: float = 0.0
    offset_pct_fs: float = 0.0
    noise_mv: float = 0.0
    full_scale_a: float | None = None
    start_sigma_pct: float | None = None
    seed: int = 1

    @property
    def sigma(self) -> float:
        """Deviation of the start: 1 % when it is right, 10 % when it is said to be wrong."""
        if self.start_sigma_pct is not None:
            return self.start_sigma_pct / 100
        return 0.10 if self.start_error_pct else 0.01


@dataclass(frozen=True)
class Result:
    """Estimates beside the reference, arrays (n,), 0..1; costs where they were measured."""

    trace: Trace
    soc: Floats
    sigma: Floats
    runtime: str
    precision: str
    steps: int
    garbage_bytes: int | None = None
    instructions: float | None = None
    arm_slice: int | None = None
    arm_step: int | None = None

    def scores(self) -> dict[str, Any]:
        """The figures of the issue, plus what was scored."""
        assert self.trace.soc is not None
        elapsed = self.trace.time_s - self.trace.time_s[0]
        error = self.soc - self.trace.soc
        scored = (elapsed >= SCORED_AFTER_S) & (self.trace.soc > SCORED_ABOVE)
        wrong = np.flatnonzero((np.abs(error) > _CONVERGED) & (self.trace.soc > SCORED_ABOVE))
        after = int(wrong[-1]) + 1 if len(wrong) else 0
        stays = bool((self.trace.soc[after:] > SCORED_ABOVE).any())
        hours = float(elapsed[after]) / 3600 if stays else None
        return {
            "rmse_pct": _percent(np.sqrt(np.mean(error[scored] ** 2))) if scored.any() else None,
            "max_pct": _percent(np.abs(error[scored]).max()) if scored.any() else None,
            "hours_to_3_pct": None if hours is None else round(hours, 3),
            "inside_3_sigma_pct": (
                round(100 * float(np.mean(np.abs(error[scored]) <= 3 * self.sigma[scored])), 2)
                if scored.any()
                else None
            ),
            "first_3_pct_hours": self._first_inside(elapsed, error),
            "mean_3_sigma_pct": _percent(3 * np.mean(self.sigma[scored])) if scored.any() else None,
            "runtime": self.runtime,
            "precision": self.precision,
            "hours": round(self.trace.hours, 2),
            "steps": self.steps,
            "garbage_bytes_per_step": self.garbage_bytes,
            "instructions_per_step": self.instructions,
            "arm_instructions_per_step": self.arm_step,
            "arm_instructions_largest_slice": self.arm_slice,
            "trace": self.trace.name,
        }

    def _first_inside(self, elapsed: Floats, error: Floats) -> float | None:
        inside = np.flatnonzero(np.abs(error) <= _CONVERGED)
        return round(float(elapsed[inside[0]]) / 3600, 3) if len(inside) else None


def _percent(value: Any) -> float:
    return round(100 * float(value), 3)


def spoil(trace: Trace, errors: Errors, capacity_ah: float) -> Trace:
    """The trace as bad sensors would have shown it."""
    noise = np.random.default_rng(errors.seed).normal(0, errors.noise_mv / 1000, len(trace.time_s))
    offset_a = errors.offset_pct_fs / 100 * (errors.full_scale_a or capacity_ah)
    return replace(
        trace,
        current_a=trace.current_a * (1 + errors.gain_pct / 100) + offset_a,
        voltage_v=trace.voltage_v + noise,
    )


def records(trace: Trace, capacity_ah: float) -> NDArray[np.int32]:
    """Samples (n, 4) as the estimator's replay takes them, currents as of a 100 Ah string."""
    if len(trace.holes):
        raise TraceError(f"{trace.name}: time has holes; take its parts() one by one")
    if np.abs(trace.current_a).max() / capacity_ah > 20:
        raise TraceError(f"{trace.name}: more than 20 C; is --capacity-ah {capacity_ah:g} right?")
    if trace.hours > 590:
        raise TraceError(
            f"{trace.name}: {trace.hours:.0f} h are too long for one replay (590 h): give a part "
            "of it"
        )
    scale = on_target.CAPACITY_MAH / (1000 * capacity_ah) * 1000
    columns = (
        (trace.time_s - trace.time_s[0]) * 1000, trace.current_a * scale,
        np.clip(trace.voltage_v * 1e4, 0, 65535), trace.temperature_c * 10,
    )  # fmt: skip
    return np.ascontiguousarray(np.rint(np.stack(columns, axis=1)).astype(np.int32))


def evaluate(
    trace: Trace, table: bytes, capacity_ah: float, errors: Errors,
    precision: str = "double", runtime: str = "cpython", scale: float = 1.0,
    count_instructions: bool = False,
) -> Result:  # fmt: skip
    """Run one trace. table: chemistry text; scale: resistance of the cell against the table's.

    Raises TraceError for a trace without a reference, ValueError for a choice that is none
    and for a machine that cannot replay.
    """
    if sys.byteorder != "little":  # records are read as the machine writes them
        raise ValueError("`autarky soc` needs a little-endian machine, which this one is not")
    if trace.soc is None:
        raise TraceError(f"{trace.name}: no column soc or soc_ref to compare with")
    if precision not in PRECISIONS or runtime not in RUNTIMES:
        raise ValueError(
            f"--precision is one of {', '.join(PRECISIONS)}, --runtime of {', '.join(RUNTIMES)}"
        )
    if precision == "single" and runtime == "micropython":
        raise ValueError(
            "the unix port computes in double precision: --precision single emulates every "
            "operation on CPython; drop --runtime micropython"
        )
    samples = records(spoil(trace, errors, capacity_ah), capacity_ah)
    start = float(np.clip(trace.soc[0] + errors.start_error_pct / 100, 0, 1))
    if runtime == "micropython":
        out, facts = _in_micropython(samples, table, start, errors.sigma, scale, count_instructions)
    else:
        number: Any = np.float32 if precision == "single" else float
        counter, soc = on_target.build(table, start, errors.sigma, scale, number)
        pairs: list[int] = []
        with np.errstate(all="raise", under="ignore"):
            steps = on_target.replay(array("i", samples.tobytes()), pairs, counter, soc)
        facts: dict[str, Any] = {}
        if count_instructions:  # what a step costs is MicroPython's to say, whoever computes
            part = samples[:_COST_SAMPLES]
            facts = _in_micropython(part, table, start, errors.sigma, scale, True)[1]
        out, facts["steps"] = np.array(pairs), steps
    pairs_array = np.asarray(out, dtype=float).reshape(-1, 2) / 10000
    return Result(
        trace, pairs_array[:, 0], pairs_array[:, 1], runtime, precision, int(facts["steps"]),
        facts.get("garbage"), facts.get("instructions"), facts.get("arm_slice"),
        facts.get("arm_step"),
    )  # fmt: skip


def _in_micropython(
    samples: NDArray[np.int32], table: bytes, start: float, sigma: float, scale: float, count: bool
) -> tuple[NDArray[np.int32], dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="autarky-soc-") as name:
        folder = Path(name)
        (folder / "table").write_bytes(table)

        def run(part: NDArray[np.int32], *prefix: str, own: bool = True, more: str = "") -> str:
            (folder / "records").write_bytes(part.tobytes())
            interpreter = [image.tool("micropython")] if own else []
            done = subprocess.run(
                [
                    *prefix, *interpreter, "-X", "heapsize=64M",
                    str(Path(on_target.__file__)), str(FIRMWARE), str(folder / "table"),
                    str(folder / "records"), str(folder / "out"),
                    repr(start), repr(sigma), repr(scale), *more.split(),
                ],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode or "Traceback" in done.stderr + done.stdout:
                raise ValueError(f"the estimator failed inside MicroPython:\n{done.stderr}")
            return done.stdout + done.stderr

        facts: dict[str, Any] = {}
        valgrind = shutil.which("valgrind")
        if count and valgrind:
            tool = (valgrind, "--tool=callgrind", f"--callgrind-out-file={folder / 'callgrind'}")
            counts, steps = [], []
            for count_of in (_COST_SAMPLES // 3, _COST_SAMPLES):
                text = run(samples[:count_of], *tool)
                for out, pattern in ((counts, r"Collected : (\d+)"), (steps, r"steps (\d+)")):
                    found = re.search(pattern, text)
                    assert found is not None
                    out.append(int(found[1]))
            if steps[1] > steps[0]:
                facts["instructions"] = (counts[1] - counts[0]) / (steps[1] - steps[0])
        if count:
            with contextlib.suppress(DebianError):  # said where the figure is shown
                facts |= _on_arm(samples[:_ARM_SAMPLES], folder / "counts", run)
        for line in run(samples).splitlines():
            key, _, value = line.partition(" ")
            facts[key] = int(value)
        return np.frombuffer((folder / "out").read_bytes(), dtype=np.int32), facts


def _on_arm(samples: NDArray[np.int32], counts: Path, run: Callable[..., str]) -> dict[str, int]:
    """Instructions of Debian's armhf build. Raises DebianError where it is not there."""
    said = run(samples, *counting(counts), own=False, more="slices")
    shape = [int(text) for text in said.partition("slices ")[2].split()]
    # a line for each clock, of what came before it; the last is for what came after them all
    lines = counts.read_text(encoding="utf-8").splitlines()[:-1]
    each = [int(line.split()[1]) for line in lines]
    at = len(each) - sum(shape) - len(shape)
    steps = []
    for slices in shape:
        steps.append(each[at + 1 : at + 1 + slices])
        at += 1 + slices
    return {
        "arm_slice": max(map(max, steps)),
        "arm_step": round(sum(map(sum, steps)) / len(steps)),
    }


def plot(results: list[Result], path: Path) -> None:
    """Charge with its band, and the error, of every trace."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(results), 2, figsize=(14, 3.6 * len(results)), squeeze=False)
    for (charge, error), result in zip(axes, results, strict=True):
        assert result.trace.soc is not None
        hours = (result.trace.time_s - result.trace.time_s[0]) / 3600
        charge.plot(hours, 100 * result.trace.soc, label="reference")
        charge.plot(hours, 100 * result.soc, label="estimate")
        charge.set(ylabel="charge %", title=result.trace.name)
        charge.legend()
        error.fill_between(
            hours, -300 * result.sigma, 300 * result.sigma, alpha=0.25, label="3 sigma"
        )
        error.plot(hours, 100 * (result.soc - result.trace.soc), label="error")
        error.set(ylabel="error %", ylim=(-12, 12))
        error.legend()
    for axis in axes[-1]:
        axis.set_xlabel("h")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)
