"""Years of thermal control: climates and contestants side by side on one vectorised plant.

A year is run as its months at once, each with some days before that are not counted, in which the
cabinet comes to what its control makes of the weather; so that numpy moves hundreds of columns in a
step. Steps of the plant are 10 s.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import numpy as np

from autarky.errors import AutarkyError
from autarky.plant.moist_air import humid_kg_kg
from autarky.plant.thermal import Heat, Kind, ThermalModel, absorbed_w
from autarky.plant.weather import Weather
from autarky.thermal.ours import Ours
from autarky.thermal.rivals import RIVALS, Thermostat
from autarky.thermal.task import DAY_S, Service, Task

STEP_S = 10.0
RUN_IN_DAYS = 3
OURS, WIDE = "ours", "ours, wide"
# parameters besides the defaults: as shipped, and moved to what cells and firmware just permit
OUR_VALUES: dict[str, dict[str, int]] = {
    OURS: {},
    WIDE: {
        "charge_ready_dc": 95, "cool_on_mean_dc": 340, "cool_off_mean_dc": 335,
        "cool_on_max_dc": 345, "cool_off_max_dc": 340,
    },
}  # fmt: skip
CONTESTANTS = (*OUR_VALUES, *RIVALS)
_REFRESH_STEPS = 6  # weather and announcements: once a minute
_DOOR_S = 900.0
_J_KWH = 3.6e6
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
MONTHS = tuple((sum(_MONTHS[:i]), days) for i, days in enumerate(_MONTHS))
_LEAST_C, _MOST_C = 10.0, 35.0  # thermal.md: inside these during operation


@dataclass(frozen=True)
class Column:
    """One cabinet's days: `weather` by its key, from `first_day` on for `days`."""

    weather: str
    contestant: str
    first_day: int
    days: int


@dataclass(frozen=True)
class Setup:
    """What is the same for all columns; door_day: of the span, opened at 15 h for 15 min."""

    weathers: Mapping[str, Weather]
    model: ThermalModel = field(default_factory=ThermalModel)
    kind: Kind = Kind.LIQUID
    task: Task = field(default_factory=Task)
    values: Mapping[str, int] = field(default_factory=dict)
    door_day: int | None = None
    modules: int = 5
    run_in_days: int = RUN_IN_DAYS


# what is summed up in each column, in its days
TOTALS = (
    "heater_kwh", "compressor_kwh", "pump_kwh", "other_kwh", "asked_kwh", "missed_kwh", "moved_kwh",
    "starts", "pump_h", "cold_h", "hot_h", "operating_h", "condensed_kg",
)  # fmt: skip
MOSTS = ("spread_k", "high_c")


@dataclass
class Totals:
    """Sums of columns by name of TOTALS, extremes by MOSTS."""

    values: dict[str, float]

    @property
    def kwh(self) -> float:
        return sum(self.values[f"{part}_kwh"] for part in ("heater", "compressor", "pump", "other"))

    def __getitem__(self, name: str) -> float:
        return self.values[name]


def total(rows: Sequence[Totals]) -> Totals:
    """Of several columns together."""
    values = {name: sum(row[name] for row in rows) for name in TOTALS}
    return Totals(values | {name: max(row[name] for row in rows) for name in MOSTS})


class Run:
    """All columns, ours first; `run` steps them through their days."""

    def __init__(self, columns: Sequence[Column], setup: Setup) -> None:
        order = {name: rank for rank, name in enumerate(CONTESTANTS)}
        for column in columns:
            if column.contestant not in order:
                raise AutarkyError(
                    f"there is no contestant {column.contestant!r}: choose of {', '.join(order)}"
                )
        self.columns = sorted(columns, key=lambda column: order[column.contestant])
        self._setup = setup
        n = len(self.columns)
        self._heat = Heat(n, setup.modules, 15.0, setup.model, setup.kind)
        self._pump_w = setup.model.pump_w  # pump or fans while they move the medium
        ours = [column.contestant for column in self.columns if column.contestant in OUR_VALUES]
        self._ours = Ours(self._heat, [{**OUR_VALUES[who], **setup.values} for who in ours])
        self._rivals = []
        start = len(ours)
        for name, settings in RIVALS.items():
            count = self._count(name)
            self._rivals.append((slice(start, start + count), Thermostat(settings, count)))
            start += count
        self._service = Service(setup.task, n)
        self._sums = {name: np.zeros(n) for name in TOTALS + MOSTS}
        self._days = np.array([column.days for column in self.columns])
        self._columns_of = {
            name: np.array([i for i, c in enumerate(self.columns) if c.weather == name], dtype=int)
            for name in setup.weathers
        }
        self._first_s = np.array([column.first_day * DAY_S for column in self.columns])

    def _count(self, contestant: str) -> int:
        return sum(column.contestant == contestant for column in self.columns)

    def run(self, progress: Callable[[int, int], None] = lambda day, days: None) -> list[Totals]:
        """Totals in the order of `columns`; progress is told each day that is over."""
        run_in = self._setup.run_in_days
        days = int(self._days.max())
        per_day = round(DAY_S / STEP_S)
        for day in range(-run_in, days):
            counted = (self._days > day) & (day >= 0)
            for step in range(per_day):
                self._step(day * DAY_S + step * STEP_S, step % _REFRESH_STEPS == 0, counted, day)
            progress(day + 1 + run_in, days + run_in)
        sums = self._sums
        return [
            Totals({name: float(sums[name][i]) for name in TOTALS + MOSTS})
            for i in range(len(self.columns))
        ]

    def _refresh(self, time_s: float, day: int) -> None:
        """Weather and announcements of the coming minute."""
        heat = self._heat
        for name, columns in self._columns_of.items():
            temp_c, humidity, sun_w_m2 = self._setup.weathers[name].at(
                self._first_s[columns] + time_s
            )
            heat.ambient_c[columns] = temp_c
            heat.sun_w[columns] = absorbed_w(sun_w_m2)
            heat.outside_kg_kg[columns] = humid_kg_kg(humidity, temp_c)
        now, later = self._service.announced(time_s)
        ours = self._count_ours
        self._ours.announce(self._service.wanted[:ours].tolist(), now, later)
        if self._setup.door_day is not None:
            since_s = time_s % DAY_S - 15.0 * 3600.0
            heat.door_open[:] = day == self._setup.door_day and 0.0 <= since_s < _DOOR_S

    @property
    def _count_ours(self) -> int:
        return len(self._ours.controls)

    def _step(self, time_s: float, refresh: bool, counted: np.ndarray, day: int) -> None:
        heat, service, task = self._heat, self._service, self._setup.task
        low_c, high_c = heat.module_c.min(axis=1), heat.module_c.max(axis=1)
        asked, missed = service.asked_kwh.copy(), service.missed_kwh.copy()
        service.step(time_s, low_c, high_c, STEP_S)
        if refresh:
            self._refresh(time_s, day)
        ours = self._count_ours
        if ours:
            self._ours.step(service.rate_c[:ours] * task.capacity_ah, STEP_S, refresh)
        for columns, rival in self._rivals:
            rival.step(low_c[columns], high_c[columns], heat.flowing[columns], STEP_S)
            heat.pump[columns] = rival.pump
            heat.heater[columns] = rival.heater
            heat.compressor[columns] = rival.compressor
        heat.pcs_loss_w = task.pcs_loss_w(service.rate_c)
        starts, condensed_kg = heat.compressor_starts.copy(), heat.condensed_kg
        share = 1.0 / heat.module_c.shape[1]
        heat.step(task.cell_heat_w(service.rate_c[:, None], heat.module_c) * share, STEP_S)
        if not counted.any():
            return
        operating = (service.rate_c != 0.0) & counted
        heater_w, compressor_w = heat.heater_unit.electric_w, heat.compressor_unit.electric_w
        pump_w = heat.pump * heat.flowing * self._pump_w
        now = {
            "heater_kwh": heater_w * (STEP_S / _J_KWH),
            "compressor_kwh": compressor_w * (STEP_S / _J_KWH),
            "pump_kwh": pump_w * (STEP_S / _J_KWH),
            "other_kwh": (heat.power_w - heater_w - compressor_w - pump_w) * (STEP_S / _J_KWH),
            "asked_kwh": service.asked_kwh - asked,
            "missed_kwh": service.missed_kwh - missed,
            "moved_kwh": np.abs(service.rate_c) * (task.energy_kwh * STEP_S / 3600.0),
            "starts": heat.compressor_starts - starts,
            "pump_h": heat.flowing * (STEP_S / 3600.0),
            "cold_h": (operating & (low_c < _LEAST_C)) * (STEP_S / 3600.0),
            "hot_h": (operating & (high_c > _MOST_C)) * (STEP_S / 3600.0),
            "operating_h": operating * (STEP_S / 3600.0),
            "condensed_kg": heat.condensed_kg - condensed_kg,
        }
        for name, value in now.items():
            self._sums[name] += value * counted
        spread_k = (high_c - low_c) * operating
        self._sums["spread_k"] = np.maximum(self._sums["spread_k"], spread_k)
        self._sums["high_c"] = np.maximum(self._sums["high_c"], np.where(counted, high_c, -99.0))


def year_columns(weathers: Sequence[str], contestants: Sequence[str] = CONTESTANTS) -> list[Column]:
    """Every month of every pair."""
    return [
        Column(weather, contestant, first, days)
        for weather, contestant, (first, days) in product(weathers, contestants, MONTHS)
    ]


def _work(pipe: Connection, columns: Sequence[Column], setup: Setup) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    run = Run(columns, setup)
    totals = run.run(lambda day, days: pipe.send((day, days)))
    pipe.send(list(zip(run.columns, totals, strict=True)))


def in_processes(
    columns: Sequence[Column], setup: Setup, processes: int = 2, title: str = "year"
) -> dict[Column, Totals]:
    """Totals of every column, by as many processes; progress on stderr."""
    context = multiprocessing.get_context("spawn")
    workers: list[BaseProcess] = []
    pipes: dict[Connection, float] = {}
    found: dict[Column, Totals] = {}
    began_s = time.monotonic()
    try:
        for part in range(processes):
            ours, theirs = context.Pipe(duplex=False)
            assert isinstance(ours, Connection)
            share = columns[part::processes]
            worker = context.Process(target=_work, args=(theirs, share, setup), daemon=True)
            worker.start()
            theirs.close()
            workers.append(worker)
            pipes[ours] = 0.0
        while pipes:
            for pipe in wait(list(pipes)):
                assert isinstance(pipe, Connection)
                try:
                    told = pipe.recv()
                except EOFError:
                    raise AutarkyError(_ended(title, workers)) from None
                if isinstance(told, list):
                    found.update(told)
                    del pipes[pipe]
                    continue
                day, days = told
                pipes[pipe] = day / days
                share = min(pipes.values())
                passed_s = time.monotonic() - began_s
                print(f"\r{title}: {share:4.0%}, {passed_s:.0f} s", end="", file=sys.stderr)
        print(f"\r{title}: done in {time.monotonic() - began_s:.0f} s", file=sys.stderr)
        return found
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _ended(title: str, workers: Sequence[BaseProcess]) -> str:
    """Why a worker that still had to tell its totals is gone, as far as its exit code says."""
    for worker in workers:
        worker.join(timeout=1.0)
    codes = [worker.exitcode for worker in workers if worker.exitcode]
    killed = f"killed by signal {-codes[0]}" if codes and codes[0] < 0 else "see above"
    return f"a process of the {title} ended early ({killed}): run it again, or with --processes 1"


def by_year(found: Mapping[Column, Totals]) -> dict[tuple[str, str], Totals]:
    """Totals of (weather, contestant), over all their columns."""
    groups: dict[tuple[str, str], list[Totals]] = {}
    for column, totals in found.items():
        groups.setdefault((column.weather, column.contestant), []).append(totals)
    return {key: total(rows) for key, rows in groups.items()}
