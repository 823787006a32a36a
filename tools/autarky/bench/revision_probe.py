"""Runs on CPython with one revision's own code: its image, its records, its speed.

usage: python -P revision_probe.py TREE image|records FOLDER|realtime CABINETS SECONDS

TREE: the checkout whose code has to be the one that is imported. `image` prints the path of its
ROMFS image. `records` lets its virtual site run one cabinet into RUN at 40 kW, and writes into
FOLDER what the cabinet got as ticks_probe.py reads it:

normal  the site's own ticks
sdo     the same, and in some ticks an SDO upload request, see ASKED
bad     the same until BAD_FROM; from then on every cell reads 4.5 V (far beyond each level),
        every temperature sensor 90 C with right PEC, every input contact is open, analog
        channels stand alternately at their two ends, and no CAN device of the cabinet speaks
apart   as bad, but every other front end's cells read 0 V and its sensors -40 C: what is judged
        by the lowest, and by the spread, is bad as well

The plant does not know of either: the ticks are rewritten on their way.
`realtime` prints the virtual seconds that pass in a second, by the revision's own bench.
Uses what revisions have in common since ce86883, and is as old as the working tree itself.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

SECONDS = 9.0
POWER_W = 40_000.0
FROM, COUNT = 500, 330  # ticks that are counted; all revisions are in RUN before
BAD_FROM = FROM + 20
# tick and object of each request; subindex 1
ASKED = tuple((FROM + 20 + 24 * i, (0x2180, 0x1A00)[i % 2]) for i in range(10))
_REQUEST = 0x600
_OVER_VOLTAGE = 45_000  # LTC6813 words of 100 uV
_HOT_C, _COLD_C = 90.0, -40.0
_CELL_GROUPS, _SENSOR_GROUPS = range(6), (6, 7)  # numbers of boards/unix/wire.py GROUPS
_REFERENCE = 30_000  # VREF2, which is the last word of the second sensor group


def first_module(*names: str) -> Any:
    """The first of these modules that this revision has."""
    for name in names[:-1]:
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
    return import_module(names[-1])


class Recorder:
    """Notes what the site sends to its only cabinet."""

    def __init__(self, firmware: Any) -> None:
        self.settings = ""
        self.devices = 0
        self.ticks: list[tuple[Any, ...]] = []
        accept = firmware.Firmware.accept
        send_tick = firmware.Firmware.send_tick

        def accepted(link: Any, connection: Any, devices: int, fast: bool, settings: str) -> None:
            lines = settings.split("\n")
            self.settings = "\n".join(line for line in lines if not line.startswith("@state="))
            self.devices = devices
            accept(link, connection, devices, fast, settings)

        def sent(link: Any, *tick: Any) -> None:
            # one value, of a tree from before it was one: its parts
            self.ticks.append(tick[0] if len(tick) == 1 else tick)
            send_tick(link, *tick)

        firmware.Firmware.accept = accepted
        firmware.Firmware.send_tick = sent

    def write(self, path: Path, ticks: Iterable[bytes]) -> None:
        text = self.settings.encode()
        head = struct.pack("<HH", len(text), self.devices)
        path.write_bytes(head + text + b"".join(ticks))


def bad_images(devices: int, apart: bool) -> list[tuple[int, bytes]]:
    """Register images of a chain whose cells are over voltage and hot; apart: half of them."""
    import numpy as np

    from autarky.plant.ltc6813 import ntc_ratio, with_pec

    hot, cold = (ntc_ratio(np.array([_HOT_C, _COLD_C])) * _REFERENCE).astype(np.uint16)
    cells = np.full((devices, 3), _OVER_VOLTAGE, dtype=np.uint16)
    sensors = np.full((devices, 3), hot, dtype=np.uint16)
    if apart:
        cells[::2] = 0
        sensors[::2] = cold
    reference = sensors.copy()
    reference[:, 2] = _REFERENCE
    images = [(number, with_pec(cells).tobytes()) for number in _CELL_GROUPS]
    for number, words in zip(_SENSOR_GROUPS, (sensors, reference), strict=True):
        images.append((number, with_pec(words).tobytes()))
    return images


def made_bad(tick: tuple[Any, ...], images: list[tuple[int, bytes]], first: bool) -> list[Any]:
    """The tick as everything gets bad; the images are sent once and stand from then on."""
    now_ms, _, site, _, groups, flags, analog = tick
    altered = {number for number, _ in images}
    kept = [group for group in groups if group[0] not in altered]
    ends = (b"\0\0\xff\xff" * len(analog))[: len(analog)]
    return [now_ms, 0, site, [], images + kept if first else kept, flags, ends]


def _packed_by(kind: Any) -> Callable[..., bytes]:
    return lambda *tick: b"".join(kind(*tick).parts())


def records(folder: Path) -> None:
    firmware = import_module("autarky.sil.firmware")
    site_module = import_module("autarky.sil.site")
    recorder = Recorder(firmware)
    with site_module.VirtualSite(site_module.SiteConfig(cabinets=1)) as site:
        node_id = site.cabinets[0].node_id
        site.coordinator.target_w = POWER_W
        site.run_for(SECONDS)
    pack = getattr(firmware, "pack_tick", None) or _packed_by(firmware.Tick)
    # the site reuses no list after it was sent: a tick can be packed when all are there
    normal = [pack(*tick) for tick in recorder.ticks]
    recorder.write(folder / "normal", normal)
    asking = list(normal)
    for at, index in ASKED:
        now_ms, inputs, frames, *rest = recorder.ticks[at]
        data = struct.pack("<BHB4x", 0x40, index, 1)
        request = firmware.pack_frame(_REQUEST + node_id, data)
        asking[at] = pack(now_ms, inputs, [*frames, request], *rest)
    recorder.write(folder / "sdo", asking)
    for name in ("bad", "apart"):
        images = bad_images(recorder.devices, name == "apart")
        bad = list(normal)
        for at in range(BAD_FROM, len(bad)):
            bad[at] = pack(*made_bad(recorder.ticks[at], images, at == BAD_FROM))
        recorder.write(folder / name, bad)


def main(tree: Path, what: str, *arguments: str) -> None:
    import autarky

    if not Path(str(autarky.__file__)).is_relative_to(tree):
        sys.exit(f"{autarky.__file__} was imported, which is not of {tree}")
    if what == "image":
        print(first_module("autarky.build.image", "autarky.flash.image").build())
    elif what == "records":
        records(Path(arguments[0]))
    else:
        bench = first_module("autarky.bench.bench", "autarky.bench")
        print(bench._realtime_factor(int(arguments[0]), float(arguments[1])))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
