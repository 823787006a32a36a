"""What a controller measured of itself: every value counted once, where it belongs."""

from array import array
from bisect import bisect_left

import pytest

from autarky.rig import histograms
from autarky.rig.processor import Measures


def test_every_value_falls_where_its_edges_say() -> None:
    values = [0.9, 1.0, 1.01, 1.25, 3.0, 3.0, 79.0]
    found = histograms.of_values("tick", "ms", values, "a test")
    assert sum(found.counts) == len(values)
    assert found.edges == sorted(found.edges)
    assert found.edges[0] == 1.0  # 0.9 lies between 0.8 and this
    assert found.edges[-1] >= 79.0 > found.edges[-2]
    for value in values:
        assert found.counts[bisect_left(found.edges, value)]
    at = found.edges.index(1.0)
    assert found.counts[at : at + 2] == [2, 2]  # 0.9 and 1.0; 1.01 and 1.25


def test_units_and_what_is_not_the_firmware_s_heap() -> None:
    runs = [
        Measures(array("I", [100, 2500]), array("I", [4000]), array("I", [300 * 1024])),
        Measures(array("I", [50]), array("I"), array("I", [310 * 1024])),
    ]
    tick, collection, heap = histograms.of_controller(runs, other_bytes=100 * 1024)
    assert (sum(tick.counts), tick.unit, tick.of) == (3, "ms", "2 runs, 3 ticks")
    assert (sum(collection.counts), sum(heap.counts)) == (1, 2)
    assert heap.edges[-1] == pytest.approx(250.0)
    most = {one.name: (one.value, one.unit) for one in histograms.worst(runs, 100 * 1024)}
    assert most == {
        "tick, most": (2.5, "ms"), "collection of garbage, most": (4.0, "ms"),
        "heap of the firmware after a collection, most": (210.0, "KiB"),
    }  # fmt: skip


def test_a_controller_that_never_ran_has_none() -> None:
    assert histograms.of_controller([Measures()], 0) == []
    assert histograms.worst([], 0) == []
