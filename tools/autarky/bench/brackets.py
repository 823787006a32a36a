"""Instructions of single ticks: ticks_probe.py under callgrind, and what its brackets counted.

callgrind writes what was spent since the last time whenever time.ticks_us() is called
(--dump-before=mp_hal_ticks_us). A tick is what stands between two of them, less what an empty
bracket costs: exact to the instruction, and the same in every run.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autarky.errors import AutarkyError

PROBE = Path(__file__).with_name("ticks_probe.py")
EMPTY = 5  # brackets around nothing at the end, as in ticks_probe.py
_OUTER, _INNER = 2, 4  # calls of ticks_us in a bracketed tick, without and with `fast`


class BracketError(AutarkyError):
    """The counts do not fit the ticks; the message says how."""


@dataclass(frozen=True)
class Ticks:
    """Instructions of whole ticks, and of `fast` in them (empty where it had no bracket).

    answers: SDO answers by tick, first byte; rows: of the fault table, raised at the end.
    """

    whole: Sequence[int]
    fast: Sequence[int]
    answers: dict[int, int]
    run_from: int
    rows: int


def probe_command(
    interpreter: Sequence[str], image: Path, record: Path, state: Path, start: int, count: int,
    fast: bool,
) -> list[str]:  # fmt: skip
    """ticks_probe.py in an interpreter; state: an empty folder."""
    options = ["-X", "heapsize=1M", str(PROBE), str(image), str(record), str(state)]
    return [*interpreter, *options, str(start), str(count), *(["fast"] if fast else [])]


def callgrind(valgrind: str, out: Path, command: Sequence[str]) -> list[str]:
    """The command under callgrind, one part of the file `out` for each call of ticks_us."""
    return [
        valgrind, "--tool=callgrind", f"--callgrind-out-file={out}", "--combine-dumps=yes",
        "--dump-line=no", "--dump-before=mp_hal_ticks_us", *command,
    ]  # fmt: skip


def callgrind_counts(lines: Iterable[str]) -> list[int]:
    """Instructions of each part of callgrind's file: up to the first call, to the next, .."""
    return [int(line.split()[1]) for line in lines if line.startswith("totals: ")]


def read_ticks(counts: Sequence[int], said: str, fast: bool, count: int) -> Ticks:
    """What ticks_probe.py measured: counts between two calls, and what it printed.

    Raises BracketError when ticks_us was called elsewhere, or a tick was not.
    """
    calls = _INNER if fast else _OUTER
    # what comes before the first call and after the last is no tick
    wanted = calls * (count + EMPTY) + 1
    if len(counts) != wanted:
        raise BracketError(
            f"{len(counts) - 1} calls of time.ticks_us were counted, {wanted - 1} belong to "
            f"{count} ticks: did the replay end early?\n{said[-2000:]}"
        )
    spans = [counts[1 + i * calls : calls + i * calls] for i in range(count + EMPTY)]
    whole_empty = round(statistics.median(sum(span) for span in spans[count:]))
    whole = [sum(span) - whole_empty for span in spans[:count]]
    inner = []
    if fast:
        inner_empty = round(statistics.median(span[1] for span in spans[count:]))
        inner = [span[1] - inner_empty for span in spans[:count]]
    values = dict(re.findall(r"^(\w+) (-?\d+)$", said, re.M))
    answers = {
        int(tick): int(kind) for tick, kind in re.findall(r"^answer (\d+) (\d+)$", said, re.M)
    }
    return Ticks(whole, inner, answers, int(values["run_from"]), int(values["rows"]))


def extra(asked: Ticks, normal: Ticks, first: int, span: int) -> int:
    """What a run spent more than another over `span` ticks from its tick `first` on."""
    end = first + span
    return sum(asked.whole[first:end]) - sum(normal.whole[first:end])
