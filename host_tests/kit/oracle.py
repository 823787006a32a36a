"""A slow second opinion on protection, typed from design page protection.md.

Nothing here is imported from the firmware's tables: a wrong number there must differ here.
"""

from dataclasses import dataclass, field

# name: (signal, sign, threshold, delay in samples, level, needs charging)
TRIPS = {
    "cell_ov": ("cell_max", 1, 36500, 10, 3, False),
    "cell_uv": ("cell_min", -1, 25000, 10, 3, False),
    "deep_discharge": ("cell_min_raw", -1, 20000, 10, 4, False),
    "string_ov": ("string_per_cell", 1, 36200, 10, 3, False),
    "string_uv": ("string_per_cell", -1, 26000, 10, 3, False),
    "charge_oc": ("charge_overload", 1, 1250, 50, 3, False),
    "discharge_oc": ("discharge_overload", 1, 1250, 50, 3, False),
    "short": ("short", 1, 1000, 2, 3, False),
    "charge_ot": ("temp_max", 1, 550, 20, 3, True),
    "charge_below_zero": ("temp_min", -1, 1, 20, 3, True),
    "discharge_ot": ("temp_max", 1, 600, 20, 3, False),
    "discharge_ut": ("temp_min", -1, -350, 50, 3, False),
    "temp_rise": ("temp_rise", 1, 10, 3, 3, False),
    "cell_spread": ("cell_spread", 1, 4000, 100, 3, False),
    "temp_spread": ("temp_spread", 1, 120, 100, 3, False),
    "insulation": ("insulation", -1, 100, 10, 3, False),
    "terminal_hot": ("terminal_temp", 1, 900, 2, 3, False),
    "hvil": ("hvil_open", 1, 0, 5, 3, False),
    "estop": ("estop", 1, 0, 1, 3, False),
    "module_pulled": ("modules_missing", 1, 0, 2, 3, False),
    "current_silent": ("current_age", 1, 300, 1, 3, False),
    "afe_silent": ("afe_age", 1, 3000, 1, 3, False),
    "pcs_silent": ("pcs_age", 1, 5000, 1, 3, False),
    "contactor_feedback": ("feedback_differs", 1, 0, 30, 4, False),
    "contactor_welded": ("welded", 1, 0, 1, 4, False),
}


@dataclass
class Oracle:
    """Counts samples the slow way; `expected` faults must be latched, others must not be."""

    counts: dict[str, int] = field(default_factory=dict)
    latched: dict[str, int] = field(default_factory=dict)  # fault -> level
    well: dict[str, bool] = field(default_factory=dict)
    charging: bool = False
    reached: set[str] = field(default_factory=set)

    def sample(self, signal: str, value: int, partial: bool) -> None:
        """A fresh sample of a signal, judged by every fault that looks at it."""
        for name, (watched, sign, threshold, need, level, needs_charging) in TRIPS.items():
            if watched != signal:
                continue
            over = sign * value > sign * threshold
            if over and (self.charging or not needs_charging):
                self.counts[name] = self.counts.get(name, 0) + 1
                self.well[name] = False
                if self.counts[name] >= need:
                    self.latched[name] = level
                    self.reached.add(name)
            elif not partial:
                self.counts[name] = 0
                self.well[name] = name not in self.latched or not self._inside(name, sign, value)

    def _inside(self, name: str, sign: int, value: int) -> bool:
        """Between the threshold and the value from which the cause counts as gone."""
        gone = RECOVER.get(name, TRIPS[name][2])
        return sign * value > sign * gone

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


# where a trip counts as recovered: the level 1 recovery of the table
RECOVER = {
    "cell_ov": 35000, "cell_uv": 30000, "string_ov": 35100, "string_uv": 31000, "charge_oc": 1000,
    "discharge_oc": 1000, "charge_ot": 400, "discharge_ot": 450, "discharge_ut": -150,
    "cell_spread": 700, "temp_spread": 30, "insulation": 600, "terminal_hot": 600,
}  # fmt: skip
