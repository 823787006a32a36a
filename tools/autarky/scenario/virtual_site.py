"""What steps do to a virtual site's controllers, buses and coordinator.

A row of ON_SITE is name -> function of (site, index of the cabinet, values).
"""

from __future__ import annotations

from collections.abc import Callable

from autarky.bus.bus import BusFault
from autarky.coordinator.cabinet import Wish
from autarky.errors import AutarkyError
from autarky.paths import wire
from autarky.plant.ivt_s import RESULT_ID
from autarky.plant.pcs import COMMAND_ID, STATUS_ID
from autarky.scenario.actions import PURPOSES
from autarky.scenario.inside import HANDS
from autarky.scenario.virtual_plants import member
from autarky.sil.inline import InlineFirmware
from autarky.sil.site import VirtualSite

_FLAGS = {
    "ram-bad": wire.TICK_RAM_BAD, "program-bad": wire.TICK_PROGRAM_BAD,
    "storage-bad": wire.TICK_STORAGE_BAD,
}  # fmt: skip


def _chip(site: VirtualSite, i: int, defect: str, state: str) -> None:
    flags = site.plants.flags[i] & ~_FLAGS[defect]
    site.plants.flags[i] = flags | (_FLAGS[defect] if state == "on" else 0)


def _clock_skew(site: VirtualSite, i: int, ms: int) -> None:
    site.cabinets[i].skew_ms = ms


def _restart(cause: str) -> Callable[[VirtualSite, int], None]:
    def restart(site: VirtualSite, i: int) -> None:
        site.cabinets[i].cause = cause
        site.power_cycle(i)

    return restart


def _parameters_corrupt(site: VirtualSite, i: int) -> None:
    if site.state_folder is None:
        raise AutarkyError("parameters-corrupt: these cabinets have no storage to spoil")
    folder = site.state_folder / f"cabinet{site.cabinets[i].number}"
    (folder / "parameters.bin").write_bytes(b"\xc5\xa7" + b"\x55" * 100)
    site.power_cycle(i)


# --- buses ---

_SITE_FRAMES = {"command": 0x200, "heartbeat": 0x700}  # and the node id
_CABINET_FRAMES = {"pcs-command": COMMAND_ID, "pcs-status": STATUS_ID, "current": RESULT_ID}
_HOST_HEARTBEAT = 0x701


def _bus_fault(
    site: VirtualSite, i: int, kind: str, frame: str, count: int, delay_ms: int = 0
) -> None:
    cabinet = site.cabinets[i]
    bus = cabinet.bus if frame in _CABINET_FRAMES else cabinet.segment.bus
    can_id = _CABINET_FRAMES.get(frame, _HOST_HEARTBEAT)
    if frame in _SITE_FRAMES:
        can_id = _SITE_FRAMES[frame] + cabinet.node_id
    bus.faults.append(
        BusFault(
            kind, lambda known, _: known == can_id, remaining=count or None,
            delay_us=1000 * delay_ms,
        )
    )  # fmt: skip


def _bus_delay(site: VirtualSite, i: int, frame: str, delay_ms: int, count: int) -> None:
    _bus_fault(site, i, "delay", frame, count, delay_ms)


def _bus_back(site: VirtualSite, i: int) -> None:
    cabinet = site.cabinets[i]
    cabinet.segment.bus.faults.clear()
    cabinet.bus.faults.clear()


def _bus_off(site: VirtualSite, i: int, bus: str, state: str) -> None:
    cabinet = site.cabinets[i]
    at, port = (
        (cabinet.segment.bus, cabinet.site_port) if bus == "site"
        else (cabinet.bus, cabinet.bus_ports[0])
    )  # fmt: skip
    at.fail(port) if state == "on" else at.repair(port)


def _babble(site: VirtualSite, i: int) -> None:
    cabinet = site.cabinets[i]
    bus = cabinet.segment.bus
    stranger = bus.attach(())
    for _ in range(400):
        bus.send(stranger, 0x600 + cabinet.node_id, b"", site.now_ms * 1000)


def _duplicate_id(site: VirtualSite, i: int) -> None:
    cabinet = site.cabinets[i]
    bus = cabinet.segment.bus
    stranger = bus.attach(())
    for n in range(3):
        at_us = site.now_ms * 1000 + 3000 + 20_000 * n
        bus.send(stranger, 0x700 + cabinet.node_id, b"\x05", at_us)


# --- the coordinator ---


def _power(site: VirtualSite, i: int, kw: float) -> None:
    site.coordinator.forced_w[site.cabinets[i].number] = 1000 * kw


def _wish(site: VirtualSite, i: int, purpose: str, minutes: int, rate_c: float) -> None:
    at_ms = site.now_ms + 60_000 * minutes
    wish = Wish(PURPOSES.index(purpose), at_ms, rate_c=rate_c)
    site.coordinator.wishes[site.cabinets[i].number] = wish


def _supply(site: VirtualSite, i: int, state: str) -> None:
    site.supply(i, state == "on")


def _release(site: VirtualSite, i: int, state: str) -> None:
    member(site.coordinator.leaving.asked, site.cabinets[i].number, state == "asked")


def _command(site: VirtualSite, i: int, state: str) -> None:
    member(site.coordinator.muted, site.cabinets[i].number, state == "silent")


def _target(site: VirtualSite, i: int, kw: float) -> None:
    site.coordinator.target_w = 1000 * kw * site.plants.n


def _host(site: VirtualSite, i: int, state: str) -> None:
    site.coordinator.silent = state == "silent"


def _inside(site: VirtualSite, i: int, hand: str) -> None:
    running = site.cabinets[i].firmware
    if not isinstance(running, InlineFirmware):
        raise AutarkyError(f"inside {hand}: only the interpreter inline lets a hand inside")
    HANDS[hand](running.app)
    if hand == "parameters-conflict":  # it wakes up with them
        site.power_cycle(i)


ON_SITE: dict[str, Callable[..., object]] = {
    "chip": _chip,
    "clock-skew": _clock_skew,
    "restart": _restart("power"),
    "watchdog": _restart("watchdog"),
    "parameters-corrupt": _parameters_corrupt,
    "bus-fault": _bus_fault,
    "bus-delay": _bus_delay,
    "bus-back": _bus_back,
    "bus-off": _bus_off,
    "babble": _babble,
    "duplicate-id": _duplicate_id,
    "power": _power,
    "power-back": lambda site, i: site.coordinator.forced_w.pop(site.cabinets[i].number, None),
    "wish": _wish,
    "supply": _supply,
    "release": _release,
    "command": _command,
    "target": _target,
    "host": _host,
    "inside": _inside,
}  # fmt: skip
