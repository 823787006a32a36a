"""Shares a power among cabinets: exact water-filling over weights and limits."""

from __future__ import annotations

from collections.abc import Sequence


def allocate(
    total_w: float, weights: Sequence[float], lower_w: Sequence[float], upper_w: Sequence[float]
) -> tuple[list[float], float]:
    """Minimise sum p_i^2 / (2 w_i) with sum p_i = total and l_i <= p_i <= u_i.

    The solution is p_i = clip(lambda w_i, l_i, u_i); lambda is found exactly by walking the
    sorted break points l_i / w_i and u_i / w_i, O(N log N). Weights are > 0. Where the total
    cannot be met, all saturate; returns (powers, deficit) with deficit = total - sum(powers).
    Raises ValueError for crossed limits or a weight that is not positive.
    """
    count = len(weights)
    for i in range(count):
        if lower_w[i] > upper_w[i]:
            raise ValueError(f"cabinet {i}: lower limit {lower_w[i]} W above upper {upper_w[i]} W")
        if weights[i] <= 0:
            raise ValueError(f"cabinet {i}: weight {weights[i]} is not positive")
    if total_w <= sum(lower_w):
        return list(lower_w), total_w - sum(lower_w)
    if total_w >= sum(upper_w):
        return list(upper_w), total_w - sum(upper_w)
    points = sorted(
        [(lower_w[i] / weights[i], weights[i]) for i in range(count)]
        + [(upper_w[i] / weights[i], -weights[i]) for i in range(count)]
    )
    # the sum over cabinets is piecewise linear and rising in lambda
    level, slope = sum(lower_w), 0.0
    at = points[0][0]
    for point, change in points:
        step = slope * (point - at)
        if slope > 0 and level + step >= total_w:
            break
        level += step
        slope += change
        at = point
    factor = at + (total_w - level) / slope if slope > 0 else at
    powers = [min(max(factor * weights[i], lower_w[i]), upper_w[i]) for i in range(count)]
    return powers, total_w - sum(powers)
