"""`autarky rig report` and `autarky rig replay`, as a person types them."""

import json
from pathlib import Path

import can
import pytest
import typer
from typer.testing import CliRunner, Result

from autarky.rig import commands, mf4
from autarky.rig.artifacts import write_all
from autarky.rig.recording import BUSES
from autarky.rig.results import Run


@pytest.fixture(autouse=True)
def no_mf4(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mf4, "ENVIRONMENT", tmp_path / "nowhere")


def asked(*arguments: object) -> Result:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(commands.report)
    app.command()(commands.replay)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_report_is_made_again(run: Run, tmp_path: Path) -> None:
    write_all(run, tmp_path)
    page = (tmp_path / "report.html").read_bytes()
    (tmp_path / "report.html").unlink()
    told = asked("report", tmp_path)
    assert told.exit_code == 0
    assert told.stdout.splitlines()[0] == str(tmp_path / "report.html")
    assert "`make rig-mf4` brings it once" in told.stdout
    assert (tmp_path / "report.html").read_bytes() == page


def test_what_moved_is_told_and_worse_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    write_all(run, tmp_path / "old")
    write_all(run, tmp_path / "same")
    told = asked("report", tmp_path / "same", "--against", tmp_path / "old")
    assert told.exit_code == 0
    assert told.stdout.endswith("nothing moved since 2026-11-28T08:00:00+00:00\n")
    smoke = next(result for result in run.results if result.row == "smoke")
    smoke.outcome, smoke.why = "failed", "late"
    smoke.measured[0].value = 130.0
    write_all(run, tmp_path / "new")
    told = asked("report", tmp_path / "new", "--against", tmp_path / "old")
    assert told.exit_code == 1
    assert "fault[smoke]: passed, now failed\n" in told.stdout
    assert "fault[smoke]: reaction 20 ms, now 130 ms\n" in told.stdout


def test_a_folder_that_no_run_left_is_said(tmp_path: Path) -> None:
    told = asked("report", tmp_path)
    assert told.exit_code == 1
    assert "has no results.json: give a folder that `autarky rig run` left" in told.stderr
    (tmp_path / "results.json").write_text('{"passed": true}')
    assert "is none of these tools' results" in asked("report", tmp_path).stderr


def test_a_replay_without_a_difference_is_exit_code_0(recorded: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.blf"
    with can.BLFWriter(short) as writer:
        writer.start_timestamp = 0.0
        for message in can.LogReader(recorded / BUSES):
            if message.timestamp < 4.5:
                writer(message)
    told = asked("replay", short, "--json", tmp_path / "found.json")
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("cabinet 2, 4.5 s: no difference beyond the tolerances\n")
    assert json.loads((tmp_path / "found.json").read_text())["equal"] is True
    told = asked("replay", short, "--set", "precharge_ms=1")
    assert told.exit_code == 1


def test_an_e_stop_is_nothing_that_a_can_log_tells(recorded: Path) -> None:
    told = asked("replay", recorded / BUSES, "--json", "-")
    assert told.exit_code in (0, 1)
    assert json.loads(told.stdout)["courses"][0]["name"] == "state"
    assert "note: no CAN log tells HVIL, E-stop" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--channels", "1,2,3"), "--channels 1,2,3: write it as SITE,CABINET"),
        (("--set", "cell_ov"), "--set cell_ov: write it as NAME=INTEGER"),
        (("--cabinet", "7"), "cabinet 7 is not in it"),
        (("--dbc", "{tmp}/no.dbc"), "is no DBC file that can be read"),
    ],
)
def test_what_is_typed_wrong_is_one_sentence(
    recorded: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "no.dbc").write_text("BO_ what")
    words = [word.format(tmp=tmp_path) for word in arguments]
    told = asked("replay", recorded / BUSES, *words)
    assert told.exit_code == 1
    assert sentence in told.stderr
    assert told.stderr.count("\n") == 1
