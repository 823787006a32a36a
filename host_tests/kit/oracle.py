"""A slow second opinion on protection, typed from design page protection.md.

Nothing here is imported from the firmware's tables: a wrong number there must differ here.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


class Trip(NamedTuple):
    """One latching row: `sign * value > sign * threshold` for its delay, while `gate` says so."""

    signal: str
    sign: int
    threshold: int
    samples: int  # fresh ones, all bad, that span the delay
    period_ms: int  # between two samples of the signal
    level: int = 3
    while_charging: bool = False
    recover: int | None = None  # from where the cause counts as gone; None: the threshold


TRIPS = {
    "cell_ov": Trip("cell_max", 1, 36500, 10, 100, recover=35000),
    "cell_uv": Trip("cell_min", -1, 25000, 10, 100, recover=30000),
    "deep_discharge": Trip("cell_min_raw", -1, 20000, 10, 100, 4),
    "string_ov": Trip("string_per_cell", 1, 36200, 10, 100, recover=35100),
    "string_uv": Trip("string_per_cell", -1, 26000, 10, 100, recover=31000),
    "charge_oc": Trip("charge_overload", 1, 1250, 50, 10, recover=1000),
    "discharge_oc": Trip("discharge_overload", 1, 1250, 50, 10, recover=1000),
    "short": Trip("short", 1, 1000, 2, 10),
    "charge_ot": Trip("temp_max", 1, 550, 20, 100, while_charging=True, recover=400),
    "charge_below_zero": Trip("temp_min", -1, 1, 20, 100, while_charging=True),
    "discharge_ot": Trip("temp_max", 1, 600, 20, 100, recover=450),
    "discharge_ut": Trip("temp_min", -1, -350, 50, 100, recover=-150),
    "temp_rise": Trip("temp_rise", 1, 10, 3, 1000),
    "cell_spread": Trip("cell_spread", 1, 4000, 100, 100, recover=700),
    "temp_spread": Trip("temp_spread", 1, 120, 100, 100, recover=30),
    "insulation": Trip("insulation", -1, 100, 10, 1000, recover=600),
    "insulation_silent": Trip("insulation_age", 1, 60000, 1, 1000),
    "terminal_hot": Trip("terminal_temp", 1, 900, 2, 1000, recover=600),
    "terminal_sensor": Trip("terminal_sensor", 1, 1, 2, 1000),
    "pcs_hot": Trip("pcs_temp", 1, 600, 2, 1000, recover=400),
    "hvil": Trip("hvil_open", 1, 0, 5, 10),
    "estop": Trip("estop", 1, 0, 1, 10),
    "smoke": Trip("smoke", 1, 0, 5, 10),
    "gas": Trip("gas", 1, 0, 5, 10),
    "enable_lost": Trip("enable_lost", 1, 0, 3, 10),
    "module_pulled": Trip("modules_missing", 1, 0, 2, 10),
    "current_silent": Trip("current_age", 1, 300, 1, 10),
    "current_sign": Trip("current_sign", 1, 0, 2, 1000),
    "voltage_silent": Trip("voltage_age", 1, 1000, 1, 100),
    "afe_silent": Trip("afe_age", 1, 3000, 1, 100),
    "temp_silent": Trip("temp_age", 1, 3000, 1, 100),
    "sensors_lost": Trip("sensors_lost", 1, 0, 20, 100),
    "open_wire": Trip("open_wire", 1, 0, 2, 700),
    "afe_self_test": Trip("afe_self_test", 1, 0, 2, 700),
    "wrong_module": Trip("wrong_module", 1, 0, 10, 100, 4),
    "fuse_open": Trip("fuse_open", 1, 0, 5, 100),
    "link_ov": Trip("link_voltage", 1, 1_000_000, 1, 100),
    "link_reversed": Trip("link_voltage", -1, -20_000, 1, 100),
    "supply_low": Trip("supply", -1, 17000, 3, 100, recover=22000),
    "pcs_silent": Trip("pcs_age", 1, 5000, 1, 10),
    "pcs_fault": Trip("pcs_fault", 1, 0, 1, 10),
    "pcs_excess": Trip("pcs_excess", 1, 100, 20, 100, recover=20),
    "blocked_charge": Trip("blocked_charge", 1, 10, 100, 10),
    "blocked_discharge": Trip("blocked_discharge", 1, 10, 100, 10),
    "repeated_stops": Trip("repeated_stops", 1, 3, 1, 1000),
    "contactor_feedback": Trip("feedback_differs", 1, 0, 30, 10, 4),
    "contactor_welded": Trip("welded", 1, 0, 1, 10, 4),
    "contactor_stuck": Trip("contactor_stuck", 1, 0, 1, 10),
    "precharge": Trip("precharge_failed", 1, 0, 1, 10),
    "task_stopped": Trip("task_stopped", 1, 0, 1, 10),
    "heap_used": Trip("heap_used", 1, 0, 1, 10),
    "self_test": Trip("self_test_failed", 1, 0, 1, 10),
    "clock": Trip("clock", 1, 0, 1, 10),
    "ram_test": Trip("ram_test", 1, 0, 1, 10, 4),
    "program_hash": Trip("program_hash", 1, 0, 1, 10, 4),
    "parameters_corrupt": Trip("parameters_corrupt", 1, 0, 1, 10),
    "parameters_conflict": Trip("parameters_conflict", 1, 0, 1, 10),
    "unclean_stop": Trip("unclean_stop", 1, 0, 1, 10),
}


@dataclass
class Oracle:
    """Counts samples the slow way; `expected` faults must be latched, others must not be."""

    counts: dict[str, int] = field(default_factory=dict)
    first_ms: dict[str, int] = field(default_factory=dict)  # first bad sample; never wraps
    latched: dict[str, int] = field(default_factory=dict)  # fault -> level
    well: dict[str, bool] = field(default_factory=dict)
    charging: bool = False
    reached: set[str] = field(default_factory=set)

    def sample(self, signal: str, value: int, partial: bool, now_ms: int) -> None:
        """A fresh sample of a signal, judged by every fault that looks at it."""
        for name, trip in TRIPS.items():
            if trip.signal != signal:
                continue
            over = trip.sign * value > trip.sign * trip.threshold
            if over and (self.charging or not trip.while_charging):
                if not self.counts.get(name):
                    self.first_ms[name] = now_ms
                self.counts[name] = self.counts.get(name, 0) + 1
                self.well[name] = False
                if self._delay_is_over(name, trip, now_ms):
                    self.latched[name] = trip.level
                    self.reached.add(name)
            elif not partial:
                self.counts[name] = 0
                self.well[name] = name not in self.latched or not self._inside(trip, value)

    def _delay_is_over(self, name: str, trip: Trip, now_ms: int) -> bool:
        """Bad for the delay, whether its samples came or were lost; one alone is a glitch."""
        if self.counts[name] >= trip.samples:
            return True
        bad_ms = now_ms - self.first_ms[name]
        return self.counts[name] >= 2 and bad_ms >= (trip.samples - 1) * trip.period_ms

    def _inside(self, trip: Trip, value: int) -> bool:
        """Between the threshold and the value from which the cause counts as gone."""
        gone = trip.threshold if trip.recover is None else trip.recover
        return trip.sign * value > trip.sign * gone

    def power_cycle(self) -> None:
        """Counters are lost, latches are not."""
        self.counts.clear()
        self.well.clear()

    def reset(self, service: bool) -> None:
        """What an operator's reset clears: causes seen gone, lockouts in service only."""
        for name, level in list(self.latched.items()):
            if self.well.get(name) and (level == 3 or service):
                del self.latched[name]
                self.counts[name] = 0
