"""What one cabinet of the thermal loop is, and goes through: plant, weather, load, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from autarky.errors import AutarkyError
from autarky.plant.thermal import MODELS, Kind, ThermalModel
from autarky.plant.weather import Weather, generate, read_epw

DAY_S = 86400.0
HOUR_S = 3600.0
_WARMEST_H = 15.0
PURPOSES = ("unknown", "charge", "discharge", "idle")


@dataclass(frozen=True)
class Sky:
    """The weather of a case: constant with a daily swing, or a year's from start_day on.

    ambient_c: the day's mean; swing_k: half its range, warmest at 15 h; sun_w_m2: at noon.
    climate: a name of plant.weather, or epw a file, or year what was read already; each leaves
    the other numbers unused.
    """

    ambient_c: float = 20.0
    swing_k: float = 0.0
    humidity: float = 0.5
    sun_w_m2: float = 0.0
    climate: str = ""
    epw: Path | None = None
    year: Weather | None = None
    start_day: float = 0.0
    seed: int = 0

    def weather(self) -> Weather:
        """A year by hours. Raises AutarkyError."""
        if self.year is not None:
            return self.year
        if self.epw is not None:
            return read_epw(self.epw)
        if self.climate:
            return generate(self.climate, self.seed)
        hours = np.arange(24.0)
        turn = np.cos(2 * np.pi * (hours - _WARMEST_H) / 24.0)
        noon = np.maximum(np.cos(2 * np.pi * (hours - 12.0) / 24.0), 0.0)
        return Weather(
            "constant", self.ambient_c + self.swing_k * turn, np.full(24, self.humidity),
            self.sun_w_m2 * noon,
        )  # fmt: skip


@dataclass(frozen=True)
class Window:
    """Hours of each day in which the site wants current: from_h..to_h, in C, + = discharge."""

    from_h: float
    to_h: float
    c_rate: float

    def holds(self, hour: float) -> bool:
        if self.from_h <= self.to_h:
            return self.from_h <= hour < self.to_h
        return hour >= self.from_h or hour < self.to_h

    def begins_in_s(self, hour: float) -> float:
        return (self.from_h - hour) % 24.0 * HOUR_S


@dataclass(frozen=True)
class Announcement:
    """What the coordinator says from time_s on, each minute, until the next one; counted down.

    purpose: a name of PURPOSES, or "silent"; rate_c: how much current, in C; 0: not said.
    """

    time_s: float
    purpose: str
    wanted_in_s: float = 0.0
    island: bool = False
    rate_c: float = 0.0


@dataclass(frozen=True)
class Event:
    """Something that happens to a cabinet; actions and their values: ACTIONS of events.py."""

    time_s: float
    action: str
    values: tuple[float | str, ...] = ()


@dataclass(frozen=True)
class ThermalCase:
    """One cabinet for so many seconds. parameters: of its firmware, beside those that the plant's
    numbers give; windows: none for a cabinet at rest; plan: the coordinator announces the windows.
    """

    name: str
    seconds: float
    kind: Kind = Kind.CHILLER
    model: ThermalModel | None = None
    start_c: float = 20.0
    soc: float = 0.5
    sky: Sky = field(default_factory=Sky)
    windows: tuple[Window, ...] = ()
    plan: bool = False
    announcements: tuple[Announcement, ...] = ()
    events: tuple[Event, ...] = ()
    parameters: Mapping[str, int] = field(default_factory=dict)
    start_hour: float = 0.0  # of the day, at which it begins
    sensor_offset_k: float = 0.3  # hot and cold places within a module, at most

    @property
    def plant(self) -> ThermalModel:
        return self.model or MODELS[self.kind]

    def settings(self) -> dict[str, int]:
        """Parameters of the firmware: a cabinet whose numbers were told to it."""
        model = self.plant
        made = {
            "cooling_set": int(self.kind),
            "heater_w": round(model.heater_w),
            "chiller_w": round(model.chiller_w),
            "heat_capacity_kj_k": round(model.heat_capacity_j_k / 1000),
            "heat_loss_w_k": round(model.loss_w_k),
        }
        return {**made, **self.parameters}

    def day_s(self, time_s: float) -> float:
        """Seconds into the year of the weather."""
        return self.sky.start_day * DAY_S + self.start_hour * HOUR_S + time_s

    def wanted_c(self, time_s: float) -> float:
        """What the site wants now, in C, + = discharge."""
        hour = self.day_s(time_s) / HOUR_S % 24.0
        return next((w.c_rate for w in self.windows if w.holds(hour)), 0.0)

    def announced(self, time_s: float) -> Announcement | None:
        """What the coordinator says now; None: nothing."""
        said = None
        for one in self.announcements:
            if one.time_s <= time_s:
                said = one
        if said is not None:
            left_s = max(said.wanted_in_s - (time_s - said.time_s), 0.0)
            if said.purpose == "silent":
                return None
            return replace(said, time_s=time_s, wanted_in_s=left_s)
        if not self.plan or not self.windows:
            return None
        hour = self.day_s(time_s) / HOUR_S % 24.0
        now = next((w for w in self.windows if w.holds(hour)), None)
        coming = now or min(self.windows, key=lambda w: w.begins_in_s(hour))
        wanted_in_s = 0.0 if now else coming.begins_in_s(hour)
        purpose = "discharge" if coming.c_rate > 0 else "charge"
        return Announcement(time_s, purpose, wanted_in_s, rate_c=abs(coming.c_rate))


def of_one_length(cases: list[ThermalCase]) -> float:
    """Seconds of all. Raises AutarkyError where they differ, or there are none."""
    lengths = {case.seconds for case in cases}
    if len(lengths) != 1:
        raise AutarkyError(
            f"the cases of one thermal loop last {sorted(lengths)} s: give all the same length"
        )
    return lengths.pop()
