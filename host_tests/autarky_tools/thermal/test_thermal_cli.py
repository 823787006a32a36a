"""`autarky run NAME` and `autarky thermal` around the thermal loop, and what they refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from autarky_tools.thermal.conftest import at, case
from typer.testing import CliRunner

from autarky.cli import app
from autarky.errors import AutarkyError
from autarky.plant.weather import generate
from autarky.thermal import size
from autarky.thermal.loop import ThermalLoop

MINE = """\
title = "two minutes"
hours = 0.05
[common]
start_c = 33
[[cabinet]]
name = "chiller"
at = [{time_h = 0.02, action = "door_open", value = "on"}]
[[cabinet]]
name = "air"
kind = "air"
[[check]]
name = "hottest_at_most_c"
value = HOTTEST
"""


def cli(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def mine(folder: Path, hottest: str) -> str:
    path = folder / "mine.toml"
    path.write_text(MINE.replace("HOTTEST", hottest))
    return str(path)


@pytest.mark.parametrize(("hottest", "code"), [("40", 0), ("30", 1)])
def test_a_run_leaves_a_page_and_a_summary(tmp_path: Path, hottest: str, code: int) -> None:
    out = tmp_path / "out"
    done = cli(
        "run", mine(tmp_path, hottest), "--out", str(out), "--json", str(tmp_path / "x.json")
    )
    assert done.exit_code == code, done.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary == json.loads((tmp_path / "x.json").read_text())
    assert summary["pass"] == (code == 0)
    assert [cabinet["name"] for cabinet in summary["cabinets"]] == ["chiller", "air"]
    page = (out / "report.html").read_text()
    assert "chiller: the door stands open" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    told = "pass" if code == 0 else "FAIL"
    assert f"{told} no cell gets hotter: air: 33." in done.output


def test_thermal_run_is_the_same_and_json_goes_to_stdout(tmp_path: Path) -> None:
    done = cli("thermal", "run", mine(tmp_path, "40"), "--interpreter", "cpython",
               "--out", str(tmp_path / "out"), "--json", "-")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["interpreter"] == "cpython"


def test_the_list_names_them() -> None:
    told = cli("run", "--list").output
    for name in ("cold-soak", "heat-wave", "week", "pump-failure", "sensor-loss", "tropical-door"):
        assert name in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "week", "--cabinets", "3", "--bus", "localhost:1"),
         "scenario week is of the thermal loop, which has no site around its cabinets: "
         "drop --cabinets, --bus"),
        (("run", "week", "--realtime"), "drop --realtime"),
        (("run", "week", "--hours", "0"), "--hours 0.0: the length must be above 0"),
        (("run", "week", "--interpreter", "pypy"), "there is no interpreter 'pypy'"),
        (("thermal", "size"), "give the place's weather: either --climate or --epw"),
        (("thermal", "size", "--climate", "polar"), "there is no climate 'polar'"),
        (("thermal", "size", "--climate", "desert", "--json", "/none/x"), "folder does not exist"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(tmp_path: Path, monkeypatch, arguments, told) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli(*arguments)
    assert done.exit_code == 1
    assert told in " ".join(done.output.split())


def test_cases_of_one_loop_last_as_long() -> None:
    with pytest.raises(AutarkyError, match=r"last \[60.0, 120.0\] s: give all the same length"):
        ThermalLoop([case(1), case(2)])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"parameters": {"pump_led_ms": 1}}, "one has a wrong parameter: "),
        ({"events": (at(0, "sensor_open", 99),)}, "there is no sensor 99: give 1 to 75"),
        ({"events": (at(0, "sensor_swap", 1, 99),)}, "there is no sensor 99: give 1 to 75"),
        ({"events": (at(0, "channel_open", "nose"),)}, "there is no channel 'nose'"),
        ({"events": (at(0, "explode"),)}, "there is no thermal action 'explode'"),
        ({"kind": 2, "events": (at(0, "chiller_silent", "on"),)}, "has no chiller of its own"),
    ],
)
def test_what_a_cabinet_does_not_have_is_told(changes, told: str) -> None:
    with pytest.raises(AutarkyError, match=told):
        ThermalLoop([case(1, **changes)], "cpython").run()


def test_a_firmware_that_ends_is_told_with_its_last_words() -> None:
    with ThermalLoop([case(1)]) as loop:
        loop.step()
        loop._firmwares._shares[0][0]._process.kill()
        with pytest.raises(AutarkyError, match="stopped with -9 and these words:"):
            for _ in range(3):
                loop.step()


def test_an_error_inside_is_told_in_its_words() -> None:
    with ThermalLoop([case(1)]) as loop:
        loop._firmwares.record[16 + 11 + 10] = 0
        loop._firmwares.record[2 + 20 + 5] = 0  # a reference of 0 V, which no chip gives
        loop._firmwares.record[2] = 1
        with pytest.raises(AutarkyError, match="ZeroDivisionError"):
            loop._firmwares.step()


def test_a_places_days_stand_for_its_year() -> None:
    place = size.place("subarctic", None, 1)
    assert sum(weight for _, weight in place.days) == 365
    means = generate("subarctic", 1).temp_c.reshape(365, 24).mean(axis=1)
    of_days = sum(means[day] * weight for day, weight in place.days) / 365
    assert of_days == pytest.approx(means.mean(), abs=1.5)
    assert means[place.hottest_day] == means.max()


def test_sizes_share_the_runs_in_which_they_make_no_difference(monkeypatch) -> None:
    place = size.place("subarctic", None, 1)
    cases = size._days(place, {})
    winter = min(place.days, key=lambda row: place.weather.temp_c[24 * row[0]])[0]
    hot = place.hottest_day
    assert len([key for key in cases if key[0] == winter]) == len(size.HEATERS_W)
    assert len([key for key in cases if key[0] == hot]) < len(size._pairs())


def test_the_table_of_sizes(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(size, "HEATERS_W", (8000.0,))
    monkeypatch.setattr(size, "CHILLERS_W", (5000.0,))
    monkeypatch.setattr(size, "_SOAK_S", 600.0)
    monkeypatch.setattr(size, "DAY_S", 300.0)
    monkeypatch.setattr("autarky.thermal.case.DAY_S", 86400.0)
    site = tmp_path / "site.toml"
    site.write_text("[parameters]\nheater_min_ms = 70000\n")
    out = tmp_path / "x.json"
    done = cli("thermal", "size", str(site), "--climate", "subarctic", "--json", str(out))
    assert done.exit_code == 0, done.output
    assert "scaled from 4 days" in done.output
    (one,) = json.loads(out.read_text())["sizes"]
    assert one["heater_w"] == 8000
    assert one["start_h"] is None
    assert np.isfinite(one["energy_kwh_year"])


def test_ctrl_c_ends_every_process_that_was_started(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "autarky.cli", "thermal", "size", "--climate", "desert"]
    started = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    children: list[str] = []
    deadline = time.monotonic() + 60
    while not children and time.monotonic() < deadline:
        listed = Path(f"/proc/{started.pid}/task/{started.pid}/children")
        children = listed.read_text().split()
        time.sleep(0.1)
    time.sleep(1.0)
    os.killpg(started.pid, signal.SIGINT)
    told, _ = started.communicate(timeout=60)
    assert started.returncode == 130, told
    assert "autarky: stopped; everything that was started has ended" in told
    assert children
    for child in children:
        assert not Path(f"/proc/{child}").exists()
