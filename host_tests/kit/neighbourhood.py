"""What mishaps act upon, and how one of them begins and ends."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from autarky.bus.bus import BusFault
from autarky.sil.site import VirtualSite

End = Callable[[], object]
RATED_W = 125_000.0


def every_nth(n: int, phase: int, can_id: int) -> BusFault:
    """One frame in n of an identifier is lost, beginning with the phase-th."""
    seen = [phase]

    def matches(known: int, _: int) -> bool:
        seen[0] += known == can_id
        return known == can_id and seen[0] % n == 0

    return BusFault("drop", matches)


class Neighbourhood:
    """What mishaps act upon; `site` has one cabinet, `random` is the episode's."""

    def __init__(self, site: VirtualSite, random: Random) -> None:
        self.site, self.random = site, random
        self.plants = site.plants
        self.port = site.bus.attach(())
        self.planted: set[str] = set()  # kit.hazards.Truth.planted

    @property
    def app(self):
        return self.site.cabinets[0].firmware.app

    def send(self, can_id: int, data: bytes) -> None:
        self.site.bus.send(self.port, can_id, data, self.site.now_ms * 1000)

    def restart(self, cause: str) -> None:
        cabinet = self.site.cabinets[0]
        cabinet.cause = cause
        self.site.power_cycle(0)
        cabinet.cause = "power"


Begin = Callable[[Neighbourhood], End]
