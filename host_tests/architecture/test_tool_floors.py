"""The floors of the host tools, and no way round in firmware or tools; the enforcer tested."""

import subprocess
import sys

import pytest
from architecture.reading import circle, graph, module_of

from autarky.paths import FIRMWARE, ROOT

TOOLS = ROOT / "tools"
# a folder or module imports lower floors only
FLOORS = {
    "errors": 0, "paths": 0, "processes": 0,
    "tables": 1, "bus": 1, "plant": 1, "build": 1, "config": 1,
    "coordinator": 2, "node": 3, "sil": 4, "scenario": 5, "arm": 5,
    "flash": 6, "generate": 6, "soc": 6, "mutate": 6, "thermal": 6, "bench": 7, "view": 7,
    "site_cli": 8, "rig": 8, "cli": 9,
}  # fmt: skip
# lower, and yet none of its business
NEVER = (("coordinator", "plant"), ("node", "plant"), ("coordinator", "bus"))
TOOL_SOURCES = {module_of(p, TOOLS): p.read_text() for p in sorted(TOOLS.rglob("*.py"))}
BESS_SOURCES = {
    module_of(p, FIRMWARE): p.read_text() for p in sorted((FIRMWARE / "bess").rglob("*.py"))
}


def floor_breaches(sources: dict[str, str]) -> list[str]:
    """What climbs, stays on its floor, or reaches where it has no business."""
    places = {f"autarky.{name}": floor for name, floor in FLOORS.items()}
    return [
        f"{place} imports {other}"
        for place, others in graph(sources, places).items()
        for other in sorted(others)
        if places[other] >= places[place]
        or (place.partition(".")[2], other.partition(".")[2]) in NEVER
    ]


def folders(sources: dict[str, str]) -> set[str]:
    """Packages below the top, and the modules that lie beside them."""
    return {".".join(module.split(".")[:2]) for module in sources if "." in module}


def test_every_tool_stands_on_a_floor() -> None:
    assert folders(TOOL_SOURCES) == {f"autarky.{name}" for name in FLOORS}


def test_no_tool_climbs() -> None:
    assert floor_breaches(TOOL_SOURCES) == []


@pytest.mark.parametrize("sources", [TOOL_SOURCES, BESS_SOURCES], ids=["tools", "firmware"])
def test_nothing_imports_in_a_circle(sources: dict[str, str]) -> None:
    modules = {name for name in sources if "." in name}
    assert circle(graph(sources, modules)) == []
    assert circle(graph(sources, folders(sources))) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("autarky.sil.planted", "from autarky.flash import update"),
        ("autarky.bus.planted", "def f():\n    from autarky.sil.site import VirtualSite"),
        ("autarky.node.planted", "import autarky.plant.cells"),
        ("autarky.flash.planted", "from autarky.generate.eds import cabinet_eds"),
        ("autarky.errors", "from autarky import paths"),
    ],
)
def test_a_planted_climb_is_caught(module: str, source: str) -> None:
    assert len(floor_breaches({**TOOL_SOURCES, module: source})) == 1


@pytest.mark.parametrize(
    ("sources", "module", "source"),
    [
        (TOOL_SOURCES, "autarky.build.keys", "from autarky.build.package import wrap"),
        (TOOL_SOURCES, "autarky.plant.pcs", "from autarky.sil import plants"),
        (BESS_SOURCES, "bess.port.ring", "import bess.link.frames"),
        (BESS_SOURCES, "bess.link.e2e", "from bess.link import pdo"),
    ],
)
def test_a_planted_circle_is_caught(sources: dict[str, str], module: str, source: str) -> None:
    planted = {**sources, module: source}
    modules = {name for name in planted if "." in name}
    assert circle(graph(planted, modules)) or circle(graph(planted, folders(planted)))


def test_node_help_loads_neither_numpy_nor_a_simulator() -> None:
    asked = (
        "import sys\nfrom autarky.cli import main\nsys.argv = ['autarky', 'node', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('numpy', 'autarky.sil', 'autarky.scenario')\n"
        "print(*[m for m in sys.modules if m.startswith(heavy)], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert done.stderr.strip() == ""
