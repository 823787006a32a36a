"""The virtual site as a backend: does what a step of actions.py says to its plants and buses.

A row of _DO is name -> function of (site, index of the cabinet, values).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autarky.bus.bus import BusFault
from autarky.coordinator.coordinator import FIRST_NODE_ID
from autarky.errors import AutarkyError
from autarky.paths import wire
from autarky.plant.ivt_s import RESULT_ID
from autarky.plant.pcs import COMMAND_ID, STATUS_ID
from autarky.plant.string import PCS_FAULT, PCS_OFF, PCS_RUNNING, PCS_STARTING
from autarky.scenario.actions import METER_CHANNELS, POLES, Step, steps_of
from autarky.scenario.fault_cases import CASES, FaultCase
from autarky.scenario.inside import HANDS
from autarky.sil.inline import InlineFirmware
from autarky.sil.site import VirtualSite

_KEY_S = 0.5
_NOISY = 1.0  # every answer has a bit error
_EXTRA_V = 3.3  # at an input that should be unused
_STATUS_READ = 0x010  # of the front ends: status group A


def check(site: VirtualSite, step: Step) -> None:
    """Raises AutarkyError where this site has no such cabinet, module, cell and so on."""
    last = FIRST_NODE_ID + len(site.cabinets) - 1
    if not step.action.of_site and not FIRST_NODE_ID <= step.node_id <= last:
        raise AutarkyError(f"this site has no cabinet {step.node_id}: give {FIRST_NODE_ID}..{last}")
    plants = site.plants
    there = {
        "module": plants.modules, "cell": sum(plants.layout), "front-end": len(plants.layout),
        "sensor": len(plants.sensor_c(0)), "pin": max(plants.layout),
    }  # fmt: skip
    for argument, value in zip(step.action.arguments, step.values, strict=True):
        if isinstance(value, str):
            continue
        most = there.get(argument.name, value)
        if value > most:
            raise AutarkyError(
                f"{step.action.name}: there is no {argument.name} {value}, the last one is {most}"
            )
        if argument.name == "front-end":  # its pins are those of its cells
            there["pin"] = plants.layout[int(value) - 1]


def apply(site: VirtualSite, step: Step) -> str:
    """Do it now; what was done. Raises AutarkyError, and then nothing was."""
    check(site, step)
    _DO[step.action.name](site, step.node_id - FIRST_NODE_ID, *step.values)
    return str(step)


def provoke(site: VirtualSite, i: int, case: FaultCase) -> None:
    """What the case does, to the cabinet of that index."""
    for step in steps_of(case.done, i + FIRST_NODE_ID):
        apply(site, step)


def _put(path: str) -> Callable[..., None]:
    """Set `plants.<path>[i]`, or `plants.<path>[i].<name>` written as path.*.name; on is True."""

    def put(site: VirtualSite, i: int, value: Any) -> None:
        target: Any = site.plants
        *parts, last = path.split(".")
        for part in parts:
            target = target[i] if part == "*" else getattr(target, part)
        value = {"on": True, "off": False}.get(value, value)
        if last == "*":
            target[i] = value
        else:
            setattr(target, last, value)

    return put


def _chosen(paths: dict[str, str]) -> Callable[..., None]:
    """The same of one of several places, which a word names."""

    def put(site: VirtualSite, i: int, word: str, value: Any) -> None:
        _put(paths[word])(site, i, value)

    return put


def _member(members: set[Any], one: Any, within: bool) -> None:
    members.add(one) if within else members.discard(one)


# --- cells and sensors ---


def _cell_frozen(site: VirtualSite, i: int, cell: int) -> None:
    plants, chain = site.plants, site.plants.chains[i]
    place, device = cell - 1, 0
    while place >= plants.layout[device]:
        place -= plants.layout[device]
        device += 1
    volts = plants.cells.voltage(i, plants.current_a[i])[cell - 1]
    chain.frozen_v[device, place] = float(volts)


def _sensor_frozen(site: VirtualSite, i: int, sensor: int) -> None:
    site.plants.sensor_forced_c[i][sensor - 1] = float(site.plants.sensor_c(i)[sensor - 1])


def _temperature_back(site: VirtualSite, i: int) -> None:
    site.plants.temperature_forced_c[i] = None
    site.plants.temperature_shift_c[i] = 0.0
    site.plants.sensor_forced_c[i].clear()


# --- front ends ---

_DEVICE_SETS = {
    "silent": "dead", "converter": "wrong_converter", "reference": "wrong_reference",
    "supply": "low_supply", "config": "stuck_config",
}  # fmt: skip
_DEVICE_VALUES = {"noisy": ("bit_error_devices", _NOISY), "extra-cell": ("extra_cell_v", _EXTRA_V)}


def _front_end(site: VirtualSite, i: int, front_end: int, defect: str, state: str) -> None:
    chain, device, on = site.plants.chains[i], front_end - 1, state == "on"
    if defect in _DEVICE_SETS:
        _member(getattr(chain, _DEVICE_SETS[defect]), device, on)
    else:
        name, value = _DEVICE_VALUES[defect]
        values = getattr(chain, name)
        values.pop(device, None)
        values.update({device: value} if on else {})
    chain.fault_changed()


def _front_end_die(site: VirtualSite, i: int, celsius: float) -> None:
    site.plants.chains[i].die_c.fill(celsius)


def _front_end_sum(site: VirtualSite, i: int, gain: float) -> None:
    site.plants.chains[i].sum_gain = gain
    site.plants.chains[i].fault_changed()


def _front_end_reads(site: VirtualSite, i: int, state: str) -> None:
    _member(site.plants.chains[i].disturbed_reads, _STATUS_READ, state == "lost")
    site.plants.chains[i].fault_changed()


def _wire(site: VirtualSite, i: int, front_end: int, pin: int, state: str) -> None:
    _member(site.plants.chains[i].open_wires, (front_end - 1, pin), state == "open")


# --- string and meter ---


def _contactor(site: VirtualSite, i: int, pole: str, defect: str, state: str) -> None:
    poles = getattr(site.plants.strings.contactors, defect.replace("-", "_"))
    poles[i, POLES.index(pole)] = state == "on"


def _meter_silent(site: VirtualSite, i: int, channel: str, state: str) -> None:
    channels = site.plants.sensors[i].silent_channels
    _member(channels, METER_CHANNELS.index(channel), state == "on")


def _meter_loss(site: VirtualSite, i: int, frames: int) -> None:
    number = iter(range(1 << 30))  # of the currents, as they come
    site.cabinets[i].bus.faults.append(
        BusFault("drop", lambda known, _: known == RESULT_ID and next(number) % frames == 0)
    )


def _meter_offset(site: VirtualSite, i: int, amperes: float) -> None:
    site.plants.sensors[i].offset_ma = 1000 * amperes


def _meter_bias(site: VirtualSite, i: int, channel: str, volts: float) -> None:
    site.plants.sensors[i].bias_v[METER_CHANNELS.index(channel)] = volts


def _meter_frozen(site: VirtualSite, i: int, state: str) -> None:
    now_ma = site.plants.current_a[i] * 1000
    site.plants.sensors[i].frozen_ma = now_ma if state == "on" else None


# --- PCS ---

_PCS_STATES = {
    "off": PCS_OFF, "starting": PCS_STARTING, "running": PCS_RUNNING, "fault": PCS_FAULT,
    "truth": None,
}  # fmt: skip


def _pcs_offset(site: VirtualSite, i: int, kw: float) -> None:
    site.plants.strings.pcs_offset_w[i] = 1000 * kw


def _pcs_state(site: VirtualSite, i: int, state: str) -> None:
    site.plants.faces[i].manners.reported_state = _PCS_STATES[state]


# --- lines, controller ---

_LINE_ON = {  # level of the input; smoke, gas and door are broken loops, as the wiring page has it
    "smoke": False, "gas": False, "door": False, "enable_ok": True, "coolant_flow": True,
    "heater_on": True, "compressor_ok": True,
}  # fmt: skip
_PERSONS = {"estop": "estop", "hvil": "hvil_open"}
_FLAGS = {
    "ram-bad": wire.TICK_RAM_BAD, "program-bad": wire.TICK_PROGRAM_BAD,
    "storage-bad": wire.TICK_STORAGE_BAD,
}  # fmt: skip


def _line(site: VirtualSite, i: int, line: str, state: str) -> None:
    on = state == "on"
    if line in _PERSONS:
        getattr(site.plants, _PERSONS[line])[i] = on
    else:
        site.plants.input_forced[i][line] = _LINE_ON[line] == on


def _line_back(site: VirtualSite, i: int, line: str) -> None:
    if line in _PERSONS:
        getattr(site.plants, _PERSONS[line])[i] = False
    else:
        site.plants.input_forced[i].pop(line, None)


def _analog(site: VirtualSite, i: int, sensor: str, value: float) -> None:
    site.plants.analog_forced[i][sensor] = value
    site.plants.refresh_analog(i)


def _analog_back(site: VirtualSite, i: int, sensor: str) -> None:
    site.plants.analog_forced[i].pop(sensor, None)
    site.plants.refresh_analog(i)


def _key(site: VirtualSite, i: int) -> None:
    site.plants.reset_key[i] = True
    end_ms = site.now_ms + round(_KEY_S * 1000)

    def back(site: VirtualSite) -> None:
        if site.now_ms >= end_ms:
            site.plants.reset_key[i] = False
            # another list: the site walks the old one
            site.before_tick = [call for call in site.before_tick if call is not back]

    site.before_tick = [*site.before_tick, back]


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
    folder = site.state_folder / f"cabinet{site.cabinets[i].node_id}"
    (folder / "parameters.bin").write_bytes(b"\xc5\xa7" + b"\x55" * 100)
    site.power_cycle(i)


# --- buses ---

_SITE_FRAMES = {"command": 0x200, "heartbeat": 0x700}  # and the node id
_CABINET_FRAMES = {"pcs-command": COMMAND_ID, "pcs-status": STATUS_ID, "current": RESULT_ID}
_HOST_HEARTBEAT = 0x701


def _bus_fault(site: VirtualSite, i: int, kind: str, frame: str, count: int) -> None:
    cabinet = site.cabinets[i]
    bus = cabinet.bus if frame in _CABINET_FRAMES else site.bus
    can_id = _CABINET_FRAMES.get(frame, _HOST_HEARTBEAT)
    if frame in _SITE_FRAMES:
        can_id = _SITE_FRAMES[frame] + cabinet.node_id
    bus.faults.append(BusFault(kind, lambda known, _: known == can_id, remaining=count or None))


def _bus_back(site: VirtualSite, i: int) -> None:
    site.bus.faults.clear()
    site.cabinets[i].bus.faults.clear()


def _bus_off(site: VirtualSite, i: int, bus: str, state: str) -> None:
    cabinet = site.cabinets[i]
    at, port = (
        (site.bus, cabinet.site_port) if bus == "site" else (cabinet.bus, cabinet.bus_ports[0])
    )
    at.fail(port) if state == "on" else at.repair(port)


def _babble(site: VirtualSite, i: int) -> None:
    stranger = site.bus.attach(())
    for _ in range(400):
        site.bus.send(stranger, 0x600 + site.cabinets[i].node_id, b"", site.now_ms * 1000)


def _duplicate_id(site: VirtualSite, i: int) -> None:
    stranger = site.bus.attach(())
    for n in range(3):
        at_us = site.now_ms * 1000 + 3000 + 20_000 * n
        site.bus.send(stranger, 0x700 + site.cabinets[i].node_id, b"\x05", at_us)


# --- the coordinator ---


def _power(site: VirtualSite, i: int, kw: float) -> None:
    site.coordinator.forced_w[site.cabinets[i].node_id] = 1000 * kw


def _command(site: VirtualSite, i: int, state: str) -> None:
    _member(site.coordinator.muted, site.cabinets[i].node_id, state == "silent")


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


_DO: dict[str, Callable[..., object]] = {
    "pull": lambda site, i, module: site.plants.pull_module(i, module - 1),
    "plug": lambda site, i, module: site.plants.insert_module(i, module - 1),
    "cell": lambda site, i, cell, v: site.plants.cells.force_voltage(i, cell - 1, v),
    "cells": lambda site, i, v: site.plants.cells.force_voltage(i, slice(None), v),
    "cells-back": lambda site, i: site.plants.cells.release(i),
    "cell-frozen": _cell_frozen,
    "temperature": _put("temperature_forced_c.*"),
    "temperature-shift": _put("temperature_shift_c.*"),
    "sensor": lambda site, i, n, c: site.plants.sensor_forced_c[i].update({n - 1: c}),
    "sensor-frozen": _sensor_frozen,
    "temperature-back": _temperature_back,
    "wire": _wire,
    "front-end": _front_end,
    "front-end-sum": _front_end_sum,
    "front-end-die": _front_end_die,
    "front-end-reads": _front_end_reads,
    "extra-current": _put("strings.extra_a.*"),
    "string": _chosen({"fuse-blown": "strings.fuse_blown.*", "link-shorted":
                       "strings.link_shorted.*", "precharge-resistor-open":
                       "strings.resistor_open.*"}),
    "contactor": _contactor,
    "meter-silent": _meter_silent,
    "meter-loss": _meter_loss,
    "meter-offset": _meter_offset,
    "meter-gain": _put("sensors.*.gain"),
    "meter-bias": _meter_bias,
    "meter-frozen": _meter_frozen,
    "insulation": _put("monitors.*.resistance_kohm"),
    "insulation-status": _put("monitors.*.status"),
    "insulation-silent": _put("monitors.*.silent"),
    "pcs": _chosen({"silent": "faces.*.silent", "failed": "strings.pcs_failed.*",
                    "keeps-setpoint": "faces.*.manners.keeps_setpoint",
                    "keeps-running": "faces.*.manners.keeps_running"}),
    "pcs-offset": _pcs_offset,
    "pcs-lag": _put("faces.*.manners.lag_s"),
    "pcs-temperature": _put("faces.*.temperature_c"),
    "pcs-state": _pcs_state,
    "pcs-power": _put("faces.*.manners.reported_power"),
    "line": _line,
    "line-back": _line_back,
    "analog": _analog,
    "analog-back": _analog_back,
    "pump-failed": _put("heat.pump_failed.*"),
    "key": _key,
    "chip": _chip,
    "clock-skew": _clock_skew,
    "restart": _restart("power"),
    "watchdog": _restart("watchdog"),
    "parameters-corrupt": _parameters_corrupt,
    "bus-fault": _bus_fault,
    "bus-back": _bus_back,
    "bus-off": _bus_off,
    "babble": _babble,
    "duplicate-id": _duplicate_id,
    "power": _power,
    "power-back": lambda site, i: site.coordinator.forced_w.pop(site.cabinets[i].node_id, None),
    "command": _command,
    "target": _target,
    "host": _host,
    "fault": lambda site, i, name: provoke(site, i, CASES[name]),
    "inside": _inside,
}  # fmt: skip
