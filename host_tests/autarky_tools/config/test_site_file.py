"""site.toml: read whole, faults as sentences with their lines, and what a site is made of by it."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import refused
from typer.testing import CliRunner

from autarky.cli import app
from autarky.config import shown
from autarky.config.positions import line_of, lines_of
from autarky.config.reading import SiteFileError, read, read_with_lines
from autarky.config.site import Bus, Cabinets, Load, Peak, Reserve, Segment, Site
from autarky.coordinator.law import removal
from autarky.coordinator.law.peak import PeakShaving
from autarky.paths import ROOT
from autarky.plant.ac_bus import ClusterLoad
from autarky.sil.flows import Flows
from autarky.sil.site import SiteConfig, VirtualSite

EXAMPLE = ROOT / "tools" / "autarky" / "config" / "example.toml"


def written(folder: Path, text: str) -> Path:
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> list[str]:
    """Of a file, each without the file's name: `3: sentence`."""
    path = written(folder, text)
    with pytest.raises(SiteFileError) as refusal:
        read(path)
    return str(refusal.value).replace(f"{path}:", "").split("\n")


def test_the_example_has_every_key_and_is_understood() -> None:
    site, lines = read_with_lines(EXAMPLE)
    assert [(s.name, [c.name for c in s.cabinets]) for s in site.segments] == [
        ("north", ["N1", "N2"]), ("south", ["102"]),
    ]  # fmt: skip
    text = EXAMPLE.read_text()
    assert text.split("\n")[lines[("load", "rated_kw")] - 1].startswith("rated_kw = 750")
    for part in (Site, Cabinets, Segment, Bus, Reserve, Peak, Load):
        for key in part.model_fields:
            assert f"{key} =" in text or f"[{key}]" in text, f"{key} has no example"


def test_an_empty_file_is_two_cabinets_on_one_bus(tmp_path) -> None:
    site = read(written(tmp_path, ""))
    assert site == Site()
    assert [(c.name, c.node_id, c.number) for c in site.segments[0].cabinets] == [
        ("2", 2, 2), ("3", 3, 3),
    ]  # fmt: skip


def test_all_faults_come_at_once_each_with_its_line_and_what_is_allowed(tmp_path) -> None:
    assert faults(tmp_path, """\
seed = -1
interpretr = "cpython"
[cabinets]
soc = 1.2
temperature_degc = "hot"
count = 40
[[segment]]
name = "1 a"
cabinets = [
  "A", 3,
]
[[segment]]
cabinets = 3
[bus]
bit_rate_kbit_s = 300
[parameters]
node_id = 3
command_silent_3_m = 8000
cell_ov_3_dmv = 1000000
capacity_mah = "x"
what = 1
[peak]
peak_kw = 100
recharge_kw = 200
soc_target = true
[load]
rated_kw = 0
trace = "x.csv"
[tariff]
price = 1
""") == [
        "1: seed = -1: give a whole number 0..2147483648",
        "2: there is no key 'interpretr': the nearest is interpreter",
        "4: soc = 1.2: give a number 0..1",
        '5: temperature_degc = "hot": give a number -40..70',
        "6: count = 40: give a whole number 1..32",
        '8: name = "1 a": give a word, A1 say',
        "10: cabinets = 3: give a word, A1 say",
        "12: name is missing: give a word, A1 say",
        "13: cabinets = 3: give a list of texts",
        "15: bit_rate_kbit_s = 300: give one of 250, 500, 1000",
        "17: node_id is no parameter of a site: node ids follow from the order of the cabinets",
        "18: there is no parameter 'command_silent_3_m': the nearest is command_silent_3_ms",
        "19: cell_ov_3_dmv is 1000000, allowed are 30000..43000",
        '20: capacity_mah = "x": give a whole number',
        "21: there is no parameter 'what'",
        "25: soc_target = true: give a number 0..1",
        "27: rated_kw = 0: give a number above 0, 1000000 at most",
        f"28: {tmp_path}/x.csv: No such file or directory; name a CSV file with time_s,power_kw",
        "29: there is no key 'tariff': choose from seed, interpreter, cabinets, segment, bus, "
        "parameters, reserve, peak, load",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("peak = 3", "1: peak = 3: give a table [peak]"),
        ("segment = 3", "1: segment = 3: give tables [[segment]]"),
        ("[cabinets]\nsoc = nan", "2: soc = NaN: give a number 0..1"),
        ("\n[parameters]\ncan_kbit_s = 250",
         "3: can_kbit_s is no parameter of a site: [bus] bit_rate_kbit_s says it"),
        ("[peak]\npeak_kw = 1\nrecharge_kw = 1", "1: recharge_kw 1 is not below peak_kw 1: the "
         "batteries would charge and discharge at one load"),
        ("[reserve]\ncritical_kw = -1\nhours = 1", "2: critical_kw = -1: give a number 0..1000000"),
        ("[load]", '1: the load has either model = "gpu-cluster" or a trace'),
        ("[[segment]]\nname = \"a\"", "1: a segment has either count or cabinets, a list of names"),
        ("[cabinets]\ncount = 2\n[[segment]]\nname = \"a\"\ncount = 1",
         "1: [cabinets] count and [[segment]] both say how many there are"),
        ("[[segment]]\nname = \"a\"\ncabinets = [\"b\", \"b\"]",
         "1: b: each segment and each cabinet has its own name"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(tmp_path, text, sentence) -> None:
    assert faults(tmp_path, text) == [sentence]


def test_a_trace_has_its_own_powers(tmp_path) -> None:
    (tmp_path / "load.csv").write_text("time_s,power_kw\n0,100\n")
    assert faults(tmp_path, '[load]\ntrace = "load.csv"\nrated_kw = 100') == [
        "1: a trace has its own powers: rated_kw belongs to a model"
    ]


def test_parameters_that_are_wrong_together_are_told_by_the_rule(tmp_path) -> None:
    (sentence,) = faults(tmp_path, "[parameters]\n\ncell_ov_1_dmv = 36500")
    assert sentence.startswith("3: ")
    assert "cell_ov_1_dmv" in sentence
    assert "correct one of them" in sentence


def test_what_is_no_toml_says_where(tmp_path) -> None:
    (sentence,) = faults(tmp_path, "seed = 1\nsoc = = 2\n")
    assert "is no TOML: Invalid value (at line 2, column 7)" in sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no table in it; name a CSV file with time_s,power_kw"),
        ("time_s,power_kw\n", "a trace begins with the line time_s,power_kw, rows below"),
        ("t,p\n1,2\n", "a trace begins with the line"),
        ("time_s,power_kw\n0,1\n0,2\n", "load.csv:3: times are numbers that rise from 0 on"),
        ("time_s,power_kw\nx,1\n", "load.csv:2: times are numbers that rise"),
        ("time_s,power_kw\n0,1\n1,-2\n", "load.csv:3: a load's power is a number from 0 on"),
    ],
)
def test_a_trace_that_cannot_serve_names_its_line(tmp_path, text, sentence) -> None:
    (tmp_path / "load.csv").write_text(text)
    (found,) = faults(tmp_path, '[load]\ntrace = "load.csv"')
    assert found.startswith("2: ")
    assert sentence in found


def test_every_statement_has_its_line_whatever_it_looks_like() -> None:
    text = '''# a comment
a = """
[not.a.table]
b = 1
"""  # still one statement
"quoted key" = 'x'
c.d = { e = 1, f = [1, 2] }

[t.u]  # a table
list = [
  1,   # [x]
  "]",
]
tail = [
  {v = 1}, {v = 2},
  {v = 3} ]
[[many]]
k = 1
[[many]]
k = 2
[many.inner]
k = 3
'''
    lines = lines_of(text)
    expected = {
        ("a",): 2, ("quoted key",): 6, ("c", "d", "f", 1): 7,
        ("t", "u"): 9, ("t", "u", "list"): 10, ("t", "u", "list", 1): 12,
        ("t", "u", "tail"): 14, ("t", "u", "tail", 1, "v"): 15, ("t", "u", "tail", 2): 16,
        ("many", 0, "k"): 18, ("many", 1, "k"): 20,
    }  # fmt: skip
    assert {place: lines[place] for place in expected} == expected
    assert lines[("many", 1, "inner", "k")] == 22
    assert line_of(lines, ("many", 1, "missing", "deep")) == 19
    assert ("b",) not in lines


KEYS = st.text("abc", min_size=1, max_size=3)
VALUES = st.integers() | st.booleans() | st.text('ab] \n"#=[', max_size=6)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=8, unique_by=lambda pair: pair[0]))
def test_the_line_of_a_key_is_where_it_was_written(pairs) -> None:
    text, expected = "", {}
    for key, value in pairs:
        expected[(key,)] = text.count("\n") + 1
        text += f"{key} = {json.dumps(value)}\n" + "\n" * (len(key) - 1)
    assert set(tomllib.loads(text)) == {key for key, _ in pairs}
    assert {place: line for place, line in lines_of(text).items() if place} == expected


def test_the_command_line_wins_over_the_file() -> None:
    site = read(EXAMPLE)
    assert site.overridden() == site
    other = site.overridden(4, {"command_silent_3_ms": 9000}, seed=0, interpreter=None)
    assert (other.seed, other.interpreter, len(other.segments)) == (0, "micropython", 1)
    assert other.parameters == {"command_silent_3_ms": 9000}
    made = SiteConfig.of(other, realtime=True)
    assert (made.cabinets, made.segments, made.soc, made.realtime) == (4, (), 0.6, True)


def test_a_site_runs_as_its_file_has_it(tmp_path) -> None:
    (tmp_path / "load.csv").write_text("time_s,power_kw\n0,50\n4,120\n")
    site = read(written(tmp_path, """\
seed = 3
[cabinets]
soc = 0.7
[[segment]]
name = "north"
cabinets = ["A", "B"]
[[segment]]
name = "south"
cabinets = ["C"]
[parameters]
command_silent_3_ms = 8000
[bus]
bit_rate_kbit_s = 250
[load]
trace = "load.csv"
[peak]
peak_kw = 90
recharge_kw = 20
[reserve]
critical_kw = 120
hours = 1.0
"""))  # fmt: skip
    config = SiteConfig.of(site)
    config.interpreter = "inline"
    flows = Flows(config)
    with VirtualSite(config) as running:
        running.before_tick.append(flows.tick)
        running.run_for(7.0)
        views = running.coordinator.views
        assert {n: v.name for n, v in views.items()} == {2: "A", 3: "B", 102: "C"}
        assert {v.state_name for v in views.values()} == {"run"}
        assert flows.ac_bus.load_w == 120_000.0
        assert sum(v.setpoint_w for v in views.values()) == pytest.approx(30_000.0)
        battery_w = sum(running.plants.pcs_power_w)
        assert battery_w == pytest.approx(30_000.0, rel=0.02)
        assert flows.ac_bus.grid_w(battery_w) == pytest.approx(90_000.0, rel=0.01)
        assert running.parameters.get("command_silent_3_ms") == 8000
        assert running.coordinator.leaving.reserve == removal.Reserve(120_000.0, 1.0)
        assert all(v.soc == pytest.approx(0.7, abs=0.1) for v in views.values() if v.soc)
        assert min(bus.load(running.now_ms * 1000) for bus in running.buses) > 0
        assert [s.channel for s in running.segments.values()] == ["north", "south"]


def test_the_site_s_load_and_rule_replace_those_of_a_scenario_that_has_one(tmp_path) -> None:
    site = SiteConfig.of(read(EXAMPLE))
    plain = SiteConfig(cabinets=3)
    planned = ("constant", 100.0)
    assert Flows(site, planned, (0.5, 0.4)).rule == PeakShaving(400_000.0, 310_000.0, 0.9)
    assert Flows(site, None, None).rule is None
    assert Flows(plain, planned, (0.5, 0.4)).rule == PeakShaving(150_000.0, 120_000.0)
    assert Flows(plain).rule == PeakShaving(0.55 * 750_000.0, 0.42 * 750_000.0)
    loads_w = [flows.ac_bus.step(0) for flows in (
        Flows(site, planned), Flows(plain, planned), Flows(plain, None, None),
    )]  # fmt: skip
    assert loads_w[0] == ClusterLoad(750_000.0, 7).power_w(0)
    assert loads_w[1:] == [300_000.0, 0.0]


def test_site_check_says_what_was_understood() -> None:
    told = CliRunner().invoke(app, ["site-check", str(EXAMPLE), "--json"])
    assert told.exit_code == 0
    content = json.loads(told.output)
    assert content["cabinets"] == {"soc": 0.6, "temperature_degc": 22.0}
    assert content["segments"][1]["cabinets"] == [{"name": "102", "node_id": 2, "number": 102}]
    table = CliRunner().invoke(app, ["site-check", str(EXAMPLE)])
    for word in ("peak.peak_kw", "400.0", "default", "number 102"):
        assert word in table.output


def test_the_table_tells_a_default_from_a_line(tmp_path) -> None:
    site, lines = read_with_lines(written(tmp_path, "\nseed = 5\n"))
    rows = shown.understood(site, lines)
    assert ("seed", "5", "line 2") in rows
    assert ("cabinets.count", "2", "default") in rows
    assert ("peak", "-", "default") in rows


@pytest.mark.parametrize("command", [("run", "--config"), ("site", "--config"), ("site-check",)])
def test_every_command_that_reads_a_site_refuses_a_wrong_one(tmp_path, command) -> None:
    path = written(tmp_path, "[cabinets]\nsoc = 2")
    assert f"{path}:2: soc = 2: give a number 0..1" in refused(*command, path).replace("\n", "")
