"""However a runner ends, the bench is safe within half a second, and nothing stays locked."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from soak import SOAK

from autarky.errors import AutarkyError
from autarky.rig.bench import Bench
from autarky.rig.bench_firmware import on_bench, settle
from autarky.rig.instruments import InstrumentError
from autarky.rig.lock import RigLock
from autarky.rig.simulated import EXAMPLE, running
from autarky.sil.site import SiteConfig

pytestmark = pytest.mark.slow
SAFE_S = 0.5
KILLS = 100 if SOAK else 3
LONGEST_S = 2.5  # after the bench is open: booting, closing contactors, running


def start(simulated, *how: str) -> subprocess.Popen:
    runner = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("runner.py")), json.dumps(simulated.ports),
         str(simulated.lock), *how],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert runner.stdout.readline() == "open\n", runner.stderr.read()
    return runner


def end_and_see(simulated, runner: subprocess.Popen, number: int) -> str:
    """Sends the signal; safe in time, unlocked, and what the runner and its guard had to say."""
    at_s = time.monotonic()
    runner.send_signal(number)
    took_s = simulated.safe_since_s(at_s)
    print(f"safe after {1000 * took_s:.0f} ms")
    assert took_s <= SAFE_S, simulated.events()[-20:]
    said = runner.communicate()[1]
    RigLock("bench-simulated", simulated.lock).release()
    return said


def wait_live(simulated) -> None:
    simulated.wait(lambda: "supply.live" in simulated.live(), "the supply does not come on")


def test_a_killed_runner_leaves_a_safe_bench(simulated) -> None:
    wait_s = random.Random(20260301)
    for _ in range(KILLS):
        runner = start(simulated)
        time.sleep(wait_s.uniform(0.0, LONGEST_S))
        end_and_see(simulated, runner, signal.SIGKILL)


def test_a_killed_runner_leaves_a_safe_bench_without_any_watchdog(own_simulated) -> None:
    simulated = own_simulated("--no-watchdog")
    runner = start(simulated)
    wait_live(simulated)
    said = end_and_see(simulated, runner, signal.SIGKILL)
    assert "its guard has made the bench safe" in said
    assert not any(what == "supply.watchdog" for _, what, _ in simulated.events())


def test_a_bench_without_runner_and_guard_drops_by_itself(simulated) -> None:
    runner = start(simulated)
    wait_live(simulated)
    guard = int(Path(f"/proc/{runner.pid}/task/{runner.pid}/children").read_text().split()[0])
    os.kill(guard, signal.SIGSTOP)
    at_s = time.monotonic()
    runner.send_signal(signal.SIGKILL)
    dead = ("supply.live", "relay.enable")
    simulated.wait(lambda: not set(dead) & set(simulated.live()), "nothing dropped")
    dropped = [at for at, what, value in simulated.events() if what in dead and not value]
    assert max(dropped) - at_s <= SAFE_S
    os.kill(guard, signal.SIGCONT)
    runner.communicate()
    RigLock("bench-simulated", simulated.lock).release()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
def test_a_stopped_runner_leaves_a_safe_bench(number, simulated) -> None:
    runner = start(simulated)
    wait_live(simulated)
    end_and_see(simulated, runner, number)


def test_a_runner_may_bring_its_own_simulated_bench(tmp_path: Path) -> None:
    patient = tmp_path / "rig.yaml"  # a busy host may be late: that is another test's matter
    patient.write_text(re.sub(r"(drop_s|watchdog_s): 0\.3", r"\1: 10", EXAMPLE.read_text()))
    with (
        running(patient) as rig,
        Bench(rig, tmp_path / "lock") as bench,
        on_bench(bench, SiteConfig(cabinets=1)) as site,
    ):
        settle(site)
        assert bench.meter.volts() == 24.0


def test_a_simulated_bench_that_does_not_start_is_told() -> None:
    with (
        pytest.raises(AutarkyError, match=r"the simulated bench of .* does not start: see above"),
        running(EXAMPLE, "--no-such-option"),
    ):
        pass


def test_a_full_disk_leaves_a_safe_bench(simulated) -> None:
    runner = start(simulated, "disk")
    wait_live(simulated)
    said = runner.communicate()[1]
    assert "No space left on device" in said
    assert not simulated.live()
    RigLock("bench-simulated", simulated.lock).release()


def test_an_unplugged_supply_ends_the_test_and_comes_back(own_simulated) -> None:
    simulated = own_simulated()
    with Bench(simulated.rig, simulated.lock) as bench:
        with (
            pytest.raises(InstrumentError, match=r"the supply at .* does not answer") as raised,
            on_bench(bench, SiteConfig(cabinets=1)) as site,
        ):
            wait_until_live(simulated, site)
            simulated.order("unplug supply")
            out_s = time.monotonic()
            site.run_for(60.0)
        assert "NOT SAFE, switch it off by hand: the supply" in raised.value.__notes__[0]
        assert simulated.safe_since_s(out_s) < 10.0  # its watchdog; the others at once
        with pytest.raises(InstrumentError, match=r"the supply at .* does not answer"):
            bench.refresh()
        simulated.order("plug supply")
        simulated.wait(lambda: answers(bench), "it does not come back")
        with on_bench(bench, SiteConfig(cabinets=1)) as site:
            wait_until_live(simulated, site)
    assert not simulated.live()


def answers(bench: Bench) -> bool:
    try:
        bench.refresh()
    except InstrumentError:
        return False
    return True


def wait_until_live(simulated, site) -> None:
    for _ in range(1000):
        site.step()
        if site.now_ms % 100 == 0 and "supply.live" in simulated.live():
            return
    raise AssertionError("the supply does not come on")


def test_a_lost_bus_ends_the_test(own_simulated) -> None:
    simulated = own_simulated()
    with Bench(simulated.rig, simulated.lock) as bench:
        with (
            pytest.raises(InstrumentError, match=r"the CAN bus .* is lost"),
            on_bench(bench, SiteConfig(cabinets=1)) as site,
        ):
            wait_until_live(simulated, site)
            simulated.order("hang-up")
            site.run_for(10.0)
        assert not simulated.live()


def test_a_stuck_relay_ends_the_test_and_is_told(own_simulated) -> None:
    simulated = own_simulated()
    with (
        pytest.raises(
            InstrumentError, match=r"rig bench-simulated is NOT SAFE.*relay estop is stuck"
        ),
        Bench(simulated.rig, simulated.lock) as bench,
        on_bench(bench, SiteConfig(cabinets=1)) as site,
    ):
        wait_until_live(simulated, site)
        simulated.order("stuck 1")
        site.run_for(0.2)
    assert set(simulated.live()) == {"relay.estop"}


def test_a_runner_that_stands_still_loses_its_bench(simulated) -> None:
    with (
        Bench(simulated.rig, simulated.lock) as bench,
        pytest.raises(InstrumentError, match="the runner stood still for more than 5 s"),
        on_bench(bench, SiteConfig(cabinets=1)) as site,
    ):
        wait_until_live(simulated, site)
        simulated.wait(lambda: "supply.live" not in simulated.live(), "it was fed on")
        site.step()
    assert not simulated.live()


def test_a_guard_that_ended_ends_the_test_and_is_replaced(simulated) -> None:
    with Bench(simulated.rig, simulated.lock) as bench:
        with (
            pytest.raises(InstrumentError, match="the guard of the bench has ended"),
            on_bench(bench, SiteConfig(cabinets=1)) as site,
        ):
            wait_until_live(simulated, site)
            os.kill(bench.guard.pid, signal.SIGKILL)
            site.run_for(10.0)
        assert not simulated.live()
        with on_bench(bench, SiteConfig(cabinets=1)) as site:
            wait_until_live(simulated, site)


def test_a_lock_that_cannot_be_written_is_told_before_anything_is_on(simulated) -> None:
    with pytest.raises(AutarkyError, match=r"the lock /dev/full/x of rig .* cannot be written"):
        Bench(simulated.rig, Path("/dev/full/x")).__enter__()
