import math
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kit.table_plant import TablePlant
from soak import SOAK

from bess.estimate import lfp, nmc
from bess.estimate.cell_model import CellModel
from bess.estimate.chemistry import Chemistry
from bess.estimate.soc_filter import SocFilter

TABLES = {"lfp": Chemistry(lfp.TABLE), "nmc": Chemistry(nmc.TABLE)}


def build(number=float, table="lfp"):
    return SocFilter(CellModel(TABLES[table], number), number)


def check(soc_filter):
    assert 0 < soc_filter.sigma <= 0.301
    assert -0.031 <= soc_filter.soc <= 1.031
    assert 0.099 <= soc_filter.resistance.scale <= 20.01
    assert 0 <= soc_filter.trust.doubt <= 1
    assert sum(map(math.exp, soc_filter._log)) < 1e30  # whole only after a look
    for value in soc_filter._error + soc_filter._log:
        assert math.isfinite(value)
    for variance in soc_filter._variance:
        assert variance > 0 or variance == -1


numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
samples = st.lists(
    st.tuples(
        st.floats(-1, 1) | numbers,  # charge moved
        st.floats(-5, 5) | numbers,  # current
        st.sampled_from([1.0, 0.01, 10.0, 3600.0, 1e6]),
        st.floats(-60, 90) | numbers,
        st.none() | st.floats(2, 4.2) | numbers,
    ),
    min_size=1, max_size=30,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(samples, st.sampled_from([float, np.float32]), st.sampled_from(["lfp", "nmc"]))
@example([(0.0, 0.0, 1.0, -300.0, 3.3)] * 20, np.float32, "lfp")
@example([(1.0, 20.0, 1e6, -45.0, 0.0), (-1.0, -20.0, 1e6, 75.0, 6.0)] * 10, np.float32, "nmc")
def test_no_input_makes_a_variance_negative_or_a_number_infinite(sequence, number, table):
    soc_filter = build(number, table)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for moved, current_c, dt_s, celsius, cell_v in sequence:
            soc_filter.step(moved, current_c, dt_s, celsius, cell_v)
            check(soc_filter)


@settings(deadline=None, max_examples=10)
@given(
    stuck_v=st.floats(0, 5), celsius=st.sampled_from([-40.0, -20.0, 25.0]), wrong=st.booleans(),
    number=st.sampled_from([float, np.float32]),
)  # fmt: skip
def test_a_stuck_sensor_or_a_wrong_sign_for_an_hour_breaks_nothing(stuck_v, celsius, wrong, number):
    soc_filter = build(number)
    for second in range(3600):
        current = 0.4 * math.sin(second / 50) * (-1 if wrong else 1)
        soc_filter.step(current / 3600, current, 1.0, celsius, stuck_v)
        check(soc_filter)


def test_every_state_of_the_single_precision_twin_is_single():
    soc_filter = build(np.float32)
    for second in range(200):
        soc_filter.step(1e-4, 0.3 * math.sin(second), 1.0, 25.0, 3.3 + 0.01 * math.sin(second))
    model, resistance = soc_filter.model, soc_filter.resistance
    held = [soc_filter.soc, soc_filter.sigma, model.lean, model.fast_c, model.slow_c,
            resistance.scale, soc_filter._counted, soc_filter._mean, soc_filter.trust._error,
            *soc_filter._log, *soc_filter._error, *soc_filter._variance]  # fmt: skip
    assert {type(value) for value in held} == {np.float32}


def drive(soc_filters, celsius, soc, hours, seed, scale=1.0, mean_c=0.08):
    """A string in use from `soc` on; returns the plant."""
    plant = TablePlant(lfp.TABLE, [celsius], [soc], np.array([scale]))
    rng = np.random.default_rng(seed)
    current, way = 0.0, 1.0
    for second in range(int(hours * 3600)):
        if second % 15 == 0:
            if plant.soc[0] < 0.15:
                way = -1.0
            if plant.soc[0] > 0.9:
                way = 1.0
            current = float(rng.normal(way * mean_c, 0.25))
        plant.step([current])
        volts = float(plant.voltage(np.array([current]))[0] + rng.normal(0, 1e-3))
        for soc_filter, gain, offset in soc_filters:
            seen = current * gain + offset
            soc_filter.step(seen / 3600, seen, 1.0, celsius, volts)
    return plant


def test_single_precision_stays_with_double_for_hours():
    double, single = build(), build(np.float32)
    for soc_filter in (double, single):
        soc_filter.start(0.7, 0.05)
    drive([(double, 1.005, 0.002), (single, 1.005, 0.002)], 20.0, 0.75, 6, 1)
    assert float(single.soc) == pytest.approx(double.soc, abs=1e-3)
    assert float(single.sigma) == pytest.approx(double.sigma, rel=0.02)


@pytest.mark.parametrize("celsius", [25.0, 0.0, -15.0] if SOAK else [25.0, -15.0])
@pytest.mark.parametrize("wrong", [-0.2, 0.2])
def test_a_wrong_start_is_covered_and_mended(celsius, wrong):
    soc_filter = build()
    soc_filter.start(0.55 + wrong, 0.1)
    plant = drive([(soc_filter, 1.0, 0.0)], celsius, 0.55, 8, 2)
    error = abs(soc_filter.soc - plant.soc[0])
    assert error < abs(wrong) / 2
    assert error < 3 * soc_filter.sigma


def test_the_scale_of_the_resistances_is_learned():
    soc_filter = build()
    soc_filter.start(0.6, 0.05)
    drive([(soc_filter, 1.0, 0.0)], 25.0, 0.6, 1, 3, scale=3.0)
    assert soc_filter.resistance.scale == pytest.approx(3.0, rel=0.05)


def test_a_plateau_teaches_nothing_and_a_knee_much():
    plateau, knee = build(), build()
    plateau.start(0.5, 0.1)
    knee.start(0.06, 0.1)
    for soc_filter, soc in ((plateau, 0.5), (knee, 0.06)):
        plant = TablePlant(lfp.TABLE, [25.0], [soc], np.array([1.0]))
        for _ in range(1800):
            volts = float(plant.voltage(np.array([0.0]))[0])
            soc_filter.step(0.0, 0.0, 1.0, 25.0, volts)
    assert plateau.sigma > 0.05
    assert knee.sigma < 0.03


def test_an_anchor_is_believed():
    soc_filter = build()
    drive([(soc_filter, 1.0, 0.002)], 25.0, 0.5, 1, 4)
    for _ in soc_filter.anchor(1.0, 0.005):
        pass
    assert soc_filter.soc == 1.0
    assert soc_filter.sigma == 0.005
    for _ in range(60):
        soc_filter.step(0.0, 0.0, 1.0, 25.0, 3.5)
    assert soc_filter.sigma < 0.006


def test_two_charges_that_fit_alike_both_stay():
    """A U of two slopes: one voltage, two places. No deviation about one of them would be true."""
    table = re.sub(
        rb"soc (\d+) \d+ \d+ -?\d+",
        lambda row: b"soc %s %d 0 0" % (row[1], 32000 + 20 * abs(int(row[1]) - 50)),
        lfp.TABLE,
    )
    soc_filter = SocFilter(CellModel(Chemistry(table)))
    soc_filter.start(0.5, 0.2)
    for _ in range(3600):
        soc_filter.step(0.0, 0.0, 1.0, 25.0, 3.2 + 0.0020 * 15)
    weights = [math.exp(value) for value in soc_filter._log]
    places = [
        soc_filter._counted + soc_filter._middle + (i - 20) * soc_filter._step for i in range(41)
    ]
    for place in (0.35, 0.65):
        assert sum(w for w, p in zip(weights, places) if abs(p - place) < 0.08) > 0.3
    assert soc_filter.soc == pytest.approx(0.5, abs=0.03)
    assert 0.12 < soc_filter.sigma < 0.2


def test_a_voltage_seen_again_after_a_restart_teaches_nothing():
    once, again = build(), build()
    once.start(0.3, 0.05)
    again.start(0.3, 0.05, seen=True)
    for soc_filter in (once, again):
        soc_filter.model.unrested_c = 0.0
        for _ in range(1800):
            soc_filter.step(0.0, 0.0, 1.0, 25.0, 3.2)
    assert once.soc < 0.25
    assert (again.soc, again.sigma) == pytest.approx((0.3, 0.05), abs=3e-3)


def test_without_a_voltage_doubt_grows():
    soc_filter = build()
    soc_filter.start(0.5, 0.01)
    last = soc_filter.sigma
    for _ in range(48):
        soc_filter.step(0.01, 0.1, 360.0, 25.0, None)
    assert soc_filter.sigma > last
    assert soc_filter.soc == pytest.approx(0.02, abs=1e-6)


def looked(celsius=25.0, slow_c=0.0, lean_unknown=0.0, scale=1.0):
    """A filter after a look on the plateau, what it saw the table off by, and its diffusion drop;
    the cell's ohmic drop is scale times the table's, its diffusion drop 1 + 0.7 (scale - 1) times.
    """
    soc_filter = build()
    soc_filter.start(0.6, 0.01, scale)
    model, off = soc_filter.model, []
    soc_filter.learn = lambda _soc, _sigma, off_v: off.append(off_v)
    model.set_temperature(celsius)
    model.lean, model.lean_unknown, model.fast_c, model.slow_c = 1.0, lean_unknown, slow_c, slow_c
    drop_v = model.slow_v(0.6, slow_c)
    rest_v = model.now_v(0.6, slow_c, 0.0)
    seen_v = rest_v - scale * model.fast_v(slow_c, slow_c) - (0.7 * scale + 0.3) * drop_v
    for _ in range(20):
        soc_filter.step(0.0, slow_c, 1.0, celsius, seen_v)
    return soc_filter, off[0], drop_v


def test_of_what_the_resistance_grew_diffusion_grows_the_smaller_part():
    _, off_v, drop_v = looked(slow_c=0.3, scale=2.0)
    assert drop_v > 0.03
    assert abs(off_v) < 5e-4


@pytest.mark.parametrize(
    ("celsius", "part"), [(25.0, 0.1), (15.0, 0.1), (-10.0, 0.3), (55.0, 0.18)]
)
def test_in_the_cold_and_beyond_its_table_a_diffusion_drop_is_less_sure(celsius, part):
    resting, _, _ = looked(celsius)
    flowing, _, drop_v = looked(celsius, slow_c=0.3)
    added = flowing.own_variance(0.0) - resting.own_variance(0.0)
    assert math.sqrt(added) == pytest.approx(part * drop_v, rel=0.01)


def test_at_a_first_start_nobody_knows_what_diffusion_and_branch_were():
    known, _, _ = looked()
    unknown, _, _ = looked(lean_unknown=1.0)
    added = unknown.own_variance(0.0) - known.own_variance(0.0)
    gap_v, drop_v = known.model.gap_v(0.6), known.model.slow_v(0.6, 1.0)
    branch = (0.11 + 0.6) ** 2 - 0.11**2
    assert added == pytest.approx(branch * gap_v**2 + (0.1 * drop_v) ** 2, rel=0.01)
