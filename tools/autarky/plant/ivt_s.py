"""IVT-S current sensor on the cabinet bus, after its data sheet."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

COMMAND_ID = 0x411
RESPONSE_ID = 0x511
RESULT_ID = 0x521
CHANNELS = 4  # I, U1, U2, U3
_RESULT = struct.Struct(">BBi")
_DEFAULT_MS = (20, 60, 60, 60)
_ALIVE = b"\xbf\x04\x11\x00\x00\x00\x01"  # command identifier, serial number
_STAGGER_MS = (0, 10, 20, 20)  # U2 and U3 together: the link is their difference


@dataclass
class IvtS:
    """Takes set-up commands, gives result frames. Values in mA and mV, rounded to 1.

    `restart` is a loss of its supply: factory periods, and it says that it is alive.
    `commands_lost` commands never arrive, `commands_refused` ones are answered by 0xFF.
    `silent` takes it off the bus, `silent_channels` some of its results, `stuck_counter`
    repeats whole frames, `offset_ma` and `gain` disturb the current, `frozen_ma` replaces it,
    `bias_v` adds to the voltages.
    """

    period_ms: list[int] = field(default_factory=lambda: list(_DEFAULT_MS))
    running: bool = True
    silent: bool = False
    stuck_counter: bool = False
    offset_ma: float = 0.0
    gain: float = 1.0
    result_error: bool = False
    frozen_ma: float | None = None
    bias_v: list[float] = field(default_factory=lambda: [0.0] * CHANNELS)
    silent_channels: set[int] = field(default_factory=set)
    commands_lost: int = 0
    commands_refused: int = 0
    _alive: bool = False
    _counter: list[int] = field(default_factory=lambda: [0] * CHANNELS)

    def restart(self) -> None:
        """What it was told is forgotten; STORE was never used."""
        self.period_ms = list(_DEFAULT_MS)
        self.running = True
        self._counter = [0] * CHANNELS
        self._alive = True

    def command(self, data: bytes) -> bytes | None:
        """A frame on 0x411; returns the response on 0x511, None when it is ignored."""
        if self.silent or len(data) < 4:
            return None
        if self.commands_lost:
            self.commands_lost -= 1
            return None
        if self.commands_refused:
            self.commands_refused -= 1
            return b"\xff" + data[:1] + bytes(6)
        kind = data[0]
        if kind == 0x34:
            self.running = data[1] == 1
        elif 0x20 <= kind < 0x20 + CHANNELS:
            if self.running:
                return None  # set-up is taken in stop mode only
            self.period_ms[kind - 0x20] = max(data[2] << 8 | data[3], 1)
        else:
            return None
        return bytes((kind | 0x80,)) + data[1:8]

    def results(self, now_ms: int, values: tuple[float, ...]) -> list[tuple[int, bytes]]:
        """Frames due in the 10 ms from now on; values: A, V, V, V."""
        if self.silent:
            return []
        frames = []
        if self._alive:
            self._alive = False
            frames.append((RESPONSE_ID, _ALIVE))
        if not self.running:
            return frames
        for channel in range(CHANNELS):
            period = self.period_ms[channel]
            if (now_ms - _STAGGER_MS[channel]) % period >= 10 or channel in self.silent_channels:
                continue
            milli = values[channel] * 1000
            if channel == 0:
                milli = milli * self.gain + self.offset_ma
                if self.frozen_ma is not None:
                    milli = self.frozen_ma
            else:
                milli += self.bias_v[channel] * 1000
            counter = self._counter[channel]
            if not self.stuck_counter:
                counter = self._counter[channel] = (counter + 1) & 15
            state = counter | (0x20 if self.result_error else 0)
            raw = max(min(round(milli), 0x7FFFFFFF), -0x80000000)
            frames.append((RESULT_ID + channel, _RESULT.pack(channel, state, raw)))
        return frames
