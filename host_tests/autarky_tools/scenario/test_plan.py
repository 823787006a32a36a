"""A scenario is a file of a few lines; what is wrong in one is said at once, by line."""

import json
from pathlib import Path

import pytest
from refusal import refused
from typer.testing import CliRunner

from autarky.cli import app
from autarky.errors import AutarkyError
from autarky.scenario.checks import CHECKS
from autarky.scenario.plan import shipped
from autarky.scenario.run import find, run_scenario
from autarky.scenario.trip import TRIP_CASES
from autarky.sil.site import SiteConfig

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


def test_a_scenario_like_another_one_says_only_what_differs(tmp_path) -> None:
    plan = find(str(written(tmp_path, 'like = "peak"\nhours = 2\nparameters = {node_id = 5}\n')))
    peak = find("peak")
    assert (plan.name, plan.seconds, plan.parameters) == ("my", 7200, {"node_id": 5})
    assert (plan.at, plan.check, plan.load, plan.title) == (
        peak.at, peak.check, peak.load, peak.title,
    )  # fmt: skip


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


def test_every_check_is_named_by_a_scenario_that_ships_or_here() -> None:
    used = {promise.kind for name in shipped() for promise in find(name).check}
    assert {name for name, kind in CHECKS.items() if kind not in used} == {"no_trip"}


def test_all_that_is_wrong_is_said_at_once_with_its_line(tmp_path) -> None:
    text = """\
title = "a bad day"
seconds = 60
cabinets = 40
colour = "red"

[parameters]
cell_ov_3_dmv = 99999

[load]
kind = "gpu_clutser"
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
fault = "cell_0v"
"""
    assert sentences(tmp_path, text) == [
        "4: there is no key 'colour': choose from title, cabinets, resizable, soc, whole_s, "
        "driver, parameters, load, peak_shaving, at, check, seconds, minutes, hours, like",
        "3: cabinets is 40: give a whole number 1..32",
        "7: parameter refused: cell_ov_3_dmv is 99999, allowed are 30000..43000",
        "10: there is no kind of load 'gpu_clutser': the nearest is gpu_cluster",
        "11: kw_per_cabinet is -1: give 0..1e+06 kW",
        "15: there is no action 'pul': the nearest is pull",
        "18: time_s or share is missing: when is it done?",
        "20: cabinet is 'some': give first, last, all or a node id, 2..33",
        "21: voltage is 7.5: give 0..6 V",
        "24: time_s is -1: give 0..3.6e+09 s",
        "27: there is no key 'when': choose from time_s, share, action, cabinet, value",
        "30: there is no check 'triped': the nearest is tripped",
        "34: cabinet is 'all': give first, last or a node id, 2..33",
        "35: fault is 'cell_0v': the nearest is cell_ov",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["1: the length is missing: give seconds, minutes, hours",
              "1: title is missing: a line for `autarky run --list`"]),
        ('title = "x"\nhours = 1\nminutes = 2\n',
         ["3: give one of seconds, minutes, hours, not 2"]),
        ('title = 5\nhours = 0\n', ["1: title is 5: give a str", "2: hours is 0: give"]),
        ('like = "peek"\n', ["1: there is no scenario 'peek': the nearest is peak"]),
        ('like = "peak"\nat = 5\n', ["2: at is a list of tables, as in [[at]]"]),
        ('like = "peak"\nat = [\n  {time_s = 1, action = "key", cabinet = 2},\n  7,\n]\n',
         ["2: at is made of tables, as in [[at]]"]),
        ('like = "peak"\nat = [\n  {time_s = 1, action = "key", cabinet = 2},\n'
         '  {time_s = 1, action = "pull", cabinet = 2, value = 40},\n]\n',
         ["4: module is 40: give a whole number 1..32"]),
        ('like = "peak"\nparameters = 3\n', ["2: parameters is a table of NAME = INTEGER"]),
        ('like = "peak"\nparameters = {nosuch = 3}\n', ["2: parameter refused: no parameter"]),
        ('like = "peak"\ndriver = "tripp"\n', ["2: there is no driver 'tripp': the nearest is"]),
        ('like = "peak"\npeak_shaving = {peak_share = 0.5}\n', ["2: recharge_share is missing"]),
        ('like = "peak"\ncheck = [{name = "tripped", fault = "hvil"}]\n',
         ["2: cabinet is missing: give first, last or a node id"]),
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


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path) -> None:
    path = written(tmp_path, "title = \n")
    assert "my.toml is no TOML: Invalid value (at line 1" in refused("run", path)
    assert "none.toml: No such file or directory; name a scenario's TOML file" in refused(
        "run", tmp_path / "none.toml"
    )
    assert "there is no scenario 'peek': the nearest is peak; or give a path" in refused(
        "run", "peek"
    )
