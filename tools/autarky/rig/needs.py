"""What a bench must have for an action, and what a rig has: words that a skipped test says.

Words: `cells`, `sensors` (temperatures), `wires` (sense wires that open), `front-ends` (chips that
can be broken), `slots`, `line NAME` (an input of bess.lines), `analog`, `meter`, `insulation`,
`pcs`, `chiller` (the host plays them on the cabinet bus), `can` (frames that it can spoil),
`bus-short`, `contactors` (theirs can weld), `chip`, `storage`, `supply`, `room` (a climate
chamber), `inside` (a hand in the firmware),
`parameters` (that a test gives the board: one on a bench has its own).
"""

from __future__ import annotations

from autarky.rig.description import Rig
from autarky.scenario.actions import LINES, Step, steps_of
from autarky.scenario.fault_cases import CASES, FaultCase
from autarky.scenario.plan import Plan

_OF_ACTION = {
    "pull": "slots", "plug": "slots", "cell": "cells", "cells": "cells", "cells-back": "cells",
    "cell-frozen": "front-ends", "temperature": "sensors", "temperature-shift": "sensors",
    "sensor": "sensors", "cell-drift": "cells", "sensor-drift": "sensors",
    "sensor-frozen": "sensors", "temperature-back": "sensors",
    "wire": "wires", "front-end": "front-ends", "front-end-sum": "front-ends",
    "front-end-die": "front-ends", "front-end-reads": "front-ends", "extra-current": "meter",
    "string": "meter", "contactor": "contactors", "meter-silent": "meter", "meter-loss": "meter",
    "meter-offset": "meter", "meter-gain": "meter", "meter-bias": "meter", "meter-frozen": "meter",
    "insulation": "insulation", "insulation-status": "insulation",
    "insulation-silent": "insulation", "pcs": "pcs", "pcs-offset": "pcs", "pcs-lag": "pcs",
    "pcs-temperature": "pcs", "pcs-state": "pcs", "pcs-power": "pcs", "analog": "analog",
    "analog-back": "analog", "key": "line reset_key", "pump-failed": "line coolant_flow",
    "supply-dip": "analog", "chiller": "chiller", "chip": "chip", "clock-skew": "chip",
    "restart": "supply", "watchdog": "chip",
    "parameters-corrupt": "storage", "bus-back": "can", "bus-off": "bus-short", "babble": "can",
    "duplicate-id": "can", "power": "", "power-back": "", "wish": "", "ambient": "room",
    "command": "", "target": "", "host": "", "inside": "inside", "release": "",
    "supply": "supply",
}  # fmt: skip
# of a bus-fault: who sends the frame, since only what the host sends can be spoiled on a real bus
_OF_FRAME = {
    "command": "can", "host-heartbeat": "can", "pcs-status": "can", "current": "can",
    "heartbeat": "bus-spoiler", "pcs-command": "bus-spoiler",
}  # fmt: skip
_FRAME_AT = {"bus-fault": 1, "bus-delay": 0}  # among the values of these
_OF_SETUP = {"cool": "sensors", "heat": "sensors"}
_REST_BUS = {"meter", "insulation", "pcs", "can"}
ALL = (
    {word for word in _OF_ACTION.values() if word} | set(_OF_FRAME.values())
    | {f"line {name}" for name in LINES} | {"parameters"}
)  # fmt: skip


def of_step(step: Step) -> set[str]:
    """What a bench must have to do it."""
    name, values = step.action.name, step.values
    if name in ("line", "line-back"):
        return {f"line {values[0]}"}
    if name in _FRAME_AT:
        return {_OF_FRAME[str(values[_FRAME_AT[name]])]}
    if name == "fault":
        return of_case(CASES[str(values[0])])
    return {_OF_ACTION[name]} - {""}


def of_case(case: FaultCase) -> set[str]:
    """The same for all that provokes a fault."""
    found = {_OF_SETUP[case.setup]} if case.setup in _OF_SETUP else set()
    found |= {"parameters"} if case.parameters else set()
    for step in steps_of((*case.done, *case.undone), 0):
        found |= of_step(step)
    return found


def of_plan(plan: Plan) -> set[str]:
    """The same for a scenario's whole agenda, and for parameters of its own."""
    found = {word for at in plan.at for word in of_step(at.step)}
    return found | ({"parameters"} if plan.parameters else set())


def has(rig: Rig) -> set[str]:
    """What a rig offers, its own `features` with it."""
    own = set(rig.features)
    if rig.depth == "virtual":
        return ALL | own
    if rig.depth == "processor":  # all but the chip itself is the host's, its storage too
        return (ALL | own) - {"inside"}
    assert rig.relays is not None
    found = _REST_BUS | {"supply"} | own
    found |= {f"line {name}" for name in rig.relays.channels if name != "enable"}
    if rig.cells is not None:
        found.add("cells")
    return found
