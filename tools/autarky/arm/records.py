"""What is replayed: TICKs of the virtual site, and what a bus, a chip or a sensor may do to them.

A record is made anew from fixed seeds each time, so that it fits today's firmware. Its first part
is the closed loop's own, up to full power; then the ticks are changed without the plant's knowing,
in bursts shorter than a trip's delay and at last without pause.
"""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from autarky.coordinator.coordinator import FIRST_NODE_ID
from autarky.paths import wire
from autarky.plant import iso165c, ivt_s
from autarky.plant.ltc6813 import with_pec
from autarky.sil import firmware
from autarky.sil.firmware import Tick
from autarky.sil.inline import InlineFirmware
from autarky.sil.site import SiteConfig, SiteError, VirtualSite
from bess import objects
from bess.drivers import pcs_can
from bess.link.e2e import TABLE, data_ids
from bess.link.frames import FrameCodec
from bess.parameters import Parameters
from bess.port.leaves import crc8h2f
from bess.port.ticks import TICKS_MASK
from bess.table import rows

_WORDS = (0, 1, 0x7FFF, 0x8000, 55_600, 0xFFFE, 0xFFFF)
_MILLI = (0, 1, -1, 65_535, -65_536, 2_000_000, -2_000_000, 2_097_152, 0x7FFFFFFF, -0x80000000)
_BURST = (20, 30)  # ticks altered, ticks left alone: below every default delay of a cell's trip
_SWEEP = 97  # step through the words: prime, so that every residue is met
_SITE_FRAMES = 40
_COMMAND_ID = 0x200 + FIRST_NODE_ID
_COMMAND_IDS = data_ids(FrameCodec(objects.PDO_TABLE).frame("command"), FIRST_NODE_ID)
_STATUS_IDS = pcs_can.status_ids()


@dataclass(frozen=True)
class Record:
    """settings: the text of the ANSWER; devices: front ends of the chain."""

    name: str
    settings: str
    devices: int
    ticks: Sequence[Tick]

    def write(self, path: Path) -> Path:
        """The file that replay.py reads."""
        text = self.settings.encode()
        parts = [struct.pack("<HH", len(text), self.devices) + text]
        for tick in self.ticks:
            parts += tick.parts()
        path.write_bytes(b"".join(parts))
        return path


Change = Callable[[random.Random, int, "Tick", "Images"], Tick]


class Images:
    """Register images that the chain shows: what the site sent, or others for a while."""

    def __init__(self, devices: int) -> None:
        self.devices = devices
        self.real = [b"\xff" * (8 * devices)] * len(wire.GROUPS)
        self._shown = list(self.real)
        self.position = 0

    def take(self, tick: Tick) -> None:
        """What the site's own chips show from this tick on."""
        for number, content in tick.groups:
            self.real[number] = content

    def show(self, tick: Tick, wanted: Sequence[bytes]) -> Tick:
        """The tick that brings what is not shown yet."""
        groups = [(i, new) for i, new in enumerate(wanted) if new != self._shown[i]]
        self._shown = list(wanted)
        return tick._replace(groups=groups)

    def words(self, choice: int | None) -> bytes:
        """An image with right PEC: one word everywhere, or the next of the sweep."""
        count = self.devices * 3
        if choice is None:
            words = (self.position + np.arange(count) * _SWEEP) & 0xFFFF
            self.position += count * _SWEEP
        else:
            words = np.full(count, choice)
        return with_pec(words.astype(np.uint16).reshape(-1, 3)).tobytes()


def capture(
    name: str, parameters: dict[str, int], start_ms: int, seconds: float, power_w: float
) -> Record:
    """A cabinet that boots, runs and at last charges, as the virtual site gives it."""
    ticks: list[Tick] = []
    config = SiteConfig(
        cabinets=1, interpreter="inline", parameters=parameters, start_ms=start_ms, soc=0.6
    )
    with VirtualSite(config) as site:
        inline = site.cabinets[0].firmware
        assert isinstance(inline, InlineFirmware)
        inline.on_tick = ticks.append
        site.coordinator.target_w = power_w
        site.run_for(seconds * 0.7)
        site.coordinator.target_w = -power_w
        site.run_for(seconds * 0.3)
        return Record(name, inline.settings, inline.device_count, ticks)


def _frames(frames: Sequence[bytes], alter: Callable[[int, bytes], bytes]) -> list[bytes]:
    """Each frame with other data where alter(identifier, data) gives some."""
    out = []
    for packed in frames:
        can_id, length, _, data = firmware.FRAME.unpack(packed)
        out.append(firmware.pack_frame(can_id, alter(can_id, data[:length])))
    return out


def _protected(data: bytes, ids: bytes | bytearray) -> bytes:
    """The frame with the CRC that belongs to its content and counter."""
    return bytes((crc8h2f(TABLE, data, ids[data[1] & 15]),)) + data[1:]


def bad_pec(rng: random.Random, i: int, tick: Tick, images: Images) -> Tick:
    """Bits that flip on the way back from the chain."""
    wanted = []
    for content in images.real:
        image = bytearray(content)
        for _ in range(rng.choice((0, 1, 3))):
            image[rng.randrange(len(image))] ^= 1 << rng.randrange(8)
        wanted.append(bytes(image))
    return images.show(tick, wanted)


def words(rng: random.Random, i: int, tick: Tick, images: Images) -> Tick:
    """Extreme or sweeping words in every register group: cells, sensors, status, configuration."""
    cells = rng.choice((None, None, *_WORDS))
    choices = [cells] * 6 + [rng.choice((None, *_WORDS)) for _ in wire.GROUPS[6:]]
    wanted = [images.words(choice) for choice in choices]
    return images.show(tick, wanted)


def status_words(rng: random.Random, i: int, tick: Tick, images: Images) -> Tick:
    """Sound cells, whose sums, supplies and sensors are anything."""
    wanted = [*images.real[:6], *(images.words(rng.choice((None, *_WORDS))) for _ in range(4))]
    return images.show(tick, [*wanted, *images.real[10:]])


def sensors(rng: random.Random, i: int, tick: Tick, images: Images) -> Tick:
    """Current sensor, PCS, insulation monitor and analog lines at the ends of their ranges."""

    def alter(can_id: int, data: bytes) -> bytes:
        if rng.random() < 0.7:
            return data
        if ivt_s.RESULT_ID <= can_id < ivt_s.RESULT_ID + ivt_s.CHANNELS:
            return data[:2] + rng.choice(_MILLI).to_bytes(4, "big", signed=True)
        if can_id == pcs_can.STATUS_ID:
            return _protected(data[:2] + _extreme(rng, 6), _STATUS_IDS)
        if can_id == iso165c.INFO_ID:
            return _extreme(rng, 2) + data[2:]
        return data

    analog = tick.analog if rng.random() < 0.5 else _extreme(rng, len(tick.analog))
    return tick._replace(cabinet=_frames(tick.cabinet, alter), analog=analog)


def _extreme(rng: random.Random, count: int) -> bytes:
    """Bytes of halfwords at their ends, or any."""
    ends = (b"\x00\x00", b"\xff\xff", b"\xff\x7f", b"\x00\x80", rng.randbytes(2))
    return b"".join(rng.choice(ends) for _ in range(count // 2))


def storm(rng: random.Random, i: int, tick: Tick, images: Images) -> Tick:
    """Forty frames on the site bus: requests, SYNC, LSS, our own identifiers, anything."""
    node = FIRST_NODE_ID
    kinds = (0x080, 0x600 + node, 0x7E5, _COMMAND_ID, 0x701, rng.randrange(1, 0x800))
    frames = list(tick.site)
    while len(frames) < _SITE_FRAMES:
        frames.append(firmware.pack_frame(rng.choice(kinds), rng.randbytes(rng.choice((0, 1, 8)))))
    rng.shuffle(frames)
    return tick._replace(site=frames)


def commands(rng: random.Random, i: int, tick: Tick, images: Images) -> Tick:
    """Commands at the ends of their fields, with a right check."""

    def alter(can_id: int, data: bytes) -> bytes:
        if can_id != _COMMAND_ID or len(data) != 8:
            return data
        return _protected(data[:2] + _extreme(rng, 6), _COMMAND_IDS)

    return tick._replace(site=_frames(tick.site, alter))


def anything(rng: random.Random, i: int, tick: Tick, images: Images) -> Tick:
    """All of it, and lines, flags, resets and clocks that nobody foresaw."""
    for change in (bad_pec, words, status_words, sensors, storm, commands):
        if rng.random() < 0.25:
            tick = change(rng, i, tick, images)
    if rng.random() < 0.02:
        tick = tick._replace(inputs=rng.getrandbits(32))
    if rng.random() < 0.02:
        tick = tick._replace(flags=rng.choice((2, 4, 8, 32)))
    if rng.random() < 0.01:
        tick = tick._replace(now_ms=rng.choice((0, TICKS_MASK, rng.getrandbits(30))))
    if rng.random() < 0.02:
        command = bytes((rng.choice((1, 2, 128, 129, 130)), rng.choice((0, FIRST_NODE_ID))))
        tick = tick._replace(site=[*tick.site[:63], firmware.pack_frame(0, command)])
    return tick


def alter(base: Record, name: str, change: Change | None, seed: int) -> Record:
    """The base's first half, then what `change` makes of it: bursts first, at last no pause."""
    if change is None:
        return replace(base, name=name)
    rng = random.Random(f"{name} {seed}")
    images = Images(base.devices)
    ticks: list[Tick] = []
    start = len(base.ticks) // 2
    on, off = _BURST
    for i, tick in enumerate(base.ticks):
        images.take(tick)
        gentle = i < len(base.ticks) * 3 // 4
        if i < start or (gentle and i % (on + off) >= on):
            ticks.append(images.show(tick, images.real))
        else:
            ticks.append(change(rng, i, images.show(tick, images.real), images))
    return replace(base, name=name, ticks=ticks)


# whatever is multiplied or divided by in fast, scan or cells, at one end; what is compared with
# another parameter stays, since sets are refused that do not fit together
_SCALES = (
    "capacity_mah", "current_range_ma", "ramp_soft_permille_s", "ramp_tracking_permille_s",
    "ramp_stop_permille_s", "limit_rise_ma_s_per_100a", "precharge_match_permille",
    "precharge_rated_j", "charging_current_permille",
    "open_current_permille", "current_offset_2_ma", "bleed_mohm", "open_wire_threshold_mv",
    "cell_uv_cold_shift_dmv", "ntc_beta_k",
)  # fmt: skip


def ends(last: bool) -> dict[str, int]:
    """Those parameters at their maximum or minimum, as far as they agree with each other."""
    column = 4 if last else 3
    found: dict[str, int] = {}
    for fields in rows(Parameters.table):
        if fields[1] in _SCALES:
            more = {**found, fields[1]: int(fields[column], 0)}
            with contextlib.suppress(SiteError):
                SiteConfig(parameters=more).check()
                found = more
    return found


_WRAP = TICKS_MASK + 1
# topology and parameters, start of time (each wraps on its way), seconds, power
_BASES: dict[str, tuple[dict[str, int], int, float, float]] = {
    "five modules": ({}, _WRAP - 5000, 8.0, 40_000.0),
    "fifteen modules": (
        {"modules_per_string": 15, "cells_per_module": 16}, _WRAP - 6000, 8.0, 20_000.0,
    ),
    "270 cells": (
        {"modules_per_string": 5, "cells_per_module": 54, "precharge_rated_j": 8000},
        _WRAP - 3000, 4.0, 0.0,
    ),
    "parameters at their maximum": (ends(True), _WRAP - 5000, 8.0, 150_000.0),
    "parameters at their minimum": (ends(False), _WRAP - 5000, 8.0, 1000.0),
}  # fmt: skip
# record, its base, what alters it
_RECORDS: tuple[tuple[str, str, Change | None], ...] = (
    ("normal run", "five modules", None),
    ("bad PEC", "five modules", bad_pec),
    ("sensor extremes", "five modules", sensors),
    ("40 site frames a tick", "five modules", storm),
    ("AFE words", "five modules", words),
    ("AFE status words", "fifteen modules", status_words),
    ("270 cells, AFE words", "270 cells", words),
    ("commands", "parameters at their maximum", commands),
    ("parameters at their maximum", "parameters at their maximum", sensors),
    ("parameters at their minimum", "parameters at their minimum", sensors),
    ("fuzz", "fifteen modules", anything),
)


NAMES = tuple(name for name, _, _ in _RECORDS)


class Maker:
    """Makes records; what the virtual site gives is taken up once."""

    def __init__(self) -> None:
        self._bases: dict[str, Record] = {}

    def _base(self, name: str) -> Record:
        if name not in self._bases:
            self._bases[name] = capture(name, *_BASES[name])
        return self._bases[name]

    def standing(self, wanted: str) -> Record:
        """One of NAMES."""
        base, change = next((base, change) for name, base, change in _RECORDS if name == wanted)
        return alter(self._base(base), wanted, change, 0)

    def fuzzed(self, seed: int) -> Record:
        """A record in which anything happens."""
        base = ("five modules", "fifteen modules")[seed % 2]
        return alter(self._base(base), self.fuzz_name(seed), anything, seed)

    @staticmethod
    def fuzz_name(seed: int) -> str:
        return f"fuzz, seed {seed}"
