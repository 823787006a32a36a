"""What a stranger adds is one file or a few rows: each tried on a copy of the tree.

The table of README.md beside this file says where each goes; the tests do it and edit nothing else.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autarky.paths import ROOT

PAGE = Path(__file__).with_name("README.md").read_text()


class Tree:
    """A copy of what git tracks; commands run in it and import nothing from here."""

    def __init__(self, root: Path) -> None:
        self.root = root
        named = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True,
            text=True, check=True,
        ).stdout.split("\0")  # fmt: skip
        self.names = [name for name in named if name and (ROOT / name).is_file()]
        for name in self.names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((ROOT / name).read_bytes())

    def add(self, name: str, before: str, text: str) -> None:
        """A row above another one, at the first place where that stands."""
        path = self.root / name
        old = path.read_text()
        assert before in old, (name, before)
        path.write_text(old.replace(before, text + before, 1))

    def changed(self) -> set[str]:
        """Files that are not as they were here."""
        return {
            name
            for name in self.names
            if (self.root / name).read_bytes() != (ROOT / name).read_bytes()
        }

    def run(self, *command: str, code: int = 0) -> str:
        """What `python COMMAND` says, from the copy's own sources."""
        done = subprocess.run(
            [sys.executable, *command], cwd=self.root, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": "firmware:tools", "PYTHONSAFEPATH": "1"},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def autarky(self, *arguments: str, code: int = 0) -> str:
        return self.run("-m", "autarky.cli", *arguments, code=code)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "copy")


def test_the_table_names_files_that_there_are() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith(("| a ", "| an "))]
    assert len(rows) >= 6
    for row in rows:
        named = re.findall(r"`([\w./*-]+/[\w.*-]+)`", row)
        assert named, row
        for name in named:
            assert list(ROOT.glob(name)), f"{name} is nowhere: {row}"


FAULT = "firmware/bess/protect/fault_table.py"
PARAMETERS = "firmware/bess/parameters.py"
CASES = "tools/autarky/scenario/fault_cases.py"


def test_a_new_fault_is_its_rows_and_all_that_is_generated_follows(tree: Tree) -> None:
    tree.add(
        FAULT, "113 part_failed",
        "120 busbar_hot terminal_temp over dc - 3 both 1000 FF90 - -\n",
    )  # fmt: skip
    assert "parameters.py has no row busbar_hot_3_dc" in tree.autarky("generate", code=1)
    tree.add(
        PARAMETERS, "# deep discharge, spread",
        "0x20EC busbar_hot_3_dc 850 600 1000  # mine\n"
        "0x20ED busbar_hot_3_delay_ms 3000 1000 10000  # mine\n",
    )  # fmt: skip
    assert "no case provokes the fault busbar_hot" in tree.autarky("generate", code=1)
    tree.add(
        CASES, '    _case("terminal_hot"', '    _case("busbar_hot", "analog terminal_plus 95"),\n'
    )
    tree.autarky("generate")
    by_hand = {FAULT, PARAMETERS, CASES}
    generated = {
        "firmware/bess/protect/FAULTS.md", "firmware/bess/protect/SAFETY.md",
        "host_tests/kit/README.md", "tools/autarky/generated/cabinet.eds",
        "tools/autarky/generated/site.dbc",
    }  # fmt: skip
    assert tree.changed() == by_hand | generated
    read = {name: (tree.root / name).read_text() for name in generated}
    row = next(
        line
        for line in read["firmware/bess/protect/FAULTS.md"].splitlines()
        if "busbar_hot" in line
    )
    assert "| 3: > 850 dc, 3000 ms |" in row
    assert "| 0xFF90 |" in row
    assert "ParameterName=fault.busbar_hot" in read["tools/autarky/generated/cabinet.eds"]
    assert '120 "busbar_hot"' in read["tools/autarky/generated/site.dbc"]
    assert "0xFF90" not in read["host_tests/kit/README.md"].split("free places")[1].split("..")[0]
    tree.add(
        FAULT,
        "113 part_failed",
        "121 mine_too terminal_temp over dc - 3 both 1000 FF90 - -\n",
    )
    assert "its EMCY code belongs to another row already" in tree.autarky("generate", code=1)


WITH_A_LEAK = """\
from autarky.scenario import actions, virtual
from autarky.sil.site import SiteConfig, VirtualSite
from bess import lines

with VirtualSite(SiteConfig(cabinets=1, interpreter="inline")) as site:
    site.run_for(5.0)
    app = site.cabinets[0].firmware.app
    read = site.cabinets[0].firmware.devices.inputs.read
    leak = 1 << lines.names(lines.INPUTS).index("leak")
    before = read()
    virtual.apply(site, actions.read("line 2 leak on"))
    site.run_for(0.1)
    print(site.coordinator.views[2].state_name, app.inputs.missing_slots, before ^ read() == leak,
          before & leak == leak, before >> lines.SLOTS == 0b11111)
"""


@pytest.mark.slow
def test_a_new_contact_is_a_row_and_every_word_has_room_for_it(tree: Tree) -> None:
    tree.add("firmware/bess/lines.py", '"""\nOUTPUTS', "leak             cabinet 1\n")
    assert tree.run("-c", WITH_A_LEAK) == "run 0 True True True\n"
    assert "leak" in tree.autarky("provoke")
    assert tree.changed() == {"firmware/bess/lines.py"}


MINE = """\
title = "a module is drawn"
seconds = 8
at = [{time_s = 6, action = "pull", cabinet = "last", value = 3}]
"""


@pytest.mark.slow
def test_a_new_scenario_is_three_lines_of_toml(tree: Tree) -> None:
    (tree.root / "tools/autarky/scenario/drawn.toml").write_text(MINE)
    assert "a module is drawn" in tree.autarky("run", "--list")
    told = tree.autarky("run", "drawn", "--interpreter", "cpython", "--json", "-")
    summary = json.loads(told[told.index("{") : told.rindex("}") + 1])
    assert "module_pulled" in json.dumps(summary)
    assert tree.changed() == set()


SEGMENT = '[[segment]]\nname = "east"\ncabinets = ["E1"]\n\n'
THREE_BUSES = """\
from pathlib import Path
from autarky.config.reading import read
from autarky.sil.site import SiteConfig, VirtualSite

config = SiteConfig.of(read(Path("site.toml")))
config.interpreter = "inline"
with VirtualSite(config) as site:
    site.run_for(6.0)
    views = site.coordinator.views
    print(len(site.buses), {n: (v.name, v.state_name) for n, v in views.items() if n > 200})
"""


@pytest.mark.slow
def test_a_new_segment_is_an_entry_of_site_toml(tree: Tree) -> None:
    example = (tree.root / "tools/autarky/config/example.toml").read_text()
    (tree.root / "site.toml").write_text(example.replace("[bus]", SEGMENT + "[bus]"))
    told = json.loads(tree.autarky("site-check", "site.toml", "--json"))
    assert told["segments"][2]["cabinets"] == [{"name": "E1", "node_id": 2, "number": 202}]
    assert tree.run("-c", THREE_BUSES) == "3 {202: ('E1', 'run')}\n"
    assert tree.changed() == set()
