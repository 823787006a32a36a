"""Fast and cells stay inside -2**30..2**30-1 and make no float: every operation checked.

The firmware and the virtual board are imported once more through a loader that wraps each
arithmetic operation; what is made while the heap is locked must be a small integer of 32 bits.
Then a cabinet boots, runs at full power both ways and trips, and every record of
autarky.arm.records is walked: words, frames, parameters and time at their ends.
"""

import ast
import importlib.abc
import importlib.util
import re
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from autarky import paths
from autarky.arm.records import NAMES, Maker, Record
from autarky.paths import FIRMWARE

LOW, HIGH = -(2**30), 2**30 - 1
# the estimators run in a task that may use floats; the charge counter runs in fast
# tables made at boot and host-only text may use floats and wide numbers
FLOATS = {"bess.estimate." + name for name in (
    "cell_model", "chemistry", "soc_filter", "string_soc", "health", "power_limits", "estimator",
)}  # fmt: skip
BOOT_ONLY = {"ntc_table", "crc_table", "pec_table", "__init__", "_add", "rows", "data_ids"}


class Wrap(ast.NodeTransformer):
    """x + y -> _checked(x + y), outside of the functions that run at boot only."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node if node.name in BOOT_ONLY else self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        name = ast.Name("_checked", ast.Load())
        return ast.copy_location(ast.Call(name, [node], []), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(ast.Call(ast.Name("_checked", ast.Load()), [node], []), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """A word of array("I") is a number too."""
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        return ast.copy_location(ast.Call(ast.Name("_checked", ast.Load()), [node], []), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        load = ast.parse(ast.unparse(node.target), mode="eval").body
        value = ast.Call(
            ast.Name("_checked", ast.Load()), [ast.BinOp(load, node.op, node.value)], []
        )
        return ast.copy_location(ast.Assign([node.target], value), node)


class Violation(BaseException):
    """Not an Exception: the scheduler would bury the task and go on."""


class Lock:
    """Depth of the firmware's heap_lock(): what may allocate may make any number."""

    depth = 0

    def lock(self) -> None:
        self.depth += 1

    def unlock(self) -> int:
        self.depth -= 1
        return self.depth


LOCK = Lock()


def checked(value: object) -> object:
    if LOCK.depth <= 0:
        return value
    if isinstance(value, float):
        raise Violation(f"float {value} in the fast path")
    if isinstance(value, int) and not LOW <= value <= HIGH:
        raise Violation(f"{value} leaves 31 bits")
    return value


class Loader(importlib.abc.Loader):
    def __init__(self, path: Path) -> None:
        self.path = path

    def create_module(self, spec: object) -> None:
        return None

    def exec_module(self, module: object) -> None:
        tree = ast.fix_missing_locations(Wrap().visit(ast.parse(self.path.read_text())))
        vars(module)["_checked"] = checked
        exec(compile(tree, str(self.path), "exec"), vars(module))


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: object, target: object = None) -> object:
        if name.split(".", maxsplit=1)[0] != "bess" or name in FLOATS:
            return None
        base = FIRMWARE.joinpath(*name.split("."))
        if base.is_dir():
            return importlib.util.spec_from_file_location(
                name, base / "__init__.py", submodule_search_locations=[str(base)]
            )
        file = base.with_suffix(".py")
        return importlib.util.spec_from_loader(name, Loader(file)) if file.exists() else None


def ours(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] == "bess" or name.startswith("autarky.sil")


def load_checked(path: Path, name: str) -> object:
    """autarky.paths.load_module for the virtual board, wrapped like the firmware."""
    spec = importlib.util.spec_from_loader(name, Loader(path))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checked_firmware(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from autarky.arm import records  # with the plain firmware: it makes what is walked

    assert records.NAMES
    saved = {name: module for name, module in sys.modules.items() if ours(name)}
    for name in saved:
        del sys.modules[name]
    finder = Finder()
    sys.meta_path.insert(0, finder)
    monkeypatch.setattr(paths, "load_module", load_checked)
    from bess.port import interpreter

    LOCK.depth = 0
    interpreter.heap_lock = LOCK.lock
    interpreter.heap_unlock = LOCK.unlock
    yield
    LOCK.depth = 0
    sys.meta_path.remove(finder)
    for name in [name for name in sys.modules if ours(name)]:
        del sys.modules[name]
    sys.modules.update(saved)


def test_every_number_of_the_fast_path_fits_a_small_int(checked_firmware: None) -> None:
    from autarky.sil.site import SiteConfig, VirtualSite

    config = SiteConfig(cabinets=1, interpreter="inline", start_ms=2**30 - 6000, soc=0.6)
    with VirtualSite(config) as site:
        site.run_for(3.0)
        state = site.cabinets[0].firmware.app.modes
        for target_w in (150_000.0, -150_000.0):
            site.coordinator.target_w = target_w
            site.run_for(12.0)
            assert abs(site.plants.current_a[0]) > 100
        assert state.state == 4
        site.plants.strings.extra_a[0] = 700.0
        site.run_for(0.5)
        assert state.state == 6
        assert not site.cabinets[0].firmware.app.scheduler.stopped


@pytest.mark.parametrize("source", ["x = 2**30", "x = 1 / 2", "x = 5; x <<= 28"])
def test_the_checker_sees_a_planted_breach(source: str) -> None:
    tree = ast.fix_missing_locations(Wrap().visit(ast.parse(source)))
    LOCK.depth = 1
    with pytest.raises(Violation):
        exec(compile(tree, "planted", "exec"), {"_checked": checked})
    LOCK.depth = 0


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    maker = Maker()
    return {name: maker.standing(name) for name in NAMES}


def walk(record: Record, prepare=None) -> object:
    """The record's TICKs through the checked firmware; prepare(cabinet) half way."""
    from autarky.sil.inline import InlineFirmware, board

    def tick(firmware, one) -> None:
        """As board.tick: the heap is locked while the link is read and written."""
        firmware.send_tick(one)
        firmware.receive_done()

    assert board
    firmware = InlineFirmware(record.settings, record.devices)
    link = firmware._link
    receive, send = link.receive, link.send

    def locked(call):
        def run():
            LOCK.lock()
            try:
                return call()
            finally:
                LOCK.unlock()

        return run

    link.receive, link.send = locked(receive), locked(send)
    for i, one in enumerate(record.ticks):
        if prepare is not None and i == len(record.ticks) // 2:
            prepare(firmware.app)
        tick(firmware, one)
    assert not firmware.app.scheduler.stopped
    return firmware.app


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_word_frame_parameter_or_time_leaves_31_bits(
    name: str, records: dict[str, Record], checked_firmware: None
) -> None:
    walk(records[name])


# a counter is masked where it is counted: 0x1FFFFFFF + 1 is a small integer, 0x3FFFFFFF + 1 is none
MASKED = re.compile(r"self\.(\w+)(?:\[\w+\])? = \(self\.\1(?:\[\w+\])? \+ [^=]*\) & 0x1FFFFFFF")
FAST = ("drivers", "link", "measure", "protect", "control", "port")
# counted by one, and why that ends: attribute of a file
FAST_ALONE = ("app", "tasks", "strings", "command", "health", "journal", "modes", "scheduler")
BOUNDED = {
    ("faults", "standing"): "one for each active row",
    ("self_check", "_slice"): "starts over at _CANARIES",
    ("pcs_can", "crc_streak"): "stops at _STREAK_MAX",
    ("preheat", "_heard_s"): "stops at _FORGET_S",
    ("preheat", "pace_permille"): "a mean of what is bounded",
    ("thermal", "_blind_s"): "stops at _BOOT_S",
    ("thermal", "heat_w"): "follows what is bounded",
    ("preheat", "_pace_s"): "starts over at _PACE_S",
    ("preheat", "_pace_expected_j"): "starts over with _pace_s",
    ("modulation", "_sum"): "stands where either end is reached",
    ("node", "_own_heard"): "starts over every twenty seconds",
    ("charge_counter", "_zero_samples"): "starts over at _ZERO_SAMPLES",
    ("means", "waiting"): "halved at ROWS",
    ("means", "_seconds"): "starts over every minute",
    ("contactors", "_working_off_s"): "starts over at closing_worked_off_s",
    ("modes", "_stop_age_s"): "starts over at stop_worked_off_s",
    ("modes", "_judged_ticks"): "the self-test ends with it",
    ("history", "value"): "stops at _MOST",
}


def counted(source: str) -> set[str]:
    """Attributes of self that are counted up without a mask."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            target = node.target.value if isinstance(node.target, ast.Subscript) else node.target
            one = isinstance(node.value, ast.Constant) and node.value.value == 1
            if one and isinstance(target, ast.Attribute):
                found.add(target.attr)
    return found


def fast_files() -> list[Path]:
    folders = [path for folder in FAST for path in (FIRMWARE / "bess" / folder).glob("*.py")]
    charge = FIRMWARE / "bess" / "estimate" / "charge_counter.py"
    service = {"sdo", "sdo_block", "dictionary"}
    outside = {"update", "lms", "slots", "memory", "storage", "hasher"} | service
    single = [FIRMWARE / "bess" / f"{name}.py" for name in FAST_ALONE]
    return [path for path in (*folders, charge, *single) if path.stem not in outside]


def test_every_counter_of_the_fast_path_is_masked_or_ends() -> None:
    for path in fast_files():
        source = path.read_text()
        for name in counted(source):
            assert (path.stem, name) in BOUNDED, f"{path.name}: {name} grows until it allocates"
        assert "+ 1) & 0x3FFFFFFF" not in source, path.name
    assert counted("self.a += 1\nself.b[i] += 1\ni += 1\nself.c += n") == {"a", "b"}


def test_counters_start_over_within_small_integers(
    records: dict[str, Record], checked_firmware: None
) -> None:
    """Every counter at its last value, as after months: nothing allocates, the cabinet goes on."""
    names = {name for path in fast_files() for name in MASKED.findall(path.read_text())}
    assert {"count", "crc_errors", "rx_lost", "unknown_frames", "scans"} <= names

    def age(cabinet) -> None:
        seen: set[int] = set()
        cabinet.scheduler.uptime_ticks = 2**30 - 2
        cabinet.scheduler._tick = 999_999_990
        waiting = [cabinet]
        while waiting:
            owner = waiting.pop()
            if id(owner) in seen or not type(owner).__module__.startswith("bess"):
                continue
            seen.add(id(owner))
            for name, value in list(vars(owner).items()):
                if name in names and isinstance(value, int):
                    setattr(owner, name, 0x1FFFFFFF)
                elif name in names and isinstance(value, array | memoryview):
                    for i in range(len(value) if memoryview(value).format == "i" else 0):
                        value[i] = 0x1FFFFFFF
                waiting += value if isinstance(value, list | tuple) else [value]

    app = walk(records["40 site frames a tick"], age)
    assert app.scheduler.uptime_ticks < 2**29
    assert app.signals.count[2] < 2**29
