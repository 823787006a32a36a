"""`autarky rig soak` on a simulated bench whose supply is unplugged meanwhile."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from patience import PATIENCE_S

from autarky.errors import AutarkyError
from autarky.rig import soaking
from autarky.rig.soaking import Soak
from autarky.scenario.fault_cases import CASES

pytestmark = pytest.mark.slow
HOURS = 0.008


def wait(until: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not until():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def trials(soak: Soak) -> int:
    return sum(int(result.measured[1].value or 0) for result in soak.result().results)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [CASES[name] for name in ("estop", "pcs_fault", "smoke")]
    monkeypatch.setattr(soaking, "FAULT_CASES", cases)


@pytest.mark.usefixtures("short")
def test_a_soak_goes_on_when_an_instrument_has_come_back(own_simulated, tmp_path: Path) -> None:
    bench = own_simulated()
    rig = bench.rig.model_copy(update={"simulated": False, "name": "soaked"})
    said: list[str] = []
    soak = Soak(rig, tmp_path / "out", 1)
    before = []

    def unplug() -> None:
        wait(lambda: any((tmp_path / "out").glob("round1-*")))
        wait(lambda: bool(bench.live().get("supply.live")))
        bench.order("unplug supply")
        wait(lambda: any("looked for again" in text for text in said))
        before.append(trials(soak))
        bench.order("plug supply")

    hand = threading.Thread(target=unplug)
    hand.start()
    run = soak.run(HOURS, 10, said.append)
    hand.join()
    assert run.complete
    assert run.provenance["outages"] == "1"
    assert trials(soak) > before[0], said
    assert any("supply" in text for text in said)
    assert not bench.live()


@pytest.mark.usefixtures("short")
def test_a_soak_without_its_bench_ends_with_a_sentence(own_simulated, tmp_path: Path) -> None:
    bench = own_simulated()
    rig = bench.rig.model_copy(update={"simulated": False, "name": "gone"})
    bench.order("unplug supply")
    soak = Soak(rig, tmp_path / "out", 1)
    with pytest.raises(AutarkyError, match="supply"):
        soak.run(HOURS, 10, lambda text: None)
    assert not soak.result().passed
