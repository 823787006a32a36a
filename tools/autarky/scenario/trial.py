"""One fault case on a site of one cabinet: brought to where it begins, provoked, and watched.

Watches what leaves the cabinet and nothing inside it: contactor commands, EMCY, the limits in its
status. So the same trial judges firmware in a process, on a board and on a bench.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from autarky.coordinator.segment import Emergency
from autarky.errors import AutarkyError
from autarky.scenario import virtual
from autarky.scenario.actions import steps_of
from autarky.scenario.fault_cases import UNDONE_MS, FaultCase
from autarky.sil.plants import TICK_MS
from autarky.sil.site import VirtualSite
from autarky.tables import fault_names, faults
from bess import modes

MAIN_CONTACTORS = 0b11
LONGEST_S = 160.0
_BOOT_S = 5.0
_LOAD_W = {"load": 60_000.0, "overload": 105_000.0}
# a frame of the tick after that which found it, heard by the coordinator in the next one
REPORT_MS = 2 * TICK_MS
_STATUS_MS = 100  # period of the status, for what it says of a block


@dataclass
class Trial:
    """What came of a case, times in ms from its provocation on, which is at start_ms of the site's
    time; None: it did not come.

    reported_ms: the first EMCY of the fault itself, or of one that shadows it, at the level that
    the case asks for; opened_ms: both main contactors commanded open; blocked_ms: the limits of the
    fault's direction went to 0 in its status, or it stopped. seen: every fault reported meanwhile
    with its highest level.
    """

    case: FaultCase
    deadline_ms: int
    start_ms: int = 0
    reported_ms: int | None = None
    opened_ms: int | None = None
    blocked_ms: int | None = None
    seen: dict[str, int] = field(default_factory=dict)

    @property
    def reaction_ms(self) -> int | None:
        """When that stood which its level promises: open, or blocked and told, or told.

        Where a milder level, another fault of the same cause or the start itself had the contactors
        open before, it is when the fault itself was found.
        """
        if self.reported_ms is None:
            return None
        if self.case.opens and self.opened_ms is not None:
            return max(self.opened_ms, self.reported_ms - REPORT_MS)
        if self.case.opens or (self.case.level == 2 and self.blocked_ms is None):
            return None
        return self.reported_ms

    @property
    def over(self) -> bool:
        """Everything that its level promises has come."""
        return self.reaction_ms is not None

    def latest_ms(self, allowance_ms: float = 0.0) -> float:
        """By when the reaction must stand; allowance_ms: what this depth's own measuring takes."""
        if self.case.opens:
            return self.deadline_ms + TICK_MS + allowance_ms
        return (self.case.told_ms or self.deadline_ms + TICK_MS) + REPORT_MS + allowance_ms

    def passed(self, allowance_ms: float = 0.0) -> bool:
        """Whether it came in time."""
        reaction_ms, latest_ms = self.reaction_ms, self.latest_ms(allowance_ms)
        blocked_ms = (self.blocked_ms or 0) if self.case.level == 2 else 0
        in_time = reaction_ms is not None and reaction_ms <= latest_ms
        return in_time and blocked_ms <= latest_ms + _STATUS_MS


def prepare(site: VirtualSite, case: FaultCase) -> None:
    """Bring the started cabinet to where the case begins. Raises AutarkyError where it does not
    get there."""
    if case.setup == "boot":
        virtual.provoke(site, 0, case)
        return
    if case.setup == "standby":
        site.coordinator.wanted_state = 0
    site.run_for(_BOOT_S)
    expected = modes.STANDBY if case.setup == "standby" else modes.RUN
    view = next(iter(site.coordinator.views.values()))
    if view.state != expected:
        wanted = modes.NAMES.decode().split()[expected]
        raise AutarkyError(f"{case.fault}: the cabinet is in {view.state_name}, not in {wanted}")
    if case.setup in _LOAD_W:
        site.coordinator.target_w = _LOAD_W[case.setup]
        site.run_for(12.0)
    if case.setup == "cool":
        site.plants.temperature_forced_c[0] = 36.0
        site.run_for(20.0)
    if case.setup == "heat":
        site.plants.temperature_forced_c[0] = 7.0
        site.run_for(25.0)
        if not site.plants.output(0, "heater"):
            raise AutarkyError(f"{case.fault}: cells at 7 degC, and the heater is off")


def run_trial(site: VirtualSite, case: FaultCase, longest_s: float = LONGEST_S) -> Trial:
    """Prepare, provoke, and watch until all has come or longest_s is over."""
    trial = Trial(case, case.deadline_ms(site.parameters))
    names, accepted = fault_names(), {case.fault, *case.shadowed_by}
    wanted = 2 if case.level == 5 else case.level  # an orderly stop is a level 2 in both directions
    direction = faults()[case.fault].direction
    start_ms: int | None = None

    def heard(emergency: Emergency) -> None:
        if start_ms is None or not emergency.code:
            return
        name = names.get(emergency.fault_id, "?")
        trial.seen[name] = max(trial.seen.get(name, 0), emergency.level)
        shadow = name != case.fault and emergency.level >= 3
        mine = name == case.fault and emergency.level >= wanted
        if trial.reported_ms is None and name in accepted and (mine or shadow):
            trial.reported_ms = site.now_ms - start_ms

    def done(site: VirtualSite, i: int, outputs: int) -> None:
        if start_ms is not None and trial.opened_ms is None and not outputs & MAIN_CONTACTORS:
            trial.opened_ms = site.now_ms - start_ms

    site.coordinator.on_emergency = heard
    site.after_done.append(done)
    if case.setup == "boot":
        start_ms = site.now_ms
    prepare(site, case)
    if case.setup != "boot":
        start_ms = site.now_ms
        virtual.provoke(site, 0, case)
    assert start_ms is not None
    trial.start_ms = start_ms
    view = next(iter(site.coordinator.views.values()))
    undone = list(steps_of(case.undone, site.cabinets[0].number))
    while not trial.over and site.now_ms - start_ms < longest_s * 1000:
        if undone and site.now_ms - start_ms >= UNDONE_MS:
            virtual.apply(site, undone.pop(0))
        site.step()
        limits_w = {"charge": view.charge_limit_w, "discharge": view.discharge_limit_w}
        blocked = limits_w.get(direction, max(limits_w.values())) <= 0
        if trial.blocked_ms is None and (blocked or trial.opened_ms is not None):
            trial.blocked_ms = site.now_ms - start_ms
    site.after_done.remove(done)
    return trial
