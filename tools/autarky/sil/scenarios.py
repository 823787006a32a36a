"""The scenarios of `autarky run`: what happens on a virtual site, and what must hold."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from autarky.coordinator.coordinator import FIRST_NODE_ID, Emergency
from autarky.sil.fault_cases import FAULT_CASES, FaultCase
from autarky.sil.flows import Flows
from autarky.sil.plants import TICK_MS
from autarky.sil.recorder import Check, FaultResult, Recorder
from autarky.sil.site import SiteConfig, VirtualSite
from bess import modes
from bess.parameters import Parameters
from bess.protect.fault_table import TABLE as FAULT_TABLE
from bess.table import rows

FAULT_NAMES = {int(fields[0]): fields[1] for fields in rows(FAULT_TABLE)}
_MAIN_CONTACTORS = 0b11
_RESET_S = 0.5
_FORCED_S = 30.0
_PULLED, _DRIVEN = 3, 17  # module and cell of Peak, from 0; people count from 1
_ONE_CELL_MOVES = 0.01  # of 240: what an unsure estimate may drift in that time anyway


@dataclass
class Scenario:
    """One run: `prepare` once, `tick` before every TICK, `finish` gives the checks."""

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    cabinets: ClassVar[int] = 2
    hours: ClassVar[float] = 10 / 60
    resizable: ClassVar[bool] = True

    site: VirtualSite
    recorder: Recorder
    seconds: float
    _agenda: list[tuple[float, str, Callable[[], None]]] = field(default_factory=list)

    @classmethod
    def configure(cls, config: SiteConfig) -> None:
        """Adapt the site before it is built."""

    def prepare(self) -> None:
        """Fill the agenda."""

    def at(self, time_s: float, text: str, action: Callable[[], None]) -> None:
        """Do something at a time of the run, and mark it in the plots."""
        self._agenda.append((time_s, text, action))
        self._agenda.sort(key=lambda item: item[0])

    def tick(self, site: VirtualSite) -> None:
        """Called before every TICK."""
        now_s = site.now_ms / 1000
        while self._agenda and self._agenda[0][0] <= now_s:
            _, text, action = self._agenda.pop(0)
            self.recorder.events.append((now_s, text))
            action()

    def elsewhere(self) -> dict[str, str]:
        """What a reader may miss here, and why it is not: for `trip`, faults."""
        return {}

    def finish(self) -> tuple[list[Check], list[FaultResult]]:
        """What held and what did not."""
        return [], []

    def turn_key(self, cabinet: int, time_s: float) -> None:
        """An operator turns the reset key of a cabinet for half a second."""

        def turn(on: bool) -> Callable[[], None]:
            return lambda: self.site.plants.reset_key.__setitem__(cabinet, on)

        self.at(time_s, f"reset key of cabinet {cabinet + FIRST_NODE_ID}", turn(True))
        self.at(time_s + _RESET_S, "", turn(False))


class Peak(Scenario):
    """Two cabinets beside a GPU cluster whose load steps: shave, recharge, lose a module."""

    name = "peak"
    title = "peak shaving beside a GPU cluster; a module pulled and put back, one fault tripped"

    def prepare(self) -> None:
        self.flows = Flows(self.site.config)
        self.rule = self.flows.rule
        self.recorder.meter.contract_w = self.rule.peak_w
        self._over_s = 0.0
        self._shaved_kwh = 0.0
        self.taken_over = False
        self.rejoined = False
        self.trip_seen = False
        self._soc_errors: list[
            float
        ] = []  # of the cabinet with the forced cell, before and with it
        self.first_run_s: float | None = None
        length = self.seconds
        last = len(self.site.cabinets) - 1
        plants = self.site.plants
        if length < 120:
            return
        first = FIRST_NODE_ID
        self.at(0.35 * length, f"module {_PULLED + 1} of cabinet {last + first} pulled",
                lambda: plants.pull_module(last, _PULLED))  # fmt: skip
        self.at(0.45 * length, f"module {_PULLED + 1} of cabinet {last + first} put back",
                lambda: plants.insert_module(last, _PULLED))  # fmt: skip
        self.turn_key(last, 0.45 * length + 3)
        self.at(0.70 * length, "", self._note_soc_error)
        self.at(0.70 * length, f"cell {_DRIVEN + 1} of cabinet {first} driven to 3.70 V",
                lambda: plants.cells.force_voltage(0, _DRIVEN, 3.70))  # fmt: skip
        self.at(min(0.74 * length, 0.70 * length + _FORCED_S), "", self._note_soc_error)
        self.at(
            0.74 * length,
            f"cell {_DRIVEN + 1} of cabinet {first} recovers",
            lambda: plants.cells.release(0),
        )
        self.turn_key(0, 0.74 * length + 10)

    def tick(self, site: VirtualSite) -> None:
        super().tick(site)
        self.flows.tick(site)
        load_w = self.flows.ac_bus.load_w
        battery_w = sum(site.plants.pcs_power_w)
        self.recorder.load_w = load_w
        self._watch(site, load_w, battery_w)

    def _watch(self, site: VirtualSite, load_w: float, battery_w: float) -> None:
        hours = TICK_MS / 3_600_000
        if load_w > self.rule.peak_w:
            self._shaved_kwh += max(battery_w, 0) * hours / 1000
        views = list(site.coordinator.views.values())
        states = [v.state for v in views]
        if self.first_run_s is None and all(state == modes.RUN for state in states):
            self.first_run_s = site.now_ms / 1000
        last = views[-1]
        if last.worst_fault == 3 and views[0].state == modes.RUN and len(views) > 1:
            self.taken_over |= abs(views[0].setpoint_w) > 1000 and last.setpoint_w == 0
        if last.state == modes.RUN and site.now_ms / 1000 > 0.5 * self.seconds:
            self.rejoined = True
        if views[0].worst_fault == 19 and views[0].state == modes.FAULT:
            self.trip_seen = True

    def _note_soc_error(self) -> None:
        reported = self.site.coordinator.views[FIRST_NODE_ID].soc
        if reported is not None:
            self._soc_errors.append(reported - float(self.site.plants.cells.usable_soc()[0]))

    def _soc_checks(self) -> list[Check]:
        errors = list(self.recorder.soc_errors().values())
        worst = max((e["largest_of_3_sigma"] for e in errors), default=math.inf)
        largest = max((e["largest_error"] for e in errors), default=math.nan)
        moved = self._soc_errors[-1] - self._soc_errors[0] if self._soc_errors else math.inf
        return [
            Check("reported SOC stays within its own 3 sigma of the truth", worst <= 1,
                  f"at most {100 * largest:.1f} % off, {100 * worst:.0f} % of 3 sigma"),
            Check("over-voltage: one cell does not carry the reported SOC away",
                  abs(moved) <= _ONE_CELL_MOVES, f"{100 * moved:+.2f} %"),
        ]  # fmt: skip

    def finish(self) -> tuple[list[Check], list[FaultResult]]:
        run_s = self.first_run_s
        checks = [
            Check("all cabinets ran", run_s is not None,
                  f"after {run_s:.1f} s" if run_s is not None else "never", 10.0),
        ]  # fmt: skip
        if self.seconds >= 120:
            parted_a = float(self.site.plants.strings.current_at_parting_a.max())
            checks += [
                Check("power was shaved", self._shaved_kwh > 0, f"{self._shaved_kwh:.2f} kWh"),
                Check("pulled module: current gone before its pins part", parted_a < 1.0,
                      f"{parted_a:.2f} A"),
                Check("pulled module: cabinet came back", self.rejoined),
                Check("over-voltage: cabinet tripped", self.trip_seen),
                Check("over-voltage: cabinet runs again",
                      self.site.coordinator.views[FIRST_NODE_ID].state == modes.RUN),
                *self._soc_checks(),
            ]  # fmt: skip
            if len(self.site.cabinets) > 1:
                checks.append(Check("other cabinets took over", self.taken_over))
        return checks, []


class Day(Peak):
    """The same for a day."""

    name = "day"
    title = "24 hours of the same"
    hours = 24.0


# one cabinet each; the other faults of the table are walked by the tests, one by one
_TRIP_FAULTS = (
    "cell_ov", "cell_uv", "string_ov", "string_uv", "charge_oc", "discharge_oc", "short",
    "charge_ot", "charge_below_zero", "discharge_ot", "discharge_ut", "temp_rise", "afe_silent",
    "temp_silent", "open_wire", "afe_self_test", "current_silent", "voltage_silent", "pcs_silent",
    "pcs_fault", "contactor_feedback", "hvil", "estop", "module_pulled", "command_silent", "smoke",
    "terminal_hot", "enable_lost", "clock", "supply_low", "deep_discharge",
)  # fmt: skip
_CASES_BY_NAME = {case.fault: case for case in FAULT_CASES}
TRIP_CASES = (
    *(_CASES_BY_NAME[name] for name in _TRIP_FAULTS),
    FaultCase(
        "afe_silent", _CASES_BY_NAME["afe_crc"].inject,
        note="every answer of a device has a bit error (AFE CRC)",
    ),
)  # fmt: skip
_SETUPS = {
    "boot": "is there at the start, before a cabinet runs", "standby": "is met in standby",
    "load": "needs twelve seconds of load first", "overload": "needs an overload first",
}  # fmt: skip


def only_tested() -> dict[str, str]:
    """Faults that trip or lock out and that `trip` does not provoke; why not. make test does."""
    here = {case.fault for case in TRIP_CASES}
    found = {}
    for fields in rows(FAULT_TABLE):
        name = fields[1]
        if name in here or not {"3", "4"} & set(fields[6]):
            continue
        case = _CASES_BY_NAME[name]
        if case.inside:
            found[name] = "needs a hand inside the firmware"
        else:
            found[name] = _SETUPS.get(case.setup, "has no cabinet: the bus of a site carries 32")
    return found


# protection.md, "Latency goals": fault at the sensor to open command, default delays included
LATENCY_GOALS_MS = {
    "charge_oc": 550, "discharge_oc": 550, "cell_ov": 1200, "cell_uv": 1200, "charge_ot": 2200,
    "charge_below_zero": 2200, "discharge_ot": 2200, "hvil": 50, "estop": 20, "module_pulled": 50,
}  # fmt: skip
_RAMP_GOAL_MS = 500
_RAMP_POWER_W = 20_000.0
_COMMAND_MS = 100


class Trip(Scenario):
    """Each protection provoked in a cabinet of its own; the table of latencies."""

    name = "trip"
    title = "each protection provoked in turn; fault, injected, seen, open command, deadline"
    cabinets = len(TRIP_CASES)
    hours = 22 / 3600
    resizable = False
    first_s = 8.0

    @classmethod
    def configure(cls, config: SiteConfig) -> None:
        config.soc = 0.6

    def prepare(self) -> None:
        self.results: list[FaultResult] = []
        self._closed = [False] * len(TRIP_CASES)
        self.open_before: list[str] = []
        self._rng = random.Random(self.site.config.seed)
        parameters = self.site.parameters
        for i, case in enumerate(TRIP_CASES):
            # spread over the scan's phases, so that no fault is favoured by the clock
            time_s = self.first_s + self._rng.randrange(0, 200) * TICK_MS / 1000
            text = f"{case.fault} in cabinet {i + FIRST_NODE_ID}"
            self.at(time_s, text, lambda i=i, case=case: self._inject(i, case, parameters))
        self._result_of: dict[int, FaultResult] = {}
        self.site.after_done.append(self._watch_outputs)
        self.site.coordinator.on_emergency = self._watch_emergency
        self.site.coordinator.target_w = _RAMP_POWER_W  # its own: the others rest
        self._silent = next(i for i, c in enumerate(TRIP_CASES) if c.fault == "command_silent")
        self.site.coordinator.forced_w[self._silent + FIRST_NODE_ID] = _RAMP_POWER_W
        self._ramp_ms: int | None = None

    def tick(self, site: VirtualSite) -> None:
        super().tick(site)
        result = self._result_of.get(self._silent)
        power_w = site.plants.faces[self._silent].setpoint_w
        if result is not None and self._ramp_ms is None and power_w < _RAMP_POWER_W - 100:
            self._ramp_ms = site.now_ms - result.injected_ms

    def _inject(self, i: int, case: FaultCase, parameters: Parameters) -> None:
        now_ms = self.site.now_ms
        view = self.site.coordinator.views[self.site.cabinets[i].node_id]
        if view.state != modes.RUN:
            self.open_before.append(f"{case.fault}: cabinet was in {view.state_name}")
        deadline_ms = now_ms + case.deadline_ms(parameters)
        result = FaultResult(case.fault, now_ms, None, None, deadline_ms, node=view.node_id)
        self._result_of[i] = result
        self.results.append(result)
        case.inject(self.site, i)

    def elsewhere(self) -> dict[str, str]:
        return only_tested()

    def _watch_outputs(self, site: VirtualSite, i: int, outputs: int) -> None:
        closed = outputs & _MAIN_CONTACTORS == _MAIN_CONTACTORS
        if self._closed[i] and not closed:
            result = self._result_of.get(i)
            if result is None:
                self.open_before.append(f"cabinet {i + FIRST_NODE_ID} opened without a fault")
            elif result.command_ms is None:
                result.command_ms = site.now_ms
        self._closed[i] = closed

    def _watch_emergency(self, emergency: Emergency) -> None:
        result = self._result_of.get(emergency.node_id - FIRST_NODE_ID)
        if result is None or not emergency.code:
            return
        name = FAULT_NAMES.get(emergency.fault_id, "?")
        if result.seen_ms is None:
            result.seen_ms = emergency.at_ms
        if name not in result.seen_as.split(" "):
            result.seen_as = f"{result.seen_as} {name}".strip()

    def finish(self) -> tuple[list[Check], list[FaultResult]]:
        wrong = [
            f"{case.fault} seen as {result.seen_as or 'nothing'}"
            for case, result in ((TRIP_CASES[i], r) for i, r in self._result_of.items())
            if not {case.fault, *case.shadowed_by} & set(result.seen_as.split(" "))
        ]
        checks = [
            Check("all cabinets ran before their fault",
                  bool(self.results) and not self.open_before,
                  "; ".join(self.open_before), self.hours * 3600),
            Check("every fault was provoked", len(self.results) == len(TRIP_CASES),
                  f"{len(self.results)} of {len(TRIP_CASES)}", self.hours * 3600),
            Check("every fault was named by its own id", bool(self.results) and not wrong,
                  "; ".join(wrong), self.hours * 3600),
            *self._latencies(),
        ]  # fmt: skip
        return checks, sorted(self.results, key=lambda r: r.injected_ms)

    def _latencies(self) -> list[Check]:
        """The goals of protection.md against what was measured."""
        checks = []
        for result in self.results:
            goal_ms = LATENCY_GOALS_MS.get(result.id)
            if goal_ms is not None:
                latency_ms = result.latency_ms
                held = latency_ms is not None and latency_ms <= goal_ms
                detail = f"{latency_ms} ms, goal of protection.md {goal_ms} ms"
                checks.append(Check(f"latency {result.id}", held, detail))
        ramp_ms = self._ramp_ms
        # the last command was heard up to one period before the silence began
        held = ramp_ms is not None and (
            _RAMP_GOAL_MS - _COMMAND_MS <= ramp_ms <= _RAMP_GOAL_MS + 4 * TICK_MS
        )
        checks.append(
            Check(
                "host lost: ramp begins",
                held,
                f"{ramp_ms} ms, goal {_RAMP_GOAL_MS} ms",
                self.hours * 3600,
            )
        )
        return checks


class Precharge(Scenario):
    """Precharge by voltage, and its failures."""

    name = "precharge"
    title = "precharge by voltage: a good one, an open resistor that ends after three tries"
    cabinets = 2
    hours = 60 / 3600
    resizable = False

    def prepare(self) -> None:
        self.site.plants.strings.resistor_open[1] = True
        self.peak_a = 0.0
        self.gap_v: float | None = None
        self.tries = 0
        self._relay_was = False

    def tick(self, site: VirtualSite) -> None:
        super().tick(site)
        plants = site.plants
        strings = plants.strings
        minus, plus, relay = strings.contactors.command[0]
        if minus and relay and plus and self.gap_v is None:
            self.gap_v = abs(float(plants.cells.string_emf[0] - strings.link_v[0]))
        self.peak_a = max(self.peak_a, abs(plants.current_a[0]))
        relay_now = bool(strings.contactors.command[1, 2])
        if relay_now and not self._relay_was:
            self.tries += 1
        self._relay_was = relay_now

    def finish(self) -> tuple[list[Check], list[FaultResult]]:
        views = list(self.site.coordinator.views.values())
        limit_a = 800 / self.site.plants.strings.model.precharge_ohm
        gap = self.gap_v
        checks = [
            Check("good cabinet runs", views[0].state == modes.RUN, views[0].state_name, 10.0),
            Check("plus closed only on a matching link", gap is not None and gap <= 25.0,
                  f"{gap:.1f} V apart" if gap is not None else "never closed", 10.0),
            Check("inrush held by the resistor", self.peak_a <= limit_a,
                  f"{self.peak_a:.1f} A of {limit_a:.1f} A"),
            Check("open resistor: plus never closed",
                  not bool(self.site.plants.strings.contactors.closed[1, 1])),
            Check("open resistor: three tries, then a trip", self.tries == 3
                  and views[1].worst_fault == 13, f"{self.tries} tries, {views[1].state_name}",
                  self.hours * 3600),
        ]  # fmt: skip
        return checks, []


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"


_SILENT_S = 15.0


class LostHost(Scenario):
    """The coordinator falls silent under load and comes back."""

    name = "lost-host"
    title = "the coordinator falls silent under load: hold, ramp, open; then it comes back"
    cabinets = 2
    hours = 40 / 3600

    def prepare(self) -> None:
        self.site.coordinator.target_w = 60_000.0 * len(self.site.cabinets)
        self._seen: dict[str, float | None] = {"ramp": None, "open": None}
        self._silent_s: float | None = None
        self._power_before = 0.0
        self.at(_SILENT_S, "coordinator falls silent", self._fall_silent)
        self.at(
            25.0, "coordinator is back", lambda: setattr(self.site.coordinator, "silent", False)
        )

    def _fall_silent(self) -> None:
        self.site.coordinator.silent = True
        self._silent_s = self.site.now_ms / 1000
        self._power_before = self.site.plants.faces[0].setpoint_w

    def tick(self, site: VirtualSite) -> None:
        super().tick(site)
        if self._silent_s is None:
            return
        since_s = site.now_ms / 1000 - self._silent_s
        plants = site.plants
        if self._seen["ramp"] is None and plants.faces[0].setpoint_w < self._power_before - 1:
            self._seen["ramp"] = since_s
        if self._seen["open"] is None and not plants.strings.contactors.command[0, 0]:
            self._seen["open"] = since_s

    def finish(self) -> tuple[list[Check], list[FaultResult]]:
        ramp, opened = self._seen["ramp"], self._seen["open"]
        states = {v.state_name for v in self.site.coordinator.views.values()}
        parameters = self.site.parameters
        hold_s = parameters.get("command_silent_2_ms") / 1000
        stop_s = parameters.get("command_silent_3_ms") / 1000
        # the last command was heard up to 0.1 s before the silence; then 2 s for the current
        late_s = stop_s + parameters.get("open_wait_ms") / 1000 + 0.2
        return [
            Check(f"power was held for {hold_s:g} s",
                  ramp is not None and hold_s - 0.1 <= ramp <= hold_s + 0.15,
                  f"the ramp began after {_seconds(ramp)}, the last command up to 0.1 s earlier",
                  _SILENT_S + hold_s + 1),
            Check(f"contactors opened after {stop_s:g} s",
                  opened is not None and stop_s - 0.1 <= opened <= late_s,
                  f"after {_seconds(opened)}, stop ramp and current included",
                  _SILENT_S + late_s + 1),
            Check("cabinets run again", states == {"run"}, ", ".join(sorted(states)),
                  self.hours * 3600),
        ], []  # fmt: skip


class Soak(Scenario):
    """Random faults and commands for as long as asked; nothing may be left unsafe."""

    name = "soak"
    title = "random faults, pulls and commands; critical latch means open, always"
    cabinets = 4
    hours = 0.25

    def prepare(self) -> None:
        self._rng = random.Random(self.site.config.seed)
        self._next_ms = 10_000
        self._latched_closed: list[str] = []
        self.injected = 0
        self._pending_ms = [0] * len(self.site.cabinets)

    def tick(self, site: VirtualSite) -> None:
        super().tick(site)
        if site.now_ms >= self._next_ms:
            self._next_ms += self._rng.randrange(3000, 12000, 10)
            self._act(self._rng.randrange(len(site.cabinets)))
        for cabinet, view in zip(site.cabinets, site.coordinator.views.values(), strict=True):
            i = cabinet.index
            latched = view.level >= 3 and site.now_ms - view.heard_ms < 200
            commanded = bool(site.plants.strings.contactors.command[i].any())
            # a status is up to one SYNC old: latched in two in a row and still closed is wrong
            self._pending_ms[i] = self._pending_ms[i] + TICK_MS if latched and commanded else 0
            if self._pending_ms[i] == 300:
                self._latched_closed.append(f"cabinet {view.node_id} at {site.now_ms} ms")

    def _act(self, i: int) -> None:
        plants = self.site.plants
        action = self._rng.randrange(7)
        node_id = i + FIRST_NODE_ID
        now_s = self.site.now_ms / 1000
        self.injected += 1
        if action == 0:
            self.site.coordinator.target_w = self._rng.uniform(-80e3, 80e3) * plants.n
        elif action == 1:
            plants.cells.force_voltage(i, self._rng.randrange(240), self._rng.uniform(2.3, 3.9))
            self.at(
                now_s + 2, f"cell of cabinet {node_id} recovers", lambda: plants.cells.release(i)
            )
        elif action == 2:
            plants.pull_module(i, self._rng.randrange(plants.modules))
            self.at(now_s + 2, f"module of cabinet {node_id} back", lambda: self._insert_all(i))
        elif action == 3:
            plants.hvil_open[i] = True
            self.at(now_s + 1, f"HVIL of cabinet {node_id} closed",
                    lambda: plants.hvil_open.__setitem__(i, False))  # fmt: skip
        elif action == 4:
            plants.temperature_forced_c[i] = self._rng.uniform(-40, 65)
            self.at(now_s + 4, f"temperature of cabinet {node_id} normal",
                    lambda: plants.temperature_forced_c.__setitem__(i, None))  # fmt: skip
        elif action == 5:
            self.site.coordinator.muted.add(node_id)
            self.at(now_s + 4, f"cabinet {node_id} commanded again",
                    lambda: self.site.coordinator.muted.discard(node_id))  # fmt: skip
        self.turn_key(i, now_s + 5)

    def _insert_all(self, i: int) -> None:
        for module in np.flatnonzero(self.site.plants.strings.module_out[i]):
            self.site.plants.insert_module(i, int(module))

    def finish(self) -> tuple[list[Check], list[FaultResult]]:
        seen = {e.fault_id for e in self.site.coordinator.emergencies if e.code}
        names = sorted(FAULT_NAMES.get(n, "?") for n in seen)
        return [
            Check("latched means open", not self._latched_closed, "; ".join(self._latched_closed)),
            Check(
                "faults were met", bool(seen), f"{self.injected} actions: {', '.join(names)}", 60.0
            ),
        ], []


SCENARIOS: dict[str, type[Scenario]] = {
    scenario.name: scenario for scenario in (Peak, Day, Trip, Precharge, LostHost, Soak)
}
