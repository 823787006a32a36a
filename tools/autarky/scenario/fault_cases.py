"""How each fault of the table is provoked, in the words of actions.py, and by when it must act.

The one list that the trip scenario, the co-simulation tests and the safety page walk.
"""

from __future__ import annotations

from dataclasses import dataclass

from autarky.plant.iso165c import PERIOD_MS as MONITOR_PERIOD_MS
from autarky.sil.plants import TICK_MS
from autarky.tables import faults
from bess.drivers.cooling import CHILLER
from bess.parameters import Parameters

UNDONE_MS = 1000
_GC_MS = 10  # goal for the longest collection of garbage, added to what the slow task feeds


@dataclass(frozen=True)
class FaultCase:
    """One way to provoke a fault at its highest level.

    done: actions with their values, on the cabinet of the case. setup: "run" (default), "load" (60
    kW), "overload" (105 kW), "standby", "boot" (done before the start), "cool" (pump on), "heat"
    (heater on), "chiller" (with a smart chiller on the cabinet's bus). level: 1..4 or 5 for an
    orderly stop. extra_ms: what the plant or the sensor needs before the condition is there.
    shadowed_by: a faster or more severe fault that the same cause raises. undone, told_ms: where
    the cause also keeps the report in the cabinet, what ends it UNDONE_MS later, and by when since
    the injection the report then must be out.
    """

    fault: str
    done: tuple[str, ...]
    level: int = 3
    setup: str = "run"
    extra_ms: int = 0
    note: str = ""
    shadowed_by: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    told_ms: int = 0

    @property
    def inside(self) -> bool:
        """It reaches into the firmware, so only with the firmware inline."""
        return any(text.startswith("inside ") for text in self.done)

    @property
    def parameters(self) -> dict[str, int]:
        """What its cabinet has otherwise than others."""
        return {"cooling_set": CHILLER} if self.setup == "chiller" else {}

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
        sample_ms = _SAMPLE_MS.get(self.fault, faults()[self.fault].period_ms)
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


def _case(fault: str, done: str, level: int = 3, setup: str = "run", *, extra_ms: int = 0,
          note: str = "", shadowed_by: tuple[str, ...] = (), undone: str = "",
          told_ms: int = 0) -> FaultCase:  # fmt: skip
    """done, undone: what is done, parted by semicolons."""
    return FaultCase(fault, _parts(done), level, setup, extra_ms, note, shadowed_by,
                     _parts(undone), told_ms)  # fmt: skip


def _parts(done: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in done.split(";") if part)


FAULT_CASES = (
    # cells and string
    _case("cell_ov", "cell 18 3.70"),
    _case("cell_uv", "cell 18 2.40"),
    _case("deep_discharge", "cell 18 1.90", 4),
    _case("string_ov", "cells 3.635"),
    _case("string_uv", "cells 2.55"),
    _case("cell_spread", "cell 18 2.79"),
    _case("string_sum", "meter-bias string 30", 2),
    _case("fuse_open", "string fuse-blown on"),
    _case("cell_frozen", "cell-frozen 68; target -100", 2, "load", extra_ms=9000,
          note="from the first look at it on, a second later, the mean must move 10 mV"),
    # current
    _case("charge_oc", "extra-current -200"),
    _case("discharge_oc", "extra-current 200"),
    _case("short", "extra-current 520"),
    _case("current_silent", "meter-silent current on"),
    _case("voltage_silent", "meter-silent string on"),
    _case("current_lost", "meter-loss 8", 1, extra_ms=1000,
          note="one current in eight does not arrive"),
    _case("current_mismatch", "meter-offset 21.5; pcs-offset -8", 2, "load",
          note="sensor and PCS off the set-point to opposite sides, neither far enough alone"),
    _case("current_offset", "meter-offset 5", 2, "standby", extra_ms=3000),
    _case("current_sign", "meter-gain -1", 3, "load", extra_ms=1000),
    _case("blocked_charge", "temperature 1; extra-current -6", extra_ms=1200,
          note="cold cells, the limit is zero"),
    _case("blocked_discharge", "cells 2.95; extra-current 6", extra_ms=1200,
          note="nearly empty cells, the limit is zero"),
    _case("current_stuck", "meter-frozen on; target -30", 2, "load", extra_ms=2000),
    # temperature
    _case("charge_ot", "temperature 56; extra-current -10",
          note="charging goes on against the limit"),
    _case("charge_ut", "temperature 1; extra-current -10", 2),
    _case("charge_below_zero", "temperature -2; extra-current -10",
          note="charging goes on against the limit"),
    _case("discharge_ot", "temperature 61"),
    _case("discharge_ut", "temperature -36"),
    _case("temp_rise", "temperature 34", extra_ms=1000),
    _case("temp_spread", "sensor 8 40"),
    _case("temp_silent", "temperature -200", note="sensors open"),
    _case("sensor_open", "sensor 8 -120", 1),
    _case("sensor_short", "sensor 8 300", 1),
    _case("sensors_lost", "sensor 8 -120; sensor 9 -120"),
    _case("sensor_frozen", "sensor-frozen 13; temperature-shift 2.6", 1, extra_ms=2000),
    _case("sensor_implausible", "sensor 8 5", 1),
    _case("terminal_hot", "analog terminal_plus 95"),
    _case("terminal_sensor", "analog terminal_plus -200; analog terminal_minus -200",
          note="both lost"),
    # front ends
    _case("afe_silent", "front-end 8 silent on", note="one device of the chain dead"),
    _case("afe_crc", "front-end 5 noisy on", 2, extra_ms=100,
          note="every answer of a device has a bit error"),
    _case("open_wire", "wire 4 5 open"),
    _case("afe_sum", "front-end-sum 1.05", 2),
    _case("afe_self_test", "front-end 3 converter on"),
    _case("afe_reference", "front-end 3 reference on", 2),
    _case("afe_supply", "front-end 3 supply on", 2),
    _case("afe_hot", "front-end-die 120", 2),
    _case("afe_config", "front-end 4 config on", 2, extra_ms=700,
          note="a device does not take its configuration"),
    _case("diagnosis_silent", "front-end-reads lost", 2, extra_ms=700,
          note="one group of one device is never read"),
    _case("wrong_module", "front-end 6 extra-cell on", 4),
    # contactors, link, insulation
    _case("contactor_feedback", "contactor plus feedback-inverted on", 4),
    _case("contactor_welded", "contactor plus welded on; line hvil on", 4, extra_ms=1200,
          note="found by the weld test after the next opening"),
    _case("contactor_stuck", "contactor minus stuck-open on", 3, "boot", extra_ms=12_000,
          note="minus does not close", shadowed_by=("contactor_feedback",)),
    _case("precharge", "string precharge-resistor-open on", 3, "boot", extra_ms=42_000,
          note="three tries of 5 s and their pauses"),
    _case("precharge_hot", "string link-shorted on", 2, "boot", extra_ms=8_000),
    _case("link_ov", "meter-bias outer-plus 300"),
    _case("link_reversed", "meter-bias outer-plus -900"),
    _case("insulation", "insulation 60"),
    _case("insulation_silent", "insulation-silent on"),
    _case("insulation_told", "insulation-status 1", 2),
    _case("insulation_device", "insulation-status 4", 1),
    _case("contactor_life", "inside many-closings", 1),
    _case("repeated_stops", "inside many-stops", extra_ms=1000),
    # PCS
    _case("pcs_silent", "pcs silent on"),
    _case("pcs_fault", "pcs failed on"),
    _case("pcs_crc", "bus-fault corrupt pcs-status 8", 1, extra_ms=120),
    _case("pcs_hot", "pcs-temperature 62"),
    _case("pcs_deviation", "pcs-offset 30", 2, "load", extra_ms=500,
          note="power that nobody asked for"),
    _case("pcs_state", "pcs-state off", 2, "load", extra_ms=20,
          note="it left RUNNING by itself"),
    _case("pcs_excess", "pcs-offset 100", 3, "overload", extra_ms=1000),
    # inputs
    _case("estop", "line estop on"),
    _case("hvil", "line hvil on"),
    _case("module_pulled", "pull 3"),
    _case("smoke", "line smoke on"),
    _case("gas", "line gas on"),
    _case("door", "line door on", 1),
    _case("enable_lost", "line enable_ok off"),
    # cooling
    _case("coolant_flow", "pump-failed on", 1, "cool"),
    _case("flow_stuck", "line coolant_flow on", 1),
    _case("heater_stuck", "line heater_on on", 2),
    _case("heater_silent", "line heater_on off", 1, "heat"),
    _case("compressor", "line compressor_ok off", 1),
    _case("chiller_silent", "chiller silent on", 1, "chiller"),
    _case("chiller_fault", "chiller low-level on", 1, "chiller", extra_ms=1000),
    _case("condensation", "analog coolant_supply 8; analog humidity 0.95; analog ambient 30", 1),
    _case("cabinet_sensor", "analog humidity 0", 1),
    # controller
    _case("supply_low", "analog supply 15"),
    _case("supply_high", "analog supply 33", 2),
    _case("adc_reference", "analog reference 1.06", 2),
    _case("board_hot", "analog board 90", 2),
    _case("ram_test", "chip ram-bad on", 4, extra_ms=1000),
    _case("program_hash", "chip program-bad on", 4, extra_ms=1000),
    _case("parameters_corrupt", "parameters-corrupt", 3, "standby"),
    _case("parameters_conflict", "inside parameters-conflict", 3, "standby",
          note="stored by another program version"),
    _case("watchdog_reset", "watchdog", 1, "standby", extra_ms=500),
    _case("unclean_stop", "restart", 3),
    _case("clock", "clock-skew 500"),
    _case("task_overrun", "inside task-overrun", 1),
    _case("task_stopped", "inside task-dead", 3, extra_ms=1000),
    _case("part_failed", "inside part-dead", 1, extra_ms=1000, note="one that may fail alone"),
    _case("heap_used", "inside heap-used", 3),
    _case("self_test", "front-end 2 silent on", 3, "boot", extra_ms=10_500,
          shadowed_by=("afe_silent", "temp_silent")),
    _case("log_full", "inside log-full", 1),
    _case("log_storage", "chip storage-bad on; line door on", 1, extra_ms=2100),
    _case("soc_low", "inside soc-low", 1),
    # link
    _case("command_silent", "bus-fault drop command 0", 5, note="orderly stop"),
    _case("command_crc", "bus-fault corrupt command 4", 1, extra_ms=1000,
          note="three in one second"),
    _case("command_replay", "bus-fault duplicate command 5", 1, extra_ms=1000,
          note="three in one second"),
    _case("heartbeat_lost", "bus-fault drop host-heartbeat 0", 1, extra_ms=2000,
          note="1.5 s without a heartbeat"),
    _case("duplicate_id", "duplicate-id", 1, extra_ms=100),
    _case("link_mute", "inside status-disabled", 1, note="status switched off by a master"),
    _case("bus_off", "bus-off site on", 1, extra_ms=100, undone="bus-off site off", told_ms=1700,
          note="told once the bus is back; the controller tries after 0.1, 0.2, 0.4 and 0.8 s"),
    _case("cabinet_bus_off", "bus-off cabinet on", 2, extra_ms=100),
    _case("receive_overrun", "babble", 1, extra_ms=1000),
)  # fmt: skip
CASES = {case.fault: case for case in FAULT_CASES}
