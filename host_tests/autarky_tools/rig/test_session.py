"""A rig in use: a simulated bench that does not start, a rig whose safe-off fails last."""

import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S

from autarky.errors import AutarkyError
from autarky.paths import ROOT
from autarky.rig import results, session
from autarky.rig.reading import read
from autarky.scenario.fault_cases import CASES
from autarky.scenario.trial import prepare
from autarky.sil.site import SiteConfig, VirtualSite

RIGS = ROOT / "boards" / "rigs"
UNSAFE = """
import pytest


@pytest.fixture(scope="session")
def supply(rig):
    yield
    raise OSError("the supply is still on")


def test_passes(supply):
    pass


@pytest.mark.needs("a-wind-tunnel")
def test_skips(supply):
    pass


@pytest.mark.xfail
def test_fails_as_expected(supply):
    raise AssertionError
"""


def test_a_simulated_bench_that_does_not_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with (
        pytest.raises(AutarkyError, match=r"the simulated bench of .* does not start: see above"),
        session.opened(read(RIGS / "bench_simulated.yaml")),
    ):
        pass


@pytest.mark.parametrize("only", ["passes", "skips", "expected"])
def test_a_rig_that_is_not_safe_at_the_end_has_not_passed(tmp_path: Path, only: str) -> None:
    """Whatever the last test was: pytest itself ends with 0 where it was an expected failure."""
    (tmp_path / "test_own.py").write_text(UNSAFE)
    out = tmp_path / "out"
    done = subprocess.run(
        [Path(sys.executable).with_name("autarky"), "rig", "run", RIGS / "virtual.yaml",
         tmp_path / "test_own.py", "-k", only, "--jobs", "1", "--out", out],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    (result,) = results.read(out).results
    assert (result.outcome, result.why) == ("error", "OSError: the supply is still on")


def test_a_case_that_does_not_get_to_its_beginning_is_said() -> None:
    cold = {"heat_on_min_dc": -300, "heat_on_mean_dc": -300}
    with (
        VirtualSite(SiteConfig(cabinets=1, interpreter="inline", parameters=cold)) as site,
        pytest.raises(AutarkyError, match="cells at 7 degC, and the heater is off"),
    ):
        prepare(site, CASES["heater_silent"])
    with VirtualSite(SiteConfig(cabinets=1, interpreter="inline")) as site:
        site.coordinator.silent = True
        with pytest.raises(AutarkyError, match=r"estop: the cabinet is in \w+, not in run"):
            prepare(site, CASES["estop"])
