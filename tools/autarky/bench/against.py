"""`autarky bench --against REV`: working tree and a revision beside each other, in one run.

Every figure of both is taken by the same probes, with the same interpreter and compiler: this
environment's. Instructions are x86 instructions inside MicroPython's unix port, counted tick by
tick by callgrind (brackets.py); each revision replays what its own virtual site gave its own
cabinet (revision_probe.py):

fast_median, fast_max  the scheduler's task `fast`, 330 ticks in RUN of a normal record
tick_max               the largest cabinet.step() of these ticks
everything_bad         the largest cabinet.step() in the 3 s in which all gets bad at once: every
                       cell over voltage and hot with right PEC (or every other one, and the rest
                       deeply discharged and cold: the larger of both), contacts open, analog
                       channels at their ends, CAN devices silent. Rows of the fault table have
                       delays: many rise in one tick, never all
sdo_read               an expedited SDO upload of subindex 1 of 0x2180 and of 0x1A00, request to
                       answer: what ten ticks cost more with the request in them, median of five;
                       the ratio is the larger of both
realtime_1, _32        virtual seconds in a second with 1 and 32 cabinets, runs in turn, the best

Ratios are working tree / revision: of instructions less is better, of speed more.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from autarky.bench import brackets, revision_probe
from autarky.bench.brackets import Ticks
from autarky.build import image
from autarky.errors import AutarkyError
from autarky.paths import ROOT

_PROBE = Path(revision_probe.__file__)
_ROUNDS = 3
_CABINETS = (1, 32)
_SECONDS_32 = 0.25  # share of the virtual seconds of the small run
_ANSWER_TICKS = 10
_ABORT = 0x80
_RECORDS = ("normal", "sdo", "bad", "apart")
_WITH_FAST = _RECORDS[:2]
_RATIOS = (
    "fast_median", "fast_max", "everything_bad", "tick_max", "sdo_read", "realtime_1",
    "realtime_32",
)  # fmt: skip


class AgainstError(AutarkyError):
    """The two cannot be compared; the message is a sentence that says why."""


@dataclass
class Figures:
    """Of one revision: instructions, and virtual seconds in a second."""

    fast_median: float
    fast_max: int
    tick_median: float
    tick_max: int
    everything_bad: int
    everything_bad_rows: int
    sdo_read_2180: float
    sdo_read_1a00: float
    realtime_1: float = 0.0
    realtime_32: float = 0.0


@dataclass(frozen=True)
class Tree:
    """A checkout: its name for a person, its files, and a folder for what is measured of it."""

    name: str
    path: Path
    work: Path

    def command(self, what: str, *arguments: str) -> list[str]:
        return [sys.executable, "-P", str(_PROBE), str(self.path), what, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        folders = (self.path / name for name in ("tools", "firmware", "boards/unix"))
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}

    def ask(self, what: str, *arguments: str) -> str:
        """What its own code says. Raises AgainstError."""
        done = subprocess.run(
            self.command(what, *arguments), env=self.environment, cwd=self.work,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
            verb = {"image": "be built", "records": "run"}.get(what, "be timed")
            raise AgainstError(f"{self.name} cannot {verb} with this environment: {said}")
        return done.stdout


def run_against(console: Console, revision: str, seconds: float) -> dict[str, Any]:
    """Measure both; prints a table and returns the ratios and the figures for JSON.

    seconds: virtual time of each speed run with one cabinet. Raises AutarkyError.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise AgainstError("valgrind is missing: --against counts instructions with it, install it")
    commit = find_commit(ROOT, revision)
    with tempfile.TemporaryDirectory(prefix="autarky-against-") as name:
        folder = Path(name)
        ours = Tree("the working tree", ROOT, folder / "ours")
        theirs = Tree(revision, folder / "tree", folder / "theirs")
        unpack(ROOT, commit, theirs.path)
        figures: list[Figures] = []
        for tree in (ours, theirs):
            console.print(f"instructions of {tree.name} ...", highlight=False)
            tree.work.mkdir()
            figures.append(_instructions(tree, valgrind))
        for cabinets in _CABINETS:
            length = seconds * (_SECONDS_32 if cabinets > 1 else 1.0)
            console.print(f"{cabinets} cabinets, {length:.0f} s in turn ...", highlight=False)
            best = _speeds((ours, theirs), cabinets, length)
            for figure, speed in zip(figures, best, strict=True):
                setattr(figure, f"realtime_{cabinets}", speed)
    left, right = figures
    found = ratios(left, right)
    _print(console, revision, left, right, found)
    both = {"ours": asdict(left), "theirs": asdict(right), "revision": commit}
    return {"against": found, "against_figures": both}


def find_commit(root: Path, revision: str) -> str:
    """The full name of a commit of the repository at `root`. Raises AgainstError."""
    if not _git(root, "rev-parse", "--git-dir"):
        raise AgainstError(f"--against {revision}: {root} is no git repository")
    found = _git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"
    )
    if not found:
        raise AgainstError(
            f"--against {revision}: this repository has no such commit, `git log` lists them"
        )
    return found


def unpack(root: Path, commit: str, target: Path) -> None:
    """The files of a commit, and nothing that git would have to forget again."""
    target.mkdir()
    archive = target.with_suffix(".zip")
    if not archive.parent.is_dir() or _git(
        root, "archive", "--format=zip", f"--output={archive}", commit
    ) is None:  # fmt: skip
        raise AgainstError(f"git cannot read the files of {commit}: is this clone complete?")
    with zipfile.ZipFile(archive) as content:
        content.extractall(target)


def _git(root: Path, *arguments: str) -> str | None:
    """What git says, None where it fails. Raises AgainstError without git."""
    git = shutil.which("git")
    if git is None:
        raise AgainstError("git is missing: --against takes a revision out of its repository")
    done = subprocess.run(
        [git, "-C", str(root), *arguments], capture_output=True, text=True, check=False
    )
    return None if done.returncode else done.stdout.strip()


def _instructions(tree: Tree, valgrind: str) -> Figures:
    rom = Path(tree.ask("image").strip())
    tree.ask("records", str(tree.work))
    running: dict[str, subprocess.Popen[str]] = {}
    try:
        for name in _RECORDS:  # as many at a time as there are processors
            running[name] = _start(tree, valgrind, rom, name)
            if len(running) % (os.cpu_count() or 1) == 0:
                running[name].wait()
        ticks = {name: _finish(tree, name, process) for name, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return figures_of(tree.name, ticks["normal"], ticks["sdo"], [ticks["bad"], ticks["apart"]])


def _start(tree: Tree, valgrind: str, rom: Path, name: str) -> subprocess.Popen[str]:
    state = tree.work / f"{name}-state"
    state.mkdir()
    command = brackets.probe_command(
        [image.tool("micropython")], rom, tree.work / name, state, revision_probe.FROM,
        revision_probe.COUNT, name in _WITH_FAST,
    )  # fmt: skip
    with (tree.work / f"{name}.said").open("w", encoding="utf-8") as said:
        return subprocess.Popen(
            brackets.callgrind(valgrind, tree.work / f"{name}.counts", command),
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip


def _finish(tree: Tree, name: str, process: subprocess.Popen[str]) -> Ticks:
    code = process.wait()
    said = (tree.work / f"{name}.said").read_text(encoding="utf-8", errors="replace")
    if code:
        raise AgainstError(
            f"{tree.name} did not replay its record `{name}`; it said:\n{said[-2000:]}"
        )
    with (tree.work / f"{name}.counts").open(encoding="utf-8") as lines:
        counts = brackets.callgrind_counts(lines)
    return brackets.read_ticks(counts, said, name in _WITH_FAST, revision_probe.COUNT)


def figures_of(name: str, normal: Ticks, sdo: Ticks, bad: list[Ticks]) -> Figures:
    """The figures out of the four records' ticks. Raises AgainstError."""
    if not 0 <= normal.run_from <= revision_probe.FROM:
        raise AgainstError(
            f"{name} is not in RUN from tick {revision_probe.FROM} to the end of its record"
        )
    reads: dict[int, list[int]] = {0x2180: [], 0x1A00: []}
    for tick, index in revision_probe.ASKED:
        answered = [t for t in sdo.answers if tick <= t < tick + _ANSWER_TICKS]
        if not answered or sdo.answers[answered[0]] == _ABORT:
            raise AgainstError(f"{name} does not answer an SDO upload of 0x{index:04X}:1")
        first = tick - revision_probe.FROM
        reads[index].append(brackets.extra(sdo, normal, first, _ANSWER_TICKS))
    first = revision_probe.BAD_FROM - revision_probe.FROM
    worst = max(bad, key=lambda ticks: max(ticks.whole[first:]))
    return Figures(
        fast_median=statistics.median(normal.fast),
        fast_max=max(normal.fast),
        tick_median=statistics.median(normal.whole),
        tick_max=max(normal.whole),
        everything_bad=max(worst.whole[first:]),
        everything_bad_rows=worst.rows,
        sdo_read_2180=statistics.median(reads[0x2180]),
        sdo_read_1a00=statistics.median(reads[0x1A00]),
    )


def _speeds(trees: tuple[Tree, Tree], cabinets: int, seconds: float) -> list[float]:
    """The best of some runs of each, which take turns: both see the same machine."""
    best = [0.0] * len(trees)
    for _ in range(_ROUNDS):
        for i, tree in enumerate(trees):
            said = tree.ask("realtime", str(cabinets), str(seconds))
            best[i] = max(best[i], float(said.split()[-1]))
    return best


def ratios(ours: Figures, theirs: Figures) -> dict[str, float]:
    """Working tree / revision of what is promised."""
    left, right = asdict(ours), asdict(theirs)
    reads = ("sdo_read_2180", "sdo_read_1a00")
    found = {name: left[name] / right[name] for name in _RATIOS if name in left}
    found["sdo_read"] = max(left[name] / right[name] for name in reads)
    return {name: found[name] for name in _RATIOS}


def _print(
    console: Console, revision: str, ours: Figures, theirs: Figures, found: dict[str, float]
) -> None:
    table = Table(title=f"working tree / {revision}", title_justify="left")
    for heading in ("figure", "working tree", revision, "ratio"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    left, right = asdict(ours), asdict(theirs)
    for name, value in left.items():
        speed = name.startswith("realtime")
        shown = [f"{v:.1f}" if speed else f"{v:,.0f}" for v in (value, right[name])]
        ratio = f"{value / right[name]:.3f}" if right[name] else ""
        unit = "times real time" if speed else "" if name.endswith("rows") else "x86 instructions"
        table.add_row(f"{name.replace('_', ' ')}, {unit}".rstrip(", "), *shown, ratio)
    table.add_row("sdo read, the larger", "", "", f"{found['sdo_read']:.3f}")
    console.print(table)
