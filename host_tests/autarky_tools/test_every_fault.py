"""Each fault of the table provoked on a virtual cabinet: seen by its own id, acted upon in time.

Walks autarky.sil.fault_cases; a fault without a case fails the suite.
"""

from pathlib import Path

import pytest

from autarky.sil.fault_cases import FAULT_CASES, IDS, LEVELS, FaultCase
from autarky.sil.site import SiteConfig, VirtualSite
from bess import modes

pytestmark = pytest.mark.slow
MAIN = 0b11
LONGEST_S = 160.0


def prepare(site: VirtualSite, case: FaultCase) -> None:
    """Bring the cabinet to where the case begins."""
    if case.setup == "boot":
        case.inject(site, 0)
        return
    if case.setup == "standby":
        site.coordinator.wanted_state = 0
    site.run_for(5.0)
    app = site.cabinets[0].firmware.app
    expected = modes.STANDBY if case.setup == "standby" else modes.RUN
    assert app.modes.state == expected, modes.NAMES[app.modes.state]
    if case.setup in ("load", "overload"):
        site.coordinator.target_w = 60_000.0 if case.setup == "load" else 105_000.0
        site.run_for(12.0)
    if case.setup == "cool":
        site.plants.temperature_forced_c[0] = 36.0
        site.run_for(20.0)


def reaction_ms(site: VirtualSite, case: FaultCase) -> tuple[int, set[str]]:
    """ms until the safe command (or the report) stands, and what was seen."""
    names = {number: name for name, number in IDS.items()}
    start_ms = site.now_ms
    seen: set[str] = set()
    while site.now_ms - start_ms < LONGEST_S * 1000:
        site.step()
        app = site.cabinets[0].firmware.app
        for at, level in enumerate(app.protection.levels):
            if level:
                seen.add(names[at + 1])
        mine = app.protection.levels[IDS[case.fault] - 1]
        wanted = 2 if case.level == 5 else case.level
        open_now = not site.plants.outputs[0] & MAIN
        blocked = app.protection.charge_blocked or app.protection.discharge_blocked
        shadows = any(app.protection.levels[IDS[name] - 1] >= 3 for name in case.shadowed_by)
        if mine >= wanted or shadows:
            if case.opens and open_now:
                return site.now_ms - start_ms, seen
            if case.level == 2 and blocked:
                return site.now_ms - start_ms, seen
            if case.level == 1:
                return site.now_ms - start_ms, seen
    raise AssertionError(f"{case.fault} had no effect in {LONGEST_S} s; seen: {sorted(seen)}")


@pytest.mark.parametrize("case", FAULT_CASES, ids=lambda case: case.fault)
def test_fault_acts_within_its_deadline(case: FaultCase, tmp_path: Path) -> None:
    config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6, state=tmp_path)
    with VirtualSite(config) as site:
        prepare(site, case)
        if case.setup != "boot":
            case.inject(site, 0)
        took_ms, seen = reaction_ms(site, case)
        assert took_ms <= case.deadline_ms(site.parameters) + 10, seen
        assert seen & {case.fault, *case.shadowed_by}


def test_every_fault_has_a_case_at_its_highest_level() -> None:
    assert len(IDS) >= 85
    assert {case.fault for case in FAULT_CASES} == set(IDS)
    for case in FAULT_CASES:
        highest = max(5 if mark == "S" else int(mark) for mark in LEVELS[case.fault])
        assert case.level == highest, case.fault
