"""What can happen to a cabinet of the thermal loop: the table of actions, and what each does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autarky.errors import AutarkyError, no_such
from autarky.scenario.actions import Argument
from autarky.thermal.record import CHANNELS

if TYPE_CHECKING:
    from autarky.thermal.world import World

Do = Callable[..., None]


@dataclass(frozen=True)
class Action:
    """arguments: its values; words: what was done, with {} for those, and the same undone."""

    arguments: tuple[Argument, ...]
    words: tuple[str, str]
    do: Do


def _plant(name: str) -> Do:
    def do(world: World, i: int, on: str) -> None:
        getattr(world.heat, name)[i] = on == "on"

    return do


def _flag(name: str) -> Do:
    def do(world: World, i: int, on: str) -> None:
        getattr(world, name)[i] = on == "on"

    return do


def _silent(world: World, i: int, on: str) -> None:
    face = world.faces[i]
    if face is None:
        raise AutarkyError(f"{world.cases[i].name} has no chiller of its own that could be silent")
    face.defects.silent = on == "on"


def _contact(name: str) -> Do:
    def do(world: World, i: int, on: str) -> None:
        world.set_contact(i, name, on != "on")

    return do


def _sensor(how: str) -> Do:
    def do(world: World, i: int, sensor: float, *more: float) -> None:
        number = int(sensor) - 1
        if not 0 <= number < world.sensors:
            raise AutarkyError(f"there is no sensor {sensor:g}: give 1 to {world.sensors}")
        world.spoil(i, how, number, *more)

    return do


def _channel(how: str) -> Do:
    def do(world: World, i: int, name: str) -> None:
        world.spoil_channel(i, name, how)

    return do


def _reset(world: World, i: int) -> None:
    world.reset[i] = True


def _switch(words: str, do: Do) -> Action:
    return Action((_ON,), (words, f"no more: {words}"), do)


def _once(arguments: tuple[Argument, ...], words: str, do: Do) -> Action:
    return Action(arguments, (words, words), do)


_ON = Argument("value", words=("on", "off"))
_SENSOR = Argument("sensor", low=1, high=240, whole=True)
_WITH = Argument("with", low=1, high=240, whole=True)
_K_H, _K = Argument("drift", "K/h", -1000, 1000), Argument("shift", "K", -100, 100)
_CHANNEL = Argument("channel", words=CHANNELS)

ACTIONS = {
    "pump_failed": _switch("the pump fails", _plant("pump_failed")),
    "compressor_failed": _switch("the compressor fails", _plant("compressor_failed")),
    "fan_failed": _switch("the fans fail", _plant("fan_failed")),
    "heater_welded": _switch("the heater's relay is welded", _plant("heater_welded")),
    "heater_failed": _switch("the heater fails", _plant("heater_failed")),
    "door_open": _switch("the door stands open", _flag("door_open")),
    "chiller_silent": _switch("the chiller says nothing", _silent),
    "temperatures_lost": _switch("no cell temperature is read", _flag("temperatures_lost")),
    "smoke": _switch("smoke", _contact("smoke")),
    "estop": _switch("the E-stop is pressed", _contact("estop")),
    "sensor_open": _once((_SENSOR,), "sensor {} is open", _sensor("open")),
    "sensor_short": _once((_SENSOR,), "sensor {} is shorted", _sensor("short")),
    "sensor_frozen": _once((_SENSOR,), "sensor {} is frozen", _sensor("frozen")),
    "sensor_drift": _once((_SENSOR, _K_H), "sensor {} drifts by {} K/h", _sensor("drift")),
    "sensor_shift": _once((_SENSOR, _K), "sensor {} shows {} K more", _sensor("shift")),
    "sensor_swap": _once((_SENSOR, _WITH), "sensors {} and {} are swapped", _sensor("swap")),
    "sensor_well": _once((_SENSOR,), "sensor {} is well again", _sensor("well")),
    "channel_open": _once((_CHANNEL,), "the sensor {} is open", _channel("open")),
    "channel_well": _once((_CHANNEL,), "the sensor {} is well again", _channel("well")),
    "reset": _once((), "an operator resets what has gone", _reset),
}


def named(name: str) -> Action:
    """Raises AutarkyError."""
    if name not in ACTIONS:
        raise AutarkyError(no_such("thermal action", name, ACTIONS))
    return ACTIONS[name]


def sentence(name: str, values: tuple[float | str, ...]) -> str:
    """What was done, in words."""
    on, off = named(name).words
    shown = [f"{value:g}" if isinstance(value, float | int) else value for value in values]
    return (off if shown[-1:] == ["off"] else on).format(*shown)
