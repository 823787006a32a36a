"""What a scenario may promise by name: the table CHECKS, and how each is watched.

A check is a generator over a run: it goes on before every tick (`while (yield)`) and, when the run
is over, returns what it found, or None where the site has nothing of that kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

from autarky.coordinator.cabinet import CabinetView
from autarky.coordinator.law.peak import PeakShaving
from autarky.scenario.actions import POLES, Argument
from autarky.scenario.recorder import Check, Recorder
from autarky.sil.plants import TICK_MS
from autarky.sil.site import VirtualSite
from autarky.tables import faults
from bess import modes

Watch = Generator[None, bool, Check | None]
_HOURS = TICK_MS / 3_600_000
_FORCED_S = 30.0  # of a forced cell: so long an estimate may be asked for what it made of it
_LINK_V = 800.0
_NO_CHARGE_A = 1.0
_HEARD_S = 0.1  # the last command was heard up to so long before a silence


@dataclass
class Run:
    """What a check sees: the site, what is recorded, and the length in s."""

    site: VirtualSite
    recorder: Recorder
    seconds: float
    rule: PeakShaving | None = None

    @property
    def now_s(self) -> float:
        return self.site.now_ms / 1000

    def index(self, cabinet: int) -> int:
        """Of the cabinet with that number on the site."""
        return self.site.by_number[cabinet].index

    @property
    def views(self) -> list[CabinetView]:
        return list(self.site.coordinator.views.values())


# --- the coordinator's view ---


def _all_ran(run: Run, within: float) -> Watch:
    first_s = None
    while (yield):
        if first_s is None and all(view.state == modes.RUN for view in run.views):
            first_s = run.now_s
    detail = "never" if first_s is None else f"after {first_s:.1f} s"
    return Check("all cabinets ran", first_s is not None and first_s <= within, detail, within)


def _runs_at_end(run: Run, cabinet: int, after: float) -> Watch:
    while (yield):
        pass
    view = run.site.coordinator.views[cabinet]
    return Check(f"cabinet {cabinet} runs", view.state == modes.RUN, view.state_name, after)


def _all_run_at_end(run: Run) -> Watch:
    while (yield):
        pass
    states = {view.state_name for view in run.views}
    detail = ", ".join(sorted(states))
    return Check("cabinets run again", states == {"run"}, detail, run.seconds)


def _came_back(run: Run, cabinet: int, share: float) -> Watch:
    back = False
    while (yield):
        view = run.site.coordinator.views[cabinet]
        back |= view.state == modes.RUN and run.now_s > share * run.seconds
    return Check(f"cabinet {cabinet} came back", back)


def _tripped(run: Run, cabinet: int, fault: str) -> Watch:
    seen = False
    while (yield):
        view = run.site.coordinator.views[cabinet]
        seen |= view.worst_fault == faults()[fault].id and view.state == modes.FAULT
    return Check(f"{fault}: cabinet {cabinet} tripped", seen)


def _no_trip(run: Run, cabinet: int) -> Watch:
    worst = 0
    while (yield):
        worst = max(worst, run.site.coordinator.views[cabinet].level)
    return Check(f"cabinet {cabinet} never tripped", worst < 3)


def _others_took_over(run: Run, cabinet: int, fault: str) -> Watch:
    seen = False
    while (yield):
        lost = run.site.coordinator.views[cabinet]
        others = [view for view in run.views if view is not lost]
        if others and lost.worst_fault == faults()[fault].id and others[0].state == modes.RUN:
            seen |= abs(others[0].setpoint_w) > 1000 and lost.setpoint_w == 0
    return Check("other cabinets took over", seen) if len(run.views) > 1 else None


# --- energy and state of charge ---


def _power_shaved(run: Run) -> Watch:
    kwh = 0.0
    while (yield):
        if run.rule is not None and run.recorder.load_w > run.rule.peak_w:
            kwh += max(sum(run.site.plants.pcs_power_w), 0) * _HOURS / 1000
    return Check("power was shaved", kwh > 0, f"{kwh:.2f} kWh")


def _soc_within_3_sigma(run: Run) -> Watch:
    while (yield):
        pass
    errors = list(run.recorder.soc_errors().values())
    worst = max((e["largest_of_3_sigma"] for e in errors), default=math.inf)
    largest = max((e["largest_error"] for e in errors), default=math.nan)
    detail = f"at most {100 * largest:.1f} % off, {100 * worst:.0f} % of 3 sigma"
    return Check("reported SOC stays within its own 3 sigma of the truth", worst <= 1, detail)


def _soc_unmoved(run: Run, cabinet: int, share: float, until_share: float, most: float) -> Watch:
    i = run.index(cabinet)
    ends_s = min(until_share * run.seconds, share * run.seconds + _FORCED_S)
    due = [share * run.seconds, ends_s]
    errors: list[float] = []
    while (yield):
        if due and run.now_s >= due[0]:
            due.pop(0)
            reported = run.site.coordinator.views[cabinet].soc
            if reported is not None:
                errors.append(reported - float(run.site.plants.cells.usable_soc()[i]))
    moved = 100 * (errors[-1] - errors[0]) if errors else math.inf
    return Check("one cell does not carry the reported SOC away", abs(moved) <= most,
                 f"{moved:+.2f} %")  # fmt: skip


# --- what only a plant can tell ---


def _parted_without_current(run: Run, most: float) -> Watch:
    while (yield):
        pass
    parted_a = float(run.site.plants.strings.current_at_parting_a.max())
    return Check("pulled module: current gone before its pins part", parted_a < most,
                 f"{parted_a:.2f} A")  # fmt: skip


def _never_closed(run: Run, cabinet: int, pole: str) -> Watch:
    closed = False
    while (yield):
        contactors = run.site.plants.strings.contactors
        closed |= bool(contactors.closed[run.index(cabinet), POLES.index(pole)])
    return Check(f"{pole} of cabinet {cabinet} never closed", not closed)


def _link_matched(run: Run, cabinet: int, most: float) -> Watch:
    i, gap_v = run.index(cabinet), None
    while (yield):
        plants = run.site.plants
        if gap_v is None and plants.strings.contactors.command[i].all():
            gap_v = abs(float(plants.cells.string_emf[i] - plants.strings.link_v[i]))
    detail = "never closed" if gap_v is None else f"{gap_v:.1f} V apart"
    held = gap_v is not None and gap_v <= most
    return Check("plus closed only on a matching link", held, detail, 10.0)


def _inrush_held(run: Run, cabinet: int) -> Watch:
    peak_a, limit_a = 0.0, _LINK_V / run.site.plants.strings.model.precharge_ohm
    while (yield):
        peak_a = max(peak_a, abs(run.site.plants.current_a[run.index(cabinet)]))
    return Check("inrush held by the resistor", peak_a <= limit_a,
                 f"{peak_a:.1f} A of {limit_a:.1f} A")  # fmt: skip


def _precharge_tries(run: Run, cabinet: int, tries: int) -> Watch:
    counted, was = 0, False
    while (yield):
        command = run.site.plants.strings.contactors.command
        now = bool(command[run.index(cabinet), POLES.index("precharge")])
        counted += now and not was
        was = now
    view = run.site.coordinator.views[cabinet]
    held = counted == tries and view.worst_fault == faults()["precharge"].id
    return Check(f"{tries} tries to precharge, then a trip", held,
                 f"{counted} tries, {view.state_name}", run.seconds)  # fmt: skip


# --- coming and going ---


def _meter_held(run: Run, after: float, most: float, within: float) -> Watch:
    """As one plant: however its cabinets come and go, what the meter sees stays at the target."""
    longest_ms, off_ms, worst_w = 0, 0, 0.0
    while (yield):
        target_w = run.site.coordinator.target_w
        off_w = abs(float(sum(run.site.plants.pcs_power_w)) - target_w)
        if run.now_s < after or off_w <= most / 100 * abs(target_w):
            off_ms = 0
            continue
        off_ms += TICK_MS
        longest_ms, worst_w = max(longest_ms, off_ms), max(worst_w, off_w)
    return Check(f"the meter is within {most:g} % of the target, or back there in {within:g} ms",
                 longest_ms <= within,
                 f"off for {longest_ms} ms at most, by {worst_w / 1000:.1f} kW")  # fmt: skip


def _released(run: Run, cabinet: int, times: int) -> Watch:
    counted, was = 0, False
    while (yield):
        now = run.site.coordinator.views[cabinet].released
        counted += now and not was
        was = now
    return Check(f"cabinet {cabinet} let its modules go", counted == times, f"{counted} times")


# --- cold ---


def _ready_in_time(run: Run, cabinet: int, at: float, least: float, most: float) -> Watch:
    i, ready_c = run.index(cabinet), math.nan
    while (yield):
        if math.isnan(ready_c) and run.now_s >= at:
            ready_c = float(run.site.plants.heat.module_c[i].mean())
    return Check(f"cabinet {cabinet} is warm when it is wanted", least <= ready_c <= most,
                 f"{ready_c:.1f} degC", at)  # fmt: skip


def _charged(run: Run, cabinet: int, least: float) -> Watch:
    i, kwh, below_zero_s = run.index(cabinet), 0.0, 0.0
    while (yield):
        plants = run.site.plants
        kwh += max(-float(plants.pcs_power_w[i]), 0.0) * _HOURS / 1000
        if plants.current_a[i] < -_NO_CHARGE_A and plants.heat.module_c[i].min() < 0:
            below_zero_s += TICK_MS / 1000
    return Check(f"cabinet {cabinet} is charged, never below 0 degC",
                 kwh >= least and not below_zero_s,
                 f"{kwh:.1f} kWh, {below_zero_s:.0f} s below")  # fmt: skip


# --- a coordinator that fell silent ---


def _since_silence(run: Run, silent_s: float | None) -> float | None:
    """When the coordinator fell silent, s; None before."""
    if silent_s is None and run.site.coordinator.silent:
        return run.now_s
    return silent_s


def _told(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.2f} s"


def _power_held(run: Run, silent: float) -> Watch:
    hold_s = run.site.parameters.get("command_silent_2_ms") / 1000
    silent_s = ramp_s = None
    before_w = 0.0
    while (yield):
        power_w = run.site.plants.faces[0].setpoint_w
        if silent_s is None:
            before_w = power_w
        silent_s = _since_silence(run, silent_s)
        if ramp_s is None and silent_s is not None and power_w < before_w - 1:
            ramp_s = run.now_s - silent_s
    held = ramp_s is not None and hold_s - _HEARD_S <= ramp_s <= hold_s + 0.15
    detail = f"the ramp began after {_told(ramp_s)}, the last command up to 0.1 s earlier"
    return Check(f"power was held for {hold_s:g} s", held, detail, silent + hold_s + 1)


def _opened_after_silence(run: Run, silent: float) -> Watch:
    parameters = run.site.parameters
    stop_s = parameters.get("command_silent_3_ms") / 1000
    late_s = stop_s + parameters.get("open_wait_ms") / 1000 + 2 * _HEARD_S
    silent_s = opened_s = None
    while (yield):
        silent_s = _since_silence(run, silent_s)
        minus = run.site.plants.strings.contactors.command[0, 0]
        if opened_s is None and silent_s is not None and not minus:
            opened_s = run.now_s - silent_s
    held = opened_s is not None and stop_s - _HEARD_S <= opened_s <= late_s
    return Check(f"contactors opened after {stop_s:g} s", held,
                 f"after {_told(opened_s)}, stop ramp and current included",
                 silent + late_s + 1)  # fmt: skip


@dataclass(frozen=True)
class CheckKind:
    """watch(run, [cabinet,] *arguments); `of_cabinet`: it is about one."""

    watch: Callable[..., Watch]
    arguments: tuple[Argument, ...] = ()
    of_cabinet: bool = False


_DAY_S = 86_400.0
_WITHIN = Argument("within_s", "s", 0, _DAY_S)
_AFTER = Argument("after_s", "s", 0, _DAY_S)
_SILENT = Argument("silent_s", "s", 0, _DAY_S)
_SHARE = Argument("share", "", 0, 1)
_FAULT = Argument("fault", words=tuple(faults()))
CHECKS = {
    "all_ran": CheckKind(_all_ran, (_WITHIN,)),
    "all_run_at_end": CheckKind(_all_run_at_end),
    "runs_at_end": CheckKind(_runs_at_end, (_AFTER,), True),
    "came_back": CheckKind(_came_back, (_SHARE,), True),
    "tripped": CheckKind(_tripped, (_FAULT,), True),
    "no_trip": CheckKind(_no_trip, (), True),
    "others_took_over": CheckKind(_others_took_over, (_FAULT,), True),
    "power_shaved": CheckKind(_power_shaved),
    "soc_within_3_sigma": CheckKind(_soc_within_3_sigma),
    "soc_unmoved": CheckKind(
        _soc_unmoved,
        (_SHARE, Argument("until_share", "", 0, 1), Argument("most_percent", "%", 0, 100)), True,
    ),
    "parted_without_current": CheckKind(
        _parted_without_current, (Argument("most_a", "A", 0, 1000),)
    ),
    "never_closed": CheckKind(_never_closed, (Argument("pole", words=POLES),), True),
    "link_matched": CheckKind(_link_matched, (Argument("most_v", "V", 0, 1000),), True),
    "inrush_held": CheckKind(_inrush_held, (), True),
    "precharge_tries": CheckKind(
        _precharge_tries, (Argument("tries", "", 1, 10, whole=True),), True
    ),
    "meter_held": CheckKind(
        _meter_held,
        (_AFTER, Argument("most_percent", "%", 0, 100), Argument("within_ms", "ms", 0, 10_000)),
    ),
    "released": CheckKind(_released, (Argument("times", "", 0, 100, whole=True),), True),
    "ready_in_time": CheckKind(
        _ready_in_time,
        (Argument("at_s", "s", 0, _DAY_S), Argument("least_c", "degC", -50, 60),
         Argument("most_c", "degC", -50, 60)), True,
    ),
    "charged": CheckKind(_charged, (Argument("least_kwh", "kWh", 0, 1000),), True),
    "power_held": CheckKind(_power_held, (_SILENT,)),
    "opened_after_silence": CheckKind(_opened_after_silence, (_SILENT,)),
}  # fmt: skip
