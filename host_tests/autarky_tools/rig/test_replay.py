"""A log of ours against our firmware: the same, and what a changed parameter changes is named."""

import re
from pathlib import Path

import can
import pytest

from autarky.rig.differences import Differences
from autarky.rig.recording import BUSES, Recording
from autarky.rig.replay import replay
from autarky.scenario.fault_cases import CASES
from autarky.scenario.run import run_scenario
from autarky.scenario.trial import run_trial
from autarky.sil.site import SiteConfig, SiteError, VirtualSite

CHOICES = ("state", "worst_fault", "level", "contactors_closed", "request")


@pytest.fixture(scope="session")
def tripped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cell goes over its voltage; ten seconds after the trip."""
    folder = tmp_path_factory.mktemp("tripped")
    config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6)
    with VirtualSite(config) as site, Recording(site, folder):
        run_trial(site, CASES["cell_ov"])
        site.run_for(10.0)
    return folder / BUSES


@pytest.fixture(scope="session")
def peak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cabinets that shave for a minute."""
    folder = tmp_path_factory.mktemp("peak")
    made: list[Recording] = []
    config = SiteConfig(cabinets=2, interpreter="inline")
    run_scenario(
        "peak", config, folder / "run", hours=60 / 3600,
        prepared=lambda site: made.append(Recording(site, folder)),
    )  # fmt: skip
    made[0].close()
    return folder / BUSES


def largest(found: Differences, signal: str) -> float:
    return max(one.largest for one in found.signals if one.name == signal)


def test_a_trip_comes_again_in_the_same_order_within_a_period_of_its_cells(tripped: Path) -> None:
    found = replay(tripped)
    assert found.equal
    states, emergencies = found.courses
    assert [text for _, text in states.in_log] == [
        "self_test", "precharge", "ready", "run", "fault",
    ]  # fmt: skip
    assert [text for _, text in emergencies.in_replay] == [
        "cell_ov trip", "cell_ov limit", "cell_ov warn",
    ]  # fmt: skip
    assert max(one.apart_s for one in found.courses) <= 1.0
    assert not any(one.in_log != one.in_replay for one in found.frames)


@pytest.mark.slow
@pytest.mark.parametrize("cabinet", [2, 3])
def test_a_minute_of_peak_shaving_is_the_same_but_for_digits_that_the_log_cuts(
    peak: Path, cabinet: int
) -> None:
    found = replay(peak, cabinet)
    assert found.equal
    assert all(one.apart_s < 0.01 for one in found.courses)
    for name in (*CHOICES, "charge_limit", "discharge_limit", "dc_current", "active_power"):
        assert largest(found, name) == 0, name
    assert largest(found, "cell_min") <= 3  # mV
    assert largest(found, "soc") <= 0.5  # %
    assert f"channel {cabinet - 1} that of the cabinet" in found.notes[0]


@pytest.mark.slow
def test_micropython_answers_as_the_inline_firmware_does(tripped: Path) -> None:
    assert replay(tripped, interpreter="micropython").equal


@pytest.fixture(scope="session")
def nearly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cell goes near its highest voltage: power is limited, and nothing trips."""
    folder = tmp_path_factory.mktemp("nearly")
    config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6)
    with VirtualSite(config) as site, Recording(site, folder):
        site.run_for(5.0)
        site.plants.cells.force_voltage(0, 17, 3.63)
        site.run_for(6.0)
    return folder / BUSES


@pytest.mark.parametrize(("name", "later_us"), [("log.asc", 0), ("log.blf", 3_370)])
def test_a_log_counts_from_where_its_writer_began(
    tripped: Path, tmp_path: Path, name: str, later_us: int
) -> None:
    """An .asc from its first frame; the firmware's ticks then lie anywhere in its 10 ms."""
    with can.Logger(tmp_path / name) as writer:
        for message in can.LogReader(tripped):
            message.timestamp += later_us / 1e6
            writer(message)
    found, plain = replay(tmp_path / name), replay(tripped)
    assert found.equal
    for one, other in zip(found.courses, plain.courses, strict=True):
        assert [text for _, text in one.in_replay] == [text for _, text in other.in_replay]


def test_a_changed_threshold_is_found_and_named(nearly: Path) -> None:
    assert replay(nearly).equal
    found = replay(nearly, parameters={"cell_ov_3_dmv": 36_200})
    assert not found.equal
    states, emergencies = found.courses
    assert states.in_log[-1][1] == "run"
    assert states.in_replay[-1][1] == "fault"
    assert "cell_ov trip" not in [text for _, text in emergencies.in_log]
    assert "cell_ov trip" in [text for _, text in emergencies.in_replay]
    assert found.first_s == pytest.approx(emergencies.in_replay[0][0], abs=0.2)
    told = {one.name: one for one in found.signals if one.beyond and one.frame == "status_2"}
    assert (told["contactors_closed"].in_log, told["contactors_closed"].in_replay) == ("yes", "no")
    assert told["state"].first_s == pytest.approx(states.in_replay[-1][0] + 1, abs=1)
    assert "the firmware ran with cell_ov_3_dmv=36200" in found.notes
    text = found.as_text()
    assert text.startswith("cabinet 2, 11.0 s: differs from 6.")
    assert "state: differs\n  log      self_test at 0.11 s, precharge at" in text
    assert re.search(
        r"EMCY: differs\n  log +cell_ov limit at .*\n  firmware +cell_ov trip at", text
    )
    assert re.search(r"status_2\.state .* times, first at .* s: log run, firmware fault\n", text)
    assert found.as_dict()["equal"] is False


def test_a_changed_delay_is_found_by_the_order_of_what_came(tripped: Path) -> None:
    found = replay(tripped, parameters={"cell_ov_2_delay_ms": 500})
    assert not found.equal
    _, emergencies = found.courses
    assert emergencies.in_log[0][1] == "cell_ov trip"
    assert emergencies.in_replay[0][1] == "cell_ov limit"
    assert emergencies.parts_s == found.first_s


def test_a_parameter_that_there_is_not_is_refused(tripped: Path) -> None:
    with pytest.raises(SiteError, match="parameter refused"):
        replay(tripped, parameters={"cell_of_3_dmv": 1})


def cut(path: Path, into: Path, from_s: float, until_s: float) -> Path:
    with can.ASCWriter(into) as writer:
        for message in can.LogReader(path):
            if from_s < message.timestamp < until_s:
                writer(message)
    return into


@pytest.mark.slow
def test_a_log_that_begins_later_is_compared_from_where_the_firmware_runs(
    peak: Path, tmp_path: Path
) -> None:
    found = replay(cut(peak, tmp_path / "late.asc", 20.0, 45.0), 2)
    assert found.equal
    assert any("begins while the cabinet runs" in note for note in found.notes)
    assert any("compared from 6 s on" in note for note in found.notes)
    for name in ("state", "worst_fault", "dc_current", "active_power"):
        assert largest(found, name) == 0, name


def test_a_log_that_begins_in_a_fault_whose_cause_stands_finds_ours_in_it(
    tripped: Path, tmp_path: Path
) -> None:
    found = replay(cut(tripped, tmp_path / "fault.asc", 6.5, 15.0))
    assert found.equal
    assert found.courses[0].in_replay == [(6.0, "fault")]


@pytest.mark.slow
def test_a_log_that_begins_in_a_fault_of_the_past_finds_ours_in_none(
    tmp_path: Path,
) -> None:
    config = SiteConfig(cabinets=1, interpreter="inline")
    with VirtualSite(config) as site, Recording(site, tmp_path):
        run_trial(site, CASES["estop"])
        site.run_for(9.0)
    found = replay(cut(tmp_path / BUSES, tmp_path / "fault.asc", 6.0, 14.0))
    assert not found.equal
    assert "our firmware did not come to fault, where the log begins" in found.notes


def test_a_candump_log_of_other_channels_is_the_same(tripped: Path, tmp_path: Path) -> None:
    log = tmp_path / "both.log"
    with can.CanutilsLogWriter(log) as writer:
        for message in can.LogReader(tripped):
            message.channel = "can1" if message.channel else "can0"
            writer(message)
    found = replay(log)
    assert found.equal
    assert found.notes[0] == ("channel can0 is the site's bus, channel can1 that of the cabinet")


def test_a_pulled_module_is_pulled_again(tmp_path: Path) -> None:
    config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6)
    with VirtualSite(config) as site, Recording(site, tmp_path):
        run_trial(site, CASES["module_pulled"])
        site.run_for(4.0)
    states, emergencies = replay(tmp_path / BUSES).courses
    assert states.equal
    assert emergencies.in_replay[0][1] == "module_pulled trip"


def test_what_the_log_cannot_tell_is_a_difference_and_a_note(tmp_path: Path) -> None:
    config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6)
    with VirtualSite(config) as site, Recording(site, tmp_path):
        run_trial(site, CASES["smoke"])
        site.run_for(2.0)
    found = replay(tmp_path / BUSES)
    assert not found.equal
    assert any("no CAN log tells HVIL, E-stop, smoke" in note for note in found.notes)
