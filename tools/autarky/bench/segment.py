"""A full segment under load: 32 cabinets, fast streams, and a download to one of them."""

from __future__ import annotations

import statistics
import threading
from typing import Any

import canopen

from autarky.bench.load import cyclic_load
from autarky.bus.bus import Sent
from autarky.coordinator.coordinator import FIRST_NODE_ID
from autarky.node.unlock import unlock
from autarky.paths import GENERATED
from autarky.sil.plants import TICK_MS
from autarky.sil.site import SiteConfig, SiteError, VirtualSite

_PROGRAM = 0x1F50
_TICK_US = TICK_MS * 1000
_COMMAND, _STATUS = 0x200, 0x180
_SDO = range(0x580, 0x680)


class _Probe:
    """Round trips of commands, and the cyclic share of the bus."""

    def __init__(self, site: VirtualSite) -> None:
        self.round_trips_us: list[int] = []
        self.bits = 0
        self.frames_8 = 0
        self.bits_8 = 0
        self._asked: dict[int, tuple[int, int]] = {}  # node -> (ready, tick that handles it)
        site.on_frames.append(self._frames)

    def _frames(self, number: int, sent: list[Sent]) -> None:
        if number:
            return
        from autarky.bus.timing import frame_bits

        for frame in sent:
            if frame.can_id not in _SDO:
                bits = frame_bits(frame.can_id, frame.data)
                self.bits += bits
                if len(frame.data) == 8:
                    self.frames_8 += 1
                    self.bits_8 += bits
            node_id = frame.can_id & 0x7F
            kind = frame.can_id - node_id
            if kind == _COMMAND and node_id not in self._asked:
                handled_us = -(-frame.end_us // _TICK_US) * _TICK_US
                self._asked[node_id] = (frame.ready_us, handled_us)
            elif kind == _STATUS and node_id in self._asked:
                ready_us, handled_us = self._asked[node_id]
                if frame.ready_us >= handled_us:
                    self.round_trips_us.append(frame.end_us - ready_us)
                    del self._asked[node_id]


class _Download(threading.Thread):
    """The PyPI canopen client writes a program to one cabinet, as fast as it is answered."""

    def __init__(self, port: int, node_id: int, size: int, key: bytes) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._node_id = node_id
        self._size = size
        self._key = key
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            network = canopen.Network()
            network.connect(interface="autarky", channel=f"127.0.0.1:{self._port}")
            try:
                self._download(network)
            finally:
                network.disconnect()
        except Exception as error:  # handed to the thread that waits
            self.error = error

    def _download(self, network: canopen.Network) -> None:
        node = network.add_node(self._node_id, str(GENERATED / "cabinet.eds"))
        node.sdo.RESPONSE_TIMEOUT = 30.0
        unlock(node, self._key)
        data = bytes(i * 7 & 0xFF for i in range(self._size))
        out: Any = node.sdo.open(_PROGRAM, 1, "wb", size=self._size, block_transfer=True)
        with out:
            out.write(data)


def measure_segment(
    cabinets: int = 32,
    size: int = 200 * 1024,
    interpreter: str = "micropython",
    fast_streams: int = 4,
) -> dict[str, Any]:
    """Run a full segment until the download has ended.

    Returns load_measured and load_computed (cyclic share, 0..1), round_trip_ms_* (command
    queued to the first status that can know of it), download_s of virtual time. Raises
    SiteError when the download fails.
    """
    config = SiteConfig(
        cabinets=cabinets, interpreter=interpreter, parameters={"sdo_timeout_ms": 60000}
    )
    with VirtualSite(config) as site:
        target = FIRST_NODE_ID + cabinets - 1
        coordinator = site.coordinator
        coordinator.held.add(target)
        coordinator.fast_streams = {FIRST_NODE_ID + i for i in range(fast_streams)}
        site.run_for(4.0)
        coordinator.target_w = 30_000.0 * cabinets
        server = site.serve("127.0.0.1", 0)
        try:
            probe = _Probe(site)
            started_ms = site.now_ms
            thread = _Download(server.port, target, size, config.device_key)
            thread.start()
            while thread.is_alive():
                site.step()
            elapsed_us = (site.now_ms - started_ms) * 1000
        finally:
            server.close()
        if thread.error is not None:
            raise SiteError(f"the download to cabinet {target} failed: {thread.error}")
        trips = sorted(probe.round_trips_us)
        bit_us = 1_000_000 / config.bitrate
        return {
            "cabinets": cabinets,
            "load_measured": probe.bits * bit_us / elapsed_us,
            "load_computed": cyclic_load(cabinets, fast_streams, probe.bits_8 / probe.frames_8),
            "load_computed_worst": cyclic_load(cabinets, fast_streams, 135),
            "round_trip_ms_p50": statistics.median(trips) / 1000,
            "round_trip_ms_p99": trips[int(0.99 * len(trips))] / 1000,
            "round_trip_ms_worst": trips[-1] / 1000,
            "download_s": elapsed_us / 1e6,
        }
