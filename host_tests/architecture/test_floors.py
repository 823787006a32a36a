"""The import floors and the MicroPython subset, enforced; and the enforcer tested."""

import ast
import subprocess
from pathlib import Path

import pytest
from architecture.reading import imports, module_of

from autarky.paths import FIRMWARE, ROOT, UNIX_BOARD

BESS = FIRMWARE / "bess"
# a lower floor never imports a higher one; tables belong to the lowest
FLOORS = {
    "table": 0, "parameters": 0, "parameter_rules": 0, "objects": 0, "port": 0,
    "link": 1, "update": 1, "drivers": 2, "measure": 3, "estimate": 4, "protect": 5, "control": 6,
    "topology": 0, "lines": 0, "scheduler": 1, "console": 2, "controller": 3, "journal": 6,
    "health": 6, "strings": 7, "modes": 7, "command": 7, "telemetry": 7, "records": 7, "sparing": 7,
    "upkeep": 7, "site_link": 7, "tasks": 8, "app": 9,
}  # fmt: skip
FORBIDDEN_MODULES = {
    "typing", "dataclasses", "enum", "abc", "functools", "logging", "threading", "asyncio",
    "numpy", "autarky", "__future__",
}  # fmt: skip
# what only those need that run on a board's own clock and console
ALLOWED_THERE = {"bess.controller": {"gc", "os", "time"}, "bess.console": {"select"}}
# of tests: one page serves all folders of each
MIRRORS = {"host_tests/bess": BESS, "host_tests/autarky_tools": ROOT / "tools" / "autarky"}
ALLOWED_OUTSIDE = {
    "array",
    "binascii",
    "hashlib",
    "struct",
    "math",
    "sys",
    "micropython",
    "leaves_viper",
    "traceback",
}


def floor_of(module: str) -> int:
    parts = module.split(".")
    return FLOORS[parts[1]] if len(parts) > 1 else 0


def floor_breaches(module: str, source: str) -> list[str]:
    """Imports of a firmware module that climb, or leave the house."""
    found = []
    allowed = ALLOWED_OUTSIDE | ALLOWED_THERE.get(module, set())
    for name in imports(ast.parse(source)):
        if name.split(".")[0] == "bess":
            if floor_of(name) > floor_of(module):
                found.append(f"{module} imports {name}, which is above it")
        elif name in FORBIDDEN_MODULES or name.split(".")[0] not in allowed:
            found.append(f"{module} imports {name}, which no board has or needs")
    return found


def subset_breaches(module: str, source: str) -> list[str]:
    """Syntax that MicroPython lacks, or that we do not use in the firmware."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Match):
            found.append(f"{module}: match statement")
        elif isinstance(node, ast.AnnAssign):
            found.append(f"{module}: annotated assignment")
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.append(f"{module}: global or nonlocal")
        elif isinstance(node, ast.Tuple | ast.List) and any(
            isinstance(item, ast.Starred) for item in node.elts
        ):
            found.append(f"{module}: * in a display")
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append(f"{module}: bare except")
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sum"
        ):
            found.append(f"{module}: sum(), whose float result differs between runtimes")
    return found


def dear_stores(source: str) -> list[str]:
    """Classes called every tick that have a property: each store into them searches the class."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef):
            continue
        calls = [c for c in ast.walk(node) if isinstance(c, ast.Call)]
        bound = any(isinstance(c.func, ast.Name) and c.func.id == "bind" for c in calls)
        decorators = {
            d.id
            for method in node.body
            if isinstance(method, ast.FunctionDef)
            for d in method.decorator_list
            if isinstance(d, ast.Name)
        }
        if bound and "property" in decorators:
            found.append(node.name)
    return found


SOURCES = sorted(BESS.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(FIRMWARE).as_posix())
def test_module_keeps_its_floor_and_the_subset(path: Path) -> None:
    source = path.read_text()
    module = module_of(path, FIRMWARE)
    assert floor_breaches(module, source) + subset_breaches(module, source) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(FIRMWARE).as_posix())
def test_what_is_called_every_tick_has_no_property(path: Path) -> None:
    assert dear_stores(path.read_text()) == []


def test_a_planted_property_is_caught() -> None:
    plain = "class A:\n  def __init__(self):\n    bind(self, 'a')\n"
    assert dear_stores(plain + "  def p(self): pass") == []
    assert dear_stores(plain + "  @property\n  def p(self): pass") == ["A"]


def test_link_knows_nothing_of_batteries() -> None:
    for path in sorted((BESS / "link").glob("*.py")):
        words = set(path.read_text().lower().replace(".", " ").split())
        assert not words & {"cell", "soc", "contactor", "contactors"}, path


def test_only_a_board_imports_machine() -> None:
    for path in [*SOURCES, FIRMWARE / "main.py"]:
        assert "machine" not in imports(ast.parse(path.read_text())), path


def test_no_file_hides_a_built_in_module() -> None:
    names = {p.stem for p in [*FIRMWARE.rglob("*.py"), *UNIX_BOARD.glob("*.py")]}
    assert not names & {"machine", "micropython", "socket", "struct", "time"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bess.link.node", "from bess.protect import faults"),
        ("bess.measure.cells", "import bess.control.contactors"),
        ("bess.protect.faults", "from bess import modes"),
        ("bess.drivers.ivt_s", "import numpy"),
        ("bess.port.ticks", "from typing import Any"),
    ],
)
def test_a_planted_floor_breach_is_caught(module: str, source: str) -> None:
    assert floor_breaches(module, source)


@pytest.mark.parametrize(
    "source",
    [
        "x: int = 1",
        "try:\n  pass\nexcept:\n  pass",
        "match 1:\n  case _: pass",
        "sum([1.0])",
        "(1, *x)",
    ],
)
def test_a_planted_subset_breach_is_caught(source: str) -> None:
    assert subset_breaches("bess.x", source)


def test_top_level_is_what_was_agreed() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    top = {name.split("/")[0] for name in listed.stdout.split()}
    visible = {name for name in top if not name.startswith(".")}
    agreed = {
        "firmware", "host_tests", "tools", "boards", "Makefile", "README.md", "pyproject.toml",
        "LICENSE", "requirements.lock", "findings",
    }  # fmt: skip
    assert visible == agreed


def test_every_folder_says_what_belongs_there() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    parents = {Path(name).parent for name in listed.stdout.split()}
    bare = [
        str(folder)
        for folder in sorted(parents)
        if not {Path(mirror) for mirror in MIRRORS} & set(folder.parents)
        if folder != Path("tools/autarky")
        if not (ROOT / folder / "README.md").exists() and folder != Path("firmware/bess")
    ]
    assert bare == []


def test_a_mirror_has_the_folders_of_what_it_mirrors() -> None:
    for mirror, mirrored in MIRRORS.items():
        folders = {path.parent.name for path in (ROOT / mirror).glob("*/test_*.py")}
        assert folders <= {path.name for path in mirrored.iterdir()}, mirror
