"""What neighbours, parts and people do to a cabinet: each mishap begins, stands and ends.

A row of MISHAPS is name -> (shortest s, longest s, begin); `begin(world)` returns what ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from kit.neighbourhood import RATED_W, Begin, End, Neighbourhood, every_nth

from autarky.paths import wire
from autarky.plant.pcs import COMMAND_ID, FLIPPED, SETPOINT, STATUS_ID, ZERO, Manners
from autarky.plant.string import PCS_OFF, PCS_RUNNING, PCS_STARTING


def _manner(**values: object) -> Begin:
    """The PCS takes on a habit; those it has stay."""

    def begin(world: Neighbourhood) -> End:
        manners = world.plants.faces[0].manners
        for name, value in values.items():
            setattr(manners, name, value(world.random) if callable(value) else value)
        good = Manners()
        return lambda: [setattr(manners, name, getattr(good, name)) for name in values]

    return begin


def _put(path: str, bad: object, well: object) -> Begin:
    """plants.<path>[0], or an attribute of it written as path.name."""

    def begin(world: Neighbourhood) -> End:
        head, _, name = path.partition("[0].")
        target = world.plants
        for part in head.split("."):
            target = getattr(target, part)
        value = bad(world.random) if callable(bad) else bad
        if name:
            setattr(target[0], name, value)
            return lambda: setattr(target[0], name, well)
        target[0] = value
        return lambda: target.__setitem__(0, well)

    return begin


def _pole(attribute: str, value: object, well: object, poles: int) -> Begin:
    def begin(world: Neighbourhood) -> End:
        array = getattr(world.plants.strings.contactors, attribute)
        pole = world.random.randrange(poles)
        array[0, pole] = value
        return lambda: getattr(world.plants.strings.contactors, attribute).__setitem__(
            (0, pole), well
        )

    return begin


def _line(name: str, level: bool) -> Begin:
    def begin(world: Neighbourhood) -> End:
        world.plants.input_forced[0][name] = level
        return lambda: world.plants.input_forced[0].pop(name, None)

    return begin


def _analog(**values: float) -> Begin:
    def begin(world: Neighbourhood) -> End:
        plants = world.plants
        plants.analog_forced[0].update(values)
        plants.refresh_analog(0)

        def end() -> None:
            for name in values:
                plants.analog_forced[0].pop(name, None)
            plants.refresh_analog(0)

        return end

    return begin


def _chain(change: Callable[[object, Random], End]) -> Begin:
    def begin(world: Neighbourhood) -> End:
        chain = world.plants.chains[0]
        end = change(chain, world.random)
        chain.fault_changed()

        def end_and_tell() -> None:
            end()
            chain.fault_changed()

        return end_and_tell

    return begin


def _device_set(name: str) -> Begin:
    def change(chain, random: Random) -> End:
        device = random.randrange(chain.devices)
        getattr(chain, name).add(device)
        return lambda: getattr(chain, name).discard(device)

    return _chain(change)


def _device_dict(name: str, value: float) -> Begin:
    def change(chain, random: Random) -> End:
        device = random.randrange(chain.devices)
        getattr(chain, name)[device] = value
        return lambda: getattr(chain, name).pop(device, None)

    return _chain(change)


def _open_wire(chain, random: Random) -> End:
    device = random.randrange(chain.devices)
    wire_ = device, random.randrange(chain.layout[device] + 1)
    chain.open_wires.add(wire_)
    return lambda: chain.open_wires.discard(wire_)


def _hot_die(chain, random: Random) -> End:
    device = random.randrange(chain.devices)
    chain.die_c[device] = 122.0
    return lambda: chain.die_c.__setitem__(device, 30.0)


def _sum_off(chain, random: Random) -> End:
    chain.sum_gain = 1.05
    return lambda: setattr(chain, "sum_gain", 1.0)


def _lost(bus: str) -> Begin:
    def begin(world: Neighbourhood) -> End:
        random = world.random
        n, phase = random.randrange(3, 10), random.randrange(10)
        if bus == "site":
            faults = world.site.bus.faults
            can_id = random.choice((0x202, 0x182, 0x701, 0x080))
        else:
            faults = world.site.cabinets[0].bus.faults
            can_id = random.choice((0x521, 0x522, 0x523, STATUS_ID, COMMAND_ID))
        fault = every_nth(n, phase, can_id)
        faults.append(fault)
        return lambda: faults.remove(fault)

    return begin


def _cells(which: Callable[[Random], object], volts: Callable[[Random], float]) -> Begin:
    def begin(world: Neighbourhood) -> End:
        world.plants.cells.force_voltage(0, which(world.random), volts(world.random))
        return lambda: world.plants.cells.release(0)

    return begin


def _one_cell(random: Random) -> object:
    return random.randrange(240)


def _all_cells(_: Random) -> object:
    return slice(None)


def _sensors(which: Callable[[Random], range], celsius: float) -> Begin:
    def begin(world: Neighbourhood) -> End:
        chosen = which(world.random)
        forced = world.plants.sensor_forced_c[0]
        forced.update(dict.fromkeys(chosen, celsius))
        return lambda: [forced.pop(sensor, None) for sensor in chosen]

    return begin


def _one_sensor(random: Random) -> range:
    sensor = random.randrange(75)
    return range(sensor, sensor + 1)


def _a_module_s(random: Random) -> range:
    module = random.randrange(5)
    return range(15 * module, 15 * module + 15)


def _pull(world: Neighbourhood) -> End:
    module = world.random.randrange(5)
    world.plants.pull_module(0, module)
    return lambda: world.plants.insert_module(0, module)


def _flag(bit: int) -> Begin:
    def begin(world: Neighbourhood) -> End:
        world.plants.flags[0] |= bit
        return lambda: world.plants.flags.__setitem__(0, world.plants.flags[0] & ~bit)

    return begin


def _skew(world: Neighbourhood) -> End:
    world.site.cabinets[0].skew_ms += 500
    return lambda: None


def _silent_channel(world: Neighbourhood) -> End:
    channel = world.random.randrange(3)
    silent = world.plants.sensors[0].silent_channels
    silent.add(channel)
    return lambda: silent.discard(channel)


def _dead_task(world: Neighbourhood) -> End:
    scheduler = world.app.scheduler
    name = world.random.choice(("fast", "scan", "cells", "slow"))

    def die(now_ms: int) -> None:
        world.planted.add("task_died")  # from here on, not from when it was planted
        raise ZeroDivisionError("planted")

    scheduler._functions[scheduler.names.index(name)] = die
    return lambda: world.restart("watchdog")


def _heap(world: Neighbourhood) -> End:
    world.app.scheduler.allocated = True
    world.planted.add("heap_used")
    return lambda: world.restart("power")


def _lss_mute(world: Neighbourhood) -> End:
    """LSS: all nodes to configuration, another bit rate, activate with a delay (CiA 305)."""
    for frame in (b"\x04\x01", b"\x13\x00\x02", b"\x15\x20\x4e"):
        world.send(0x7E5, frame.ljust(8, b"\0"))
    return lambda: world.send(0x7E5, b"\x04\x00".ljust(8, b"\0"))


def _coordinator(name: str, bad: object, well: object) -> Begin:
    def begin(world: Neighbourhood) -> End:
        setattr(world.site.coordinator, name, bad)
        return lambda: setattr(world.site.coordinator, name, well)

    return begin


def _bus_off(world: Neighbourhood) -> End:
    site = world.site
    port = site.cabinets[0].site_port
    site.bus.fail(port)
    return lambda: site.bus.repair(port)


def _some_w(random: Random) -> float:
    return random.choice((-1.0, 1.0)) * random.uniform(16_000.0, RATED_W)


def _poor_kohm(random: Random) -> int:
    return random.choice((50, 200))


def _too_hot_c(random: Random) -> float:
    return random.choice((48.0, 57.0, 62.0))


MISHAPS: dict[str, tuple[float, float, Begin]] = {
    # the PCS
    "pcs ignores its set-point": (1, 15, _manner(keeps_setpoint=True)),
    "pcs lags": (2, 15, _manner(lag_s=lambda r: r.uniform(0.1, 5.0))),
    "pcs jumps": (1, 14, _manner(jump_w=_some_w)),
    "pcs starts at full power": (10, 40, _manner(start_w=_some_w, lag_s=lambda r: r.uniform(0, 5))),
    "pcs ignores a stop": (2, 15, _manner(keeps_running=True, keeps_setpoint=True)),
    "pcs tells its set-point and jumps": (2, 14, _manner(jump_w=_some_w, reported_power=SETPOINT)),
    "pcs tells no power": (2, 14, _manner(reported_power=ZERO)),
    "pcs tells the wrong sign": (2, 14, _manner(reported_power=FLIPPED)),
    "pcs says it is off": (1, 14, _manner(reported_state=PCS_OFF)),
    "pcs says it is running": (1, 14, _manner(reported_state=PCS_RUNNING)),
    "pcs says it is starting": (1, 14, _manner(reported_state=PCS_STARTING)),
    "pcs answers late": (2, 15, _manner(late_ms=lambda r: r.randrange(40, 2000, 20))),
    "pcs silent, with its old set-point": (
        0.3, 8,
        lambda w: _both(w, _put("faces[0].silent", True, False), _manner(keeps_setpoint=True)),
    ),
    "pcs is off its set-point": (2, 14, _put("strings.pcs_offset_w", _some_w, 0.0)),
    "pcs trickles": (2, 10, _put("strings.pcs_offset_w", lambda r: r.choice((-9e3, 9e3)), 0.0)),
    "pcs fails": (0.5, 3, _put("strings.pcs_failed", True, False)),
    "pcs hot": (6, 8, _put("faces[0].temperature_c", 62, 35)),
    # the buses
    "one site frame in n lost": (5, 30, _lost("site")),
    "one cabinet frame in n lost": (5, 30, _lost("cabinet")),
    "site bus off": (1, 8, _bus_off),
    "coordinator silent": (0.2, 8, _coordinator("silent", True, False)),
    "standby requested": (1, 12, _coordinator("wanted_state", 0, 2)),
    "ready requested": (1, 8, _coordinator("wanted_state", 1, 2)),
    "LSS bit timing": (6, 12, _lss_mute),
    # current and voltage
    "current sensor reversed": (3, 15, _put("sensors[0].gain", -1.0, 1.0)),
    "current sensor reads half more": (3, 15, _put("sensors[0].gain", 1.5, 1.0)),
    "current sensor has an offset": (3, 15, _put("sensors[0].offset_ma", 5000.0, 0.0)),
    "a channel silent": (0.1, 2, _silent_channel),
    "string voltage wrong": (3, 14, _put("sensors[0].bias_v", [0.0, 30.0, 0.0, 0.0], [0.0] * 4)),
    "overload": (0.1, 2, _put("strings.extra_a", lambda r: r.choice((-200.0, 200.0, 230.0)), 0.0)),
    "short": (0.1, 1.5, _put("strings.extra_a", lambda r: r.choice((-520.0, 700.0, 1150.0)), 0.0)),
    # lines
    "estop": (0.05, 4, _line("estop", False)),
    "hvil": (0.1, 4, _line("hvil", False)),
    "smoke": (0.1, 4, _line("smoke", False)),
    "gas": (0.1, 4, _line("gas", False)),
    "door": (1, 6, _line("door", False)),
    "enable lost": (0.1, 2, _line("enable_ok", False)),
    "compressor": (2, 6, _line("compressor_ok", False)),
    "flow line stuck at 1": (10, 40, _line("coolant_flow", True)),
    "flow line stuck at 0": (3, 25, _line("coolant_flow", False)),
    "pump dead": (3, 25, _put("heat.pump_failed", True, False)),
    "heater line stuck": (6, 12, _line("heater_on", True)),
    "module pulled": (0.2, 3, _pull),
    # contactors and insulation
    "contactor welded": (1, 8, _pole("welded", True, False, 2)),
    "contactor does not close": (3, 12, _pole("stuck_open", True, False, 3)),
    "mirror contact wrong": (0.2, 2, _pole("feedback_inverted", True, False, 3)),
    "contactor bounces": (1, 3, _pole("bounce_ms", 80.0, 0.0, 2)),
    "precharge resistor open": (6, 40, _put("strings.resistor_open", True, False)),
    "link shorted": (6, 40, _put("strings.link_shorted", True, False)),
    "insulation low": (3, 30, _put("monitors[0].resistance_kohm", _poor_kohm, 2000)),
    "insulation monitor silent": (3, 30, _put("monitors[0].silent", True, False)),
    # cells and front ends
    "a cell high": (0.5, 3, _cells(_one_cell, lambda r: r.uniform(3.55, 3.9))),
    "a cell low": (0.5, 4, _cells(_one_cell, lambda r: r.uniform(1.9, 2.9))),
    "an empty string": (6, 25, _cells(_all_cells, lambda r: r.choice((2.2, 2.45, 2.62)))),
    "a sensor hot": (3, 5, _sensors(_one_sensor, 62.0)),
    "a sensor open": (3, 10, _sensors(_one_sensor, -120.0)),
    "a module unmeasured": (3, 6, _sensors(_a_module_s, -120.0)),
    "all sensors lost": (3, 6, _put("temperature_forced_c", -200.0, None)),
    "cells below zero": (4, 12, _put("temperature_forced_c", -5.0, None)),
    "cells hot": (4, 10, _put("temperature_forced_c", _too_hot_c, None)),
    "a front end dead": (0.5, 5, _device_set("dead")),
    "bit errors": (2, 6, _device_dict("bit_error_devices", 0.5)),
    "a sense wire open": (3, 6, _chain(_open_wire)),
    "a converter wrong": (3, 6, _device_set("wrong_converter")),
    "a reference wrong": (6, 9, _device_set("wrong_reference")),
    "a front end's supply low": (6, 10, _device_set("low_supply")),
    "configuration does not take": (8, 12, _device_set("stuck_config")),
    "sums differ": (13, 16, _chain(_sum_off)),
    "a die hot": (9, 12, _chain(_hot_die)),
    "a module of other cells": (2, 4, _device_dict("extra_cell_v", 3.3)),
    # the cabinet around them
    "supply low": (0.7, 2, _analog(supply=15.0)),
    "terminal hot": (5, 7, _analog(terminal_plus=95.0)),
    "wet": (63, 70, _analog(coolant_supply=8.0, humidity=0.95, ambient=30.0)),
    "converter off": (6, 9, _analog(reference=1.06)),
    "RAM bad": (1.5, 3, _flag(wire.TICK_RAM_BAD)),
    "program changed": (2.5, 4, _flag(wire.TICK_PROGRAM_BAD)),
    "clock jumps": (0.5, 1, _skew),
    "a task dies": (0.2, 2, _dead_task),
    "heap used": (0.2, 2, _heap),
}  # fmt: skip


def _both(world: Neighbourhood, *begins: Begin) -> End:
    ends = [begin(world) for begin in begins]
    return lambda: [end() for end in ends]
