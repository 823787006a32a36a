"""Thermal scenarios by their files: those that come along are whole, each fault has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from autarky.errors import AutarkyError
from autarky.plant.thermal import Kind
from autarky.thermal.plan import shipped
from autarky.thermal.reading import read_plan
from autarky.thermal.run import find, found, shortened

GOOD = """\
title = "a night"
hours = 2
[common]
start_c = 5
sky = {ambient_c = -20}
[[cabinet]]
name = "small"
plant.heater_w = 2000
[[cabinet]]
name = "air"
kind = "air"
window = [{from_h = 1, to_h = 2, c_rate = 0.5}]
announce = [{time_h = 1, purpose = "charge", wanted_in_h = 3, island = true, c_rate = 0.25}]
at = [{time_h = 1, action = "sensor_drift", value = [3, 2.5]}]
parameters = {pump_lead_ms = 5000}
[[check]]
name = "tripped_at_most_h"
value = 0
cabinet = "air"
"""


def test_a_files_cabinets_have_the_common_keys_and_their_own(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(GOOD)
    plan = read_plan(path)
    small, air = plan.cases
    assert (small.start_c, small.sky.ambient_c, small.plant.heater_w) == (5, -20, 2000)
    assert small.kind == Kind.CHILLER
    assert air.kind == Kind.AIR
    assert air.plant.heater_w == 4000
    assert air.windows[0].c_rate == 0.5
    said = air.announcements[0]
    assert (said.wanted_in_s, said.island, said.rate_c) == (3 * 3600, True, 0.25)
    assert air.events[0].values == (3, 2.5)
    assert air.settings()["pump_lead_ms"] == 5000
    assert shortened(plan, 1.0).seconds == 3600
    assert shortened(plan, None) is plan


@pytest.mark.parametrize("name", list(shipped()))
def test_every_scenario_that_comes_along_is_whole(name: str) -> None:
    plan = found(name)
    assert plan.name == name
    assert plan.promises
    assert plan.explains


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('title = "a night"\n', "", "my.toml:1: title is missing: a line for `autarky run --list`"),
        ("hours = 2\n", "", "the length is missing: give hours or days"),
        ("hours = 2", "hours = 0", "my.toml:2: hours is 0: give 0.01..100000 h"),
        ("start_c = 5", "start_k = 5", "my.toml:4: there is no key 'start_k'"),
        ("start_c = 5", "start_c = 90", "my.toml:4: start_c is 90: give -45..60 degC"),
        ("sky = {ambient_c", "sky = {ambience_c", "my.toml:5: there is no key 'ambience_c'"),
        ("sky = {ambient_c = -20}", "sky = 3", "my.toml:5: sky is no table"),
        ("sky = {ambient_c = -20}", 'sky = {climate = "polar"}', "there is no climate 'polar'"),
        ("plant.heater_w", "plant.heater_kw", "my.toml:8: there is no key 'heater_kw'"),
        ('"air"\nkind = "air"', '"small"', "two cabinets are called 'small': give each a name"),
        ('kind = "air"', 'kind = "gas"', "my.toml:11: there is no kind of cooling 'gas'"),
        ('kind = "air"', "kind = 3", "my.toml:11: kind is 3: give a text"),
        ("c_rate = 0.5", "c_rate = 5", "my.toml:12: c_rate is 5: give -1..1 C"),
        (", c_rate = 0.5", "", "my.toml:12: c_rate is missing"),
        ('"charge"', '"loading"', "my.toml:13: there is no purpose 'loading'"),
        ("island = true", "island = 1", "my.toml:13: island is 1: give true or false"),
        ("at = [{time_h = 1", "at = [{time_h = 3", "the run has ended by then, after 2 h"),
        ("sensor_drift", "sensor_gone", "my.toml:14: there is no thermal action 'sensor_gone'"),
        ("[3, 2.5]", "3", "my.toml:14: sensor_drift takes SENSOR and DRIFT[K/h]"),
        ("[3, 2.5]", "[0, 2.5]", "my.toml:14: sensor is 0: give a whole number 1..240"),
        ("pump_lead_ms", "pump_led_ms", "my.toml:15: its firmware takes no such parameter: "),
        ("{pump_lead_ms = 5000}", "3", "my.toml:15: parameters is a table of NAME = INTEGER"),
        ("tripped_at_most_h", "tripped", "my.toml:17: there is no check 'tripped'"),
        ('cabinet = "air"', 'cabinet = "big"', "my.toml:19: there is no cabinet 'big'"),
        ("[[check]]", "[check]", "check is a list of tables, as in [[check]]"),
        ("[common]", "[common", "my.toml is no TOML: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "my.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(AutarkyError) as refused:
        read_plan(path)
    assert told in str(refused.value)


def test_a_file_of_a_site_is_none_of_the_thermal_loop(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('title = "x"\nhours = 1\n')
    assert find(str(site)) is None
    assert find("peak") is None
    mine = tmp_path / "my.toml"
    mine.write_text(GOOD)
    assert find(str(mine)) is not None


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(AutarkyError, match="there is no thermal scenario 'weak': the nearest is"):
        found("weak")
    with pytest.raises(AutarkyError, match="No such file or directory; name a scenario's TOML"):
        found("/nowhere/my.toml")
