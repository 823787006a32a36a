"""Nothing beyond the limits ever arrives at an instrument, whatever is wanted."""

import contextlib
import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autarky.rig import opening
from autarky.rig.limits import BenchLimit
from autarky.scenario.actions import steps_of
from autarky.scenario.virtual import apply
from autarky.sil.site import SiteConfig, VirtualSite

anything = st.floats(-100, 200) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0])
near = st.floats(29.0, 31.0) | st.floats(2.0, 4.0)
supplies = st.tuples(st.just("supply"), anything | near, anything | near)
scenario = st.one_of(
    st.builds("cell {} {:.3f}".format, st.integers(1, 240), st.floats(0, 6)),
    st.builds("cells {:.3f}".format, st.floats(0, 6)),
    st.just("cells-back"),
)
cells = st.tuples(st.just("cells"), anything, st.integers(0, 239))


@given(wanted=st.lists(supplies | cells | scenario, max_size=12))
@example(wanted=[("supply", 30.0, 2.5), ("supply", 30.0, 2.6), ("supply", 25.0, 3.0)])
@example(wanted=["cell 1 5.000", "cell 1 5.002", "cells 6.000"])
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_value_beyond_the_limits_arrives(instruments, wanted) -> None:
    bench, rig = instruments
    supply, emulator = opening.supply(rig), opening.cells(rig)
    site = VirtualSite(SiteConfig(cabinets=1))
    for one in wanted:
        with contextlib.suppress(BenchLimit):
            if isinstance(one, str):
                apply(site, *steps_of([one], site.cabinets[0].number))
                emulator.set_cells(site.plants.cells.voltage(0, 0.0).tolist())
            elif one[0] == "supply":
                supply.set(one[1], one[2])
            else:
                volts = [3.3] * 240
                volts[one[2]] = one[1]
                emulator.set_cells(volts)
    supply.close()
    emulator.close()
    largest = bench.record.largest
    assert largest.get("supply.volts", 0) <= rig.limits.volts
    assert largest.get("supply.amps", 0) <= rig.limits.amps
    assert largest.get("cells.volts", 0) <= rig.limits.cell_volts
    sent = [v for _, what, v in bench.record.events if what in ("supply.volts", "supply.amps")]
    assert all(v * a <= rig.limits.watts for v, a in zip(sent[::2], sent[1::2], strict=True))
    assert all(math.isfinite(value) and value >= 0 for value in sent)


def test_a_refusal_says_what_the_bench_allows(instruments) -> None:
    supply = opening.supply(instruments[1])
    for volts, amps, said in (
        (30.1, 1.0, r"the bench allows 0..30 V of supply, and 30.1 V was asked for"),
        (24.0, 3.1, r"0..3 A of supply"),
        (30.0, 3.0, r"0..75 W of supply, and 90 W"),
        (math.nan, 1.0, r"0..30 V of supply, and nan V"),
        (-1.0, 1.0, r"0..30 V of supply, and -1 V"),
    ):
        with pytest.raises(BenchLimit, match=said):
            supply.set(volts, amps)
    assert not instruments[0].record.events
    supply.close()
