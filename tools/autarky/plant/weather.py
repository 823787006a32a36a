"""A year of weather hour by hour: five climates by a seeded generator, or a place's EPW file.

The generator, per hour: temperature is the year's mean, a cosine with its coldest day late in
January and one with its warmest hour at 15 h (larger under a clear sky), and slow noise (time
constant two and a half days, stronger in winter); clouds are noise of 18 h through a logistic
curve; the sun is Haurwitz' clear sky (1945) by latitude, dimmed by Kasten and Czeplak (1980);
vapour pressure follows the season's humidity at the temperature without its daily swing, so that
relative humidity falls in the afternoon and reaches 1 in clear nights. Noise is shaped in the
frequency domain: a year goes over into the next without a step. The same climate and seed give
the same year.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autarky.errors import AutarkyError
from autarky.plant.cells import Floats
from autarky.plant.epw import read_columns
from autarky.plant.moist_air import humid_kg_kg, saturated_kg_kg

HOUR_S = 3600.0
_HOURS = 8760
LEAST_C, MOST_C = -30.0, 50.0  # what the cabinet is built for; design page thermal.md
_COLDEST_DAY = 22.0
_WARMEST_HOUR = 15.0
_WEATHER_H, _CLOUD_H, _VAPOUR_H = 60.0, 18.0, 36.0  # time constants of noise
_CLOUD_LOGITS = 1.8
_VAPOUR_SPREAD = 0.08


@dataclass(frozen=True)
class Weather:
    """`temp_c`, `relative_humidity` 0..1, `sun_w_m2` on the horizontal, each at full hours.

    Hour 0 is the first of January, 0:00 local solar time; after the last hour comes the first.
    """

    place: str
    temp_c: Floats
    relative_humidity: Floats
    sun_w_m2: Floats

    @property
    def year_s(self) -> float:
        return len(self.temp_c) * HOUR_S

    def at(self, time_s: float | Floats) -> tuple[Floats, Floats, Floats]:
        """Temperature, relative humidity and sun between the hours, of the shape of time_s."""
        hours = np.asarray(time_s) / HOUR_S
        floor = np.floor(hours)
        share = hours - floor
        before = floor.astype(int) % len(self.temp_c)
        after = (before + 1) % len(self.temp_c)
        temp_c, humidity, sun_w_m2 = (
            values[before] + (values[after] - values[before]) * share
            for values in (self.temp_c, self.relative_humidity, self.sun_w_m2)
        )
        return temp_c, humidity, sun_w_m2

    def outside_kg_kg(self, time_s: float | Floats) -> Floats:
        """Water in the air outside, kg per kg of dry air, as the thermal plant wants it."""
        temp_c, humidity, _ = self.at(time_s)
        return humid_kg_kg(humidity, temp_c)


@dataclass(frozen=True)
class Climate:
    """Numbers of a typical place; pairs are (midwinter, midsummer)."""

    place: str
    latitude_deg: float
    mean_c: float
    season_c: float  # half the difference of the warmest and coldest days' means
    day_c: tuple[float, float]  # half the daily range under a mean sky
    spread_c: tuple[float, float]  # standard deviation of slow weather
    humidity: tuple[float, float]
    cloud: float  # mean cover


# Means of months and of humidity: 1991-2020 normals of the national services, or the WMO's where
# those give none (Kuwait); spread and daily range so that a typical year's extremes are met.
CLIMATES = {
    "subarctic": Climate("Rovaniemi", 66.5, 1.2, 13.6,
        (2.0, 4.5), (7.5, 3.3), (0.87, 0.67), 0.69),
    "continental": Climate("Minneapolis", 44.9, 7.8, 16.6,
        (4.0, 5.0), (6.0, 3.2), (0.71, 0.66), 0.60),
    "temperate": Climate("London", 51.5, 11.5, 6.8,
        (2.5, 4.5), (3.3, 2.8), (0.84, 0.71), 0.78),
    "tropical": Climate("Singapore", 1.4, 27.8, 0.8,
        (2.8, 3.0), (0.7, 0.7), (0.83, 0.81), 0.80),
    "desert": Climate("Kuwait City", 29.2, 27.1, 12.6,
        (5.5, 7.8), (2.8, 1.5), (0.60, 0.19), 0.32),
}  # fmt: skip


def _noise(rng: np.random.Generator, time_constant_h: float) -> Floats:
    """A year of unit variance whose autocorrelation falls with the time constant; periodic."""
    white = rng.standard_normal(_HOURS)
    turns_h = np.fft.rfftfreq(_HOURS)
    gain = 1.0 / np.sqrt(1.0 + (2.0 * np.pi * turns_h * time_constant_h) ** 2)
    gain[0] = 0.0
    power = 2.0 * (gain[1:] ** 2).sum() / _HOURS
    return np.fft.irfft(np.fft.rfft(white) * gain, _HOURS) / np.sqrt(power)


def _clear_sky_w_m2(latitude_deg: float, day: Floats, hour: Floats) -> Floats:
    """Haurwitz; the sun's declination by Cooper."""
    latitude = np.radians(latitude_deg)
    declination = np.radians(23.45) * np.sin(2.0 * np.pi * (285.0 + day) / 365.0)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(
        declination
    ) * np.cos(2.0 * np.pi * (hour - 12.0) / 24.0)
    up = np.maximum(height, 1e-3)
    return np.where(height > 0.0, 1098.0 * up * np.exp(-0.057 / up), 0.0)


def generate(climate: str, seed: int = 0) -> Weather:
    """A year of one of CLIMATES, within -30..50 degC; 8760 hours.

    Raises AutarkyError for a climate that there is none of.
    """
    if climate not in CLIMATES:
        raise AutarkyError(f"there is no climate {climate!r}: choose of {', '.join(CLIMATES)}")
    c = CLIMATES[climate]
    rng = np.random.default_rng([seed, [*CLIMATES].index(climate)])
    hours = np.arange(_HOURS, dtype=float)
    day, hour = hours / 24.0, hours % 24.0
    summer = 0.5 - 0.5 * np.cos(2.0 * np.pi * (day - _COLDEST_DAY) / 365.0)

    def over_year(pair: tuple[float, float]) -> Floats:
        return pair[0] + (pair[1] - pair[0]) * summer

    logit = np.log(c.cloud / (1.0 - c.cloud)) * 1.4  # the curve draws the mean to a half
    cloud = 1.0 / (1.0 + np.exp(-logit - _CLOUD_LOGITS * _noise(rng, _CLOUD_H)))
    slow_c = c.mean_c + c.season_c * (2.0 * summer - 1.0)
    slow_c = slow_c + over_year(c.spread_c) * _noise(rng, _WEATHER_H)
    swing_c = over_year(c.day_c) * (1.0 + 0.6 * (cloud.mean() - cloud))
    temp_c = slow_c + swing_c * np.cos(2.0 * np.pi * (hour - _WARMEST_HOUR) / 24.0)
    temp_c = np.clip(temp_c, LEAST_C, MOST_C)
    wet = over_year(c.humidity) * np.exp(_VAPOUR_SPREAD * _noise(rng, _VAPOUR_H))
    wet = wet * (1.0 + 0.3 * (cloud - cloud.mean()))
    humidity = np.clip(wet * saturated_kg_kg(slow_c) / saturated_kg_kg(temp_c), 0.03, 1.0)
    sun_w_m2 = _clear_sky_w_m2(c.latitude_deg, day, hour) * (1.0 - 0.75 * cloud**3.4)
    return Weather(f"{climate}, like {c.place}", temp_c, humidity, sun_w_m2)


def read_epw(path: Path | str) -> Weather:
    """The weather of an EPW file; its values belong to the hour's end, or are sums over the hour.

    Raises AutarkyError as epw.read_columns does.
    """
    place, temp_c, percent, sun_wh_m2 = read_columns(Path(path))
    humidity = np.minimum(percent / 100.0, 1.0)
    sun_w_m2 = (np.roll(sun_wh_m2, 1) + sun_wh_m2) / 2.0  # at the full hour between two
    return Weather(place, np.roll(temp_c, 1), np.roll(humidity, 1), sun_w_m2)
