"""What a cabinet's heat is made of: the numbers of the three cooling sets, with their sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from types import SimpleNamespace

import numpy as np

from autarky.errors import AutarkyError
from autarky.plant.cells import Floats

# Water with half its mass of ethylene glycol at 20 degC; CoolProp INCOMP::MEG-50%, checked in the
# tests. From -30 to 50 degC its capacity by volume moves by 7 % down and 3 % up.
COOLANT_KG_M3 = 1064.9
COOLANT_J_KG_K = 3312.0
COOLANT_J_L_K = COOLANT_KG_M3 * COOLANT_J_KG_K / 1000.0
LONGEST_STEP_S = 10.0
# A cabinet of 1.3 m x 1.5 m x 2.2 m: its roof, and half of two walls, of what falls on the ground;
# light grey paint takes up half of it.
_SUNLIT_M2 = 5.0
_ABSORBED = 0.5


def absorbed_w(sun_w_m2: Floats) -> Floats:
    """What a cabinet outdoors takes up of a horizontal irradiance, for Heat.sun_w."""
    return sun_w_m2 * (_SUNLIT_M2 * _ABSORBED)


class Kind(IntEnum):
    """What heats and cools a cabinet: the parameter cooling_set."""

    LIQUID = 0
    CHILLER = 1
    AIR = 2


@dataclass(frozen=True)
class ThermalModel:
    """A 230 kWh cabinet with a direct liquid loop; `MODELS` has the other two sets.

    Heat capacity, loss, heater and chiller are those of design page thermal.md, both former for
    the whole cabinet. The rest is sized for it: 20 L/min through cold plates, hoses of 3.3 L each
    way, an insulated steel cabinet of 2 m3.
    """

    heat_capacity_j_k: float = 1.8e6  # in all: modules with plates, hoses, heater
    loss_w_k: float = 30.0  # modules to ambient, through the cabinet's air
    loss_inside: float = 0.25  # share of that resistance between modules and air
    neighbour_w_k: float = 20.0  # between two modules
    # the medium through the modules: coolant, or the fans' air at full speed
    flow_w_k: float = COOLANT_J_L_K / 3.0
    flow_start_s: float = 2.0  # until the flow switch closes, or the fans' time constant
    flow_spread: float = 0.1  # the first module gets so much more than the mean, the last less
    module_w_k: float = 250.0  # medium to one module of five
    transport_s: float = 10.0  # through the hoses, each way; air: unused
    hose_w_k: float = 1.5  # all hoses to the cabinet's air
    pump_w: float = 60.0  # or all fans at full speed
    pump_heat: float = 0.4  # share that ends in the medium: the pump's hydraulic work
    # heater: electric; losses outside the cabinet; its block and the thermostat on that
    heater_w: float = 6000.0
    heater_efficiency: float = 0.95
    heater_j_k: float = 6000.0
    heater_w_k: float = 400.0  # block to medium in full flow
    heater_idle_w_k: float = 6.0  # block to the cabinet's air without flow
    thermostat_opens_c: float = 75.0
    thermostat_closes_c: float = 60.0
    # compressor: cooling at 35 degC ambient; COP 3 at 35 and 2 at 50 degC (thermal.md)
    chiller_w: float = 5000.0
    chiller_least: float = 0.3  # lowest speed as share of the rated one
    chiller_loss_1_k: float = 0.01  # capacity lost with every kelvin of ambient above 35 degC
    chiller_start_s: float = 30.0  # time constant until a started compressor cools
    chiller_outlet_c: float = 4.0  # its evaporator's own frost protection lets nothing colder out
    blower_w: float = 0.0  # of an air conditioner's own fan
    coil_w_k: float = 1.0  # air through that coil; liquid: unused
    # the cabinet's air, 2.4 kg of it, with 80 kg of steel and cables that follow it
    air_j_k: float = 40_000.0
    air_kg: float = 2.4
    skin_w_k: float = 225.0  # sunlit outside, 15 m2 at 15 W/(m2 K), to ambient
    pcs_share: float = 0.1  # of the PCS's air that is drawn from and blown into the cabinet
    leak_s: float = 6.0 * 3600.0  # air exchanged by a closed door's gaskets and breather
    door_s: float = 60.0  # and by an open one
    # a condensing dehumidifier of 1 g/min at 30 degC and 80 %, none below its coil's dew point
    dryer_w: float = 200.0
    dryer_kg_s: float = 1.1e-3  # air that leaves it at the dew point below
    dryer_dew_c: float = 8.0
    wet_w_k: float = 10.0  # air to surfaces that may get wet; by Lewis' number also for water


MODELS = {
    Kind.LIQUID: ThermalModel(),
    # the usual unit of design page thermal.md: its default heater, in the middle of its cooling
    Kind.CHILLER: ThermalModel(heater_w=3000.0, chiller_w=5000.0),
    # 2000 m3/h through 300 W of fans; an air conditioner with one speed in the door
    Kind.AIR: ThermalModel(
        flow_w_k=670.0, module_w_k=80.0, flow_spread=0.1, pump_w=300.0, pump_heat=1.0,
        heater_w=4000.0, heater_w_k=200.0, chiller_w=4000.0, chiller_least=1.0,
        chiller_outlet_c=10.0, blower_w=100.0, coil_w_k=450.0, hose_w_k=0.0,
    ),
}  # fmt: skip


def numbers(models: Sequence[ThermalModel]) -> SimpleNamespace:
    """The models' numbers as arrays (cabinets,) of the same names.

    Raises AutarkyError for hoses through which a long step would reach twice.
    """
    shortest_s = min(model.transport_s for model in models)
    if shortest_s < LONGEST_STEP_S:
        raise AutarkyError(
            f"transport_s {shortest_s:g} is less than the longest step of {LONGEST_STEP_S:g} s: "
            "give the hoses at least that much"
        )
    return SimpleNamespace(
        **{
            f.name: np.array([getattr(model, f.name) for model in models])
            for f in fields(models[0])
        }
    )
