"""Fault cases of the co-simulation over the instruments of a simulated bench, in real time."""

from collections.abc import Iterator

import pytest
from soak import SOAK

from autarky.errors import AutarkyError
from autarky.rig.bench import Bench
from autarky.rig.bench_firmware import on_bench, settle
from autarky.rig.check import Checked, check
from autarky.rig.limits import BenchLimit
from autarky.scenario.actions import steps_of
from autarky.scenario.fault_cases import CASES
from autarky.scenario.trial import run_trial
from autarky.scenario.virtual import apply
from autarky.sil.site import SiteConfig

pytestmark = pytest.mark.slow
# by relay, emulator, rest-bus and site bus; make soak has the slow ones too
CHOSEN = ("estop", "cell_ov", "current_silent", "command_silent")
CHOSEN += ("insulation", "pcs_silent") if SOAK else ()


# real time on a machine that does other things too: what it held up is judged again
TRIES = 3


@pytest.fixture(scope="module")
def checked(simulated) -> Checked:
    for _ in range(TRIES):
        found = check(simulated.rig, simulated.lock)
        if found.passed:
            break
    return found


@pytest.fixture(scope="module")
def bench(simulated, checked) -> Iterator[Bench]:
    with Bench(simulated.rig, simulated.lock) as opened:
        yield opened


def test_check_names_every_instrument_and_measures_the_loop(simulated, checked) -> None:
    rows = {row.instrument: row for row in checked.rows}
    assert checked.passed, [row for row in checked.rows if not row.found]
    assert set(rows) == {
        "can site", "can cabinet", "supply", "meter", "cells", "relays", "enable", "daq", "board",
        "loop",
    }  # fmt: skip
    assert rows["supply"].said == "Autarky,Simulated supply,0,1"
    assert rows["enable"].said.startswith("drops by itself")
    assert 0 < checked.allowance_ms <= 200
    assert not simulated.live()


@pytest.mark.parametrize("name", CHOSEN)
def test_a_fault_case_passes_over_instruments(name, simulated, bench, checked) -> None:
    happened: list[object] = []
    for _ in range(TRIES):
        try:
            with on_bench(bench, SiteConfig(cabinets=1, soc=0.6)) as site:
                settle(site)
                trial = run_trial(site, CASES[name], longest_s=30.0)
        except AutarkyError as error:  # an instrument that came late, a start that was held up
            happened.append(error)
            continue
        assert not simulated.live()
        if trial.passed(checked.allowance_ms):
            return
        happened.append(trial)
    raise AssertionError(f"allowance {checked.allowance_ms} ms: {happened}")


def test_a_step_beyond_the_limits_ends_the_test_and_is_never_sent(simulated, bench) -> None:
    with (
        pytest.raises(BenchLimit, match=r"the bench allows 0\.\.5 V of cell 18, and 5\.5 V"),
        on_bench(bench, SiteConfig(cabinets=1)) as site,
    ):
        site.run_for(0.3)
        apply(site, *steps_of(("cell 18 5.5",), site.cabinets[0].number))
        site.run_for(1.0)
    assert max(value for _, what, value in simulated.events() if what == "cells.volts") < 4.0
    assert not simulated.live()


def test_a_restart_takes_the_supply_away_and_keeps_the_storage(simulated, bench) -> None:
    with on_bench(bench, SiteConfig(cabinets=1)) as site:
        site.run_for(3.0)
        before = len(simulated.events())
        site.power_cycle(0)
        site.run_for(3.0)
        happened = [what for _, what, _ in simulated.events()[before:]]
    assert {"supply.live", "device.dark", "device.boots"} <= set(happened)
    assert "relay.enable" not in happened


def test_a_board_on_a_bench_is_given_no_parameters(bench) -> None:
    config = SiteConfig(cabinets=1, parameters={"door_1_delay_ms": 500})
    with (
        pytest.raises(AutarkyError, match="a board on a bench has its own parameters"),
        on_bench(bench, config),
    ):
        pass


def test_a_bench_is_used_by_one(simulated, bench) -> None:
    with pytest.raises(AutarkyError, match=r"is in use by \w+ on .* \(process \d+\) since"):
        Bench(simulated.rig, simulated.lock).__enter__()
