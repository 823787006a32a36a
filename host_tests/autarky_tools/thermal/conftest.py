"""Cases of minutes, and a loop that ends its interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from autarky.thermal.case import Event, Sky, ThermalCase
from autarky.thermal.loop import ThermalLoop


def case(minutes: float = 20.0, **changes) -> ThermalCase:
    """A smart chiller at rest; ambient as its start unless a sky is given."""
    start_c = changes.get("start_c", 20.0)
    made = {"name": "one", "sky": Sky(ambient_c=start_c), **changes}
    return ThermalCase(seconds=60.0 * minutes, **made)


def at(minute: float, action: str, *values) -> Event:
    return Event(60.0 * minute, action, values)


@pytest.fixture
def loop_of() -> Iterator[Callable[..., ThermalLoop]]:
    """Makes loops on CPython, ended with the test."""
    made: list[ThermalLoop] = []

    def make(*cases: ThermalCase, interpreter: str = "cpython") -> ThermalLoop:
        made.append(ThermalLoop(cases, interpreter))
        return made[-1]

    yield make
    for loop in made:
        loop.close()
