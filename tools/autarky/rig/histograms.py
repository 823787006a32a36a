"""Histograms of what a controller measured of itself, for a report."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from autarky.rig.processor import Measures
from autarky.rig.results import Histogram, Measured

_STEPS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)  # R10 of ISO 3
_US_PER_MS = 1000
_BYTES_PER_KIB = 1024


def of_values(name: str, unit: str, values: Iterable[float], of: str) -> Histogram:
    """Of at least one value in 0..8e6: edges a tenth of a decade apart, as many as they need."""
    kept = sorted(values)
    decades = [10.0**power * step for power in range(-4, 7) for step in _STEPS]
    first = bisect_left(decades, kept[0])
    last = bisect_left(decades, kept[-1])
    edges = decades[first : last + 1]
    counts = [0] * len(edges)
    for value in kept:
        counts[bisect_left(edges, value)] += 1
    return Histogram(name, unit, edges, counts, of)


def _values(runs: list[Measures], other_bytes: int) -> list[tuple[str, str, list[float]]]:
    """(name, unit, values) of what a controller measured; other_bytes: of the heap that was not
    the firmware's."""
    return [
        ("tick", "ms", [us / _US_PER_MS for run in runs for us in run.tick_us]),
        ("collection of garbage", "ms", [us / _US_PER_MS for run in runs for us in run.collect_us]),
        ("heap of the firmware after a collection", "KiB",
         [max(n - other_bytes, 0) / _BYTES_PER_KIB for run in runs for n in run.heap_bytes]),
    ]  # fmt: skip


def of_controller(runs: list[Measures], other_bytes: int) -> list[Histogram]:
    """Tick times, collections and heap over all runs."""
    found = _values(runs, other_bytes)
    of = f"{len(runs)} runs, {len(found[0][2])} ticks"
    return [of_values(name, unit, values, of) for name, unit, values in found if values]


def worst(runs: list[Measures], other_bytes: int) -> list[Measured]:
    """The largest of each."""
    return [
        Measured(f"{name}, most", round(max(values), 3), unit)
        for name, unit, values in _values(runs, other_bytes)
        if values
    ]
