import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kit.table_plant import TablePlant

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
    assert abs(soc_filter.offset_c) <= 0.0201
    assert 0.099 <= soc_filter.resistance.scale <= 20.01
    for value in soc_filter._factor:
        assert math.isfinite(value)
    for variance in soc_filter._factor[:3]:
        assert variance > 0


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
    held = [soc_filter.soc, soc_filter.offset_c, soc_filter._error, soc_filter.sigma, model.lean,
            model.fast_c, model.slow_c, resistance.scale, *soc_filter._factor]  # fmt: skip
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


@pytest.mark.parametrize("celsius", [25.0, 0.0, -15.0])
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


def test_an_anchor_is_believed_and_keeps_the_offset():
    soc_filter = build()
    drive([(soc_filter, 1.0, 0.002)], 25.0, 0.5, 1, 4)
    offset_c, variance = soc_filter.offset_c, soc_filter._factor[2]
    soc_filter.anchor(1.0, 0.005)
    assert soc_filter.soc == 1.0
    assert soc_filter.sigma == 0.005
    assert (soc_filter.offset_c, soc_filter._factor[2]) == (offset_c, variance)
    soc_filter.step(0.0, 0.0, 1.0, 25.0, 3.5)
    assert soc_filter.sigma < 0.006


def test_without_a_voltage_doubt_grows():
    soc_filter = build()
    soc_filter.start(0.5, 0.01)
    last = soc_filter.sigma
    for _ in range(48):
        soc_filter.step(0.01, 0.1, 360.0, 25.0, None)
    assert soc_filter.sigma > last
    assert soc_filter.soc == pytest.approx(0.02, abs=1e-6)
