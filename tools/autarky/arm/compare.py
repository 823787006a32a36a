"""Replays that must give the same DONE in every tick; which tick and which field differ."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autarky.arm.interpreters import Interpreter, Played, done_of, play
from autarky.arm.records import Record
from autarky.paths import wire
from autarky.sil.firmware import Done, unpack_done, unpack_head
from bess import lines


@dataclass(frozen=True)
class Difference:
    """Where an interpreter leaves the reference; str() is a report for a person."""

    record: str
    interpreter: str
    tick: int
    fields: list[str]
    command: str
    text: str

    def __str__(self) -> str:
        said = [f"{self.record}: {self.interpreter} differs in tick {self.tick}"]
        said += [f"  {field}" for field in self.fields]
        said.append(f"repeat with: {self.command}")
        return "\n".join([*said, self.text])


def compare(
    record: Record, folders: Mapping[str, Path], work: Path, reference: Interpreter,
    others: list[Interpreter],
) -> tuple[Played, list[Difference]]:  # fmt: skip
    """Replay a record everywhere. folders: compiled files by processor (interpreters.folders);
    work: where records and results lie."""
    path = record.write(work / (record.name.replace(" ", "_").replace(",", "") + ".record"))
    right = play(reference, folders[reference.march], path)
    found = []
    for other in others:
        folder = folders[other.march]
        played = play(other, folder, path)
        tick = _first_difference(right.digests, played.digests, len(record.ticks))
        if tick is None and played.dead != right.dead:
            tick = len(record.ticks) - 1
        if tick is not None:
            wanted = done_of(reference, folders[reference.march], path, tick)
            seen = done_of(other, folder, path, tick)
            command = shlex.join(other.command(folder, path, work / "tick.done", tick))
            fields = [f"dead tasks: {played.dead}", *differing_fields(wanted, seen)]
            found.append(
                Difference(record.name, other.name, tick, fields, command, played.text[-2000:])
            )
    return right, found


def _first_difference(right: list[bytes], seen: list[bytes], ticks: int) -> int | None:
    for tick in range(ticks):
        if right[tick : tick + 1] != seen[tick : tick + 1]:
            return tick
    return None


def differing_fields(right: bytes, seen: bytes) -> list[str]:
    """What differs between two DONEs, in words."""
    if not seen:
        return ["no DONE: the firmware had died"]
    wanted, got = _unpacked(right), _unpacked(seen)
    fields = []
    for bit, name in enumerate(lines.names(lines.OUTPUTS)):
        before, now = wanted.outputs >> bit & 1, got.outputs >> bit & 1
        if before != now:
            fields.append(f"output {name}: {now}, expected {before}")
    if wanted.drive != got.drive:
        fields.append(f"drive: {got.drive} permille, expected {wanted.drive}")
    fields += _lists("frame", [_frame(*f) for f in wanted.frames], [_frame(*f) for f in got.frames])
    fields += _lists("SPI write", [w.hex() for w in wanted.spi], [w.hex() for w in got.spi])
    return fields


def _unpacked(done: bytes) -> Done:
    if len(done) < wire.DONE_SIZE:
        return Done(0, [], [])
    outputs, count, _ = unpack_head(done[: wire.DONE_SIZE])
    return unpack_done(outputs, count, done[wire.DONE_SIZE :])


def _frame(bus: int, can_id: int, data: bytes) -> str:
    return f"bus {bus} {can_id:03X}#{data.hex().upper()}"


def _lists(what: str, right: list[str], seen: list[str]) -> list[str]:
    fields = []
    for i in range(max(len(right), len(seen))):
        before, now = ((*row, "none")[0] for row in (right[i : i + 1], seen[i : i + 1]))
        if before != now:
            fields.append(f"{what} {i}: {now}, expected {before}")
    return fields
