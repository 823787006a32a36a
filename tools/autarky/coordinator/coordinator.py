"""The coordinator: cabinets of one or many CAN segments as one plant.

What it knows of them goes into a snapshot, a pure law makes powers of that, and the segments
carry them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from autarky.config.places import FIRST_NODE_ID
from autarky.coordinator.cabinet import CabinetView, Wish
from autarky.coordinator.law.sharing import share
from autarky.coordinator.leaving import Leaving
from autarky.coordinator.segment import COORDINATOR_ID, Emergency, Frame, Segment
from bess import objects

PERIOD_MS = 100
_ENOUGH_W = 1.0
_ANSWERED_MS = 50  # after a SYNC every status has come
ANNOUNCE_MS = 5_000  # E2E believes the sixth; a cabinet forgets after 15 minutes
__all__ = ["COORDINATOR_ID", "FIRST_NODE_ID", "Coordinator", "Emergency", "Segment"]


class Coordinator:
    """Step it every 10 ms with what each segment's bus brought; it returns what to send there.

    `views` of all cabinets by number; `target_w` is the total battery power (+ = discharge) that
    the owner wants; `wanted_state` the request for all cabinets. By number too: `muted` ones get
    no command, `held` ones are kept in standby, `forced_w` gives single ones their own power,
    `fast_streams` (four at most a segment) send all cells within a second, `wishes` tell what will
    be wanted of a cabinet, so that its cells are warm by then. `leaving` grants removals and lets
    power go over by a ramp. Raises ValueError for a number that two cabinets have.
    """

    def __init__(self, segments: Iterable[Segment]) -> None:
        self.segments = list(segments)
        self.views = {v.number: v for segment in self.segments for v in segment.views.values()}
        if len(self.views) < sum(len(segment.views) for segment in self.segments):
            raise ValueError("two cabinets have one number: each needs its own on the whole site")
        self.emergencies: list[Emergency] = []
        self.on_emergency: Callable[[Emergency], None] | None = None
        self.target_w = 0.0
        self.deficit_w = 0.0
        self.wanted_state = objects.REQUEST_RUN
        self.muted: set[int] = set()
        self.held: set[int] = set()
        self.forced_w: dict[int, float] = {}
        self.fast_streams: set[int] = set()
        self.wishes: dict[int, Wish] = {}
        self.leaving = Leaving()
        self._announced: dict[int, tuple[Wish, int]] = {}
        self.silent = False
        self._decided_ms = 0
        self._carrying: list[CabinetView] = []
        for segment in self.segments:
            segment.on_emergency = self._take_emergency

    @property
    def refused_frames(self) -> int:
        return sum(segment.refused_frames for segment in self.segments)

    def step(self, now_ms: int, received: Sequence[Iterable[Frame]]) -> list[list[Frame]]:
        """One tick: take the frames, and every 100 ms command all cabinets."""
        for segment, frames in zip(self.segments, received, strict=True):
            segment.receive(now_ms, frames)
        if self.silent:
            for segment in self.segments:
                segment.take()
            return [[] for _ in self.segments]
        synced = now_ms % PERIOD_MS == 0
        # who did not answer the SYNC is made up for before the next
        due = synced or (now_ms % PERIOD_MS == _ANSWERED_MS and self._missed(now_ms))
        if due:
            self._decide(now_ms)
        for segment in self.segments:
            segment.beat(now_ms)
            if synced:
                segment.sync()
            if due:
                self._command(segment, now_ms)
        return [segment.take() for segment in self.segments]

    def _decide(self, now_ms: int) -> None:
        views = list(self.views.values())
        for view in views:
            view.forget(now_ms)
        self.leaving.decide(views, now_ms, max(self.target_w, 0.0))
        known = {v.number: v.snapshot(now_ms, self.forced_w.get(v.number)) for v in views}
        dt_ms, self._decided_ms = now_ms - self._decided_ms, now_ms
        snapshots = list(self.leaving.ramp(known, bool(self._carrying), dt_ms).values())
        powers, self.deficit_w = share(self.target_w, snapshots)
        if abs(self.deficit_w) > _ENOUGH_W:
            snapshots = list(self.leaving.hurry(known).values())
            powers, self.deficit_w = share(self.target_w, snapshots)
        self._carrying.clear()
        for view, snapshot, power_w in zip(views, snapshots, powers, strict=True):
            # one that cannot yet hears all the same what it is forced to once it can
            view.setpoint_w = power_w if snapshot.available else snapshot.forced_w or 0.0
            if power_w:
                self._carrying.append(view)
            view.request = self._request(view)

    def _missed(self, now_ms: int) -> bool:
        """A cabinet that has power to give did not answer the newest SYNC."""
        return any(
            now_ms - view.group_ms.get("status", now_ms) > _ANSWERED_MS for view in self._carrying
        )

    def _request(self, view: CabinetView) -> int:
        if self.leaving.releases(view.number):
            return objects.REQUEST_RELEASE
        return objects.REQUEST_STANDBY if view.number in self.held else self.wanted_state

    def _command(self, segment: Segment, now_ms: int) -> None:
        for view in segment.views.values():
            if view.number not in self.muted:
                segment.command(view, view.number in self.fast_streams)
                self._announce(segment, view, now_ms)

    def _announce(self, segment: Segment, view: CabinetView, now_ms: int) -> None:
        """A wish is told when it is new, and every five seconds."""
        wish = self.wishes.get(view.number)
        if wish is None:
            return
        told, at_ms = self._announced.get(view.number, (None, 0))
        if wish != told or now_ms - at_ms >= ANNOUNCE_MS:
            self._announced[view.number] = wish, now_ms
            segment.announce(view, wish, now_ms)

    def _take_emergency(self, emergency: Emergency) -> None:
        self.emergencies.append(emergency)
        if self.on_emergency is not None:
            self.on_emergency(emergency)
