"""Least electric energy of a year's thermal control with perfect foresight: a linear programme.

`bound` is a lower bound of what any control needs on the thermal plant, because each of its steps
is allowed more than the plant allows and is charged less. `foresight` is the optimum of the same
programme with the heat that the cells really make, in place of the span that is told below:

- modules are one mass, mixed for nothing: who keeps the coldest >= 5 and the hottest <= 35 degC
  keeps their mean there; hoses, heater and air have no heat capacity that has to be warmed in vain;
- heater and compressor act at once, in any share of their power, with no start-up, no minimum
  time, no lead or lag, at any water temperature, and never against the dew point; nothing is dried;
- a compressor works at the COP and the capacity of the step's coldest air; the pump runs for the
  share of time in which full power would deliver the same, and all its heat helps to heat;
- hoses lose nothing. (Pumping alone to cool by their 1.5 W/K costs more than the compressor.)
- cells are >= 5 degC as long as the quickest charge takes, and not below 2 until its window ends;
- where a pack may be so cold that its current is limited, what flows is the optimum's choice from
  what the coldest pack takes to the concave hull of the firmware's tables, and its heat may lie
  anywhere between a tangent and the most that such a charge can make. Where even the coldest is
  warm enough, current flows as it is asked. Coldest: without heat since it last had to charge.
  (No one gains who cools cells so far that they no longer take their current.)

What the lumped form does leave out in its own favour, the air's capacity and bends inside a step,
is below one percent, which is taken off at the end (`_SURE`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from autarky.errors import AutarkyError
from autarky.plant.cells import KELVIN, CellModel, Floats
from autarky.plant.cooling_unit import capacity_share, performance
from autarky.plant.thermal_model import ThermalModel, absorbed_w
from autarky.plant.weather import Weather
from autarky.thermal.optimum import Bound, Plane, Problem, solve
from autarky.thermal.task import DAY_S, Task, Window, allowed_c
from bess.control.preheat import CHARGE

__all__ = ["Bound", "Limits", "bound", "foresight", "hull", "problem_of"]

STEP_S = 1800.0
_THREE_DAYS = round(3 * DAY_S / STEP_S)
LEAST_CHARGE_C, LEAST_DISCHARGE_C, MOST_C = 5.0, -20.0, 35.0
_FLOWS_C = 2.0  # below, the firmware allows no charge at all
_WARM_C = 30.0  # where the tangent to the cells' heat touches
_COOLED_C = 20.0  # no one who knows what comes cools further
_NO_LEAST_C = -60.0
_SURE = 0.99
_ROUNDS, _AT_REST = 20, 0.002  # of `foresight`
_BENDS_K = 0.2  # an exponential and a step's straight line differ by less


@dataclass(frozen=True)
class Limits:
    """Of the cells' mean, degC: least when charge is wanted, while they charge and while they
    discharge, and most ever.
    """

    ready_c: float = LEAST_CHARGE_C
    charge_c: float = LEAST_CHARGE_C
    discharge_c: float = LEAST_DISCHARGE_C
    most_c: float = MOST_C


WIDE = Limits()


def _mean_and_least(weather: Weather, hours: slice, step_s: float) -> tuple[Floats, Floats, Floats]:
    """Mean of temperature and of sun over each step, and the step's lowest temperature."""
    begin_s, end_s = hours.start * 3600.0, hours.stop * 3600.0
    edges = np.arange(begin_s, end_s + step_s / 2.0, step_s)
    temp_c, _, sun_w_m2 = weather.at(edges)
    mean_c = (temp_c[1:] + temp_c[:-1]) / 2.0
    return mean_c, (sun_w_m2[1:] + sun_w_m2[:-1]) / 2.0, np.minimum(temp_c[1:], temp_c[:-1])


def hull(window: Window, served_c: float, from_c: float) -> tuple[float, float, float]:
    """Line (at 0 degC, per kelvin) above all that the firmware's table allows from from_c on, and
    heat of the dearest C rate, as share of that at 1 C and 25 degC.

    A line is drawn from several temperatures between served_c and from_c; the one that is lowest
    a little above from_c is the one.
    """
    lines = []
    for start_c in np.linspace(served_c, from_c, 9):
        # the table's values rise at whole tenths
        temperature_c = np.arange(np.floor(start_c * 10.0) + 1.0, MOST_C * 10.0) / 10.0
        allowed = np.minimum(allowed_c(window.purpose, temperature_c + 1e-6), window.rate_c)
        least = min(float(allowed_c(window.purpose, start_c)), window.rate_c)
        slope = float(np.max((allowed - least) / (temperature_c - start_c)))
        lines.append((least - slope * float(start_c), slope))
    constant, slope = min(lines, key=lambda line: line[0] + line[1] * (from_c + 3.0))
    temperature_c = np.arange(from_c, MOST_C, 0.1)
    allowed = np.minimum(allowed_c(window.purpose, temperature_c + 1e-6), window.rate_c)
    return constant, slope, float(np.max(_growth(temperature_c) * allowed))


def _growth(temperature_c: Floats | float) -> Floats:
    """Resistance against that at 25 degC."""
    inverse = 1.0 / (np.asarray(temperature_c) + KELVIN) - 1.0 / 298.15
    return np.exp(CellModel().activation_k * inverse)


def problem_of(
    model: ThermalModel,
    task: Task,
    weather: Weather,
    days: tuple[int, int] = (0, 365),
    start_c: tuple[float, float] | None = None,
    limits: Limits = WIDE,
    step_s: float = STEP_S,
) -> Problem:
    """The year's task, from one day to another (not included), as a problem for `solve`.

    start_c: of the modules, from and to; None: the best between the air's and the most allowed.
    """
    mean_c, sun_w_m2, least_air_c = _mean_and_least(
        weather, slice(days[0] * 24, days[1] * 24), step_s
    )
    n = len(mean_c)
    coldest_air_c = float(mean_c[:_THREE_DAYS].min())
    start_c = start_c or (min(coldest_air_c, limits.most_c), limits.most_c)
    hoses_j_k = 2.0 * model.flow_w_k * model.transport_s
    capacity_j_k = model.heat_capacity_j_k - model.heater_j_k - hoses_j_k
    enclosure_w_k = model.loss_w_k / (1.0 - model.loss_inside)
    outside_c = mean_c + absorbed_w(sun_w_m2) / model.skin_w_k
    full_w = model.heater_w * model.heater_efficiency + model.pump_w * model.pump_heat
    cool_most_w = model.chiller_w * capacity_share(least_air_c, model.chiller_loss_1_k)
    one_c_w = float(task.cell_heat_w(1.0, np.array(25.0)))
    least_c = np.full(n, _NO_LEAST_C)
    rate_least, rate_most = np.zeros(n), np.zeros(n)
    planes = [Plane(np.zeros(n), np.zeros(n), np.zeros(n)) for _ in range(4)]
    tangent, other, dearest, chord = planes
    line = np.zeros(n), np.zeros(n)
    demands = []
    coldest_c = _coldest(
        mean_c, start_c[0], np.exp(-step_s * model.loss_w_k / capacity_j_k),
        _kept_c(task, limits, n, step_s),
    )  # fmt: skip
    tangent_k = -CellModel().activation_k / (_WARM_C + KELVIN) ** 2  # of the growth's logarithm
    hot_w = one_c_w * float(_growth(MOST_C))
    for window, full, whole in _windows(task, n, step_s):
        charges = window.purpose == CHARGE
        kept_c = limits.charge_c if charges else limits.discharge_c
        least_c[max(full.start - 1, 0) : full.stop] = kept_c
        if charges and full.start:
            least_c[full.start - 1] = limits.ready_c
        low_c = float(coldest_c[max(full.start - 1, 0) : full.stop].min())
        least_rate = min(float(allowed_c(window.purpose, low_c)), window.rate_c)
        rate_least[full] = least_rate
        if least_rate >= window.rate_c:
            rate_most[full] = window.rate_c
            warm_w = one_c_w * window.rate_c**2 * float(_growth(_WARM_C))
            tangent.w[full] = warm_w * (1.0 - tangent_k * _WARM_C)
            tangent.w_k[full] = warm_w * tangent_k
            low_c = min(low_c, _COOLED_C)
            dearest.w_c[full] = one_c_w * window.rate_c * float(_growth(low_c))
            _draw_chord(chord, full, one_c_w, window.rate_c, (low_c, limits.most_c))
            continue
        rate_most[whole] = window.rate_c
        demands.append((whole, task.cycle_h))
        served_c = _FLOWS_C if charges else limits.discharge_c
        least_c[whole] = np.maximum(least_c[whole], served_c)
        for part in (full, slice(full.stop, whole.stop)):
            from_c = float(max(served_c, coldest_c[max(part.start - 1, 0) : part.stop].min()))
            line[0][part], line[1][part], share = hull(window, served_c, from_c)
            dearest.w_c[part] = one_c_w * share
            _draw_chord(chord, part, one_c_w, window.rate_c, (from_c, limits.most_c))
        for plane, touch_c in ((tangent, window.rate_c), (other, window.rate_c / 2.0)):
            plane.w[whole] = -hot_w * touch_c**2
            plane.w_c[whole] = 2.0 * hot_w * touch_c
    return Problem(
        step_s=step_s,
        heat_capacity_j_k=capacity_j_k,
        loss_w_k=model.loss_w_k,
        outside_c=outside_c,
        heat_cost=(model.heater_w + model.pump_w) / full_w,
        heat_most_w=full_w,
        cool_cost=1.0 / performance(least_air_c) + model.pump_w / cool_most_w,
        cool_most_w=cool_most_w,
        least_c=least_c,
        most_c=np.full(n, limits.most_c),
        rate_least=rate_least,
        rate_most=rate_most,
        outside_c_c=model.pcs_share * float(task.pcs_loss_w(np.array(1.0))) / enclosure_w_k,
        heat_least=(tangent, other),
        heat_most=(dearest, chord),
        hull=line,
        demands=tuple(demands),
        start_c=start_c,
        one_c_w=one_c_w,
    )


def _draw_chord(
    plane: Plane, steps: slice, one_c_w: float, rate_c: float, span_c: tuple[float, float]
) -> None:
    """Above the heat of any C rate up to rate_c and any temperature within the span.

    Heat at full rate is convex in temperature: below its chord. At less, I2 R is no more than
    rate_c I R, and that product is below McCormick's plane through its values at full rate.
    """
    cold, warm = (float(_growth(end_c)) for end_c in span_c)
    slope = (warm - cold) / (span_c[1] - span_c[0])
    full_w = one_c_w * rate_c**2
    plane.w[steps] = full_w * (cold - slope * span_c[0] - warm)
    plane.w_k[steps] = full_w * slope
    plane.w_c[steps] = one_c_w * rate_c * warm


def _windows(task: Task, n: int, step_s: float) -> Iterator[tuple[Window, slice, slice]]:
    """Each day's windows with their steps: those that the quickest service takes, and all."""
    for day in range(round(n * step_s / DAY_S)):
        for window in task.windows:
            first = round((day * DAY_S + window.start_s) / step_s)
            quickest = round(task.cycle_h / window.rate_c * 3600.0 / step_s)
            length = round(window.length_s / step_s)
            yield window, slice(first, first + quickest), slice(first, first + length)


def _kept_c(task: Task, limits: Limits, n: int, step_s: float) -> Floats:
    """What the task wants at the end of each step at least, -inf where nothing."""
    kept_c = np.full(n, -np.inf)
    for window, full, _ in _windows(task, n, step_s):
        if window.purpose == CHARGE:
            kept_c[full] = limits.charge_c
            if full.start:
                kept_c[full.start - 1] = limits.ready_c
    return kept_c


def _coldest(air_c: Floats, start_c: float, keeps: float, kept_c: Floats) -> Floats:
    """No pack that keeps to its limits is colder at a step's end, even without any heat."""
    now_c = start_c
    out_c = np.empty(len(air_c))
    for step, (outside_c, least_c) in enumerate(zip(air_c, kept_c, strict=True)):
        now_c = max(outside_c + (now_c - outside_c) * keeps, least_c)
        out_c[step] = max(now_c - _BENDS_K, least_c)
    return out_c


def bound(problem: Problem) -> Bound:
    """Lower bound of the electric energy of heating and cooling; see above for why it is one.

    Raises AutarkyError where nothing serves.
    """
    found = solve(problem)
    return replace(
        found, heating_kwh=found.heating_kwh * _SURE, cooling_kwh=found.cooling_kwh * _SURE
    )


def foresight(problem: Problem) -> Bound:
    """The optimum of the same, whose cells make the heat that they make, r2 g(T): that is drawn as
    a plane where the last solution lies, until none moves any more. No proof that there is nothing
    better, since that heat is not convex.

    Raises AutarkyError where nothing serves, or where the planes do not come to rest.
    """
    found = solve(problem)
    moved_kwh = np.inf
    for _ in range(_ROUNDS):
        before_kwh = found.kwh
        mean_c = (found.temperature_c[1:] + found.temperature_c[:-1]) / 2.0
        plane = _touching(mean_c, found.rate_c, problem.one_c_w)
        found = solve(replace(problem, heat_least=(plane,), heat_most=(plane,)))
        moved_kwh = abs(found.kwh - before_kwh)
        if moved_kwh <= _AT_REST * max(found.kwh, 1.0):
            return found
    raise AutarkyError(
        f"the optimum with foresight still moves by {moved_kwh:.1f} kWh after "
        f"{_ROUNDS} rounds: give milder limits, or use the bound"
    )


def _touching(temperature_c: Floats, rate_c: Floats, one_c_w: float) -> Plane:
    """The plane that touches the cells' heat r2 g(T) there."""
    heat_w = one_c_w * rate_c**2 * _growth(temperature_c)
    by_k = heat_w * (-CellModel().activation_k / (temperature_c + KELVIN) ** 2)
    by_c = 2.0 * one_c_w * rate_c * _growth(temperature_c)
    return Plane(heat_w - by_k * temperature_c - by_c * rate_c, by_k, by_c)
