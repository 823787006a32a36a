"""Each fault of the table provoked on a virtual cabinet: seen by its own id, acted upon in time.

Walks autarky.scenario.fault_cases; a fault without a case fails the suite.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.copies import in_a_copy
from kit.standing import stands

from autarky.scenario.fault_cases import FAULT_CASES, FaultCase
from autarky.scenario.trial import LONGEST_S, prepare
from autarky.scenario.virtual import provoke
from autarky.sil.site import SiteConfig, VirtualSite
from autarky.tables import fault_names, faults
from bess import modes

pytestmark = pytest.mark.slow
MAIN = 0b11


def reaction_ms(site: VirtualSite, case: FaultCase) -> tuple[int, set[str]]:
    """ms until the safe command (or the report) stands, and what was seen."""
    names = fault_names()
    start_ms = site.now_ms
    seen: set[str] = set()
    while site.now_ms - start_ms < LONGEST_S * 1000:
        site.step()
        app = site.cabinets[0].firmware.app
        for at, level in enumerate(app.protection.levels()):
            if level:
                seen.add(names[at + 1])
        mine = app.protection.levels()[faults()[case.fault].id - 1]
        wanted = 2 if case.level == 5 else case.level
        open_now = not site.plants.outputs[0] & MAIN
        blocked = app.protection.charge_blocked or app.protection.discharge_blocked
        shadows = any(
            app.protection.levels()[faults()[name].id - 1] >= 3 for name in case.shadowed_by
        )
        if mine >= wanted or shadows:
            if case.opens and open_now:
                return site.now_ms - start_ms, seen
            if case.level == 2 and blocked:
                return site.now_ms - start_ms, seen
            if case.level == 1:
                return site.now_ms - start_ms, seen
    raise AssertionError(f"{case.fault} had no effect in {LONGEST_S} s; seen: {sorted(seen)}")


def assert_acts(site: VirtualSite, case: FaultCase) -> None:
    took_ms, seen = reaction_ms(site, case)
    assert took_ms <= case.deadline_ms(site.parameters) + 10, seen
    assert seen & {case.fault, *case.shadowed_by}


@pytest.fixture(scope="module")
def begun() -> Iterator[Callable[[FaultCase], VirtualSite]]:
    """A cabinet where a case begins, for all that begin there: each on a copy of its own."""
    with contextlib.ExitStack() as sites:
        found: dict[str, VirtualSite] = {}

        def begin(case: FaultCase) -> VirtualSite:
            if case.setup not in found:
                config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6)
                site = sites.enter_context(VirtualSite(config))
                prepare(site, case)
                found[case.setup] = site
            return found[case.setup]

        yield begin


FROM_STORAGE = ("unclean_stop",)  # a copy has no files of its own
SHARED = [
    case for case in FAULT_CASES
    if case.setup in ("run", "load") and case.fault not in FROM_STORAGE
]  # fmt: skip


@pytest.mark.parametrize("case", SHARED, ids=lambda case: case.fault)
def test_fault_acts_within_its_deadline(
    case: FaultCase, begun: Callable[[FaultCase], VirtualSite]
) -> None:
    site = begun(case)

    def work() -> None:
        provoke(site, 0, case)
        assert_acts(site, case)

    in_a_copy(work)


@pytest.mark.parametrize(
    "case", [case for case in FAULT_CASES if case not in SHARED], ids=lambda case: case.fault
)
def test_fault_of_another_beginning_acts_within_its_deadline(
    case: FaultCase, tmp_path: Path
) -> None:
    config = SiteConfig(
        cabinets=1, interpreter="inline", soc=0.6, state=tmp_path, parameters=case.parameters
    )
    with VirtualSite(config) as site:
        prepare(site, case)
        if case.setup != "boot":
            provoke(site, 0, case)
        assert_acts(site, case)


def test_every_fault_has_a_case_at_its_highest_level() -> None:
    assert len(faults()) >= 85
    assert {case.fault for case in FAULT_CASES} == set(faults())
    for case in FAULT_CASES:
        highest = max(5 if mark == "S" else int(mark) for mark in faults()[case.fault].levels)
        assert case.level == highest, case.fault


def test_a_trip_leaves_its_record_and_its_trace_over_a_loss_of_power(tmp_path: Path) -> None:
    from autarky.node.decode import decode_log, decode_trace

    config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6, state=tmp_path)
    with VirtualSite(config) as site:
        site.run_for(20.0)
        site.coordinator.target_w = 40_000.0
        site.run_for(5.0)
        site.plants.cells.force_voltage(0, 17, 3.70)
        site.run_for(20.0)
        site.power_cycle(0)
        site.run_for(2.0)
        app = site.cabinets[0].firmware.app
        records = decode_log(app.log.read(0, app.log.size()))
        trip = next(r for r in records if r["fault"] == "cell_ov" and r["level"] == "trip")
        assert trip["value"] > trip["limit"] == 36500
        assert records[-1]["boot"] == 2
        samples = decode_trace(app.trace.read(0, app.trace.size()))
        assert len(samples) == 300
        assert max(s["cell_max_v"] for s in samples[:140]) < 3.4
        assert 3.69 < max(s["cell_max_v"] for s in samples) < 3.71
        assert abs(samples[100]["current_a"]) > 10
        assert samples[-1]["current_a"] == 0
        assert app.trend.size() >= 40 * 24


def test_out_of_an_under_voltage_trip_the_string_is_charged_and_only_charged(tmp_path) -> None:
    config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6, state=tmp_path)
    with VirtualSite(config) as site:
        site.run_for(5.0)
        site.plants.cells.force_voltage(0, slice(None), 2.45)
        site.run_for(3.0)
        app = site.cabinets[0].firmware.app
        assert stands(app.protection, "cell_uv", 3)
        site.plants.reset_key[0] = True
        site.run_for(0.3)
        site.plants.reset_key[0] = False
        site.run_for(8.0)
        assert app.modes.state == modes.RUN
        assert app.limits.charge_only
        site.coordinator.target_w = 50_000.0
        site.run_for(6.0)
        assert site.plants.current_a[0] == 0.0
        site.coordinator.target_w = -50_000.0
        site.run_for(20.0)
        assert -14.5 < site.plants.current_a[0] < -5.0
        site.plants.cells.force_voltage(0, slice(None), 3.02)
        site.run_for(2.0)
        assert not app.limits.charge_only
        site.plants.cells.force_voltage(0, slice(None), 2.45)
        site.run_for(3.0)
        assert app.modes.state == modes.FAULT
