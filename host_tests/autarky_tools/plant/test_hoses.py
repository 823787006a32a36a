"""Coolant under way: it arrives late, none of its heat is lost, and it stands where it stands."""

import numpy as np
import pytest

from autarky.plant.hoses import SLICES, Hoses, plug

FLOW_W_K, TRANSPORT_S = 1000.0, 10.0


def hoses(cabinets: int = 1, temperature_c: float = 20.0, air_w_k: float = 0.0) -> Hoses:
    slice_j_k = np.full(cabinets, FLOW_W_K * TRANSPORT_S / SLICES)
    made = Hoses(np.full(cabinets, temperature_c), slice_j_k, np.full(cabinets, air_w_k))
    made.prepare(1.0, np.full(cabinets, TRANSPORT_S))
    return made


FLOWING = np.array([True])


def test_a_step_at_the_inlet_arrives_after_the_transport_time() -> None:
    made, hot, air = hoses(), np.array([50.0]), np.array([20.0])
    arrived = []
    for _ in range(15):
        arrived.append(float(made.leaving_c()[0, 0]))
        made.step(hot, air, FLOWING, air)
    assert arrived == pytest.approx([20.0] * 10 + [50.0] * 5)


@pytest.mark.parametrize("dt_s", [0.1, 0.37, 1.0, 2.5, 7.0, 10.0])
def test_any_step_keeps_every_joule_and_the_delay(dt_s: float) -> None:
    made, air = hoses(), np.array([20.0])
    made.prepare(dt_s, np.array([TRANSPORT_S]))
    rng = np.random.default_rng(1)
    held_j = made.slice_c.sum() * made.slice_j_k[0]
    delay, arrived = 0.0, 0.0
    for _ in range(400):
        inlet_c = rng.uniform(-20.0, 60.0, 2)
        leaving_c = made.leaving_c()[0]
        made.step(inlet_c[:1], inlet_c[1:], FLOWING, air)
        held_j += FLOW_W_K * dt_s * (inlet_c.sum() - leaving_c.sum())
        assert made.slice_c.sum() * made.slice_j_k[0] == pytest.approx(held_j, rel=1e-9)
    # the mean delay of a step: what has not left yet is what the hose holds
    made = hoses()
    made.prepare(dt_s, np.array([TRANSPORT_S]))
    for _ in range(round(60 / dt_s)):
        arrived = (float(made.leaving_c()[0, 0]) - 20.0) / 30.0
        delay += (1.0 - arrived) * dt_s
        made.step(np.array([50.0]), air, FLOWING, air)
    assert delay == pytest.approx(TRANSPORT_S, rel=0.01)


def test_nothing_moves_without_flow_and_it_takes_the_air_s_temperature() -> None:
    made, air = hoses(air_w_k=1.5), np.array([0.0])
    hot = np.array([80.0])
    given_j = sum(float(made.step(hot, hot, np.array([False]), air)[0]) for _ in range(1000))
    assert 18.0 < made.slice_c.max() < 20.0
    lost_j = (2 * SLICES * 20.0 - made.slice_c.sum()) * made.slice_j_k[0]
    assert given_j == pytest.approx(lost_j, rel=1e-9)


def test_hoses_of_several_lengths_side_by_side() -> None:
    made = hoses(2)
    made.prepare(1.0, np.array([10.0, 20.0]))
    hot, air = np.full(2, 50.0), np.full(2, 20.0)
    first = {}
    for second in range(30):
        for i in np.flatnonzero(made.leaving_c()[:, 0] > 35.0):
            first.setdefault(int(i), second)
        made.step(hot, air, np.full(2, True), air)
    assert first[0] == 10
    assert first[1] == pytest.approx(20, abs=1)


def test_what_moves_on_is_shared_out_wholly() -> None:
    for slices in (0.01, 0.5, 1.0, 3.3, 10.0):
        moved, left = plug(slices)
        assert moved[1:].sum(axis=1) + left * slices == pytest.approx(1.0)
        assert moved[0].sum() == pytest.approx(slices)
        assert left.sum() == pytest.approx(1.0)
