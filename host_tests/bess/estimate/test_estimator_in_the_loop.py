"""The estimators of a cabinet that runs: what they take of a scan is that scan's."""

from collections.abc import Callable

from autarky.sil.site import VirtualSite
from bess.estimate.estimator import SLICES

Make = Callable[..., VirtualSite]


def test_each_scan_is_taken_once_with_its_own_mean(inline_site: Make) -> None:
    site = inline_site()
    site.run_for(6.0)
    string = site.cabinets[0].firmware.app.string
    estimator, cells = string.estimator, string.cells
    whole, taken = estimator.slice, []

    def slice_(now_ms: int, trusted: bool) -> None:
        before = estimator._evaluations
        whole(now_ms, trusted)
        if estimator._evaluations != before:
            newest = sum(cells.voltage_dmv) // cells.cell_count
            taken.append(abs(cells.cell_mean_dmv - newest))

    estimator.slice = slice_
    site.coordinator.target_w = 100_000.0  # the voltage falls by 30 mV in a scan
    site.run_for(2.0)
    assert len(taken) == 20
    assert max(taken) < 20


def test_a_second_has_fifty_slices(inline_site: Make) -> None:
    site = inline_site()
    site.run_for(4.0)
    estimator, calls = site.cabinets[0].firmware.app.string.estimator, []
    whole = estimator.slice
    estimator.slice = lambda *rest: (calls.append(1), whole(*rest))
    site.run_for(1.0)
    assert len(calls) == SLICES
