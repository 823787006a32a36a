"""What passed on the buses of a test and what its cabinets did, as files: BLF and Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import can
import pyarrow as pa
import pyarrow.parquet as pq
from can.io.blf import BLFWriter

from autarky.bus.bus import Sent
from autarky.bus.messages import message_of
from autarky.sil.site import VirtualSite
from autarky.tables import fault_names

BUSES = "buses.blf"
TRACE = "trace.parquet"
SAMPLE_MS = 50
_CONTACTORS = 0b1111  # of bess.lines.OUTPUTS: minus, plus, precharge, gates; others blink
# python-can cuts a time to whole ns: half of one more, and every us is read back as it was
_HALF_NS_S = 0.5e-9


class BusLog:
    """A BLF file of several buses, times as seconds since the test began.

    A BLF has room for two dates, start and end of measurement. They stay empty, since a time below
    1990 is none of a calendar for python-can: the same frames give the same bytes.
    """

    def __init__(self, path: Path) -> None:
        self._writer = BLFWriter(str(path))
        # else the first frame's time would be taken off all others
        self._writer.start_timestamp = 0.0
        self.frames = 0

    def write(self, channel: int, sent: Iterable[Sent]) -> None:
        """Frames of a virtual bus; channel from 0 on."""
        for end_us, can_id, data, _, _ in sent:
            self.add(message_of(can_id, data, timestamp=end_us / 1e6, channel=channel))

    def add(self, message: can.Message) -> None:
        """A frame of any bus: its channel from 0 on, its timestamp since the test began, s."""
        message.timestamp += _HALF_NS_S
        self._writer.on_message_received(message)
        self.frames += 1

    def close(self) -> None:
        """Write what is left, and the header. Raises OSError."""
        self._writer.stop()


def channels(site: VirtualSite) -> dict[int, int]:
    """Channel of a log by number of the segment or cabinet: segments first, from 0 on."""
    return {number: channel for channel, number in enumerate((*site.segments, *site.by_number))}


class Recording:
    """`with Recording(site, folder):` around a test leaves BUSES and TRACE in that folder.

    TRACE has a row for each cabinet every 50 ms and in every tick in which its state, worst fault,
    level, contactors or gates changed; columns as scenario.recorder has them, and `outputs`, bits
    of bess.lines. Raises OSError where the folder cannot be written.
    """

    def __init__(self, site: VirtualSite, folder: Path) -> None:
        self._site = site
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._channels = channels(site)
        self.log = BusLog(folder / BUSES)
        self._rows: list[dict[str, object]] = []
        self._seen: dict[int, tuple[int, ...]] = {}
        site.on_frames.append(self._frames)
        site.after_carry.append(self._tick)

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """Look away from the site, and write. Raises OSError."""
        self._site.on_frames.remove(self._frames)
        self._site.after_carry.remove(self._tick)
        self.log.close()
        pq.write_table(pa.Table.from_pylist(self._rows), self._folder / TRACE)

    def _frames(self, number: int, sent: list[Sent]) -> None:
        self.log.write(self._channels[number], sent)

    def _tick(self, site: VirtualSite) -> None:
        due = site.now_ms % SAMPLE_MS == 0
        outputs = site.plants.outputs
        for cabinet, view in zip(site.cabinets, site.coordinator.views.values(), strict=True):
            now = view.state, view.worst_fault, view.level, outputs[cabinet.index] & _CONTACTORS
            if due or now != self._seen.get(cabinet.index):
                self._seen[cabinet.index] = now
                self._rows.append(self._row(site, cabinet.index))

    @staticmethod
    def _row(site: VirtualSite, i: int) -> dict[str, object]:
        plants, view = site.plants, site.coordinator.views[site.cabinets[i].number]
        volts = plants.cells.voltage(i, plants.current_a[i])
        felt = plants.sensor_c(i)
        return {
            "time_s": site.now_ms / 1000, "node_id": view.number, "state": view.state_name,
            "state_number": view.state, "level": view.level,
            "fault_name": fault_names().get(view.worst_fault, ""), "outputs": plants.outputs[i],
            "power_w": plants.pcs_power_w[i], "setpoint_w": view.setpoint_w,
            "current_a": plants.current_a[i], "string_v": plants.string_v[i],
            "link_v": plants.link_v[i], "cell_min_v": float(volts.min()),
            "cell_max_v": float(volts.max()), "charge_limit_w": view.charge_limit_w,
            "discharge_limit_w": view.discharge_limit_w, "temp_min_c": float(felt.min()),
            "temp_max_c": float(felt.max()),
        }  # fmt: skip
