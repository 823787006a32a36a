"""What a test of a user's own is handed of the cabinet on the rig."""

from __future__ import annotations

from autarky.bus.bus import Sent
from autarky.coordinator.cabinet import CabinetView
from autarky.errors import AutarkyError
from autarky.scenario import virtual
from autarky.scenario.actions import steps_of
from autarky.scenario.trial import MAIN_CONTACTORS
from autarky.sil.site import VirtualSite

_PATIENCE_S = 60.0  # of virtual time


class SiteCan:
    """The host's own port on the site's bus."""

    def __init__(self, site: VirtualSite) -> None:
        self._site = site
        self._port = site.bus.attach(())
        self._heard: list[tuple[int, bytes]] = []
        site.on_frames.append(self._note)

    def _note(self, number: int, sent: list[Sent]) -> None:
        if number in self._site.segments:
            self._heard += [(frame.can_id, frame.data) for frame in sent]

    def send(self, can_id: int, data: bytes) -> None:
        """One frame, with the next tick."""
        self._site.bus.send(self._port, can_id, data, self._site.now_ms * 1000)

    @property
    def heard(self) -> list[tuple[int, bytes]]:
        """Every frame since this was asked last."""
        heard, self._heard = self._heard, []
        return heard


class Cabinet:
    """One cabinet and the site around it; `step` for 10 ms, `run_for` seconds."""

    def __init__(self, site: VirtualSite) -> None:
        self.site = site
        self.can = SiteCan(site)

    @property
    def view(self) -> CabinetView:
        """What the coordinator knows of it."""
        return self.site.coordinator.views[self.site.cabinets[0].number]

    @property
    def closed(self) -> bool:
        """A main contactor is commanded closed."""
        return bool(self.site.plants.outputs[0] & MAIN_CONTACTORS)

    def run_for(self, seconds: float) -> None:
        self.site.run_for(seconds)

    def wait_for(self, state: str, seconds: float = _PATIENCE_S) -> float:
        """Until its state has that name; the s that it took. Raises AutarkyError."""
        start_ms = self.site.now_ms
        while self.view.state_name != state:
            if self.site.now_ms - start_ms > seconds * 1000:
                raise AutarkyError(
                    f"the cabinet is in {self.view.state_name} after {seconds:g} s, not in {state}"
                )
            self.site.step()
        return (self.site.now_ms - start_ms) / 1000

    def power(self, kilowatt: float) -> None:
        """Ask for so much, + out of the battery."""
        self.site.coordinator.target_w = 1000 * kilowatt

    def do(self, *done: str) -> None:
        """Actions as `autarky provoke` lists them, without the cabinet. Raises AutarkyError."""
        for step in steps_of(done, self.site.cabinets[0].number):
            virtual.apply(self.site, step)
