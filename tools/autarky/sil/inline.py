"""The firmware inside the host's own process: for tests that want to look into it.

Same board code, same bytes on the link, no socket. One process has one `board` module and one of
each that it is made of, so cabinets differ only by their objects.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from autarky.paths import FIRMWARE, UNIX_BOARD, load_module, wire
from autarky.sil.firmware import Done, Tick, unpack_done, unpack_head
from bess.app import Cabinet
from bess.parameters import Parameters

sys.modules.setdefault("wire", wire)
for name in ("link", "buses", "pins", "clocks"):  # in the order in which they import each other
    sys.modules.setdefault(name, load_module(UNIX_BOARD / f"{name}.py", name))
board = load_module(UNIX_BOARD / "board.py", "autarky_board")
main = load_module(FIRMWARE / "main.py", "autarky_firmware_main")


class _MemoryStream:
    """Both directions of a link as bytes."""

    def __init__(self) -> None:
        self.incoming = b""
        self.outgoing = b""

    def read_into(self, buffer: Any, size: int) -> bool:
        if not size:
            return True
        memoryview(buffer).cast("B")[:size] = self.incoming[:size]
        self.incoming = self.incoming[size:]
        return True

    def write(self, buffer: Any, size: int) -> bool:
        self.outgoing += bytes(memoryview(buffer).cast("B")[:size])
        return True


class InlineFirmware:
    """The same face as sil.firmware.Firmware; `app` is the running bess.app.Cabinet."""

    def __init__(self, settings: str, devices: int) -> None:
        self.settings = settings
        self.device_count = devices
        self.on_tick: Callable[[Tick], object] | None = None  # for replays
        self._stream = _MemoryStream()
        self._link = board.Link(self._stream, devices)
        self.devices = board.Devices(self._link, False, settings, main.Start())
        self.app = self._build()

    def _build(self) -> Cabinet:
        parameters = Parameters()
        self.devices.configure(parameters)
        return Cabinet(self.devices, parameters)

    def send_tick(self, tick: Tick) -> None:
        """Run one tick at once."""
        if self.on_tick is not None:
            self.on_tick(tick)
        self._stream.incoming = b"".join(tick.parts())
        self._link.receive()
        self.app.step(self._link.now_ms)
        self._link.send()
        self.devices.keep_backup()
        if self.app.restart:
            self.devices.reset()
            self.app = self._build()

    def receive_done(self) -> Done:
        """What the tick gave."""
        data, self._stream.outgoing = self._stream.outgoing, b""
        outputs, count, _ = unpack_head(data[: wire.DONE_SIZE])
        return unpack_done(outputs, count, data[wire.DONE_SIZE :])

    def close(self) -> None:
        """Nothing to end."""
