"""What a run of the thermal loop leaves: traces, totals, and what happened in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autarky.plant.cells import Floats
from autarky.tables import LEVELS, fault_names
from autarky.thermal import record as c
from autarky.thermal.case import HOUR_S, ThermalCase
from autarky.thermal.interpreters import Halfwords
from autarky.thermal.world import STEP_S, World
from bess.control import circuit
from bess.parameters import Parameters

MODES = circuit.MODE_NAMES.decode().split()
_POINTS = 1200
_LOW_C, _HIGH_C = 10.0, 35.0
_COMPRESSOR, _HEATER = 0, 1
_REACTION_S = 2  # flow that ends is seen in the next second, and what is switched acts after it
_WS_KWH = 3.6e6
_KEPT = 2000  # sentences of a case
TRACES = (
    "t_min", "t_mean", "t_max", "supply", "air", "ambient", "dew", "surface", "mode", "power_kw",
    "charge_c", "discharge_c", "current_c", "soc", "spread", "told_min", "told_max", "outlet",
)  # fmt: skip


@dataclass
class ThermalResult:
    """traces: each of `time_s`'s length; temperatures in degC, currents and limits in C (charge
    negative). Hours and energies of the whole run; None: never. heated_without_flow_s: beyond the
    two seconds in which a firmware that is stepped each second can react. said: (s, sentence).
    """

    name: str
    case: ThermalCase
    time_s: Floats
    traces: dict[str, Floats]
    energy_kwh: float
    throughput_kwh: float
    hours_derated: float
    hours_outside: float
    hours_outside_since_ready: float
    largest_spread_k: float
    least_c: float
    most_c: float
    condensed_kg: float
    first_charge_s: float | None
    ready_s: float | None
    compressor_starts: int
    broken_minimum_times: int
    heated_without_flow_s: float
    charged_below_zero_s: float
    cooled_s: float
    heated_s: float
    tripped_s: float
    wall_s: float
    said: list[tuple[float, str]] = field(default_factory=list)

    @property
    def aux_share(self) -> float | None:
        """Energy of thermal control over throughput."""
        return self.energy_kwh / self.throughput_kwh if self.throughput_kwh else None

    def totals(self) -> dict[str, Any]:
        """All but traces, for JSON."""
        left_out = ("case", "time_s", "traces", "said")
        made = {key: value for key, value in vars(self).items() if key not in left_out}
        return {**made, "aux_share": self.aux_share}


class Tally:
    """`add` each second, `results` at the end."""

    def __init__(self, world: World) -> None:
        self._world = world
        n = world.n
        seconds = world.cases[0].seconds
        self._every = max(int(seconds // _POINTS), 1)
        self._rows: list[Floats] = []
        self._times: list[int] = []
        self._sums = {name: np.zeros(n) for name in (
            "energy_ws", "through_ws", "derated_s", "outside_s", "outside_ready_s", "dry_heat_s",
            "cold_charge_s", "cooled_s", "heated_s", "tripped_s",
        )}  # fmt: skip
        self._spread = np.zeros(n)
        self._dry_s = np.zeros(n, dtype=int)
        self._least, self._most = np.full(n, np.inf), np.full(n, -np.inf)
        self._first = np.full(n, -1)
        self._ready = np.full(n, -1)
        self._broken = np.zeros(n, dtype=int)
        self._said: list[list[tuple[float, str]]] = [[] for _ in range(n)]
        self._mode = np.zeros(n, dtype=int)
        self._on = np.zeros((2, n), dtype=bool)
        self._since = np.full((2, n), -1)
        least = Parameters()
        for case in world.cases[:1]:
            for name, value in case.parameters.items():
                least.set(name, value)
        self._least_s = least.get("compressor_min_ms") / 1000, least.get("heater_min_ms") / 1000

    @property
    def first_charge_s(self) -> NDArray[np.int64]:
        """When charge was first allowed; -1: not yet."""
        return self._first

    def tell(self, i: int, now_s: float, sentence: str) -> None:
        if len(self._said[i]) < _KEPT:
            self._said[i].append((now_s, sentence))

    def add(self, now_s: int, out: Halfwords) -> None:
        world, sums = self._world, self._sums
        heat = world.heat
        module_c, current_a = heat.module_c, world.current_a
        low, high = module_c.min(axis=1), module_c.max(axis=1)
        sums["energy_ws"] += heat.power_w * STEP_S
        sums["through_ws"] += world.power_w * STEP_S
        charge, discharge = out[:, c.CHARGE], out[:, c.DISCHARGE]
        most = world.wanted_a, world.allowed_a
        sums["derated_s"] += (most[0] > most[1][:, 1] + 0.5) | (-most[0] > most[1][:, 0] + 0.5)
        outside = (low < _LOW_C) | (high > _HIGH_C)
        sums["outside_s"] += outside
        self._ready = np.where((self._ready < 0) & ~outside, now_s, self._ready)
        sums["outside_ready_s"] += outside & (self._ready >= 0)
        self._dry_s = (self._dry_s + 1) * (heat.heating & ~heat.flowing)
        sums["dry_heat_s"] += self._dry_s > _REACTION_S
        sums["cold_charge_s"] += (current_a < 0) & (low < 0.0)
        sums["cooled_s"] += heat.compressor_running
        sums["heated_s"] += heat.heating
        state = out[:, c.STATE]
        sums["tripped_s"] += state & c.TRIPPED != 0
        np.maximum(self._spread, high - low, out=self._spread)
        np.minimum(self._least, low, out=self._least)
        np.maximum(self._most, high, out=self._most)
        self._first = np.where((self._first < 0) & (charge > 0), now_s, self._first)
        if out[:, c.EVENTS].any() or (out[:, c.MODE] != self._mode).any():
            self._tell(now_s, out)
        now_on = np.array((state & c.CHILLER_ON != 0, state & c.HEATER_ON != 0))
        if (now_on != self._on).any():
            self._judge_times(now_s, now_on, out)
        if now_s % self._every == 0:
            self._times.append(now_s)
            cap = world.capacity_a
            self._rows.append(
                np.array((
                    low, module_c.mean(axis=1), high, heat.supply_c, heat.air_c, heat.ambient_c,
                    heat.dew_c, heat.surface_c, out[:, c.MODE], heat.power_w / 1000.0,
                    charge / -1000.0, discharge / 1000.0, current_a / cap, world.soc, high - low,
                    out[:, c.T_MIN] / 10.0, out[:, c.T_MAX] / 10.0, out[:, c.OUTLET] / 10.0,
                ), dtype=float)
            )  # fmt: skip

    def _tell(self, now_s: int, out: Halfwords) -> None:
        for i, row in enumerate(out.tolist()):
            for event in row[c.EVENTS + 1 : c.EVENTS + 1 + row[c.EVENTS]]:
                name, level = fault_names()[event & 127], LEVELS[event >> 7 & 7]
                verb = "raised" if event & c.RAISED else "cleared"
                self.tell(i, now_s, f"fault {name} ({level}) {verb}")
            if row[c.MODE] != self._mode[i]:
                self._mode[i] = row[c.MODE]
                self.tell(i, now_s, f"mode {MODES[row[c.MODE]]}")

    def _judge_times(self, now_s: int, now_on: np.ndarray, out: Halfwords) -> None:
        """A start before its rest is over is broken always; a stop where nothing asked for it."""
        for part, i in zip(*np.nonzero(now_on != self._on), strict=True):
            lasted_s = now_s - self._since[part, i]
            early = self._since[part, i] >= 0 and lasted_s < self._least_s[part]
            on = now_on[part, i]
            stopped = out[i, c.STOPS] or not self._world.heat.flowing[i]
            excused = stopped or not out[i, c.STATE] & c.TRUSTED or out[i, c.MODE] == circuit.COOL
            if early and ((on and part == _COMPRESSOR) or (not on and not excused)):
                self._broken[i] += 1
                name = ("compressor", "heater")[part]
                verb = "on" if on else "off"
                self.tell(i, now_s, f"BROKEN minimum time: {name} {verb} after {lasted_s} s")
            self._since[part, i] = now_s
        self._on = now_on

    def results(self, wall_s: float) -> list[ThermalResult]:
        world = self._world
        rows = np.array(self._rows)  # (samples, traces, cabinets)
        hours = {name: total / HOUR_S for name, total in self._sums.items()}
        made = []
        for i, case in enumerate(world.cases):
            made.append(
                ThermalResult(
                    case.name, case, np.array(self._times, dtype=float),
                    {name: rows[:, at, i] for at, name in enumerate(TRACES)},
                    energy_kwh=float(self._sums["energy_ws"][i] / _WS_KWH),
                    throughput_kwh=float(self._sums["through_ws"][i] / _WS_KWH),
                    hours_derated=float(hours["derated_s"][i]),
                    hours_outside=float(hours["outside_s"][i]),
                    hours_outside_since_ready=float(hours["outside_ready_s"][i]),
                    largest_spread_k=float(self._spread[i]),
                    least_c=float(self._least[i]), most_c=float(self._most[i]),
                    condensed_kg=float(world.heat.condensed_kg[i]),
                    first_charge_s=_when(self._first[i]), ready_s=_when(self._ready[i]),
                    compressor_starts=int(world.heat.compressor_starts[i]),
                    broken_minimum_times=int(self._broken[i]),
                    heated_without_flow_s=float(self._sums["dry_heat_s"][i]),
                    charged_below_zero_s=float(self._sums["cold_charge_s"][i]),
                    cooled_s=float(self._sums["cooled_s"][i]),
                    heated_s=float(self._sums["heated_s"][i]),
                    tripped_s=float(self._sums["tripped_s"][i]),
                    wall_s=wall_s, said=self._said[i],
                )
            )  # fmt: skip
        return made


def _when(second: int) -> float | None:
    return None if second < 0 else float(second)
