"""The pytest plugin: `pytest --rig rig.yaml`, the same tests at every depth.

Fixtures: `rig` (Session), `cabinet`, `power`, `can`, `plant`, `fault`, `measure`. The mark
`needs("cells", "line estop")` skips where the rig has no such thing, and says so. With --rig-out
the run leaves its report there.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from autarky.rig.collector import KEY, Collector
from autarky.rig.results import Measured


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rig", "Autarky rigs")
    group.addoption("--rig", type=Path, help="rig.yaml: what stands on the bench")
    group.addoption("--rig-out", type=Path, help="folder for logs and reports of the run")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(*words): what a rig must have for this test (autarky.rig.needs)"
    )
    path, manager = config.getoption("rig"), config.pluginmanager
    if path is None:
        return
    if hasattr(config, "workerinput"):  # a worker of xdist, which reports elsewhere
        manager.register(_Worker())
        return
    if not any(isinstance(plugin, Collector) for plugin in manager.get_plugins()):
        manager.register(Collector(path, config.getoption("rig_out")))


class _Worker:
    """Ctrl-C in a worker: it breaks off the test that runs, and nothing that cleans up, be it
    before or after one. xdist, which got it too, ends the worker."""

    def __init__(self) -> None:
        self._at_work = False
        signal.signal(signal.SIGINT, self._interrupt)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, Any, Any]:
        self._at_work = True
        try:
            return (yield)
        finally:
            self._at_work = False

    def _interrupt(self, signum: int, frame: object) -> None:
        if self._at_work:
            self._at_work = False
            raise KeyboardInterrupt


class Told:
    """What a test tells of itself: measured values, checks, and where its logs lie."""

    def __init__(self, item: pytest.Item, out: Path) -> None:
        self._content: dict[str, Any] = {
            "title": "", "row": "", "measured": [], "checks": [], "happened": [], "log_sha256": "",
            "folder": "",
        }  # fmt: skip
        self._item, self._out = item, out

    @property
    def folder(self) -> Path:
        """Of this test's logs, made when it is asked for."""
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in self._item.name)
        folder = self._out / name
        folder.mkdir(parents=True, exist_ok=True)
        self._content["folder"] = name
        return folder

    def say(self, **what: Any) -> None:
        """title, row, checks, happened or log_sha256 of results.Result."""
        self._content.update(what)

    def __call__(
        self, name: str, value: float | None, unit: str, low: float | None = None,
        high: float | None = None,
    ) -> bool:  # fmt: skip
        """Note a value; True when it is within its limits."""
        measured = Measured(name, value, unit, low, high)
        self._content["measured"].append(vars(measured))
        return measured.passed

    def close(self) -> None:
        self._item.user_properties.append((KEY, json.dumps(self._content)))


def _read(config: pytest.Config) -> Any:
    from autarky.errors import AutarkyError
    from autarky.rig import reading

    path = config.getoption("rig")
    if path is None:
        raise pytest.UsageError("this test needs a rig: give --rig rig.yaml (boards/rigs has some)")
    try:
        return reading.read(path)
    except (AutarkyError, OSError) as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def rig(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The rig in use (session.Session), safe again when the run ends."""
    from autarky.rig import session

    with session.opened(_read(request.config)) as opened:
        yield opened
        for plugin in request.config.pluginmanager.get_plugins():
            if isinstance(plugin, Collector):
                plugin.rig_was(opened.provenance, opened.histograms())


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    wanted = {word for mark in request.node.iter_markers("needs") for word in mark.args}
    if not wanted:
        return
    skip_without(request.getfixturevalue("rig"), wanted)


def skip_without(rig: Any, wanted: set[str]) -> None:
    """Skip where the rig lacks something of it, and say what."""
    missing = rig.lacks(wanted)
    if missing:
        words = ", ".join("hand inside the firmware" if w == "inside" else w for w in missing)
        pytest.skip(f"{rig.rig.name} has no {words}")


def tell_controller(rig: Any, measure: Told) -> None:
    """What the board has measured of itself in the site that has just ended."""
    for one in rig.controller():
        measure(one.name, one.value, one.unit)


@pytest.fixture
def measure(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    """measure(name, value, unit, low, high) notes a value for the report; see Told."""
    out: Path | None = request.config.getoption("rig_out")
    told = Told(request.node, out or tmp_path_factory.mktemp("rig"))
    yield told
    told.close()


@pytest.fixture
def cabinet(rig: Any, measure: Told) -> Iterator[Any]:
    """A running site of one cabinet, the rig's, in its state RUN (rig.cabinet.Cabinet)."""
    from autarky.rig.cabinet import Cabinet

    with rig.site(measure.folder) as site:
        one = Cabinet(site)
        one.wait_for("run")
        yield one
    tell_controller(rig, measure)


@pytest.fixture
def plant(cabinet: Any) -> Any:
    """The plants around it (sil.plants.Plants): cells, string, heat, contacts."""
    return cabinet.site.plants


@pytest.fixture
def power(cabinet: Any) -> Callable[[float], None]:
    """power(kW) asks for it, + out of the battery."""
    return cabinet.power


@pytest.fixture
def can(cabinet: Any) -> Any:
    """The site's bus: `send(id, data)`, `heard` frames as (id, data) since it was asked last."""
    return cabinet.can


@pytest.fixture
def fault(cabinet: Any) -> Callable[..., None]:
    """fault("line estop on") does what an action says to this cabinet (autarky provoke)."""
    return cabinet.do
