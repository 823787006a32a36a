"""A whole bench in one process: instruments behind sockets, relays, a controller in MicroPython.

    python -m autarky.rig.simulated [RIG.yaml] [--record FILE] [--no-watchdog] [--no-device]

Prints one line of JSON, {"bus": "127.0.0.1:PORT", "supply": PORT, "meter": PORT, "cells": PORT,
"relays": PORT}, which `fill` puts into the {words} of rig.yaml. Then it takes lines on its standard
input: `unplug NAME`, `plug NAME` (supply, meter, cells), `stuck CHANNEL`, `hang-up` (both buses
end); it ends when that closes. RIG.yaml, by default boards/rigs/bench_simulated.yaml, says which
relay is which line and how many cells there are.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autarky.errors import AutarkyError
from autarky.paths import ROOT
from autarky.rig.courier import hurry
from autarky.rig.description import Rig
from autarky.rig.reading import read
from autarky.rig.simulated_device import SimulatedDevice
from autarky.rig.simulated_instruments import (
    Record,
    Scpi,
    SimulatedCells,
    SimulatedMeter,
    SimulatedSupply,
)
from autarky.rig.simulated_relays import SimulatedRelays
from autarky.sil import folders

_LINGER_S = 2.0
EXAMPLE = ROOT / "boards" / "rigs" / "bench_simulated.yaml"


def fill(rig: Rig, ports: Mapping[str, Any]) -> Rig:
    """The rig with the ports of a simulated bench in its {words}. Raises AutarkyError."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items()}
        return value.format(**ports) if isinstance(value, str) else value

    try:
        return Rig.model_validate(filled(rig.model_dump()))
    except KeyError as error:
        raise AutarkyError(
            f"rig {rig.name}: {{{error.args[0]}}} is nothing that a simulated bench has: use "
            + ", ".join(f"{{{name}}}" for name in ports)
        ) from None


@contextlib.contextmanager
def running(path: Path, *options: str) -> Iterator[Rig]:
    """The rig of a file, over a simulated bench in a process of its own, until the block ends.

    In a session of its own: Ctrl-C is for the runner, who then makes its bench safe. Raises
    AutarkyError.
    """
    rig = read(path)
    process = subprocess.Popen(
        [sys.executable, "-m", "autarky.rig.simulated", str(path.resolve()), *options],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        if not said:
            raise AutarkyError(f"the simulated bench of {path} does not start: see above")
        yield fill(rig, json.loads(said))
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


class SimulatedBench:
    """The instruments on a loop of their own in a thread; `ports`, `record`, `supply`, `meter`,
    `cells`, `relays` are open to tests. device: with the controller, which `step` moves."""

    def __init__(
        self, rig: Rig, record: Path | None = None, watchdog: bool = True, device: bool = True
    ) -> None:
        if rig.relays is None or rig.cells is None or rig.daq is None:
            raise AutarkyError(f"rig {rig.name}: a simulated bench needs relays, cells and daq")
        self.record = Record(record)
        self._names = {channel: name for name, channel in rig.relays.channels.items()}
        self._enable = rig.relays.channels["enable"]
        self.supply = SimulatedSupply(self.record, watchdog)
        self.meter = SimulatedMeter(self.record, self.supply)
        self.cells = SimulatedCells(self.record, rig.cells.channels)
        self.relays = SimulatedRelays(
            lambda channel, closed: self.record(f"relay.{self._names.get(channel)}", closed)
        )
        self.ports: dict[str, Any] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()
        self._folder = folders.scratch() if device else None
        self.device: SimulatedDevice | None = None
        if self._folder is not None:
            self.device = SimulatedDevice(
                self._folder, rig.daq.can_id, self.record, self._fed_v, self._safe,
                self._cell_volts, self._lines,
            )  # fmt: skip
            self.ports["bus"] = f"127.0.0.1:{self.device.port}"

    @property
    def named(self) -> dict[str, Scpi]:
        return {"supply": self.supply, "meter": self.meter, "cells": self.cells}

    async def _serve(self) -> None:
        for name, one in self.named.items():
            self.ports[name] = await one.serve()
        self.ports["relays"] = await self.relays.serve()

    @property
    def live(self) -> bool:
        """Something is on or closed."""
        return bool(self.supply.live_v) or self.cells.live or any(self.relays.closed)

    def step(self) -> None:
        """10 ms of the controller."""
        if self.device is None:
            time.sleep(0.01)
        else:
            self.device.step()

    def _fed_v(self) -> float:
        return self.supply.live_v if self.relays.closed[self._enable] else 0.0

    def _safe(self) -> bool:
        return not self.supply.live_v and not self.relays.closed[self._enable]

    def _cell_volts(self) -> tuple[int, list[float]]:
        cells = self.cells
        return cells.changes, cells.volts if cells.live else [0.0] * len(cells.volts)

    def _lines(self) -> dict[str, bool]:
        closed = self.relays.closed
        return {n: closed[channel] for channel, n in self._names.items() if n != "enable"}

    def order(self, words: str) -> None:
        """A line of the standard input."""
        name, _, what = words.partition(" ")
        if name in ("plug", "unplug") and what in self.named:
            self._loop.call_soon_threadsafe(self.named[what].unplug, name == "unplug")
        elif name == "stuck" and what.isdigit():
            self.relays.stuck.add(int(what))
        elif name == "hang-up" and self.device is not None:
            self.device.hang_up()

    def close(self) -> None:
        async def end() -> None:
            for one in self.named.values():
                await one.close()
            await self.relays.close()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self.device is not None:
            self.device.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self.record.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rig", nargs="?", type=Path, default=EXAMPLE)
    options.add_argument("--record", type=Path)
    options.add_argument("--no-watchdog", action="store_true")
    options.add_argument("--no-device", action="store_true")
    given = options.parse_args()
    hurry()
    sys.setswitchinterval(0.001)  # the instruments answer while the controller's tick is at work
    bench = SimulatedBench(
        read(given.rig), given.record, not given.no_watchdog, not given.no_device
    )
    ended = threading.Event()

    def obey() -> None:
        for line in sys.stdin:
            bench.order(line.strip())
        ended.set()

    threading.Thread(target=obey, daemon=True).start()
    print(json.dumps(bench.ports), flush=True)
    try:
        with contextlib.suppress(KeyboardInterrupt):  # its user ends it
            while not ended.is_set():
                bench.step()
            end_s = time.monotonic() + _LINGER_S
            while bench.live and time.monotonic() < end_s:  # a guard is about to come
                bench.step()
    finally:
        bench.close()


if __name__ == "__main__":
    main()
