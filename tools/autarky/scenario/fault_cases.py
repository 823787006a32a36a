"""How each fault of the table is provoked on a virtual cabinet, and by when it must act.

The one list that the trip scenario, the co-simulation tests and the safety page walk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autarky.bus.bus import BusFault
from autarky.plant.iso165c import PERIOD_MS as MONITOR_PERIOD_MS
from autarky.plant.ivt_s import RESULT_ID
from autarky.plant.string import PCS_OFF
from autarky.sil.plants import TICK_MS
from bess.parameters import Parameters
from bess.protect.fault_table import TABLE
from bess.protect.history import MINUS_CLOSINGS, STOPS
from bess.table import rows

if TYPE_CHECKING:
    from autarky.sil.site import VirtualSite

Inject = Callable[["VirtualSite", int], object]
PERIOD_MS = {fields[1]: int(fields[8]) for fields in rows(TABLE)}
LEVELS = {fields[1]: fields[6] for fields in rows(TABLE)}
IDS = {fields[1]: int(fields[0]) for fields in rows(TABLE)}
_MODULE_OF_SENSOR = 15  # three front ends of five sensors each
_GC_MS = 10  # goal for the longest collection of garbage, added to what the slow task feeds


@dataclass(frozen=True)
class FaultCase:
    """One way to provoke a fault at its highest level.

    setup: "run" (default), "load" (60 kW), "overload" (105 kW), "standby", "boot" (injected
    before the start), "cool" (pump on), "heat" (heater on). level: 1..4 or 5 for an orderly
    stop. inside: needs to reach into the firmware, so only with the firmware inline. extra_ms:
    what the plant or the sensor needs before the condition is there. shadowed_by: a faster or
    more severe fault that
    the same cause raises.
    """

    fault: str
    inject: Inject
    level: int = 3
    setup: str = "run"
    inside: bool = False
    extra_ms: int = 0
    note: str = ""
    shadowed_by: tuple[str, ...] = ()

    @property
    def opens(self) -> bool:
        """The reaction is an open command; else a block (2) or a report (1)."""
        return self.level >= 3

    def deadline_ms(self, parameters: Parameters) -> int:
        """Configured delay + one sample + two ticks after the injection."""
        level = 3 if self.level == 5 else self.level
        key = f"{self.fault}_{level}"
        delay_ms = 0
        for suffix in ("_delay_ms", "_ms"):
            try:
                delay_ms = parameters.get(key + suffix)
                break
            except KeyError:
                continue
        sample_ms = _SAMPLE_MS.get(self.fault, PERIOD_MS[self.fault])
        gc_ms = _GC_MS if sample_ms >= 1000 else 0
        return delay_ms + sample_ms + 2 * TICK_MS + gc_ms + self.extra_ms


# where the sensor's own period is longer than the row's
_SAMPLE_MS = {
    "pcs_silent": 20, "pcs_fault": 20, "pcs_crc": 20, "command_silent": 100, "voltage_silent": 100,
    "pcs_hot": 1000 + 20, "insulation": MONITOR_PERIOD_MS + 1000,
    "insulation_silent": MONITOR_PERIOD_MS + 1000, "insulation_device": MONITOR_PERIOD_MS + 1000,
    "insulation_told": MONITOR_PERIOD_MS + 1000,
    "link_ov": 150, "link_reversed": 150, "string_sum": 150, "fuse_open": 150,
    "afe_supply": 700, "terminal_hot": 2000, "board_hot": 2000, "condensation": 2000,
}  # fmt: skip


def _set(path: str, value: Any) -> Inject:
    """Set `plants.<path>[i]`, or `plants.<path>[i].<name>` written as path.name."""

    def inject(site: VirtualSite, i: int) -> None:
        target: Any = site.plants
        *parts, last = path.split(".")
        for part in parts:
            target = target[i] if part == "*" else getattr(target, part)
        if last == "*":
            target[i] = value
        else:
            setattr(target, last, value)

    return inject


def _extra(amperes: float) -> Inject:
    return _set("strings.extra_a.*", amperes)


def _cell(volts: float, cell: int | slice = 17) -> Inject:
    return lambda site, i: site.plants.cells.force_voltage(i, cell, volts)


def _temperature(celsius: float, amperes: float = 0.0) -> Inject:
    def inject(site: VirtualSite, i: int) -> None:
        site.plants.temperature_forced_c[i] = celsius
        site.plants.strings.extra_a[i] = amperes

    return inject


def _sensor(*sensors: tuple[int, float]) -> Inject:
    return lambda site, i: site.plants.sensor_forced_c[i].update(dict(sensors))


def _empty(site: VirtualSite, i: int) -> None:
    site.plants.cells.force_voltage(i, slice(None), 2.95)
    site.plants.strings.extra_a[i] = 6.0


def _apart(site: VirtualSite, i: int) -> None:
    site.plants.sensors[i].offset_ma = 21_500.0
    site.plants.strings.pcs_offset_w[i] = -8_000.0


def _line(name: str, level: bool) -> Inject:
    return lambda site, i: site.plants.input_forced[i].update({name: level})


def _analog(**values: float) -> Inject:
    def inject(site: VirtualSite, i: int) -> None:
        site.plants.analog_forced[i].update(values)
        site.plants.refresh_analog(i)

    return inject


def _flag(bit: int) -> Inject:
    def inject(site: VirtualSite, i: int) -> None:
        site.plants.flags[i] |= bit

    return inject


def _chain(action: Callable[[Any], None]) -> Inject:
    def inject(site: VirtualSite, i: int) -> None:
        action(site.plants.chains[i])
        site.plants.chains[i].fault_changed()

    return inject


def _bus(kind: str, base: int, remaining: int | None = None, bits: int = 3) -> Inject:
    def inject(site: VirtualSite, i: int) -> None:
        can_id = base + site.cabinets[i].node_id
        site.bus.faults.append(
            BusFault(kind, lambda known, _: known == can_id, remaining=remaining, bits=bits)
        )

    return inject


def _cabinet_bus(kind: str, can_id: int, remaining: int | None = None) -> Inject:
    return lambda site, i: site.cabinets[i].bus.faults.append(
        BusFault(kind, lambda known, _: known == can_id, remaining=remaining)
    )


def _app(action: Callable[[Any], None]) -> Inject:
    return lambda site, i: action(site.cabinets[i].firmware.app)  # pyright: ignore


def _sensor_loss(lost: Callable[[int], bool]) -> Inject:
    """Frames of the current, numbered as they come, that do not arrive."""

    def inject(site: VirtualSite, i: int) -> None:
        number = iter(range(1 << 30))
        site.cabinets[i].bus.faults.append(
            BusFault("drop", lambda known, _: known == RESULT_ID and lost(next(number)))
        )

    return inject


def _guard_lost(site: VirtualSite, i: int) -> None:
    site.bus.faults.append(BusFault("drop", lambda known, _: known == 0x701))


def _duplicate(site: VirtualSite, i: int) -> None:
    stranger = site.bus.attach(())
    for n in range(3):
        at_us = site.now_ms * 1000 + 3000 + 20_000 * n
        site.bus.send(stranger, 0x700 + site.cabinets[i].node_id, b"\x05", at_us)


def _babble(site: VirtualSite, i: int) -> None:
    stranger = site.bus.attach(())
    for _ in range(400):
        site.bus.send(stranger, 0x600 + site.cabinets[i].node_id, b"", site.now_ms * 1000)


def _ignore_resistor(site: VirtualSite, i: int) -> None:
    site.plants.strings.link_shorted[i] = True


def _frozen_current(site: VirtualSite, i: int) -> None:
    site.plants.sensors[i].frozen_ma = site.plants.current_a[i] * 1000
    site.coordinator.target_w = -30_000.0 * site.plants.n


def _frozen_cell(site: VirtualSite, i: int) -> None:
    chain = site.plants.chains[i]
    chain.frozen_v[4, 3] = float(site.plants.cells.voltage(i, site.plants.current_a[i])[67])
    site.coordinator.target_w = -40_000.0 * site.plants.n


def _frozen_sensor(site: VirtualSite, i: int) -> None:
    site.plants.sensor_forced_c[i][12] = float(site.plants.sensor_c(i)[12])
    site.plants.temperature_shift_c[i] = 2.6


def _power_cycle(cause: str) -> Inject:
    def inject(site: VirtualSite, i: int) -> None:
        site.cabinets[i].cause = cause
        site.power_cycle(i)

    return inject


def _corrupt_parameters(site: VirtualSite, i: int) -> None:
    assert site.state_folder is not None
    folder = site.state_folder / f"cabinet{site.cabinets[i].node_id}"
    (folder / "parameters.bin").write_bytes(b"\xc5\xa7" + b"\x55" * 100)
    site.power_cycle(i)


def _conflicting_parameters(site: VirtualSite, i: int) -> None:
    app: Any = site.cabinets[i].firmware.app  # pyright: ignore
    app.parameters.set("cell_ov_2_dmv", app.parameters.get("cell_ov_3_dmv") + 1)
    assert app.keeper._save()  # past the check, as a program of other rules stored it
    site.power_cycle(i)


def _overrun(app: Any) -> None:
    app.scheduler.overruns[0] += 1


def _many_events(app: Any) -> None:
    for n in range(200):
        app.log.put(0, 1, 1, 1, n, 0)


def _dead_task(name: str) -> Callable[[Any], None]:
    def kill(app: Any) -> None:
        def die(now_ms: int) -> None:
            raise ZeroDivisionError("provoked")

        app.scheduler._functions[app.scheduler.names.index(name)] = die

    return kill


def _status_disabled(app: Any) -> None:
    app.parameters.set("tpdo1_enabled", 0)
    app.node.load()


RAM_BAD, PROGRAM_BAD, STORAGE_BAD = 8, 16, 32  # TICK flags, boards/unix/wire.py

FAULT_CASES = (
    # cells and string
    FaultCase("cell_ov", _cell(3.70), shadowed_by=("cell_spread", "afe_sum")),
    FaultCase("cell_uv", _cell(2.40)),
    FaultCase("deep_discharge", _cell(1.90), 4),
    FaultCase("string_ov", _cell(3.635, slice(None))),
    FaultCase("string_uv", _cell(2.55, slice(None))),
    FaultCase("cell_spread", _cell(2.79)),
    FaultCase("string_sum", _set("sensors.*.bias_v", [0.0, 30.0, 0.0, 0.0]), 2),
    FaultCase("fuse_open", _set("strings.fuse_blown.*", True),
              shadowed_by=("string_uv", "string_sum")),
    FaultCase("cell_frozen", _frozen_cell, 2, "load", extra_ms=3000,
              note="the mean must move 10 mV first"),
    # current
    FaultCase("charge_oc", _extra(-200.0)),
    FaultCase("discharge_oc", _extra(200.0)),
    FaultCase("short", _extra(520.0)),
    FaultCase("current_silent", lambda site, i: site.plants.sensors[i].silent_channels.add(0)),
    FaultCase("voltage_silent", lambda site, i: site.plants.sensors[i].silent_channels.add(1)),
    FaultCase("current_lost", _sensor_loss(lambda n: n % 8 == 0), 1, extra_ms=1000,
              note="one current in eight does not arrive"),
    FaultCase("current_mismatch", _apart, 2, "load",
              note="sensor and PCS off the set-point to opposite sides, neither far enough alone"),
    FaultCase("current_offset", _set("sensors.*.offset_ma", 5000.0), 2, "standby", extra_ms=3000),
    FaultCase("current_sign", _set("sensors.*.gain", -1.0), 3, "load", extra_ms=1000),
    FaultCase("blocked_charge", _temperature(1.0, -6.0), extra_ms=1200,
              note="cold cells, the limit is zero"),
    FaultCase("blocked_discharge", _empty, extra_ms=1200,
              note="nearly empty cells, the limit is zero"),
    FaultCase("current_stuck", _frozen_current, 2, "load", extra_ms=2000),
    # temperature
    FaultCase("charge_ot", _temperature(56.0, -10.0), note="charging goes on against the limit"),
    FaultCase("charge_ut", _temperature(1.0, -10.0), 2),
    FaultCase("charge_below_zero", _temperature(-2.0, -10.0),
              note="charging goes on against the limit"),
    FaultCase("discharge_ot", _temperature(61.0), shadowed_by=("temp_rise",)),
    FaultCase("discharge_ut", _temperature(-36.0)),
    FaultCase("temp_rise", _temperature(34.0), extra_ms=1000),
    FaultCase("temp_spread", _sensor((7, 40.0))),
    FaultCase("temp_silent", _temperature(-200.0), note="sensors open",
              shadowed_by=("sensors_lost",)),
    FaultCase("sensor_open", _sensor((7, -120.0)), 1),
    FaultCase("sensor_short", _sensor((7, 300.0)), 1),
    FaultCase("sensors_lost", _sensor((7, -120.0), (8, -120.0))),
    FaultCase("sensor_frozen", _frozen_sensor, 1, extra_ms=2000),
    FaultCase("sensor_implausible", _sensor((7, 5.0)), 1),
    FaultCase("terminal_hot", _analog(terminal_plus=95.0)),
    FaultCase("terminal_sensor", _analog(terminal_plus=-200.0, terminal_minus=-200.0),
              note="both lost"),
    # front ends
    FaultCase("afe_silent", _chain(lambda chain: chain.dead.add(7)),
              note="one device of the chain dead"),
    FaultCase("afe_crc", _chain(lambda chain: chain.bit_error_devices.update({4: 1.0})), 2,
              extra_ms=100, note="every answer of a device has a bit error"),
    FaultCase("open_wire", lambda site, i: site.plants.chains[i].open_wires.add((3, 5))),
    FaultCase("afe_sum", _chain(lambda chain: setattr(chain, "sum_gain", 1.05)), 2),
    FaultCase("afe_self_test", lambda site, i: site.plants.chains[i].wrong_converter.add(2)),
    FaultCase("afe_reference", lambda site, i: site.plants.chains[i].wrong_reference.add(2), 2),
    FaultCase("afe_supply", lambda site, i: site.plants.chains[i].low_supply.add(2), 2),
    FaultCase("afe_hot", lambda site, i: site.plants.chains[i].die_c.fill(120.0), 2),
    FaultCase("afe_config", lambda site, i: site.plants.chains[i].stuck_config.add(3), 2,
              extra_ms=700, note="a device does not take its configuration"),
    FaultCase("diagnosis_silent", _chain(lambda chain: chain.disturbed_reads.add(0x010)), 2,
              extra_ms=700, note="one group of one device is never read"),
    FaultCase("wrong_module", lambda site, i: site.plants.chains[i].extra_cell_v.update({5: 3.3}),
              4),
    # contactors, link, insulation
    FaultCase("contactor_feedback",
              lambda site, i: site.plants.strings.contactors.feedback_inverted.__setitem__(
                  (i, 1), True), 4),
    FaultCase("contactor_welded",
              lambda site, i: (site.plants.strings.contactors.welded.__setitem__((i, 1), True),
                               _line("hvil", False)(site, i)), 4, extra_ms=1200,
              note="found by the weld test after the next opening", shadowed_by=("hvil",)),
    FaultCase("contactor_stuck",
              lambda site, i: site.plants.strings.contactors.stuck_open.__setitem__((i, 0), True),
              3, "boot", extra_ms=12_000, note="minus does not close",
              shadowed_by=("contactor_feedback",)),
    FaultCase("precharge", _set("strings.resistor_open.*", True), 3, "boot", extra_ms=42_000,
              note="three tries of 5 s and their pauses"),
    FaultCase("precharge_hot", _ignore_resistor, 2, "boot", extra_ms=8_000),
    FaultCase("link_ov", _set("sensors.*.bias_v", [0.0, 0.0, 300.0, 0.0])),
    FaultCase("link_reversed", _set("sensors.*.bias_v", [0.0, 0.0, -900.0, 0.0])),
    FaultCase("insulation", _set("monitors.*.resistance_kohm", 60)),
    FaultCase("insulation_silent", _set("monitors.*.silent", True)),
    FaultCase("insulation_told", _set("monitors.*.status", 1), 2),
    FaultCase("insulation_device", _set("monitors.*.status", 4), 1),
    FaultCase("contactor_life", _app(lambda app: app.history.put(MINUS_CLOSINGS, 95_000)), 1,
              inside=True),
    FaultCase("repeated_stops", _app(lambda app: app.history.put(STOPS, 4)), inside=True,
              extra_ms=1000),
    # PCS
    FaultCase("pcs_silent", _set("faces.*.silent", True)),
    FaultCase("pcs_fault", _set("strings.pcs_failed.*", True)),
    FaultCase("pcs_crc", _cabinet_bus("corrupt", 0x190, 8), 1, extra_ms=120),
    FaultCase("pcs_hot", _set("faces.*.temperature_c", 62)),
    FaultCase("pcs_deviation", _set("strings.pcs_offset_w.*", 30_000.0), 2, "load",
              extra_ms=500, note="power that nobody asked for"),
    FaultCase("pcs_state", _set("faces.*.manners.reported_state", PCS_OFF), 2, "load", extra_ms=20,
              note="it left RUNNING by itself"),
    FaultCase("pcs_excess", _set("strings.pcs_offset_w.*", 100_000.0), 3, "overload",
              extra_ms=1000, shadowed_by=("discharge_oc",)),
    # inputs
    FaultCase("estop", _set("estop.*", True)),
    FaultCase("hvil", _set("hvil_open.*", True)),
    FaultCase("module_pulled", lambda site, i: site.plants.pull_module(i, 2)),
    FaultCase("smoke", _line("smoke", False)),
    FaultCase("gas", _line("gas", False)),
    FaultCase("door", _line("door", False), 1),
    FaultCase("enable_lost", _line("enable_ok", False)),
    # cooling
    FaultCase("coolant_flow", _set("heat.pump_failed.*", True), 1, "cool"),
    FaultCase("flow_stuck", _line("coolant_flow", True), 1),
    FaultCase("heater_stuck", _line("heater_on", True), 2),
    FaultCase("heater_silent", _line("heater_on", False), 1, "heat"),
    FaultCase("compressor", _line("compressor_ok", False), 1),
    FaultCase("condensation", _analog(coolant_supply=8.0, humidity=0.95, ambient=30.0), 1),
    FaultCase("cabinet_sensor", _analog(humidity=0.0), 1),
    # controller
    FaultCase("supply_low", _analog(supply=15.0)),
    FaultCase("supply_high", _analog(supply=33.0), 2),
    FaultCase("adc_reference", _analog(reference=1.06), 2),
    FaultCase("board_hot", _analog(board=90.0), 2),
    FaultCase("ram_test", _flag(RAM_BAD), 4, extra_ms=1000),
    FaultCase("program_hash", _flag(PROGRAM_BAD), 4, extra_ms=1000),
    FaultCase("parameters_corrupt", _corrupt_parameters, 3, "standby"),
    FaultCase("parameters_conflict", _conflicting_parameters, 3, "standby", inside=True,
              note="stored by another program version"),
    FaultCase("watchdog_reset", _power_cycle("watchdog"), 1, "standby", extra_ms=500),
    FaultCase("unclean_stop", _power_cycle("power"), 3),
    FaultCase("clock", lambda site, i: setattr(site.cabinets[i], "skew_ms", 500)),
    FaultCase("task_overrun", _app(_overrun), 1, inside=True),
    FaultCase("task_stopped", _app(_dead_task("slow")), 3, inside=True, extra_ms=1000),
    FaultCase("part_failed", _app(_dead_task("estimate")), 1, inside=True, extra_ms=1000,
              note="one that may fail alone"),
    FaultCase("heap_used", _app(lambda app: setattr(app.scheduler, "allocated", True)), 3,
              inside=True),
    FaultCase("self_test", _chain(lambda chain: chain.dead.add(1)), 3, "boot", extra_ms=10_500,
              shadowed_by=("afe_silent", "temp_silent")),
    FaultCase("log_full", _app(_many_events), 1, inside=True),
    FaultCase("log_storage", lambda site, i: (_flag(STORAGE_BAD)(site, i),
                                              _line("door", False)(site, i)), 1, extra_ms=2100),
    FaultCase("soc_low", _app(lambda app: app.estimator.soc.start(0.03, 1e-4, 3.0)), 1,
              inside=True),
    # link
    FaultCase("command_silent", _bus("drop", 0x200), 5, note="orderly stop"),
    FaultCase("command_crc", _bus("corrupt", 0x200, 4), 1, extra_ms=1000,
              note="three in one second"),
    FaultCase("command_replay", _bus("duplicate", 0x200, 5), 1, extra_ms=1000,
              note="three in one second"),
    FaultCase("heartbeat_lost", _guard_lost, 1, extra_ms=2000, note="1.5 s without a heartbeat"),
    FaultCase("duplicate_id", _duplicate, 1, extra_ms=100),
    FaultCase("link_mute", _app(_status_disabled), 1, inside=True,
              note="status switched off by a master"),
    FaultCase("bus_off", lambda site, i: site.bus.fail(site.cabinets[i].site_port), 1,
              extra_ms=100),
    FaultCase("cabinet_bus_off",
              lambda site, i: site.cabinets[i].bus.fail(site.cabinets[i].bus_ports[0]), 2,
              extra_ms=100),
    FaultCase("receive_overrun", _babble, 1, extra_ms=1000),
)  # fmt: skip
