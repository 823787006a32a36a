"""Heater and compressor in the cabinet: contactors in series, thermostat, COP, lag, starts."""

import numpy as np
import pytest

from autarky.plant.cooling_unit import performance
from autarky.plant.thermal import MODELS, Heat, Kind, ThermalModel

LOSS_W = np.zeros((1, 5))


def run(heat: Heat, seconds: float, dt_s: float = 1.0) -> None:
    for _ in range(round(seconds / dt_s)):
        heat.step(np.zeros(heat.module_c.shape), dt_s)


def cooling(ambient_c: float, drive: float = 1.0, start_c: float = 35.0) -> Heat:
    heat = Heat(1, 5, start_c)
    heat.ambient_c[0] = ambient_c
    heat.pump[0] = heat.compressor[0] = True
    heat.drive[0] = drive
    return heat


def test_cop_is_three_at_35_and_two_at_50() -> None:
    assert performance(np.array([35.0, 50.0])).tolist() == pytest.approx([3.0, 2.0])
    assert performance(np.array([-30.0, 90.0])).tolist() == [5.0, 1.5]


@pytest.mark.parametrize(("ambient_c", "cooling_w", "cop"), [(35.0, 5000, 3.0), (50.0, 4250, 2.0)])
def test_a_chiller_cools_and_draws_as_its_ambient_says(ambient_c, cooling_w, cop) -> None:
    heat = cooling(ambient_c)
    run(heat, 300)
    pump_w = MODELS[Kind.LIQUID].pump_w
    assert heat.chilled_w[0] == pytest.approx(cooling_w, rel=1e-3)
    assert heat.power_w[0] - pump_w == pytest.approx(cooling_w / cop, rel=1e-3)
    before = heat.stored_j[0]
    run(heat, 1)
    lost_w = cooling_w + heat.outward_w[0] - heat.equipment_w[0]
    assert before - heat.stored_j[0] == pytest.approx(lost_w, rel=1e-3)


def test_a_started_compressor_draws_at_once_and_cools_later() -> None:
    heat = cooling(35.0)
    heat.compressor[0] = False
    run(heat, 10)
    heat.compressor[0] = True
    run(heat, 1)
    assert heat.chilled_w[0] < 0.05 * 5000
    assert heat.power_w[0] > 1600
    run(heat, 29)
    assert heat.chilled_w[0] == pytest.approx(5000 * (1 - np.exp(-1)), rel=0.01)
    heat.compressor[0] = False
    run(heat, 1)
    assert heat.chilled_w[0] == 0.0
    assert heat.power_w[0] == MODELS[Kind.LIQUID].pump_w


def test_speed_follows_the_drive_down_to_the_lowest() -> None:
    powers = []
    for drive in (0.0, 0.3, 0.6, 1.0):
        heat = cooling(35.0, drive)
        run(heat, 300)
        powers.append(float(heat.chilled_w[0]))
    assert powers == pytest.approx([1500.0, 1500.0, 3000.0, 5000.0], rel=1e-3)


def test_starts_are_counted_and_a_defect_ends_it() -> None:
    heat = cooling(35.0)
    for on in (True, False, True, True, False):
        heat.compressor[0] = on
        run(heat, 10)
    assert heat.compressor_starts[0] == 2
    heat.compressor[0] = True
    for defect in ("compressor_failed", "fan_failed", "pump_failed"):
        heat = cooling(35.0)
        run(heat, 10)
        assert heat.compressor_running[0]
        assert heat.compressor_well[0]
        getattr(heat, defect)[0] = True
        run(heat, 10)
        assert not heat.compressor_running[0]
        assert heat.compressor_well[0] == (defect == "pump_failed")


def test_frost_protection_lets_nothing_colder_out() -> None:
    heat = cooling(20.0, start_c=5.0)
    run(heat, 4 * 3600, 10.0)
    assert heat.supply_c.min() >= MODELS[Kind.LIQUID].chiller_outlet_c - 0.1


@pytest.mark.parametrize("missing", ["heater", "feed"])
def test_no_current_without_relay_and_feed(missing: str) -> None:
    heat = Heat(1, 5, 0.0)
    heat.pump[0] = heat.heater[0] = True
    run(heat, 10)
    assert heat.heating[0]
    getattr(heat, missing)[0] = False
    run(heat, 1)
    assert not heat.heating[0]
    assert heat.power_w[0] == MODELS[Kind.LIQUID].pump_w


def test_a_welded_heater_heats_until_its_feed_is_cut() -> None:
    heat = Heat(1, 5, 0.0)
    heat.pump[0] = heat.heater_welded[0] = True
    run(heat, 60)
    assert heat.heating[0]
    heat.feed[0] = False
    run(heat, 1)
    assert not heat.heating[0]
    heat.heater_failed[0] = heat.feed[0] = True
    run(heat, 1)
    assert not heat.heating[0]


@pytest.mark.parametrize("kind", Kind)
def test_without_flow_no_module_is_heated_and_the_thermostat_opens(kind: Kind) -> None:
    heat = Heat(1, 5, 0.0, kinds=kind)
    heat.heater[0] = heat.pump[0] = True
    heat.pump_failed[0] = True
    highest_c, opened = 0.0, 0
    for _ in range(3600):
        before = heat.heating[0]
        heat.step(LOSS_W, 1.0)
        opened += bool(before and not heat.heating[0])
        highest_c = max(highest_c, float(heat.heater_unit.block_c[0]))
    assert not heat.flowing[0]
    assert opened >= 1
    assert 75.0 <= highest_c < 78.0
    # what little arrives comes by the cabinet's air
    assert heat.module_c.max() < 0.6


def test_in_flow_the_thermostat_stays_closed() -> None:
    heat = Heat(1, 5, 25.0, ThermalModel(heater_w=12000.0))
    heat.heater[0] = heat.pump[0] = True
    for _ in range(600):
        heat.step(LOSS_W, 1.0)
        assert heat.heating[0]


def test_heat_arrives_after_block_and_hoses() -> None:
    heat = Heat(1, 5, 0.0)
    heat.pump[0] = True
    run(heat, 60)
    heat.heater[0] = True
    start_c = heat.module_c.mean()
    run(heat, 9)
    assert heat.module_c.mean() == pytest.approx(start_c, abs=2e-4)
    run(heat, 51)
    assert heat.module_c.mean() > start_c + 0.05
    # all of it, by then less the block's own: 5.7 kW in a flow of 1.18 kW/K
    assert heat.supply_c[0] - heat.return_c[0] == pytest.approx(5700 / 1175, rel=0.2)


def test_flow_takes_its_time_and_ends_with_the_pump() -> None:
    heat = Heat(2, 5, 20.0, kinds=[Kind.LIQUID, Kind.AIR])
    heat.pump[:] = True
    run(heat, 1)
    assert not heat.flowing[0]
    run(heat, 9)
    assert heat.flowing.all()
    assert heat.fan_share.tolist() == pytest.approx([0.0, 1.0], abs=0.01)
    heat.drive[:] = 0.5
    run(heat, 20)
    assert heat.fan_share[1] == pytest.approx(0.5, abs=0.01)
    heat.pump[:] = False
    run(heat, 20)
    assert not heat.flowing.any()
    assert heat.power_w.tolist() == [0.0, 0.0]


def test_fans_draw_by_the_cube_of_their_speed() -> None:
    heat = Heat(2, 5, 20.0, kinds=Kind.AIR)
    heat.pump[:] = True
    heat.drive[:] = 1.0, 0.5
    run(heat, 60)
    assert heat.power_w.tolist() == pytest.approx([300.0, 37.5], rel=0.01)


@pytest.mark.parametrize(("kind", "most_k"), [(Kind.LIQUID, 3.0), (Kind.AIR, 5.0)])
def test_modules_stay_together_at_half_c_when_cooled(kind: Kind, most_k: float) -> None:
    heat = Heat(1, 5, 30.0, kinds=kind)
    heat.ambient_c[0] = 35.0
    heat.pump[0] = heat.compressor[0] = True
    for _ in range(720):
        heat.step(np.full((1, 5), 2200.0 / 5), 10.0)
    assert 0.05 < np.ptp(heat.module_c) < most_k
