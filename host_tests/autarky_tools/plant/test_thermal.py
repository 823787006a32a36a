"""The thermal plant against the known answers of design page thermal.md and against physics."""

import math

import numpy as np
import pytest

from autarky.errors import AutarkyError
from autarky.plant.cells import Cells
from autarky.plant.thermal import MODELS, Heat, Kind, ThermalModel, string_heat_w

NO_LOSS = np.zeros((1, 5))
HOURS = {2: 13.4, 3: 7.7, 4: 5.4, 6: 3.4, 8: 2.5, 12: 1.6}
ENERGIES_KWH = {4: 21.6, 6: 20.4, 8: 19.8, 12: 19.3}


def run(heat: Heat, seconds: float, dt_s: float = 1.0, loss_w: float = 0.0) -> None:
    """loss_w of a whole cabinet."""
    each = np.full(heat.module_c.shape, loss_w / heat.module_c.shape[1])
    for _ in range(round(seconds / dt_s)):
        heat.step(each, dt_s)


def warm_up(kilowatts: list[float], dt_s: float) -> dict[float, tuple[float, float]]:
    """Hours and the heater's kWh from -30 to +5 degC, by its power."""
    models = [ThermalModel(heater_w=1000.0 * kw) for kw in kilowatts]
    heat = Heat(len(models), 5, -30.0, models)
    heat.pump[:] = heat.heater[:] = True
    joules = np.zeros(len(models))
    done: dict[float, tuple[float, float]] = {}
    loss_w = np.zeros((len(models), 5))
    for step in range(1, round(14 * 3600 / dt_s)):
        heat.step(loss_w, dt_s)
        joules += heat.heater_unit.electric_w * dt_s
        for i in np.flatnonzero(heat.module_c.mean(axis=1) >= 5.0):
            done.setdefault(kilowatts[i], (step * dt_s / 3600.0, joules[i] / 3.6e6))
        if len(done) == len(kilowatts):
            break
    return done


@pytest.fixture(scope="module")
def warmed() -> dict[float, tuple[float, float]]:
    return warm_up([*HOURS], 10.0)


@pytest.mark.parametrize("kw", HOURS)
def test_heating_from_minus_30_takes_what_the_design_page_says(warmed, kw: float) -> None:
    assert warmed[kw][0] == pytest.approx(HOURS[kw], rel=0.03)


@pytest.mark.parametrize("kw", ENERGIES_KWH)
def test_and_as_much_energy(warmed, kw: float) -> None:
    assert warmed[kw][1] == pytest.approx(ENERGIES_KWH[kw], rel=0.03)


def test_one_kilowatt_never_arrives() -> None:
    heat = Heat(1, 5, -3.0, ThermalModel(heater_w=1000.0))
    heat.ambient_c[:] = -30.0
    heat.pump[0] = heat.heater[0] = True
    run(heat, 5 * 86400, 10.0)
    assert 0.0 < heat.module_c.mean() < 5.0
    before = heat.module_c.mean()
    run(heat, 3600, 10.0)
    assert heat.module_c.mean() == pytest.approx(before, abs=1e-3)


def test_steps_of_ten_seconds_do_as_well_as_short_ones(warmed) -> None:
    assert warm_up([12], 1.0)[12] == pytest.approx(warmed[12], rel=2e-3)


def test_holding_five_degrees_at_minus_30_takes_a_kilowatt() -> None:
    heat = Heat(1, 5, 5.0)
    heat.ambient_c[0] = -30.0
    run(heat, 2 * 86400, 10.0, loss_w=1050.0)
    assert heat.module_c.mean() == pytest.approx(5.0, abs=0.15)


def test_a_cabinet_left_alone_is_the_analytic_exponential_of_modules_and_air() -> None:
    heat = Heat(1, 1, 25.0)
    heat.ambient_c[0] = -10.0
    p = MODELS[Kind.LIQUID]
    hoses_j_k = 2 * p.flow_w_k * p.transport_s
    module_j_k = p.heat_capacity_j_k - hoses_j_k - p.heater_j_k
    inside_w_k = p.loss_w_k / p.loss_inside - p.hose_w_k
    out_w_k = p.loss_w_k / (1 - p.loss_inside)
    links = np.zeros((4, 4))  # module, air, hoses, heater block
    links[0, 1] = links[1, 0] = inside_w_k
    links[1, 2] = links[2, 1] = p.hose_w_k
    links[1, 3] = links[3, 1] = p.heater_idle_w_k
    capacities = np.array([module_j_k, p.air_j_k, hoses_j_k, p.heater_j_k])
    rates = (links - np.diag(links.sum(axis=1) + [0, out_w_k, 0, 0])) / capacities[:, None]
    values, vectors = np.linalg.eig(rates)
    start = np.linalg.solve(vectors, np.full(4, 35.0))
    for hours, before in ((1, 0), (4, 1), (16, 4)):
        run(heat, 3600.0 * (hours - before), 5.0)
        over_k = vectors @ (start * np.exp(values * 3600.0 * hours))
        assert heat.module_c[0, 0] + 10.0 == pytest.approx(over_k[0], rel=1e-3)
        assert heat.air_c[0] + 10.0 == pytest.approx(over_k[1], rel=1e-2)
    # and nearly the one exponential of the page: C / UA = 16.7 h
    assert heat.module_c[0, 0] + 10.0 == pytest.approx(35.0 * math.exp(-16 * 3600 / 6e4), rel=0.02)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("seed", range(3))
def test_no_joule_is_lost_in_a_random_run(kind: Kind, seed: int) -> None:
    rng = np.random.default_rng(seed)
    heat = Heat(3, 5, 10.0, kinds=kind)
    p = heat.models[0]
    start_j = heat.stored_j
    expected_j = start_j.copy()
    moved_j = np.zeros(3)
    for _ in range(1500):
        if rng.random() < 0.05:
            for name in ("pump", "heater", "compressor", "feed", "dryer", "door_open"):
                getattr(heat, name)[:] = rng.random(3) < 0.6
            for name in ("pump_failed", "fan_failed", "compressor_failed", "heater_welded"):
                getattr(heat, name)[:] = rng.random(3) < 0.1
            heat.drive = rng.random(3)
            heat.ambient_c = rng.uniform(-30.0, 50.0, 3)
            heat.sun_w = rng.uniform(0.0, 2000.0, 3)
            heat.pcs_loss_w = rng.uniform(0.0, 3000.0, 3)
            heat.outside_kg_kg = rng.uniform(0.0, 0.025, 3)
        loss_w = rng.uniform(0.0, 500.0, (3, 5))
        dt_s = float(rng.choice([0.1, 1.0, 10.0]))
        heat.step(loss_w, dt_s)
        gain_w = (
            loss_w.sum(axis=1) + heat.heater_heat_w + heat.equipment_w + heat.latent_w
            + p.pcs_share * heat.pcs_loss_w - heat.chilled_w - heat.outward_w
        )  # fmt: skip
        expected_j += gain_w * dt_s
        moved_j += np.abs(gain_w) * dt_s
    assert np.all(moved_j > 1e6)
    assert np.abs(heat.stored_j - expected_j) == pytest.approx(0.0, abs=1e-6 * moved_j.min())


def test_half_c_makes_two_kilowatts_by_ohmic_resistance_as_the_cells_do() -> None:
    (watts,) = string_heat_w(np.array([140.0]), np.array([25.0]), 240)
    assert 2100.0 <= watts <= 2300.0
    cells = Cells(1, 240, spread=0.0)
    assert watts == pytest.approx(cells.heat_w(np.array([140.0])).sum(), rel=1e-6)
    (cold,) = string_heat_w(np.array([140.0]), np.array([-20.0]), 240)
    assert 3.0 <= cold / watts <= 4.0


@pytest.mark.parametrize("dt_s", [0.0, 10.1, math.nan])
def test_a_step_that_no_plant_takes_is_refused(dt_s: float) -> None:
    with pytest.raises(AutarkyError, match="the thermal plant takes no step of"):
        Heat(1, 5, 20.0).step(NO_LOSS, dt_s)


def test_hoses_shorter_than_a_step_are_refused() -> None:
    with pytest.raises(AutarkyError, match="transport_s 9 is less than the longest step of 10 s"):
        Heat(1, 5, 20.0, ThermalModel(transport_s=9.0))


def test_a_wrong_count_of_models_is_refused() -> None:
    with pytest.raises(AutarkyError, match="2 thermal models and 3 kinds of cooling do not make 3"):
        Heat(3, 5, 20.0, [ThermalModel()] * 2)
    with pytest.raises(AutarkyError, match="give one of each or one for all"):
        Heat(3, 5, 20.0, kinds=[Kind.AIR])
