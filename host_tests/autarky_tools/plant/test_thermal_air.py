"""The cabinet's air: its water, what gets wet, door, sun, the PCS; and cooling by air."""

import numpy as np
import pytest

from autarky.plant.moist_air import humid_kg_kg, saturated_kg_kg
from autarky.plant.thermal import MODELS, Heat, Kind, absorbed_w


def run(heat: Heat, seconds: float, dt_s: float = 1.0, loss_w: float = 0.0) -> None:
    each = np.full(heat.module_c.shape, loss_w / heat.module_c.shape[1])
    for _ in range(round(seconds / dt_s)):
        heat.step(each, dt_s)


def humid(heat: Heat, humidity: float, celsius: float, inside: bool = False) -> None:
    heat.outside_kg_kg[:] = humid_kg_kg(np.array(humidity), np.array(celsius))
    if inside:
        heat.water_kg_kg[:] = heat.outside_kg_kg


@pytest.mark.parametrize(("door_open", "constant_s"), [(False, 6 * 3600.0), (True, 60.0)])
def test_water_comes_in_by_its_time_constant(door_open: bool, constant_s: float) -> None:
    heat = Heat(1, 5, 30.0)
    start = heat.water_kg_kg[0]
    humid(heat, 0.8, 30.0)
    heat.door_open[:] = door_open
    run(heat, constant_s, constant_s / 2400.0)
    done = (heat.water_kg_kg[0] - start) / (heat.outside_kg_kg[0] - start)
    assert done == pytest.approx(1.0 - np.exp(-1.0), rel=1e-3)
    assert heat.condensed_kg[0] == 0.0


@pytest.mark.parametrize(("over_k", "is_wet"), [(0.5, False), (0.05, False), (-0.05, True)])
def test_it_condenses_only_on_what_is_colder_than_the_dew_point(over_k, is_wet) -> None:
    heat = Heat(1, 5, 20.0)
    heat.water_kg_kg = saturated_kg_kg(np.array([20.0 - over_k]))
    heat.outside_kg_kg = heat.water_kg_kg.copy()
    heat.ambient_c[:] = 20.5  # and its air a little warmer than what is in it
    heat.air_c[:] = 20.4
    heat.step(np.zeros((1, 5)), 1.0)
    assert heat.surface_c[0] == pytest.approx(20.0, abs=0.01)
    assert (heat.dew_c[0] > heat.surface_c[0]) == is_wet
    assert (heat.condensed_kg[0] > 0.0) == is_wet


def test_cold_coolant_in_humid_air_gets_wet_and_dries_the_air() -> None:
    heat = Heat(1, 5, 28.0)
    humid(heat, 0.9, 28.0, inside=True)
    dew_c = heat.dew_c[0]
    heat.pump[0] = heat.compressor[0] = True
    wet_at = None
    for second in range(1200):
        heat.step(np.zeros((1, 5)), 1.0)
        if wet_at is None and heat.condensed_kg[0] > 0.0:
            wet_at = second
            assert heat.supply_c[0] < dew_c + 0.2
            assert heat.module_c.min() > heat.supply_c[0]
    assert wet_at is not None
    before = heat.condensed_kg[0]
    assert heat.dew_c[0] < dew_c - 1.0
    # what it lost it has on its hoses, but for what leaked in
    lost = (humid_kg_kg(np.array(0.9), np.array(28.0)) - heat.water_kg_kg[0]) * 2.4
    assert before == pytest.approx(lost, rel=0.1)
    heat.compressor[0] = False
    run(heat, 7200)
    assert heat.condensed_kg[0] >= before


def test_cold_cells_get_wet_when_the_door_opens_into_humid_air() -> None:
    heat = Heat(1, 5, -10.0)
    heat.ambient_c[:] = 20.0
    humid(heat, 0.7, 20.0)
    run(heat, 600)
    closed_kg = heat.condensed_kg[0]
    heat.door_open[0] = True
    run(heat, 600)
    assert heat.condensed_kg[0] > 10 * max(closed_kg, 1e-4)


@pytest.mark.parametrize("kind", Kind)
def test_a_dryer_gets_the_dew_point_down(kind: Kind) -> None:
    heat = Heat(1, 5, 28.0, kinds=kind)
    humid(heat, 0.9, 28.0, inside=True)
    before = heat.dew_c[0]
    heat.dryer[0] = True
    run(heat, 3600)
    assert heat.dew_c[0] < before - 8.0
    assert heat.dew_c[0] > MODELS[kind].dryer_dew_c
    assert heat.power_w[0] == pytest.approx(200.0)
    assert heat.condensed_kg[0] == 0.0


def test_a_dryer_takes_a_gram_a_minute_where_it_is_rated() -> None:
    heat = Heat(1, 5, 30.0)
    humid(heat, 0.8, 30.0, inside=True)
    heat.dryer[0] = True
    before = heat.water_kg_kg[0]
    run(heat, 1)
    assert (before - heat.water_kg_kg[0]) * 2.4 * 60 == pytest.approx(1e-3, rel=0.1)


def test_the_air_conditioner_s_coil_drains_outside() -> None:
    heat = Heat(1, 5, 30.0, kinds=Kind.AIR)
    heat.ambient_c[:] = 32.0
    humid(heat, 0.8, 30.0, inside=True)
    heat.pump[0] = heat.compressor[0] = True
    run(heat, 600, loss_w=2000.0)
    assert heat.dew_c[0] < 20.0
    assert heat.condensed_kg[0] == 0.0
    assert heat.latent_w[0] >= 0.0


def test_air_cools_modules_and_holds_them_at_half_c() -> None:
    heat = Heat(1, 5, 30.0, kinds=Kind.AIR)
    heat.ambient_c[:] = 40.0
    heat.pump[0] = heat.compressor[0] = True
    run(heat, 6 * 3600, 10.0, loss_w=2200.0)
    assert heat.module_c.max() < 35.0
    assert heat.supply_c[0] < heat.return_c[0]


def test_air_heats_from_minus_30() -> None:
    heat = Heat(1, 5, -30.0, kinds=Kind.AIR)
    heat.pump[0] = heat.heater[0] = True
    run(heat, 6 * 3600, 10.0)
    assert heat.module_c.mean() > 3.0
    assert heat.supply_c[0] > heat.module_c.mean()


def test_sun_warms_what_stands_in_it() -> None:
    heat = Heat(2, 5, 25.0)
    heat.sun_w[1] = absorbed_w(np.array(400.0))
    run(heat, 4 * 3600, 10.0)
    assert heat.module_c[0].mean() == pytest.approx(25.0, abs=1e-6)
    # as if ambient were higher by what the skin is: 1 kW (2.5 m2 of 400 W/m2) over 225 W/K
    assert heat.outward_w[1] < 0.0
    same = Heat(1, 5, 25.0)
    same.ambient_c[:] = 25.0 + 1000.0 / 225.0
    run(same, 4 * 3600, 10.0)
    assert heat.module_c[1] == pytest.approx(same.module_c[0], abs=1e-9)


def test_the_pcs_warms_the_air_that_it_draws_in() -> None:
    heat = Heat(1, 5, 30.0)
    assert heat.pcs_inlet_c[0] == 30.0
    heat.pcs_loss_w[:] = 2500.0
    run(heat, 2 * 3600, 10.0)
    assert 30.05 < heat.pcs_inlet_c[0] < 31.0
    assert heat.air_c[0] > 31.0


def test_outside_air_never_holds_more_than_it_can() -> None:
    heat = Heat(1, 5, 25.0)
    heat.ambient_c[:] = -30.0  # and nobody told how dry it is there
    heat.door_open[0] = True
    run(heat, 1200)
    assert heat.water_kg_kg[0] == pytest.approx(saturated_kg_kg(np.array([-30.0]))[0], rel=0.05)
    assert heat.condensed_kg[0] == 0.0
