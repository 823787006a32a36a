"""Cells and temperatures of a cabinet, as far as its frames in a log tell them.

A frame of extremes comes once a second, to 1 mV and 1 degC. Between two of them the cells follow
the string's voltage, which the current sensor tells every 50 ms. What never was told lies between
the extremes and makes up the string's voltage; before the first frame the first one counts.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autarky.plant import ivt_s
from autarky.rig.field_log import FieldLog, FieldLogError, LogFrame
from autarky.tables import frames
from bess import objects
from bess.link.frames import FrameCodec

Floats = NDArray[np.float64]
_NO_CELL = 0xFFFF
_U1_ID = ivt_s.RESULT_ID + 1
_RESULT = struct.Struct(">BBi")
_FLOORED = 0.5  # of the last digit: the firmware cuts what is below it
_INSIDE_V, _INSIDE_C = 0.0002, 0.2  # all others lie so far within the extremes, which are unique
_WHOLE_V = 1.0  # of a cell, in the mean: below, the string is not whole
_MOST_SHIFT_V = 0.3
_ROOM_C = 25.0
# a frame tells what the scan before it measured: at 60 to 120 ms our own logs fit to 2 mV, at 30
# and at 150 ms to 7
_SCAN_US = 80_000


@dataclass
class _Extremes:
    """One frame of extremes: (at us, low, high, index of the lowest, of the highest)."""

    at_us: int
    low: float
    high: float
    low_at: int
    high_at: int


@dataclass
class _Stream:
    """One cell of the stream: V, or None where the firmware did not know it."""

    at_us: int
    cell: int
    volts: float | None


@dataclass
class Told:
    """What stands at an instant. slots: bits of the modules that are missing."""

    cells_v: Floats
    sensors_c: Floats
    slots: int


@dataclass
class ToldCells:
    """`at(us)` gives what is known of an instant, in order of time. notes: what was not known."""

    cells: int
    sensors: int
    notes: list[str] = field(default_factory=list)
    _u1_at: list[int] = field(default_factory=list)
    _u1_v: list[float] = field(default_factory=list)
    _cells: list[_Extremes] = field(default_factory=list)
    _temps: list[_Extremes] = field(default_factory=list)
    _slots: list[int] = field(default_factory=list)
    _stream: list[_Stream] = field(default_factory=list)
    _streamed: int = 0
    _held: Floats = field(default_factory=lambda: np.zeros(0))
    _mean_then: Floats = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, log: FieldLog, cells: int, sensors: int) -> ToldCells:
        """cells, sensors: how many the cabinet has. Raises FieldLogError."""
        told = cls(cells, sensors)
        told._held = np.full(cells, np.nan)
        told._mean_then = np.full(cells, np.nan)
        told._read_inner(log.inner)
        told._read_site(log)
        if not told._cells and not told._u1_v:
            raise FieldLogError(
                "the log tells nothing of the cells: neither the frame `cells` nor U1 of the "
                "current sensor is in it"
            )
        told._say(log)
        return told

    def _read_inner(self, inner: Iterable[LogFrame]) -> None:
        for frame in inner:
            if frame.can_id == _U1_ID and len(frame.data) >= _RESULT.size:
                self._u1_at.append(frame.at_us)
                self._u1_v.append(_RESULT.unpack_from(frame.data)[2] / 1000)

    def _read_site(self, log: FieldLog) -> None:
        codec = FrameCodec(objects.PDO_TABLE)
        ids = {f.can_id + log.node_id: f.name for f in frames(objects.PDO_TABLE)}
        wanted = {"cells", "temperatures", "cell_stream"}
        for frame in log.site:
            name = ids.get(frame.can_id, "")
            if name not in wanted or len(frame.data) != 8:
                continue
            codec.unpack(codec.frame(name), frame.data)
            image = codec.image
            if name == "cell_stream":
                at = codec.slot(name, "first_index")
                for i in range(objects.STREAM_CELLS):
                    self._note_cell(frame.at_us, image[at] + i, image[at + 1 + i])
            elif name == "cells":
                at = codec.slot(name, "cell_min")
                self._cells.append(_extremes(frame.at_us, image[at : at + 4], 1000))
            else:
                at = codec.slot(name, "temp_min")
                self._temps.append(_extremes(frame.at_us, image[at : at + 4], 1))
                self._slots.append(image[at + 4])

    def _note_cell(self, at_us: int, cell: int, milli: int) -> None:
        if cell < self.cells:
            volts = None if milli == _NO_CELL else (milli + _FLOORED) / 1000
            self._stream.append(_Stream(at_us, cell, volts))

    def _say(self, log: FieldLog) -> None:
        seen = len({one.cell for one in self._stream if one.volts is not None})
        self.notes.append(
            f"{seen} of {self.cells} cells were told one by one; the others were taken to lie "
            "within the extremes and to make up the string's voltage"
        )
        if not self._cells:
            self.notes.append("no frame `cells`: each cell was taken as U1 shared by all")
        if not self._temps:
            self.notes.append(f"no frame `temperatures`: {_ROOM_C:.0f} degC were taken")
        lines = "HVIL, E-stop, smoke, gas, door, reset key and the analog inputs"
        self.notes.append(f"no CAN log tells {lines}: they were taken as well and at rest")

    def at(self, now_us: int) -> Told:
        """Call it with times that do not fall."""
        mean_v = self._mean(now_us)
        self._take_stream(now_us)
        return Told(
            self._cells_at(now_us, mean_v), self._sensors_at(now_us), self._slots_at(now_us)
        )

    def _mean(self, at_us: int) -> float:
        """Of all cells, by U1; nan where it is not known or the string is not whole."""
        if not self._u1_at:
            return float("nan")
        volts = self._u1_v[max(bisect_right(self._u1_at, at_us) - 1, 0)] / self.cells
        return volts if volts > _WHOLE_V else float("nan")

    def _take_stream(self, now_us: int) -> None:
        first = not self._streamed
        while self._streamed < len(self._stream):
            one = self._stream[self._streamed]
            if one.at_us > now_us and not first:
                break
            # before the first round of the stream was over its values count as well
            if first and one.at_us > now_us and not np.isnan(self._held[one.cell]):
                break
            self._streamed += 1
            if one.volts is not None:
                self._held[one.cell] = one.volts
                self._mean_then[one.cell] = self._mean(one.at_us - _SCAN_US)

    def _cells_at(self, now_us: int, mean_v: float) -> Floats:
        if not self._cells:
            return np.full(self.cells, mean_v)
        told = _newest(self._cells, now_us)
        shift = _shift(mean_v, self._mean(told.at_us - _SCAN_US))
        low, high = told.low + shift, told.high + shift
        volts = self._held + np.nan_to_num(mean_v - self._mean_then).clip(
            -_MOST_SHIFT_V, _MOST_SHIFT_V
        )
        unknown = np.isnan(volts)
        if unknown.any():
            volts[unknown] = self._rest(volts, unknown, mean_v, (low, high))
        return _between(volts, told, low, high, _INSIDE_V)

    def _rest(
        self, volts: Floats, unknown: NDArray[np.bool_], mean_v: float, ends: tuple[float, float]
    ) -> float:
        """What each cell has that was never told."""
        if np.isnan(mean_v):
            return sum(ends) / 2
        return float((mean_v * self.cells - np.nansum(volts)) / unknown.sum())

    def _sensors_at(self, now_us: int) -> Floats:
        if not self._temps:
            return np.full(self.sensors, _ROOM_C)
        told = _newest(self._temps, now_us)
        middle = np.full(self.sensors, (told.low + told.high) / 2)
        return _between(middle, told, told.low, told.high, _INSIDE_C)

    def _slots_at(self, now_us: int) -> int:
        if not self._slots or self._temps[0].at_us > now_us:
            return 0  # with a module missing it would not have started
        return self._slots[max(bisect_right(self._temps, now_us, key=_time) - 1, 0)]


def _time(one: _Extremes) -> int:
    return one.at_us


def _extremes(at_us: int, fields: Iterable[int], per: float) -> _Extremes:
    low, high, low_at, high_at = fields
    return _Extremes(at_us, (low + _FLOORED) / per, (high + _FLOORED) / per, low_at, high_at)


def _newest(told: list[_Extremes], now_us: int) -> _Extremes:
    return told[max(bisect_right(told, now_us, key=_time) - 1, 0)]


def _shift(now_v: float, then_v: float) -> float:
    by = now_v - then_v
    return 0.0 if np.isnan(by) else min(max(by, -_MOST_SHIFT_V), _MOST_SHIFT_V)


def _between(values: Floats, told: _Extremes, low: float, high: float, inside: float) -> Floats:
    """All within the extremes, and these where they were told to be."""
    if high - low > 2 * inside:
        values = values.clip(low + inside, high - inside)
    else:
        values = values.clip(low, high)
    for at, value in ((told.low_at, low), (told.high_at, high)):
        if at < len(values):
            values[at] = value
    return values
