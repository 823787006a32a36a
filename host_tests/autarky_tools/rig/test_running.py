"""`autarky rig run` and `soak` at depth virtual: the suite, own tests, what is reported."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S
from refusal import refused

from autarky.paths import ROOT
from autarky.rig import results
from autarky.rig.reading import read
from autarky.tables import faults

pytestmark = pytest.mark.slow
AUTARKY = Path(sys.executable).with_name("autarky")
VIRTUAL = str(ROOT / "boards" / "rigs" / "virtual.yaml")
OWN = """
import pytest


def test_ramp(cabinet, power, plant, measure):
    power(40)
    cabinet.run_for(5)
    current_a = plant.current_a[0]
    assert measure("current at 40 kW", current_a, "A", low=40, high=60)


@pytest.mark.needs("line estop")
def test_estop(cabinet, fault, can):
    can.heard
    fault("line estop on")
    cabinet.run_for(0.1)
    assert not cabinet.closed
    assert 0x080 + cabinet.view.node_id in {can_id for can_id, _ in can.heard}


@pytest.mark.needs("a-wind-tunnel")
def test_wind(cabinet):
    raise AssertionError("never")


def test_limit(measure):
    assert measure("made up", 3.0, "V", high=2.0), "3 V are too much"


def test_stands_still(cabinet):
    cabinet.wait_for("fault", seconds=1)
"""


def rig(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AUTARKY, "rig", *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=PATIENCE_S,
    )  # fmt: skip


def block(kind: str) -> str:
    """The example of that kind on the page of rigs."""
    page = (ROOT / "boards" / "rigs" / "README.md").read_text()
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "test_own.py").write_text(OWN + block("python"))
    out = folder / "out"
    return out, rig("run", VIRTUAL, str(folder / "test_own.py"), "--out", str(out), "--jobs", "1")


def test_tests_of_ones_own_run_on_the_rig(own) -> None:
    out, done = own
    assert done.returncode == 1, done.stderr
    run = results.read(out)
    found = {result.test.rpartition("::")[2]: result for result in run.results}
    outcomes = {name: result.outcome for name, result in found.items()}
    assert outcomes == {
        "test_ramp": "passed", "test_estop": "passed", "test_wind": "skipped",
        "test_limit": "failed", "test_stands_still": "failed", "test_estop_under_load": "passed",
    }  # fmt: skip
    assert found["test_wind"].why == "virtual has no a-wind-tunnel"
    assert found["test_limit"].why == "3 V are too much"
    assert found["test_stands_still"].why == "the cabinet is in run after 1 s, not in fault"
    (current,) = found["test_ramp"].measured
    assert 40 < current.value < 60
    assert "skipped 1: virtual has no a-wind-tunnel" in done.stdout
    assert "FAILED: 3 passed, 2 failed, 1 skipped" in done.stdout


def test_the_page_s_rig_of_one_board_is_one(tmp_path: Path) -> None:
    (tmp_path / "rig.yaml").write_text(block("yaml"))
    assert read(tmp_path / "rig.yaml").depth == "processor"


def test_a_failed_test_keeps_what_tells_why_and_a_passed_one_does_not(own) -> None:
    out, _ = own
    assert "wait_for" in (out / "test_stands_still" / "failure.txt").read_text()
    assert (out / "test_stands_still" / "state").is_dir()
    assert not (out / "test_ramp" / "state").exists()
    assert not (out / "test_wind").exists()


def test_the_suite_has_a_test_for_every_row(tmp_path: Path) -> None:
    done = rig("run", VIRTUAL, "-k", "estop or self_test or lost-host", "--json", "-",
               "--out", str(tmp_path / "out"))  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content["passed"]
    rows = {result["row"] for result in content["results"]}
    assert rows == {"estop", "afe_self_test", "self_test", ""}
    estop = next(result for result in content["results"] if result["row"] == "estop")
    assert estop["measured"][0]["value"] <= estop["measured"][0]["high"] <= 60
    from autarky.rig.suite import test_faults

    (cases,) = [mark for mark in test_faults.test_fault.pytestmark if mark.name == "parametrize"]
    assert {case.fault for case in cases.args[1]} == set(faults())


def test_a_soak_goes_round_and_can_be_repeated(tmp_path: Path) -> None:
    seen = []
    for name in ("one", "two"):
        out = tmp_path / name
        done = rig("soak", VIRTUAL, "--hours", "0.001", "--seed", "5", "--out", str(out))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "round 1: 0 trials, 0 cases failed, 0 outages" in done.stdout
        seen.append({result.row: result.measured[0].value for result in results.read(out).results})
    both = set(seen[0]) & set(seen[1])
    assert both
    assert [seen[0][row] for row in sorted(both)] == [seen[1][row] for row in sorted(both)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nosuch.yaml"], "nosuch.yaml"),
        (["run", VIRTUAL, "-k", "nosuch"], "no test fits -k nosuch in"),
        (["run", str(ROOT / "boards/rigs/pil_virtual.yaml"), "--jobs", "2"],
         "--jobs 2: one board serves one test at a time; drop it"),
        (["run", VIRTUAL, "--against", "/nowhere"], "/nowhere"),
        (["report", "/nowhere"], "/nowhere"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence in refused("rig", *arguments)


def test_without_a_rig_its_fixtures_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test(cabinet):\n    pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)], cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode != 0
    assert "give --rig rig.yaml (boards/rigs has some)" in done.stdout
