"""Fast and cells stay inside -2**30..2**30-1 and make no float: every operation checked.

The firmware is imported once more through a loader that wraps each arithmetic operation;
then a cabinet boots, runs at full power both ways and trips.
"""

import ast
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        load = ast.parse(ast.unparse(node.target), mode="eval").body
        value = ast.Call(
            ast.Name("_checked", ast.Load()), [ast.BinOp(load, node.op, node.value)], []
        )
        return ast.copy_location(ast.Assign([node.target], value), node)


class Violation(AssertionError):
    pass


def checked(value: object) -> object:
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


@pytest.fixture
def checked_firmware() -> Iterator[None]:
    saved = {name: module for name, module in sys.modules.items() if ours(name)}
    for name in saved:
        del sys.modules[name]
    finder = Finder()
    sys.meta_path.insert(0, finder)
    yield
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
    with pytest.raises(Violation):
        exec(compile(tree, "planted", "exec"), {"_checked": checked})
