"""ARM instructions of single ticks: the armv7m image in Debian's armhf MicroPython under qemu.

Debian's build spends 1.4 to 1.6 times the instructions of a Cortex-M7's (another
compiler, all modules): figures to compare with each other, not to divide by a clock.
"""

from __future__ import annotations

import statistics
import subprocess
from pathlib import Path

from autarky.arm.counting import counting
from autarky.arm.interpreters import BOARDS
from autarky.bench import brackets, revision_probe
from autarky.bench.against import Tree
from autarky.bench.brackets import BracketError, Ticks
from autarky.build import image
from autarky.paths import ROOT


def arm_ticks(folder: Path) -> dict[str, float]:
    """Instructions as `bench --against` defines them; folder: an empty one.

    Raises AutarkyError with what to do where no ARM interpreter is there.
    """
    counting(folder / "normal.counts")  # before the record is made
    Tree("the working tree", ROOT, folder).ask("records", str(folder))
    normal = _replay(folder, "normal", True)
    first = revision_probe.BAD_FROM - revision_probe.FROM
    bad = [_replay(folder, name, False) for name in ("bad", "apart")]
    return {
        "fast_median": statistics.median(normal.fast),
        "fast_max": max(normal.fast),
        "tick_max": max(normal.whole),
        "everything_bad": max(max(ticks.whole[first:]) for ticks in bad),
    }


def _replay(folder: Path, name: str, fast: bool) -> Ticks:
    out, state = folder / f"{name}.counts", folder / f"{name}-state"
    state.mkdir()
    command = brackets.probe_command(
        counting(out), image.stage(march=BOARDS), folder / name, state, revision_probe.FROM,
        revision_probe.COUNT, fast,
    )  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode:
        raise BracketError(
            f"the armhf interpreter did not replay `{name}`; it said:\n{said[-2000:]}"
        )
    with out.open(encoding="utf-8") as lines:
        return brackets.read_ticks(
            brackets.callgrind_counts(lines), said, fast, revision_probe.COUNT
        )
