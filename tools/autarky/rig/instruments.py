"""What a rig wants of its instruments, whatever they are: drivers of others fit in here.

All raise InstrumentError, a sentence that names the instrument, where it does not answer. Every
value that leaves for one passes limits.py first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from autarky.errors import AutarkyError


class InstrumentError(AutarkyError):
    """An instrument does not answer or refuses; the message says which, and what to do."""


class Instrument(Protocol):
    """Everything that can be opened, named and closed."""

    def idn(self) -> str: ...
    def close(self) -> None: ...


class Supply(Instrument, Protocol):
    """The controller's supply, V and A."""

    def set(self, volts: float, amps: float) -> None: ...
    def output(self, on: bool) -> None: ...
    def measure(self) -> tuple[float, float]: ...
    def arm(self, seconds: float) -> bool:
        """Have it switch off by itself without a message for so long; False: it cannot."""
        ...

    def feed(self) -> None:
        """The message that keeps it on."""
        ...


class Meter(Instrument, Protocol):
    """A multimeter, V."""

    def volts(self) -> float: ...


class CellEmulator(Instrument, Protocol):
    """Cells in series, V, from cell 1 on."""

    def set_cells(self, volts: Sequence[float]) -> None: ...
    def measure_cells(self) -> list[float]: ...
    def output(self, on: bool) -> None: ...


class Relays(Instrument, Protocol):
    """Contacts by name. `keep` renews the enable for drop_s of rig.yaml."""

    def put(self, name: str, closed: bool) -> None: ...
    def read(self, name: str) -> bool: ...
    def keep(self) -> None: ...
    def all_open(self) -> None: ...


class Edge(NamedTuple):
    """The outputs of bess.lines (bits) since an instant, s of this host's time.monotonic()."""

    at_s: float
    outputs: int


class Daq(Instrument, Protocol):
    """The witness of the contactor outputs."""

    def edges(self) -> list[Edge]:
        """What changed since it was last asked."""
        ...
