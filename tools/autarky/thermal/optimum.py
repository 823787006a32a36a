"""One pack's temperature through n steps at the least electric energy: a linear programme.

What the numbers mean for a cabinet, and why that is a lower bound: bound.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array

from autarky.errors import AutarkyError
from autarky.plant.cells import Floats

Ints = NDArray[np.int_]
_J_KWH = 3.6e6


@dataclass(frozen=True)
class Plane:
    """W of the cells over temperature and C rate: w + w_k T + w_c rate; each (n,)."""

    w: Floats
    w_k: Floats
    w_c: Floats


@dataclass(frozen=True)
class Problem:
    """n steps of one pack; every array (n,). Bounds of temperature hold at a step's end.

    outside_c: air, sun and what else warms the cabinet's air, as one temperature. The C rate is
    between its two and at most `hull`; its sum over each of `demands` is so many C hours. Where it
    can flow, the cells' heat is above all of `heat_least`, below all of `heat_most`; else it is 0.
    """

    step_s: float
    heat_capacity_j_k: float
    loss_w_k: float
    outside_c: Floats
    heat_cost: float  # J of electricity a J of heat
    heat_most_w: float
    cool_cost: Floats
    cool_most_w: Floats
    least_c: Floats
    most_c: Floats
    rate_least: Floats
    rate_most: Floats
    start_c: tuple[float, float]  # from, to
    one_c_w: float = 0.0  # what the cells really make at 1 C and 25 degC
    outside_c_c: float = 0.0  # kelvin of outside_c a C of rate: the PCS warms the cabinet
    heat_least: tuple[Plane, ...] = ()
    heat_most: tuple[Plane, ...] = ()
    hull: tuple[Floats, Floats] | None = None  # rate <= first + second T, where it may be chosen
    demands: tuple[tuple[slice, float], ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Bound:
    """The optimum: electric energy, and its course; temperature_c (n + 1,), all else (n,)."""

    heating_kwh: float
    cooling_kwh: float
    temperature_c: Floats
    rate_c: Floats
    own_w: Floats  # the cells' heat

    @property
    def kwh(self) -> float:
        return self.heating_kwh + self.cooling_kwh


class _Rows:
    """Sparse rows of a linear programme, each `sum of coefficient times column <= right`."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._parts: list[tuple[Ints, Ints, Floats]] = []
        self._right: list[Floats] = []
        self._count = 0

    def add(self, right: Floats, *terms: tuple[Ints, Floats | float]) -> None:
        rows = np.arange(self._count, self._count + len(right))
        for columns, coefficient in terms:
            self._parts.append((rows, columns, np.broadcast_to(coefficient, len(right))))
        self._right.append(right)
        self._count += len(right)

    def add_sum(self, right: float, columns: Ints, coefficient: float) -> None:
        rows = np.full(len(columns), self._count)
        self._parts.append((rows, columns, np.full(len(columns), coefficient)))
        self._right.append(np.array([right]))
        self._count += 1

    def matrix(self) -> tuple[csr_array, Floats] | tuple[None, None]:
        if not self._count:
            return None, None
        rows, columns, values = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        shape = (self._count, self._columns)
        return coo_array((values, (rows, columns)), shape=shape).tocsr(), np.concatenate(
            self._right
        )


def solve(problem: Problem) -> Bound:
    """The optimum of a problem. Raises AutarkyError where there is none."""
    p = problem
    n = len(p.outside_c)
    steps = np.arange(n)
    # columns: temperature at n + 1 instants, then of each step heat, cold, cells' heat, rate
    start, end = steps, steps + 1
    heat, cold, own, rate = (n + 1 + k * n + steps for k in range(4))
    columns = 5 * n + 1
    flow = p.step_s / p.heat_capacity_j_k
    half = p.loss_w_k * flow / 2.0
    equal, most = _Rows(columns), _Rows(columns)
    equal.add(
        2.0 * half * p.outside_c,
        (end, 1.0 + half), (start, half - 1.0), (heat, -flow), (cold, flow), (own, -flow),
        (rate, -2.0 * half * p.outside_c_c),
    )  # fmt: skip
    for window, cycle_h in p.demands:
        equal.add_sum(cycle_h, rate[window], p.step_s / 3600.0)
    flows = p.rate_most > 0.0
    for planes, sign in ((p.heat_least, 1.0), (p.heat_most, -1.0)):
        for plane in planes:
            halves = plane.w_k[flows] * (sign / 2.0)
            terms = (start[flows], halves), (end[flows], halves)
            by_rate = (rate[flows], plane.w_c[flows] * sign)
            most.add(plane.w[flows] * -sign, *terms, by_rate, (own[flows], -sign))
    if p.hull is not None:
        tied = p.rate_most > p.rate_least
        constant, by_k = p.hull[0][tied], p.hull[1][tied] / 2.0
        most.add(constant, (rate[tied], 1.0), (start[tied], -by_k), (end[tied], -by_k))
    lower = np.concatenate(([p.start_c[0]], p.least_c, np.zeros(3 * n), p.rate_least))
    upper = np.concatenate((
        [p.start_c[1]], p.most_c, np.full(n, p.heat_most_w), p.cool_most_w,
        np.where(flows, np.inf, 0.0), p.rate_most,
    ))  # fmt: skip
    price = np.zeros(columns)
    price[heat] = p.heat_cost * p.step_s / _J_KWH
    price[cold] = p.cool_cost * p.step_s / _J_KWH
    a_most, b_most = most.matrix()
    a_equal, b_equal = equal.matrix()
    found = linprog(
        price, a_most, b_most, a_equal, b_equal, np.column_stack((lower, upper)), method="highs"
    )
    if found.x is None:
        raise AutarkyError(
            f"no control keeps the cells within their limits ({found.message.split('.')[0]}): "
            "give more heating or cooling, or milder weather"
        )
    x = found.x
    return Bound(
        float(price[heat] @ x[heat]), float(price[cold] @ x[cold]), x[: n + 1], x[rate], x[own]
    )
