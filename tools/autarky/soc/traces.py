"""Traces of one cell, measured or simulated: where a file's rows belong together, and holes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from autarky.soc import columns
from autarky.soc.columns import Floats
from autarky.soc.tables import PART, TraceError, read_table

__all__ = ["Floats", "Trace", "TraceError", "capacity_from", "read_table", "read_traces"]

_GROUPS = ("T_test", "script", "test", "T_amb", PART)
_MOST_TRACES = 200
_LARGEST_CELL_AH, _SLOWEST_C, _FASTEST_C = 2000, 0.005, 20
_TELLING = 10  # samples from which voltage tells the sign of current
# a hole: longer than both times the usual step; what comes often is a logger that saves
_HOLE_STEPS, _HOLE_LEAST_S, _HOLE_SURE_S, _OFTEN = 10, 5.0, 120.0, 10


@dataclass(frozen=True)
class Trace:
    """One cell over time, all arrays (n,): s, A (+ = discharge), V, degC, soc 0..1 or None.

    Between samples further apart than longest_step_s there is a hole: nothing is known of it.
    notes: what reading found out, a sentence each.
    """

    name: str
    time_s: Floats
    current_a: Floats
    voltage_v: Floats
    temperature_c: Floats
    soc: Floats | None
    capacity_ah: float | None
    longest_step_s: float = float("inf")
    notes: tuple[str, ...] = ()

    @property
    def hours(self) -> float:
        return float(self.time_s[-1] - self.time_s[0]) / 3600

    @property
    def holes(self) -> NDArray[np.intp]:
        """Indices of the samples that come after a hole."""
        return np.flatnonzero(np.diff(self.time_s) > self.longest_step_s) + 1

    def counted_ah(self) -> Floats:
        """Charge discharged since the first sample; a sample's current held since the last one.

        Across a hole nothing is counted.
        """
        steps_s = np.diff(self.time_s)
        steps_s[steps_s > self.longest_step_s] = 0.0
        return np.concatenate([[0.0], np.cumsum(self.current_a[1:] * steps_s / 3600)])

    def parts(self) -> list[Trace]:
        """The trace between its holes, each part a trace of its own; single samples are left."""
        edges = [0, *self.holes.tolist(), len(self.time_s)]
        if len(edges) == 2:
            return [self]
        pieces = [self.cut(start, stop) for start, stop in pairwise(edges) if stop - start > 1]
        return [replace(p, name=f"{self.name} part {i + 1}") for i, p in enumerate(pieces)]

    def cut(self, start: int, stop: int | None = None) -> Trace:
        """The samples start..stop as a trace of their own."""
        part = slice(start, stop)
        return replace(
            self,
            time_s=self.time_s[part], current_a=self.current_a[part],
            voltage_v=self.voltage_v[part], temperature_c=self.temperature_c[part],
            soc=None if self.soc is None else self.soc[part],
        )  # fmt: skip


def read_traces(
    path: Path,
    select: Mapping[str, str] | None = None,
    temperature_c: float | None = None,
    invert_current: bool | None = None,
    names: Mapping[str, str] | None = None,
) -> list[Trace]:
    """Every trace of a file: rows belong together while their group columns stay the same.

    Columns as `columns.find` knows them: time, current, voltage; optional temperature (else
    temperature_c or 25 degC), soc or soc_ref 0..1, Q_ref Ah. select: column -> wanted value;
    names: role -> column, or COLUMN:UNIT; invert_current: True where the file counts + in charge,
    False where in discharge, None: found from its charge or voltage. Raises TraceError.
    """
    table = _selected(path, read_table(path), select or {})
    found = columns.find(path, table, names)
    groups = {n: table.column(n).to_pylist() for n in _GROUPS if n in table.column_names}
    known = ~np.isnan(np.stack([found.values[r] for r in ("time", "current", "voltage")])).all(0)
    values = {role: value[known] for role, value in found.values.items()}
    labels = [
        " ".join(f"{name}={group[i]}" for name, group in groups.items())
        for i in np.flatnonzero(known)
    ]
    traces = [
        _trace(path, label, part, temperature_c, found.notes)
        for label, part in _split(path, labels, values, found.is_date)
    ]
    return _with_sign(path, traces, invert_current)


def _selected(path: Path, table: pa.Table, select: Mapping[str, str]) -> pa.Table:
    for name, value in select.items():
        if name not in table.column_names:
            raise TraceError(f"{path}: --select {name}: there is no such column")
        column = table.column(name).to_numpy(zero_copy_only=False)
        try:
            number = np.issubdtype(column.dtype, np.number)
            keep = column == (float(value) if number else value)
        except ValueError:
            raise TraceError(f"{path}: --select {name}={value}: its values are numbers") from None
        table = table.filter(pa.array(keep))
    if not table.num_rows:
        raise TraceError(f"{path}: no row is left to read")
    return table


def _split(
    path: Path, labels: list[str], values: dict[str, Floats], is_date: bool
) -> Iterator[tuple[str, dict[str, Floats]]]:
    """(label, values) of each run of rows; within one, elapsed time may start again."""
    time_s = values["time"]
    edges = [0]
    restarts = 0
    for i in (
        np.flatnonzero(
            (np.diff(time_s) < 0) | np.array([a != b for a, b in pairwise(labels)], dtype=bool)
        )
        + 1
    ):
        if labels[i] == labels[i - 1]:
            restarts += 1
            first, last, new = time_s[edges[-1]], time_s[i - 1], time_s[i]
            if is_date or (new > first + 0.1 * (last - first) and restarts <= _MOST_TRACES):
                raise TraceError(
                    f"{path}: time goes backwards in row {i + 1} of its data, by "
                    f"{last - new:.6g} s; rows must be in the order of time (summer time? write "
                    "stamps in UTC)"
                )
        edges.append(int(i))
    if len(edges) > _MOST_TRACES:
        raise TraceError(
            f"{path}: time goes backwards or groups change {len(edges) - 1} times; rows must be in "
            "the order of time, one trace after the other; --select takes some of them"
        )
    for start, stop in pairwise([*edges, len(time_s)]):
        yield labels[start], {role: value[start:stop] for role, value in values.items()}


def _trace(
    path: Path, label: str, part: dict[str, Floats], temperature_c: float | None,
    notes: tuple[str, ...],
) -> Trace:  # fmt: skip
    name = f"{path.stem} {label}".strip()
    for role, value in part.items():
        gaps = np.flatnonzero(~np.isfinite(value))
        if len(gaps):
            raise TraceError(
                f"{path}: {role} has {len(gaps)} gaps (not a number), the first in row "
                f"{gaps[0] + 1} of {name}; leave such rows out"
            )
    soc = part.get("soc")
    if soc is not None and (soc.min() < -0.05 or soc.max() > 1.05):
        raise TraceError(
            f"{path}: soc must be 0..1, found {soc.min():.4g}..{soc.max():.4g}; for percent say "
            "--columns soc=NAME:%"
        )
    if "temperature" not in part:
        default_c = 25.0 if temperature_c is None else temperature_c
        part["temperature"] = np.full(len(part["time"]), default_c)
    part = _one_a_stamp(part)
    time_s = part["time"]
    if len(time_s) < 2:
        raise TraceError(f"{path}: {name} has a single sample; time must grow from row to row")
    longest_s = _longest_step_s(np.diff(time_s))
    trace = Trace(
        name, time_s, part["current"], part["voltage"], part["temperature"], part.get("soc"),
        float(part["capacity"][0]) if "capacity" in part else None, longest_s, notes,
    )  # fmt: skip
    if len(trace.holes):
        steps_s = np.diff(time_s)
        note = (
            f"{name}: {len(trace.holes)} hole{'s' * (len(trace.holes) > 1)} in time, the longest "
            f"{steps_s.max():.6g} s, the first after "
            f"{time_s[trace.holes[0] - 1] - time_s[0]:.6g} s: no charge is counted across, each "
            "part stands alone"
        )
        trace = replace(trace, notes=(*notes, note))
    _check_scale(path, trace)
    return trace


def _check_scale(path: Path, trace: Trace) -> None:
    """A unit that is wrong by a thousand or by 60 makes a cell that there is not."""
    if trace.soc is None or np.ptp(trace.soc) < 0.05:
        return
    ah = float(np.ptp(trace.counted_ah()) / np.ptp(trace.soc))
    most_a = float(np.abs(trace.current_a).max())
    if ah > _LARGEST_CELL_AH or not _SLOWEST_C * ah <= most_a <= _FASTEST_C * ah:
        raise TraceError(
            f"{path}: {trace.name} moves {100 * np.ptp(trace.soc):.3g} % of charge as a cell of "
            f"{ah:.3g} Ah would with up to {most_a:.3g} A, which is hardly one: check the units of "
            "time and current (--columns time=NAME:h,current=NAME:mA)"
        )


def _one_a_stamp(part: dict[str, Floats]) -> dict[str, Floats]:
    """One sample for each time: a cycler writes a step's end twice, and the first counts.

    Where stamps are coarser than samples, most repeat: their mean is what flowed.
    """
    time_s = part["time"]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(time_s) > 0]))
    if 2 * len(starts) >= len(time_s):
        return {role: value[starts] for role, value in part.items()}
    counts = np.diff(starts, append=len(time_s))
    return {role: np.add.reduceat(value, starts) / counts for role, value in part.items()}


def _longest_step_s(steps_s: Floats) -> float:
    """The longest step between samples that is none of a hole."""
    ordered = np.sort(steps_s)
    usual = ordered[(len(ordered) - 1) // 2]
    odd = ordered[ordered > max(_HOLE_STEPS * usual, _HOLE_LEAST_S)]
    often = len(ordered) - np.searchsorted(ordered, odd / 2)
    holes = odd[(odd > _HOLE_SURE_S) | (often < _OFTEN)]
    return float(ordered[ordered < holes[0]][-1]) if len(holes) else float("inf")


def _with_sign(path: Path, traces: list[Trace], invert: bool | None) -> list[Trace]:
    """All traces with + = discharge; a file has one sign."""
    signs = {sign: trace.name for trace in traces if (sign := _sign(trace))}
    if len(signs) == 2:
        raise TraceError(
            f"{path}: {signs[1]} counts current + in discharge, {signs[-1]} + in charge: take one "
            "kind with --select"
        )
    found = -1 in signs
    if invert is None:
        notes = (f"{path.name}: current counts + in charge, and is turned",) if found else ()
        if not signs and any(trace.current_a.any() for trace in traces):
            notes = (
                f"{path.name}: the data do not tell the sign of current, + is taken as discharge; "
                "--invert-current says otherwise",
            )
    elif signs and invert != found:
        raise TraceError(
            f"{path}: {next(iter(signs.values()))} grows {'fuller' if found else 'emptier'} while "
            f"current says {'discharge' if found else 'charge'}: "
            + ("turn its sign (--invert-current)" if found else "leave --invert-current out")
        )
    else:
        notes = ()
    way = -1 if (found if invert is None else invert) else 1
    return [replace(t, current_a=way * t.current_a, notes=(*notes, *t.notes)) for t in traces]


def _sign(trace: Trace) -> int:
    """1: current counts + in discharge, -1: in charge, 0: the trace does not tell.

    Charge that flows out lowers the reference charge; more of it lowers the voltage at once, and
    in the long run.
    """
    counted = trace.counted_ah()
    if np.ptp(counted) == 0:
        return 0
    if trace.soc is not None and np.ptp(trace.soc) > 0.001:
        return _opposite(counted, trace.soc, 0.5 if np.ptp(trace.soc) > 0.05 else 0.9)
    jumps_a = np.diff(trace.current_a)
    large = np.abs(jumps_a) > 0.1 * np.abs(trace.current_a).max()
    large &= np.diff(trace.time_s) <= trace.longest_step_s
    if large.sum() >= _TELLING:
        at_once = _opposite(jumps_a[large], np.diff(trace.voltage_v)[large], 0.5)
        if at_once:
            return at_once
    moved = len(counted) >= _TELLING and np.ptp(trace.voltage_v) > 0.3
    return _opposite(counted, trace.voltage_v, 0.5) if moved else 0


def _opposite(a: Floats, b: Floats, least: float) -> int:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0
    together = float(np.corrcoef(a, b)[0, 1])
    return 0 if abs(together) < least else -int(np.sign(together))


def capacity_from(trace: Trace) -> float:
    """Capacity in Ah that fits the reference charge. Raises TraceError where it moves little."""
    if trace.capacity_ah:
        return trace.capacity_ah
    if trace.soc is None or np.ptp(trace.soc) < 0.2:
        raise TraceError(
            f"{trace.name}: the capacity cannot be told from the trace; give --capacity-ah"
        )
    counted = trace.counted_ah()
    gone = trace.soc[0] - trace.soc
    counted = counted - counted.mean()
    return float(counted @ counted / (counted @ (gone - gone.mean())))
