"""Compares what a cabinet said in a log with what a firmware says that was given it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autarky.errors import AutarkyError
from autarky.paths import GENERATED
from autarky.rig.differences import SHIFT_S, Course, Differences, Frames, Signal
from autarky.rig.field_log import (
    BEAT_ID,
    INNER_SENT,
    SYNC_ID,
    FieldLog,
    LogFrame,
    sent_ids,
    states,
)
from autarky.tables import LEVELS, fault_names
from bess import objects

# how far apart values may be that both are right: the log has cells to 1 mV and 1 degC once a
# second, from which the firmware estimates and limits anew
TOLERANCES = {"mV": 5.0, "V": 1.0, "A": 0.5, "W": 2000.0, "var": 2000.0, "%": 1.0, "kWh": 1.0,
              "degC": 1.0, "mHz": 1.0}  # fmt: skip
_NOT_JUDGED = ("e2e_crc", "e2e_counter", "reserved")  # follow from the rest, or from the start
# what the firmware remembers or learns: not that of a log that begins later
_LEARNED = ("soc", "soh", "soc_sigma", "energy_up", "energy_down", "anchor_wanted")
_SETTLED_S = 6.0  # of such a log
_STREAM = "cell_stream"
_NO_CELL = 0xFFFF
_SAME_TICK_S = 0.01


class DbcError(AutarkyError):
    """A DBC file that cannot be used."""


@dataclass
class _Series:
    """Decoded frames of one identifier: times in s, values by signal."""

    times: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)


def compare(
    log: FieldLog, site: Sequence[LogFrame], inner: Sequence[LogFrame], dbc: Sequence[Path] = ()
) -> Differences:
    """log against what a firmware sent on both buses. Raises DbcError, OSError."""
    own = sent_ids(log.node_id)
    in_log = {"site": [f for f in log.site if f.can_id in own],
              "cabinet": [f for f in log.inner if f.can_id in INNER_SENT]}  # fmt: skip
    in_replay = {"site": list(site), "cabinet": list(inner)}
    changes = states(in_log["site"], log.node_id), states(in_replay["site"], log.node_id)
    from_s = 0.0 if log.booted else _SETTLED_S
    notes = list(log.notes)
    if from_s:
        notes.append(f"compared from {from_s:g} s on: until then set-points ramp to the log's")
    until_s = log.seconds
    for side in (in_log, in_replay):
        for bus, frames in side.items():
            side[bus] = [f for f in frames if from_s * 1e6 <= f.at_us <= until_s * 1e6]
    found = Differences(log.node_id, round(until_s, 3), from_s, notes)
    found.courses = [
        Course("state", *(_within(one, from_s, until_s) for one in changes)),
        Course("EMCY", *(_emergencies(s["site"], log.node_id) for s in (in_log, in_replay))),
    ]
    paths = (*dbc, *(GENERATED / "site.dbc", GENERATED / "pcs.dbc")[len(dbc) :])
    for bus, path in zip(("site", "cabinet"), paths, strict=False):
        unjudged = _NOT_JUDGED if log.booted else _NOT_JUDGED + _LEARNED
        _compare_bus(found, _messages(path), in_log[bus], in_replay[bus], unjudged)
    return found


def _messages(path: Path) -> dict[int, Any]:
    import cantools
    from cantools.database import load_file

    try:
        database = load_file(path, database_format="dbc")
    except (cantools.Error, UnicodeDecodeError) as error:
        raise DbcError(f"{path} is no DBC file that can be read: {error}") from None
    return {message.frame_id: message for message in database.messages}  # pyright: ignore[reportAttributeAccessIssue]


def _within(
    changes: list[tuple[float, str]], from_s: float, until_s: float
) -> list[tuple[float, str]]:
    """Changes after from_s, and what stood then."""
    before = [(from_s, name) for at_s, name in changes if at_s <= from_s][-1:]
    return [*before, *(one for one in changes if from_s < one[0] <= until_s)]


def _emergencies(frames: Sequence[LogFrame], node_id: int) -> list[tuple[float, str]]:
    found = []
    for frame in frames:
        if frame.can_id == SYNC_ID + node_id and len(frame.data) == 8:
            code, fault_id, level = frame.data[0] | frame.data[1] << 8, *frame.data[3:5]
            name = fault_names().get(fault_id, f"fault {fault_id}")
            text = f"{name} {LEVELS[level] if level < len(LEVELS) else level}" if code else "none"
            found.append((frame.at_us / 1e6, text))
    return found


def _compare_bus(
    found: Differences, messages: dict[int, Any], log: list[LogFrame], replay: list[LogFrame],
    unjudged: Sequence[str],
) -> None:  # fmt: skip
    ids = sorted({frame.can_id for frame in (*log, *replay)})
    for can_id in ids:
        a = [frame for frame in log if frame.can_id == can_id]
        b = [frame for frame in replay if frame.can_id == can_id]
        message = messages.get(can_id)
        name = message.name if message is not None else f"0x{can_id:03X}"
        found.frames.append(Frames(name, len(a), len(b)))
        # they have a course of their own, or are counted
        if message is None or not a or not b or can_id - found.node_id in (SYNC_ID, BEAT_ID):
            continue
        said, heard = _decoded(message, a), _decoded(message, b)
        if name.startswith(_STREAM):
            found.signals.append(_compare_stream(name, said, heard))
            continue
        for signal in message.signals:
            if signal.name not in unjudged and signal.name in said.values:
                found.signals.append(_compare_signal(name, signal, said, heard))


def _decoded(message: Any, frames: Sequence[LogFrame]) -> _Series:
    series = _Series()
    for frame in frames:
        if len(frame.data) < message.length:
            continue
        series.times.append(frame.at_us / 1e6)
        for name, value in message.decode(frame.data, decode_choices=False).items():
            series.values.setdefault(name, []).append(float(value))
    return series


def _compare_signal(frame: str, signal: Any, said: _Series, heard: _Series) -> Signal:
    tolerance = 0.0 if signal.choices else TOLERANCES.get(signal.unit or "", 0.0)
    found = Signal(frame, signal.name, signal.unit or "", tolerance)
    names = {int(number): str(name) for number, name in (signal.choices or {}).items()}
    values, others = said.values[signal.name], heard.values[signal.name]

    def text(value: float) -> str:
        return names.get(int(value), f"{value:g}")

    for at_s, value in zip(said.times, values, strict=True):
        _look(found, at_s, value, heard.times, others, text)
    return found


def _compare_stream(frame: str, said: _Series, heard: _Series) -> Signal:
    """Cell by cell: where the round stands is nobody's business."""
    found = Signal(frame, "voltage", "mV", TOLERANCES["mV"])
    others = _by_cell(heard)
    for cell, (times, values) in _by_cell(said).items():
        known = others.get(cell)
        if known is None:
            continue
        for at_s, value in zip(times, values, strict=True):
            near = bisect_left(known[0], at_s - SHIFT_S), bisect_right(known[0], at_s + SHIFT_S)
            if near[0] < near[1]:
                _look(found, at_s, value, *known, text=lambda v, cell=cell: f"{v:g} of cell {cell}")
    return found


def _by_cell(series: _Series) -> dict[int, tuple[list[float], list[float]]]:
    found: dict[int, tuple[list[float], list[float]]] = {}
    for i in range(objects.STREAM_CELLS):
        rows = zip(
            series.times, series.values["first_index"], series.values[f"voltage_{i}"], strict=True
        )
        for at_s, first, value in rows:
            if value != _NO_CELL:
                times, values = found.setdefault(int(first) + i, ([], []))
                times.append(at_s)
                values.append(value)
    return found


def _look(
    found: Signal, at_s: float, value: float, times: list[float], others: list[float],
    text: Callable[[float], str],
) -> None:  # fmt: skip
    """One value of the log against what stood then, and against all within SHIFT_S."""
    newest = max(bisect_right(times, at_s + _SAME_TICK_S) - 1, 0)
    apart = abs(value - others[newest])
    found.compared += 1
    if apart > found.largest:
        found.largest, found.at_s = round(apart, 6), round(at_s, 3)
    if apart <= found.tolerance:
        return
    first = max(bisect_left(times, at_s - SHIFT_S) - 1, 0)
    near = others[first : bisect_right(times, at_s + SHIFT_S) or 1]
    if not min(near) - found.tolerance <= value <= max(near) + found.tolerance:
        found.beyond += 1
        if found.first_s is None:
            found.first_s = round(at_s, 3)
            found.in_log, found.in_replay = text(value), text(others[newest])
