"""The virtual site as a backend: does what a step of actions.py says."""

from __future__ import annotations

from collections.abc import Callable

from autarky.errors import AutarkyError
from autarky.scenario.actions import Step, steps_of
from autarky.scenario.fault_cases import CASES, FaultCase
from autarky.scenario.virtual_plants import ON_PLANTS
from autarky.scenario.virtual_site import ON_SITE
from autarky.sil.site import VirtualSite


def check(site: VirtualSite, step: Step) -> None:
    """Raises AutarkyError where this site has no such cabinet, module, cell and so on."""
    if not step.action.of_site and step.cabinet not in site.by_number:
        buses = [segment.cabinets for segment in site.config.described()]
        there_are = ", ".join(f"{bus[0].number}..{bus[-1].number}" for bus in buses)
        raise AutarkyError(f"this site has no cabinet {step.cabinet}: give {there_are}")
    plants = site.plants
    there = {
        "module": plants.modules, "cell": sum(plants.layout), "front-end": len(plants.layout),
        "sensor": len(plants.sensor_c(0)), "pin": max(plants.layout),
    }  # fmt: skip
    for argument, value in zip(step.action.arguments, step.values, strict=True):
        if isinstance(value, str):
            continue
        most = there.get(argument.name, value)
        if value > most:
            raise AutarkyError(
                f"{step.action.name}: there is no {argument.name} {value}, the last one is {most}"
            )
        if argument.name == "front-end":  # its pins are those of its cells
            there["pin"] = plants.layout[int(value) - 1]


def apply(site: VirtualSite, step: Step) -> str:
    """Do it now; what was done. Raises AutarkyError, and then nothing was."""
    check(site, step)
    index = -1 if step.action.of_site else site.by_number[step.cabinet].index
    DO[step.action.name](site, index, *step.values)
    return str(step)


def provoke(site: VirtualSite, i: int, case: FaultCase) -> None:
    """What the case does, to the cabinet of that index."""
    for step in steps_of(case.done, site.cabinets[i].number):
        apply(site, step)


DO: dict[str, Callable[..., object]] = {
    **ON_PLANTS,
    **ON_SITE,
    "fault": lambda site, i, name: provoke(site, i, CASES[name]),
}
