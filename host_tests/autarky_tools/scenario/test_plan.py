"""A scenario is a file of a few lines; what is wrong in one is said at once, by line."""

import contextlib
import json
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from refusal import refused
from typer.testing import CliRunner

from autarky.cli import app
from autarky.config.places import segments
from autarky.errors import AutarkyError
from autarky.scenario import virtual
from autarky.scenario.actions import read
from autarky.scenario.checks import CHECKS
from autarky.scenario.plan import FOLDER, Plan, shipped
from autarky.scenario.run import find, run_scenario
from autarky.scenario.trip import TRIP_CASES
from autarky.sil.site import SiteConfig, VirtualSite

THREE_LINES = """\
seconds = 12
title = "a module is drawn"
at = [{time_s = 8, action = "pull", cabinet = 3, value = 2}]
"""
TRIPPED = '[[check]]\nname = "tripped"\ncabinet = "last"\nfault = "module_pulled"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "my.toml"
    path.write_text(text)
    return path


def sentences(folder: Path, text: str) -> list[str]:
    """What is told of such a file, each without the file's name."""
    path = written(folder, text)
    with pytest.raises(AutarkyError) as told:
        find(str(path))
    return [line.removeprefix(f"{path}:") for line in str(told.value).splitlines()]


def test_three_lines_are_a_scenario_that_the_command_runs(tmp_path) -> None:
    path, out = written(tmp_path, THREE_LINES), tmp_path / "run"
    arguments = ["run", str(path), "--out", str(out), "--interpreter", "inline"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["scenario"], summary["virtual_s"], summary["cabinets"]) == ("my", 12, 2)
    assert ("module_pulled", 3, "trip", "module 2") in [
        (one["id"], one["node"], one["level"], one["place"]) for one in summary["happened"]
    ]
    assert "module 2 of cabinet 3 pulled" in (out / "report.html").read_text()


def test_a_check_by_name_decides_and_takes_the_file_s_own_title(tmp_path) -> None:
    calm = '[[check]]\nname = "no_trip"\ntitle = "all is calm"\ncabinet = 3\n'
    path = written(tmp_path, THREE_LINES + TRIPPED + calm)
    made = run_scenario(str(path), SiteConfig(interpreter="inline"), tmp_path / "run")
    assert [(check.name, check.status) for check in made.checks] == [
        ("module_pulled: cabinet 3 tripped", "pass"), ("all is calm", "FAIL"),
    ]  # fmt: skip


TWO_BUSES = """\
title = "two buses"
seconds = 12
at = [
  {time_s = 0, action = "power", cabinet = 102, value = 10},
  {time_s = 8, action = "pull", cabinet = "last", value = 3},
  {time_s = 8, action = "command", cabinet = 3, value = "silent"},
]
check = [
  {name = "tripped", cabinet = "last", fault = "module_pulled"},
  {name = "no_trip", cabinet = "first"},
  {name = "precharge_tries", cabinet = 102, tries = 1},
]
"""


def test_a_cabinet_of_another_bus_is_meant_by_its_number_on_the_site(tmp_path) -> None:
    places = segments([("north", 2), ("south", ["A", "B"])])
    config = SiteConfig(cabinets=4, segments=places, interpreter="inline")
    seen = []
    made = run_scenario(
        str(written(tmp_path, TWO_BUSES)), config, tmp_path / "run",
        progress=lambda site, recorder, seconds: seen.append(site),
    )  # fmt: skip
    assert [check.status for check in made.checks] == ["pass", "pass", "FAIL"]
    site = seen[0]
    assert (site.coordinator.forced_w, site.coordinator.muted) == ({102: 10_000.0}, {3})
    assert site.plants.strings.module_out[:, 2].tolist() == [False, False, False, True]
    assert {103} == {one.node for one in made.happened if one.id == "module_pulled"}
    assert {row["node_id"] for row in seen_rows(tmp_path)} == {2, 3, 102, 103}
    path = written(tmp_path, TWO_BUSES.replace("= 102, value", "= 4, value"))
    with pytest.raises(AutarkyError, match=r"no cabinet 4: give 2\.\.3, 102\.\.103"):
        run_scenario(str(path), config, tmp_path / "other")


def seen_rows(folder: Path) -> list[dict]:
    return pq.read_table(folder / "run" / "cabinets.parquet").to_pylist()


def test_what_is_done_to_a_bus_is_done_to_that_of_the_cabinet() -> None:
    places = segments([("north", 1), ("south", 1)])
    config = SiteConfig(cabinets=2, segments=places, interpreter="inline")
    with VirtualSite(config) as site:
        north, south = site.buses
        sent = []
        site.on_frames.append(lambda number, frames: sent.extend((number, f) for f in frames))
        virtual.apply(site, read("duplicate-id 102"))
        virtual.apply(site, read("babble 102"))
        site.run_for(0.1)
        assert {number for number, frame in sent if frame.can_id == 0x602} == {100}
        virtual.apply(site, read("bus-fault 102 drop command 3"))
        assert (len(north.faults), len(south.faults)) == (0, 1)
        virtual.apply(site, read("bus-back 102"))
        assert (len(north.faults), len(south.faults)) == (0, 0)
        virtual.apply(site, read("bus-off 102 site on"))
        assert (len(north.off), len(south.off)) == (0, 1)


def test_a_scenario_like_another_one_says_only_what_differs(tmp_path) -> None:
    plan = find(str(written(tmp_path, 'like = "peak"\nhours = 2\nparameters = {node_id = 5}\n')))
    peak = find("peak")
    assert (plan.name, plan.seconds, plan.parameters) == ("my", 7200, {"node_id": 5})
    assert (plan.at, plan.check, plan.load, plan.title) == (
        peak.at, peak.check, peak.load, peak.title,
    )  # fmt: skip


def test_the_readme_s_example_runs_and_its_lists_are_whole(tmp_path) -> None:
    page = (FOLDER / "README.md").read_text()
    example = page.split("```toml\n")[1].split("```")[0]
    path = written(tmp_path, example)
    made = run_scenario(str(path), SiteConfig(interpreter="inline"), tmp_path / "run", 30 / 3600)
    assert made.passed
    for name, kind in CHECKS.items():
        cabinet = ["cabinet"] if kind.of_cabinet else []
        told = " ".join((name, *cabinet, *(argument.name for argument in kind.arguments)))
        assert f"`{told}`" in page.replace("\n", " "), told


@pytest.mark.parametrize("name", shipped())
def test_what_ships_is_whole(name: str) -> None:
    plan = find(name)
    assert plan.title
    assert plan.check or plan.driver
    assert 10 <= plan.seconds <= 86_400


def test_trip_has_a_cabinet_for_each_of_its_cases(tmp_path) -> None:
    assert find("trip").cabinets == len(TRIP_CASES)
    path = written(tmp_path, 'title = "t"\nseconds = 1\ndriver = "trip"\n')
    with pytest.raises(AutarkyError, match="driver trip wants 32 cabinets"):
        run_scenario(str(path), SiteConfig(interpreter="inline"), tmp_path / "run")


def test_every_check_is_named_by_a_scenario_that_ships() -> None:
    used = {promise.kind for name in shipped() for promise in find(name).check}
    assert set(CHECKS.values()) == used


def test_all_that_is_wrong_is_said_at_once_with_its_line(tmp_path) -> None:
    text = """\
title = "a bad day"
seconds = 60
cabinets = 40
colour = "red"

[parameters]
cell_ov_3_dmv = 99999

[load]
model = "gpu-clutser"
kw_per_cabinet = -1

[[at]]
time_s = 5
action = "pul"
cabinet = 2

[[at]]
action = "cell"
cabinet = "some"
value = [18, 7.5]

[[at]]
time_s = -1
action = "key"
cabinet = "all"
when = 3

[[check]]
name = "triped"

[[check]]
name = "tripped"
cabinet = "all"
fault = "cel_ov"
"""
    assert sentences(tmp_path, text) == [
        "3: cabinets is 40: give a whole number 1..32",
        "4: there is no key 'colour': choose from title, cabinets, resizable, soc, temperature_c, "
        "whole_s, driver, parameters, load, peak_shaving, at, check, seconds, minutes, hours, like",
        "7: parameter refused: cell_ov_3_dmv is 99999, allowed are 30000..43000",
        "10: there is no model of a load 'gpu-clutser': the nearest is gpu-cluster",
        "11: kw_per_cabinet is -1: give 0..1e+06 kW",
        "15: there is no action 'pul': the nearest is pull",
        "18: time_s or share is missing: when is it done?",
        "20: cabinet is 'some': give first, last, all or a number, 2..33 "
        "(102..133 on a second bus)",
        "21: voltage is 7.5: give 0..6 V",
        "24: time_s is -1: give 0..3.6e+09 s",
        "27: there is no key 'when': choose from time_s, share, action, cabinet, value",
        "30: there is no check 'triped': the nearest is tripped",
        "34: cabinet is 'all': give first, last or a number, 2..33 (102..133 on a second bus)",
        "35: fault is 'cel_ov': the nearest is cell_ov",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["1: the length is missing: give seconds, minutes, hours",
              "1: title is missing: a line for `autarky run --list`"]),
        ('title = "x"\nhours = 1\nminutes = 2\n',
         ["3: give one of seconds, minutes, hours, not 2"]),
        ('title = 5\nhours = 0\n', ["1: title is 5: give a text", "2: hours is 0: give"]),
        ('like = "peak"\nresizable = "no"\n', ["2: resizable is 'no': give true or false"]),
        ('like = "lost-host"\nat = [{time_s = 41, action = "target", value = 5}]\n',
         ["2: the run has ended by then, after 40 s"]),
        ('like = "lost-host"\nat = [{time_s = 1, action = "target", cabinet = 2, value = 5}]\n',
         ["2: target is the whole site's: drop cabinet"]),
        ('like = "peek"\n', ["1: there is no scenario 'peek': the nearest is peak"]),
        ('like = "peak"\nat = 5\n', ["2: at is a list of tables, as in [[at]]"]),
        ('like = "peak"\nat = [\n  {time_s = 1, action = "key", cabinet = 2},\n  7,\n]\n',
         ["4: at is made of tables, as in [[at]]"]),
        ('like = "peak"\nat = [\n  {time_s = 1, action = "key", cabinet = 2},\n'
         '  {time_s = 1, action = "pull", cabinet = 2, value = 40},\n]\n',
         ["4: module is 40: give a whole number 1..32"]),
        ('like = "peak"\nparameters = 3\n', ["2: parameters is a table of NAME = INTEGER"]),
        ('like = "peak"\nparameters = {nosuch = 3}\n', ["2: parameter refused: no parameter"]),
        ('like = "peak"\ndriver = "tripp"\n', ["2: there is no driver 'tripp': the nearest is"]),
        ('like = "peak"\npeak_shaving = {peak_share = 0.5}\n', ["2: recharge_share is missing"]),
        ('like = "peak"\ncheck = [{name = "tripped", fault = "hvil"}]\n',
         ["2: cabinet is missing: give first, last or a number"]),
    ],
)  # fmt: skip
def test_each_mistake_has_its_sentence(tmp_path, text: str, told: list[str]) -> None:
    said = sentences(tmp_path, text)
    assert [a.startswith(b) for a, b in zip(said, told, strict=True)] == [True] * len(told), said


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ('[[at]]\nshare = 0.5\naction = "cell"\ncabinet = 9\nvalue = [1, 3.0]\n',
         "my.toml:3: this site has no cabinet 9: give 2..3"),
        ('[[at]]\nshare = 0.5\naction = "pull"\ncabinet = 2\nvalue = 6\n',
         "my.toml:3: pull: there is no module 6, the last one is 5"),
        ('[[check]]\nname = "no_trip"\ncabinet = 9\n',
         "my.toml:3: there is no cabinet 9 to check"),
        ('[[at]]\ntime_s = 0\naction = "parameters-corrupt"\ncabinet = 2\n',
         "my: parameters-corrupt: these cabinets have no storage"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_site_ends_the_run(tmp_path, more: str, sentence: str) -> None:
    path = written(tmp_path, 'title = "t"\nseconds = 1\n' + more)
    with pytest.raises(AutarkyError) as told:
        run_scenario(str(path), SiteConfig(interpreter="inline"), tmp_path / "run")
    assert sentence in str(told.value)


@pytest.mark.parametrize("value", ["5", "-1.5", "true", '"x"', "[1]", "[{}]", "{a = 1}", "nan"])
def test_no_value_of_any_key_is_more_than_a_sentence(tmp_path, value: str) -> None:
    whole = [part.name for part in fields(Plan) if part.name != "name"]
    texts = [f'like = "peak"\n{key} = {value}\n' for key in (*whole, "hours", "nosuch")]
    texts += [f"like = {value}\n", f"parameters = {{node_id = {value}}}\n"]
    for key in ("time_s", "share", "action", "cabinet", "value", "nosuch"):
        row = {"time_s": "1", "action": '"pull"', "cabinet": "2", "value": "1", key: value}
        texts.append("at = [{" + ", ".join(f"{k} = {v}" for k, v in row.items()) + "}]\n")
    for key in ("name", "title", "always", "cabinet", "fault", "nosuch"):
        row = {"name": '"tripped"', "cabinet": "2", "fault": '"hvil"', key: value}
        texts.append("check = [{" + ", ".join(f"{k} = {v}" for k, v in row.items()) + "}]\n")
    for text in texts:
        with contextlib.suppress(AutarkyError):
            find(str(written(tmp_path, text)))


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path) -> None:
    path = written(tmp_path, "title = \n")
    assert "my.toml is no TOML: Invalid value (at line 1" in refused("run", path)
    assert "none.toml: No such file or directory; name a scenario's TOML file" in refused(
        "run", tmp_path / "none.toml"
    )
    assert "there is no scenario 'peek': the nearest is peak; or give a path" in refused(
        "run", "peek"
    )
