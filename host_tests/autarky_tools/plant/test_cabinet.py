"""Cabinets of several kinds of cooling side by side; what the firmware's analog lines get."""

import pytest

from autarky.plant.cabinet import Build, CabinetPlants
from autarky.plant.chiller import ChillerFace
from autarky.plant.thermal import MODELS, Kind

BUILD = Build(2, 4, [4, 4], 2, 280.0)


def test_by_default_there_is_a_liquid_loop_and_no_face() -> None:
    plants = CabinetPlants(2, BUILD, 0.5, 25.0, 0, 0.01)
    assert plants.heat.kinds == [Kind.LIQUID] * 2
    assert plants.chillers == [None, None]
    assert plants.heat.feed.all()


def test_a_smart_chiller_works_its_cabinet_s_loop_alone() -> None:
    kinds = [Kind.LIQUID, Kind.CHILLER, Kind.AIR]
    plants = CabinetPlants(3, BUILD, 0.5, 25.0, 0, 0.01, kinds)
    face = plants.chillers[1]
    assert isinstance(face, ChillerFace)
    assert plants.heat.models == [MODELS[kind] for kind in kinds]
    for _ in range(1500):  # without any command it pumps after ten seconds
        plants.advance()
    assert plants.heat.pump.tolist() == [False, True, False]
    assert plants.heat.flowing.tolist() == [False, True, False]


def test_analog_lines_are_those_of_the_plant() -> None:
    plants = CabinetPlants(1, BUILD, 0.5, 25.0, 0, 0.01)
    values = plants.analog_values(0)
    assert values["humidity"] == pytest.approx(0.4)
    assert values["coolant_supply"] == values["ambient"] == 25.0
    plants.heat.air_c[0] = -10.0  # the sensor of ambient sits inside, beside that of humidity
    plants.heat.supply_c[0] = 31.0
    plants.analog_forced[0]["humidity"] = 0.9
    values = plants.analog_values(0)
    assert (values["ambient"], values["coolant_supply"], values["humidity"]) == (-10.0, 31.0, 0.9)


def test_a_running_pcs_warms_its_inlet() -> None:
    plants = CabinetPlants(1, BUILD, 0.5, 25.0, 0, 0.01)
    plants.strings.pcs_power_w[0] = 10_000.0
    plants._heat(plants.heat.module_c * 0.0, 1.0)
    assert plants.heat.pcs_loss_w[0] == pytest.approx(300.0)
    plants.strings.pcs_power_w[0] = 0.0
    plants._heat(plants.heat.module_c * 0.0, 1.0)
    assert plants.heat.pcs_loss_w[0] == 0.0
