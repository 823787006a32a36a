"""Instruments out of rig.yaml, each within the limits of the bench; and all of them made safe."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from autarky.errors import AutarkyError
from autarky.rig import relays as relays_module
from autarky.rig import scpi
from autarky.rig.cell_emulators import AbsCells, Bs120xCells
from autarky.rig.description import Rig
from autarky.rig.instruments import CellEmulator, InstrumentError, Meter, Relays, Supply
from autarky.rig.limits import LimitedCells, LimitedSupply
from autarky.rig.relays import ModbusRelays
from autarky.rig.scpi import ScpiCells, ScpiMeter, ScpiSupply

DRAINED_V = 1.0  # below it every controller has lost its supply
_DRAIN_S = 2.0
_CELLS: dict[str, Callable[[str, int], CellEmulator]] = {
    "scpi": ScpiCells, "absscpi": AbsCells, "bs120xenet": Bs120xCells,
}  # fmt: skip


def supply(rig: Rig) -> Supply:
    """Raises InstrumentError, as the others below."""
    assert rig.supply is not None
    assert rig.limits is not None
    return LimitedSupply(ScpiSupply(rig.supply.resource), rig.limits)


def meter(rig: Rig) -> Meter:
    assert rig.meter is not None
    return ScpiMeter(rig.meter.resource)


def cells(rig: Rig) -> CellEmulator:
    assert rig.cells is not None
    assert rig.limits is not None
    opened = _CELLS[rig.cells.driver](rig.cells.resource, rig.cells.channels)
    return LimitedCells(opened, rig.limits)


def relays(rig: Rig) -> Relays:
    assert rig.relays is not None
    return ModbusRelays(rig.relays)


# what is made safe, and how
_OFF: dict[str, tuple[Callable[[Rig], Any], Callable[[Any], None]]] = {
    "supply": (supply, lambda one: one.output(False)),
    "relays": (relays, lambda one: one.all_open()),
    "cells": (cells, lambda one: one.output(False)),
}


@contextlib.contextmanager
def _fresh(opener: Callable[[Rig], Any], rig: Rig) -> Iterator[Any]:
    one = opener(rig)
    try:
        yield one
    finally:
        with contextlib.suppress(Exception):  # it is safe by now, or its error is on its way
            one.close()


def make_safe(
    rig: Rig, held: Mapping[str, Any], before: Mapping[str, list[Callable[[], None]]]
) -> list[str]:
    """Supply off, relays open, emulator off, each read back; what could not be confirmed.

    All at once, so that one that does not answer keeps no other live. held: open instruments by
    their names; where one fails or is missing it is opened anew. before: what must have ended of
    each, or it would switch on again.
    """

    def off(name: str) -> str:
        opener, safe = _OFF[name]
        for end in before.get(name, []):
            end()
        if name in held:
            try:
                safe(held[name])
            except AutarkyError:
                pass  # once more, over a connection of its own
            else:
                return ""
        try:
            with _fresh(opener, rig) as one:
                safe(one)
        except AutarkyError as error:
            return str(error)
        return ""

    names = [name for name in _OFF if getattr(rig, name) is not None]
    with ThreadPoolExecutor(len(names)) as pool:
        left = [sentence for sentence in pool.map(off, names) if sentence]
    return left + _still_there(rig, held)


def _still_there(rig: Rig, held: Mapping[str, Any]) -> list[str]:
    """What the witness at the supply's terminals says; one that says nothing is none."""
    if rig.meter is None:
        return []
    with contextlib.suppress(AutarkyError), contextlib.ExitStack() as stack:
        one = held["meter"] if "meter" in held else stack.enter_context(_fresh(meter, rig))
        end_s = time.monotonic() + _DRAIN_S
        while (volts := one.volts()) > DRAINED_V:
            if time.monotonic() > end_s:
                return [f"the supply is off by its own word, and the meter reads {volts:.1f} V"]
            time.sleep(0.01)
    return []


def warm(rig: Rig) -> None:
    """Load what the drivers need, a good half second: nothing is left to do when it matters."""
    scpi.manager()
    if rig.relays is not None:
        relays_module.flash_request(0, 1, rig.relays.unit)
        importlib.import_module("pymodbus.client")


def unsafe(rig: Rig, sentences: list[str]) -> InstrumentError:
    """The error for what could not be confirmed."""
    return InstrumentError(
        f"rig {rig.name} is NOT SAFE, switch it off by hand: " + "; ".join(sentences)
    )
