"""A site's CAN log against our firmware: it hears what the cabinet heard, and says what it says.

No plant answers: current, voltages, insulation and PCS come from the log. What the log cannot
tell, the contacts and the chain of front ends, is played from what it does tell (told_cells.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autarky.bus.bus import Bus, Sent
from autarky.config import places
from autarky.rig.comparing import compare
from autarky.rig.differences import Differences
from autarky.rig.field_log import INNER_SENT, FieldLog, LogFrame, read, sent_ids
from autarky.rig.told_cells import Told, ToldCells
from autarky.sil.firmware import FirmwareLost, pack_frame
from autarky.sil.site import SiteConfig, VirtualSite
from bess import objects

_REQUESTS = {"run": objects.REQUEST_RUN, "ready": objects.REQUEST_READY}
_LEAD_MS = 60_000


class _Feed:
    """Frames of one bus for one port of a virtual one, when their time has come."""

    def __init__(self, frames: Sequence[LogFrame], own: set[int], bus: Bus, port: int) -> None:
        self._frames = [frame for frame in frames if frame.can_id not in own]
        self._next = 0
        self._bus, self._port = bus, port

    def due(self, now_us: int) -> list[bytes]:
        """What ended by now and passes the controller's filters."""
        found = []
        while self._next < len(self._frames) and self._frames[self._next].at_us <= now_us:
            frame = self._frames[self._next]
            self._next += 1
            if self._port in self._bus.recipients(frame.can_id):
                found.append(pack_frame(frame.can_id, frame.data))
        return found


class _Played(VirtualSite):
    """A site of one cabinet whose buses carry what its firmware sends, and nothing else.

    A log that begins later finds a cabinet that runs: plants and coordinator bring ours there
    first, at rest and with the log's cells. `site_sent`, `inner_sent`: in the log's time.
    """

    def __init__(self, config: SiteConfig, log: FieldLog) -> None:
        super().__init__(config)
        cabinet = self.cabinets[0]
        site_bus, inner_bus = cabinet.segment.bus, cabinet.bus
        self._site_feed = _Feed(log.site, sent_ids(log.node_id), site_bus, cabinet.site_port)
        self._inner_feed = _Feed(log.inner, set(INNER_SENT), inner_bus, cabinet.bus_ports[0])
        self._seconds = log.seconds
        sensors = len(self.plants.sensor_c(0))
        self.told = ToldCells.of(log, sum(self.plants.layout), sensors)
        self._now_told: Told | None = None
        self.site_sent: list[LogFrame] = []
        self.inner_sent: list[LogFrame] = []
        self._zero_ms: int | None = None
        self.on_frames.append(self._note)
        self._play(0)
        if log.booted:
            self._begin()

    def run(self) -> None:
        """The whole log. Raises FirmwareLost."""
        while self._zero_ms is None or self.now_ms <= self._zero_ms + 1000 * self._seconds:
            self.step()

    def lead_to(self, state: str) -> bool:
        """Bring it to where the log finds it; False: it did not come there. Raises FirmwareLost."""
        self.coordinator.wanted_state = _REQUESTS.get(state, objects.REQUEST_STANDBY)
        view = next(iter(self.coordinator.views.values()))
        while view.state_name != state and self.now_ms < _LEAD_MS:
            self.step()
        reached = view.state_name == state
        self._begin()
        return reached

    def _begin(self) -> None:
        self._zero_ms = self.now_ms
        # their answers are in the log, and the plant's own current would disturb what it tells
        self.plants.sensors[0].silent = self.plants.monitors[0].silent = True
        self.plants.strings.resistor_open[0] = self.plants.strings.pcs_failed[0] = True

    def _note(self, number: int, sent: list[Sent]) -> None:
        if self._zero_ms is None:
            return
        into = self.inner_sent if number == self.cabinets[0].number else self.site_sent
        into += [
            LogFrame(end_us - 1000 * self._zero_ms, can_id, data)
            for end_us, can_id, data, _, _ in sent
        ]

    def _send_ticks(self) -> dict[int, FirmwareLost]:
        if self._zero_ms is not None:
            cabinet, now_us = self.cabinets[0], (self.now_ms - self._zero_ms) * 1000
            for record in self._site_feed.due(now_us):
                cabinet.hear_site(record)
            cabinet.rx += self._inner_feed.due(now_us)
        return super()._send_ticks()

    def _move_world(self) -> None:
        """Once the log has begun, instead of sensors and coordinator: what it tells."""
        if self._zero_ms is None:
            super()._move_world()
            return
        self._play((self.now_ms - self._zero_ms) * 1000)
        self.plants.step()
        for segment in self.segments.values():
            segment.take_received()

    def _play(self, log_us: int) -> None:
        plants, told = self.plants, self.told.at(log_us)
        before, self._now_told = self._now_told, told
        if before is None or not np.array_equal(before.cells_v, told.cells_v):
            plants.cells.force_voltage(0, slice(None), told.cells_v)
        if before is None or not np.array_equal(before.sensors_c, told.sensors_c):
            plants.sensor_forced_c[0] = dict(enumerate(told.sensors_c.tolist()))
            plants.heat.module_c[0] = told.sensors_c.mean()
        changed = told.slots ^ (before.slots if before else 0)
        for module in range(plants.modules):
            if changed >> module & 1:
                pulled = told.slots >> module & 1
                (plants.pull_module if pulled else plants.insert_module)(0, module)


def replay(
    path: Path, node_id: int | None = None, channels: Sequence[str] = (),
    parameters: dict[str, int] | None = None, interpreter: str = "inline",
    dbc: Sequence[Path] = (), state: Path | None = None,
) -> Differences:  # fmt: skip
    """What our firmware says otherwise than the cabinet of a log.

    node_id, channels: as field_log.read has them; parameters: overrides by name, the cabinet's own;
    dbc: of the site's bus, then of the cabinet's, the generated ones where left out; state: storage
    that the cabinet had. Raises FieldLogError, SiteError, FirmwareLost, OSError.
    """
    log = read(path, node_id, channels)
    cabinet = places.Cabinet(str(log.node_id), log.node_id, log.node_id)
    config = SiteConfig(
        cabinets=1, interpreter=interpreter, parameters=dict(parameters or {}), state=state,
        segments=(places.Segment("site", 0, (cabinet,)),),
    )  # fmt: skip
    site = _Played(config, log)
    with site:
        if not log.booted and not site.lead_to(log.first_state):
            log.notes.append(
                f"our firmware did not come to {log.first_state}, where the log begins"
            )
        site.run()
    log.notes += site.told.notes
    if parameters:
        changed = ", ".join(f"{name}={value}" for name, value in parameters.items())
        log.notes.append(f"the firmware ran with {changed}")
    return compare(log, site.site_sent, site.inner_sent, dbc)
