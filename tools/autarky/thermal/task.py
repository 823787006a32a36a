"""What a cabinet has to do every day of the year, the same for every contestant and the bound.

It is charged once from the sun and discharged once into the evening. A window asks for one full
cycle's energy at no more than its current; cells give what the firmware's tables allow at their
temperature (bess.protect.limits), so that a cold pack needs longer, and what has not flowed at the
window's end was not served.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarky.plant.cells import Floats
from autarky.plant.thermal import string_heat_w
from bess.control.preheat import CHARGE, DISCHARGE
from bess.protect import limits

DAY_S = 86400.0
PCS_LOSS = 0.025  # of its power; engineering assumption
_LOWEST_DC, _HIGHEST_DC = -450, 700


def _allowed_c(table: object) -> Floats:
    """C rate by temperature, one entry for each 0.1 degC."""
    span = range(_LOWEST_DC, _HIGHEST_DC + 1)
    return np.array([limits.from_table(table, dc) for dc in span]) / 1000.0


_ALLOWED_C = {
    CHARGE: _allowed_c(limits.CHARGE_BY_TEMPERATURE),
    DISCHARGE: _allowed_c(limits.DISCHARGE_BY_TEMPERATURE),
}


def allowed_c(purpose: int, temperature_c: Floats | float) -> Floats:
    """C rate that the firmware allows one cell of a temperature."""
    index = np.floor(np.asarray(temperature_c) * 10.0).astype(int) - _LOWEST_DC
    return _ALLOWED_C[purpose][np.clip(index, 0, _HIGHEST_DC - _LOWEST_DC)]


@dataclass(frozen=True)
class Window:
    """One wish a day: from `start_s` of the day for `length_s`, at most at `rate_c`."""

    purpose: int
    start_s: float
    length_s: float
    rate_c: float


@dataclass(frozen=True)
class Task:
    """The day's windows and what flowing costs: the cells' heat, the loss of the PCS.

    A cycle is one hour at 1 C.
    """

    windows: tuple[Window, ...] = (
        Window(CHARGE, 9 * 3600.0, 6 * 3600.0, 0.25),
        Window(DISCHARGE, 17 * 3600.0, 5 * 3600.0, 0.5),
    )
    cycle_h: float = 1.0
    energy_kwh: float = 230.0
    capacity_ah: float = 280.0
    cells: int = 240

    def cell_heat_w(self, rate_c: Floats | float, temperature_c: Floats) -> Floats:
        """Of the whole pack."""
        current_a = np.asarray(rate_c) * self.capacity_ah
        return string_heat_w(current_a, temperature_c, self.cells)

    def pcs_loss_w(self, rate_c: Floats) -> Floats:
        return np.abs(rate_c) * (PCS_LOSS * self.energy_kwh * 1000.0)

    def steady_rate_c(self, time_s: Floats) -> Floats:
        """C rate of a pack that is never too cold, + in discharge."""
        day_s = np.asarray(time_s) % DAY_S
        rate_c = np.zeros(np.shape(day_s))
        for window in self.windows:
            length_s = self.cycle_h / window.rate_c * 3600.0
            inside = (day_s >= window.start_s) & (day_s < window.start_s + length_s)
            sign = 1.0 if window.purpose == DISCHARGE else -1.0
            rate_c = np.where(inside, sign * window.rate_c, rate_c)
        return rate_c


class Service:
    """Runs the task for all columns; `rate_c` + in discharge, `asked_kwh`, `missed_kwh`."""

    def __init__(self, task: Task, columns: int) -> None:
        self._task = task
        self._left_h: Floats = np.zeros(columns)  # of the window that is open, C hours
        self._open: Window | None = None
        self.rate_c: Floats = np.zeros(columns)
        self.asked_kwh: Floats = np.zeros(columns)
        self.missed_kwh: Floats = np.zeros(columns)
        self.moved_kwh: Floats = np.zeros(columns)

    @property
    def wanted(self) -> np.ndarray:
        """Columns whose window is open and not served yet."""
        return self._left_h > 0.0

    @property
    def purpose(self) -> int:
        """Of the window that is open, else 0."""
        return 0 if self._open is None else self._open.purpose

    def step(self, time_s: float, low_c: Floats, high_c: Floats, dt_s: float) -> None:
        """low_c, high_c: coldest and hottest module of each column."""
        task, day_s = self._task, time_s % DAY_S
        now = None
        for window in task.windows:
            if window.start_s <= day_s < window.start_s + window.length_s:
                now = window
        if now is not self._open:
            self.missed_kwh += self._left_h * task.energy_kwh
            self._left_h = np.full(len(self._left_h), task.cycle_h if now else 0.0)
            self.asked_kwh += self._left_h * task.energy_kwh
            self._open = now
        if now is None:
            self.rate_c = np.zeros(len(self._left_h))
            return
        allowed = np.minimum(allowed_c(now.purpose, low_c), allowed_c(now.purpose, high_c))
        rate_c = np.minimum(np.minimum(allowed, now.rate_c), self._left_h * (3600.0 / dt_s))
        self._left_h = np.maximum(self._left_h - rate_c * (dt_s / 3600.0), 0.0)
        self._left_h[self._left_h < 1e-9] = 0.0
        self.moved_kwh += rate_c * (dt_s / 3600.0 * task.energy_kwh)
        self.rate_c = rate_c if now.purpose == DISCHARGE else -rate_c

    def announced(self, time_s: float) -> tuple[tuple[int, int, float], tuple[int, int, float]]:
        """(purpose, wanted in s, C) for a column whose window is open, and for one that waits."""
        now = (self.purpose, 0, 0.0 if self._open is None else self._open.rate_c)
        day_s = time_s % DAY_S
        waits = [
            ((window.start_s - day_s) % DAY_S or DAY_S, window) for window in self._task.windows
        ]
        wait_s, window = min(waits, key=lambda wait: wait[0])
        return now, (window.purpose, int(wait_s), window.rate_c)
