"""What a virtual site is made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from autarky.build import package
from autarky.config import places
from autarky.config.site import Load, Peak, Reserve, Site
from autarky.errors import AutarkyError
from autarky.sil.firmware import Done, Tick
from bess.parameter_rules import objections
from bess.parameters import Parameters
from bess.protect.fault_table import TABLE as FAULT_TABLE


class Face(Protocol):
    """A cabinet's firmware as the site sees it, wherever it runs: in each tick one `send_tick`,
    then one `receive_done`. Both raise FirmwareLost where it has ended."""

    def send_tick(self, tick: Tick) -> None: ...
    def receive_done(self) -> Done: ...
    def close(self) -> None: ...


# (its number, settings: the text of the ANSWER, front ends of its chain) -> running firmware;
# called again where it was reset
Connect = Callable[[int, str, int], Face]


class SiteError(AutarkyError):
    """The site cannot start or go on; the message is a sentence for a person."""


@dataclass
class SiteConfig:
    """What a site is made of. parameters: overrides by name, for all cabinets."""

    cabinets: int = 2
    seed: int = 1
    realtime: bool = False
    pace: float = math.inf  # virtual seconds in a second at most, where it is not realtime
    interpreter: str = "micropython"
    soc: float = 0.5
    temperature_c: float = 25.0
    parameters: dict[str, int] = field(default_factory=dict)
    host: str = "127.0.0.1"
    bitrate: int = 500_000
    start_ms: int = 0
    unconfigured: bool = False
    state: Path | None = None  # where each cabinet's storage lies; None: for this run only
    device_key: bytes = bytes(32)
    update_key: bytes = b""  # public key of the packages that the cabinets take
    program: package.Made | None = None  # what they are flashed with; None: this checkout
    watchdog: bool = False  # a crash is a reset of the chip, not the end of the run
    first_serial: int = 1000
    board: Connect | None = None  # gives the first cabinet's firmware; None: as the others'
    segments: tuple[places.Segment, ...] = ()  # where they stand; empty: all on one bus
    load: Load | None = None
    peak: Peak | None = None
    reserve: Reserve | None = None

    @classmethod
    def of(cls, site: Site, **how: Any) -> SiteConfig:
        """The site of a description; how: the other fields, which say how it is run."""
        return cls(
            cabinets=sum(len(segment.cabinets) for segment in site.segments), seed=site.seed,
            interpreter=site.interpreter, soc=site.cabinets.soc,
            temperature_c=site.cabinets.temperature_degc, parameters=dict(site.parameters),
            bitrate=1000 * site.bus.bit_rate_kbit_s,
            segments=site.segments if site.segment else (), load=site.load, peak=site.peak,
            reserve=site.reserve, **how,
        )  # fmt: skip

    def described(self) -> tuple[places.Segment, ...]:
        """Segments with their cabinets."""
        return self.segments or places.segments([("site", self.cabinets)])

    def check(self) -> Parameters:
        """The parameters with their overrides. Raises SiteError with the reason."""
        if not self.segments and not 1 <= self.cabinets <= places.CABINETS_MAX:
            raise SiteError(
                f"{self.cabinets} cabinets asked for; one segment carries 1 to "
                f"{places.CABINETS_MAX}"
            )
        parameters = Parameters()
        for name, value in self.parameters.items():
            try:
                parameters.set(name, value)
            except (KeyError, ValueError) as error:
                raise SiteError(f"parameter refused: {error.args[0]}") from error
        found = [sentence for _, sentence in objections(parameters, FAULT_TABLE)]
        if found:
            raise SiteError("parameters refused: " + "\n".join(found))
        return parameters
