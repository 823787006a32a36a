"""What steps do to the plants of a virtual site: cells, front ends, string, meter, PCS, lines.

A row of ON_PLANTS is name -> function of (site, index of the cabinet, values).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autarky.bus.bus import BusFault
from autarky.errors import AutarkyError
from autarky.plant.ivt_s import RESULT_ID
from autarky.plant.string import PCS_FAULT, PCS_OFF, PCS_RUNNING, PCS_STARTING
from autarky.scenario.actions import METER_CHANNELS, POLES
from autarky.sil.site import VirtualSite
from bess import lines
from bess.table import rows

_KEY_MS = 500
_NOISY = 1.0  # every answer has a bit error
_EXTRA_V = 3.3  # at an input that should be unused
_STATUS_READ = 0x010  # of the front ends: status group A


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


def member(members: set[Any], one: Any, within: bool) -> None:
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


# --- front ends ---

_DEVICE_SETS = {
    "silent": "dead", "converter": "wrong_converter", "reference": "wrong_reference",
    "supply": "low_supply", "config": "stuck_config",
}  # fmt: skip
_DEVICE_VALUES = {"noisy": ("bit_error_devices", _NOISY), "extra-cell": ("extra_cell_v", _EXTRA_V)}


def _front_end(site: VirtualSite, i: int, front_end: int, defect: str, state: str) -> None:
    chain, device, on = site.plants.chains[i], front_end - 1, state == "on"
    if defect in _DEVICE_SETS:
        member(getattr(chain, _DEVICE_SETS[defect]), device, on)
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
    member(site.plants.chains[i].disturbed_reads, _STATUS_READ, state == "lost")
    site.plants.chains[i].fault_changed()


def _wire(site: VirtualSite, i: int, front_end: int, pin: int, state: str) -> None:
    member(site.plants.chains[i].open_wires, (front_end - 1, pin), state == "open")


# --- string and meter ---


def _contactor(site: VirtualSite, i: int, pole: str, defect: str, state: str) -> None:
    poles = getattr(site.plants.strings.contactors, defect.replace("-", "_"))
    poles[i, POLES.index(pole)] = state == "on"


def _meter_silent(site: VirtualSite, i: int, channel: str, state: str) -> None:
    channels = site.plants.sensors[i].silent_channels
    member(channels, METER_CHANNELS.index(channel), state == "on")


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

# level of the input: what warns (smoke, gas, door) is a broken loop, as the wiring page has it
_LINE_ON = {name: name.endswith("_ok") or level != "1" for name, _, level in rows(lines.INPUTS)}
_PERSONS = {"estop": "estop", "hvil": "hvil_open"}


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


def _later(site: VirtualSite, ms: int, work: Callable[[], object]) -> None:
    """Once, so much virtual time from now."""
    end_ms = site.now_ms + ms

    def look(site: VirtualSite) -> None:
        if site.now_ms >= end_ms:
            work()
            # another list: the site walks the old one
            site.before_tick = [call for call in site.before_tick if call is not look]

    site.before_tick = [*site.before_tick, look]


_CHILLER_DEFECTS = {"silent": "silent", "outlet-sensor": "outlet_lost", "low-level": "low_level"}


def _chiller(site: VirtualSite, i: int, defect: str, state: str) -> None:
    plants, on = site.plants, state == "on"
    if defect == "compressor":
        plants.heat.compressor_failed[i] = on
    elif (face := plants.chillers[i]) is not None:
        setattr(face.defects, _CHILLER_DEFECTS[defect], on)
    else:
        raise AutarkyError(f"chiller {defect}: this cabinet has no smart chiller (cooling_set 1)")


def _key(site: VirtualSite, i: int) -> None:
    keys = site.plants.reset_key
    keys[i] = True
    _later(site, _KEY_MS, lambda: keys.__setitem__(i, False))


def _supply_dip(site: VirtualSite, i: int, volts: float, ms: int) -> None:
    _analog(site, i, "supply", volts)
    _later(site, ms, lambda: _analog_back(site, i, "supply"))


ON_PLANTS: dict[str, Callable[..., object]] = {
    "pull": lambda site, i, module: site.plants.pull_module(i, module - 1),
    "plug": lambda site, i, module: site.plants.insert_module(i, module - 1),
    "cell": lambda site, i, cell, v: site.plants.cells.force_voltage(i, cell - 1, v),
    "cells": lambda site, i, v: site.plants.cells.force_voltage(i, slice(None), v),
    "cell-drift": lambda site, i, cell, mv: site.plants.cells.drift(i, cell - 1, mv / 1000),
    "cells-back": lambda site, i: site.plants.cells.release(i),
    "cell-frozen": _cell_frozen,
    "temperature": _put("temperature_forced_c.*"),
    "temperature-shift": _put("temperature_shift_c.*"),
    "sensor": lambda site, i, n, c: site.plants.sensor_forced_c[i].update({n - 1: c}),
    "sensor-frozen": _sensor_frozen,
    "temperature-back": lambda site, i: site.plants.sensors_back(i),
    "sensor-drift": lambda site, i, n, k: site.plants.drift_sensor(i, n - 1, k / 60),
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
    "supply-dip": _supply_dip,
    "ambient": _put("heat.ambient_c.*"),
    "chiller": _chiller,
    "pump-failed": _put("heat.pump_failed.*"),
    "key": _key,
}  # fmt: skip
