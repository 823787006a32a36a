"""Each protection provoked in a cabinet of its own; the table of latencies."""

from __future__ import annotations

import random

from autarky.coordinator.segment import Emergency
from autarky.errors import AutarkyError
from autarky.scenario import virtual
from autarky.scenario.checks import Run
from autarky.scenario.fault_cases import CASES, FaultCase
from autarky.scenario.recorder import Check, FaultResult
from autarky.sil.plants import TICK_MS
from autarky.sil.site import VirtualSite
from autarky.tables import fault_names, faults
from bess import modes

_MAIN_CONTACTORS = 0b11
# one cabinet each; the other faults of the table are walked by the tests, one by one
_FAULTS = (
    "cell_ov", "cell_uv", "string_ov", "string_uv", "charge_oc", "discharge_oc", "short",
    "charge_ot", "charge_below_zero", "discharge_ot", "discharge_ut", "temp_rise", "afe_silent",
    "temp_silent", "open_wire", "afe_self_test", "current_silent", "voltage_silent", "pcs_silent",
    "pcs_fault", "contactor_feedback", "hvil", "estop", "module_pulled", "command_silent", "smoke",
    "terminal_hot", "enable_lost", "clock", "supply_low", "deep_discharge",
)  # fmt: skip
TRIP_CASES = (
    *(CASES[name] for name in _FAULTS),
    FaultCase(
        "afe_silent", CASES["afe_crc"].done,
        note="every answer of a device has a bit error (AFE CRC)",
    ),
)  # fmt: skip
_SETUPS = {
    "boot": "is there at the start, before a cabinet runs", "standby": "is met in standby",
    "load": "needs twelve seconds of load first", "overload": "needs an overload first",
}  # fmt: skip
# protection.md, "Latency goals": fault at the sensor to open command, default delays included
LATENCY_GOALS_MS = {
    "charge_oc": 550, "discharge_oc": 550, "cell_ov": 1200, "cell_uv": 1200, "charge_ot": 2200,
    "charge_below_zero": 2200, "discharge_ot": 2200, "hvil": 50, "estop": 20, "module_pulled": 50,
}  # fmt: skip
_FIRST_MS = 8000
_RAMP_GOAL_MS = 500
_RAMP_POWER_W = 20_000.0
_COMMAND_MS = 100


def only_tested() -> dict[str, str]:
    """Faults that trip or lock out and that `trip` does not provoke; why not. make test does."""
    here = {case.fault for case in TRIP_CASES}
    found = {}
    for name, fault in faults().items():
        if name in here or not {"3", "4"} & set(fault.levels):
            continue
        case = CASES[name]
        if case.inside:
            found[name] = "needs a hand inside the firmware"
        else:
            found[name] = _SETUPS.get(case.setup, "has no cabinet: the bus of a site carries 32")
    return found


class Trip:
    """Driver of the scenario: provokes, watches the outputs, and compares."""

    def __init__(self, run: Run) -> None:
        self._run, self._site = run, run.site
        if len(run.site.cabinets) != len(TRIP_CASES):
            raise AutarkyError(f"driver trip wants {len(TRIP_CASES)} cabinets, one for each case")
        self._results: dict[int, FaultResult] = {}  # by cabinet
        self._closed = [False] * len(TRIP_CASES)
        self._open_before: list[str] = []
        rng = random.Random(run.site.config.seed)
        # spread over the scan's phases, so that no fault is favoured by the clock
        times = [_FIRST_MS + rng.randrange(0, 200) * TICK_MS for _ in TRIP_CASES]
        self._waiting = sorted(range(len(TRIP_CASES)), key=times.__getitem__)
        self._times_ms = times
        run.site.after_done.append(self._watch_outputs)
        run.site.coordinator.on_emergency = self._watch_emergency
        run.site.coordinator.target_w = _RAMP_POWER_W  # its own: the others rest
        self._silent = _FAULTS.index("command_silent")
        silent = run.site.cabinets[self._silent].number
        run.site.coordinator.forced_w[silent] = _RAMP_POWER_W
        self._ramp_ms: int | None = None

    def tick(self) -> None:
        """Before every TICK."""
        site = self._site
        while self._waiting and self._times_ms[self._waiting[0]] <= site.now_ms:
            self._provoke(self._waiting.pop(0))
        result = self._results.get(self._silent)
        power_w = site.plants.faces[self._silent].setpoint_w
        if result is not None and self._ramp_ms is None and power_w < _RAMP_POWER_W - 100:
            self._ramp_ms = site.now_ms - result.injected_ms

    def _provoke(self, i: int) -> None:
        case, now_ms = TRIP_CASES[i], self._site.now_ms
        view = self._site.coordinator.views[self._site.cabinets[i].number]
        self._run.recorder.events.append((now_ms / 1000, f"{case.fault} in cabinet {view.number}"))
        if view.state != modes.RUN:
            self._open_before.append(f"{case.fault}: cabinet was in {view.state_name}")
        deadline_ms = now_ms + case.deadline_ms(self._site.parameters)
        self._results[i] = FaultResult(
            case.fault, now_ms, None, None, deadline_ms, node=view.number
        )
        virtual.provoke(self._site, i, case)

    def _watch_outputs(self, site: VirtualSite, i: int, outputs: int) -> None:
        closed = outputs & _MAIN_CONTACTORS == _MAIN_CONTACTORS
        if self._closed[i] and not closed:
            result = self._results.get(i)
            if result is None:
                self._open_before.append(
                    f"cabinet {site.cabinets[i].number} opened without a fault"
                )
            elif result.command_ms is None:
                result.command_ms = site.now_ms
        self._closed[i] = closed

    def _watch_emergency(self, emergency: Emergency) -> None:
        result = self._results.get(self._site.by_number[emergency.number].index)
        if result is None or not emergency.code:
            return
        name = fault_names().get(emergency.fault_id, "?")
        if result.seen_ms is None:
            result.seen_ms = emergency.at_ms
        if name not in result.seen_as.split(" "):
            result.seen_as = f"{result.seen_as} {name}".strip()

    def elsewhere(self) -> dict[str, str]:
        """What a reader may miss here, and why it is not."""
        return only_tested()

    def finish(self) -> tuple[list[Check], list[FaultResult]]:
        """What held, and each fault in the order in which it was provoked."""
        results = self._results
        wrong = [
            f"{TRIP_CASES[i].fault} seen as {result.seen_as or 'nothing'}"
            for i, result in results.items()
            if not {TRIP_CASES[i].fault, *TRIP_CASES[i].shadowed_by} & set(result.seen_as.split())
        ]
        end_s = self._run.seconds
        checks = [
            Check("all cabinets ran before their fault", bool(results) and not self._open_before,
                  "; ".join(self._open_before), end_s),
            Check("every fault was provoked", len(results) == len(TRIP_CASES),
                  f"{len(results)} of {len(TRIP_CASES)}", end_s),
            Check("every fault was named by its own id", bool(results) and not wrong,
                  "; ".join(wrong), end_s),
            *self._latencies(),
        ]  # fmt: skip
        return checks, list(results.values())

    def _latencies(self) -> list[Check]:
        """The goals of protection.md against what was measured."""
        checks = []
        for result in self._results.values():
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
        detail = f"{ramp_ms} ms, goal {_RAMP_GOAL_MS} ms"
        return [*checks, Check("host lost: ramp begins", held, detail, self._run.seconds)]
