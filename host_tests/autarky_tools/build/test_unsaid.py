"""Names that the image leaves out: nothing that is still said is among them."""

import ast
import builtins
import re
from functools import cache

import pytest

from autarky.build import image, unsaid
from autarky.paths import ROOT


@cache
def texts() -> dict[str, bytes]:
    """Made where a test asks for them: every worker collects this file, one runs it."""
    return image._texts({})


@cache
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(text) for name, text in texts().items()}


@cache
def defined(tree: ast.Module) -> set[str]:
    """Every name that a module binds anywhere."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler):
            found.add(node.name or "")
    return found


@pytest.mark.parametrize("name", image.sources())
def test_every_name_that_is_said_is_there(name: str) -> None:
    """Also those of other modules: by import, and behind a module's name."""
    tree = trees()[name]
    said = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert (
        said - defined(tree) - set(dir(builtins)) - {"ptr8", "ptr16", "ptr32", "__file__"} == set()
    )
    assert missing(tree) == []


def missing(tree: ast.Module) -> list[str]:
    """What a source says of modules of the image and these lack."""
    found, modules = [], {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            path = node.module.replace(".", "/")
            for item in node.names:
                if path in trees() and item.name not in defined(trees()[path]):
                    found.append(f"{node.module}.{item.name}")
                elif f"{path}/{item.name}" in trees():
                    modules[item.asname or item.name] = trees()[f"{path}/{item.name}"]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id)
            if module is not None and node.attr not in defined(module):
                found.append(ast.unparse(node))
    return found


def runs_beside_an_image(text: str) -> bool:
    """Sources for MicroPython: the host's own postpone their annotations."""
    return "from __future__" not in text and re.search(r"\b(import|from) bess\b", text) is not None


def test_who_looks_into_an_image_finds_what_he_says() -> None:
    """The flash tool on a board, the probes, the virtual board: an image is all they have."""
    beside = {
        path.relative_to(ROOT).as_posix(): text
        for folder in ("tools", "boards")
        for path in (ROOT / folder).rglob("*.py")
        if runs_beside_an_image(text := path.read_text())
    }
    assert {"tools/autarky/flash/on_device.py", "boards/unix/measure.py"} < beside.keys()
    assert {
        name: lacks for name, text in beside.items() if (lacks := missing(ast.parse(text)))
    } == {}
    assert "CHECKING" in defined(trees()["bess/update/states"])  # only the flash tool says it


def test_lines_stay_and_hundreds_of_names_go() -> None:
    for name, path in image.sources().items():
        assert path.read_bytes().count(b"\n") == texts()[name].count(b"\n"), name
    assert "CELL_MAX" not in defined(trees()["bess/measure/signals"])
    assert "RUN" in defined(trees()["bess/modes"])  # asked for by those who look into an image
    private = [
        n for tree in trees().values() for n in defined(tree) if n[:1] == "_" and n.isupper()
    ]
    assert len(private) > 300


SOURCES = {
    "bess.a": b"A = const(1)\nB = const(2)\nC = const(3)\nx = A + B\ndef f(C):\n    return C\n",
    "bess.b": b"from bess.a import A, B, x\ny = x\n",
}


def read(module: str) -> bytes | None:
    return SOURCES.get(module)


@pytest.mark.parametrize(
    ("spoken", "a", "b"),
    [
        (set(), b"_A = const(1)\n_B = const(2)\n", b"from bess.a import x\ny = x\n"),
        ({"A"}, b"A = const(1)\n_B = const(2)\n", b"from bess.a import A, x\ny = x\n"),
    ],
)
def test_what_is_said_stays(spoken: set[str], a: bytes, b: bytes) -> None:
    spoken |= set().union(*map(unsaid.said, SOURCES.values()))
    assert unsaid.without(SOURCES["bess.a"], spoken, read).startswith(a)
    assert unsaid.without(SOURCES["bess.b"], spoken, read) == b


@pytest.mark.parametrize(
    "source",
    [
        b"import a\na.NAME", b"getattr(a, 'NAME')", b"from b import NAME as other\nother",
        b"def f():\n    from b import NAME\n    NAME", b"NAME = const(1)\nf'{NAME}'",
        b"NAME = const(1)\ndef f():\n    NAME = 2\n    NAME",
    ],
)  # fmt: skip
def test_in_whatever_way_it_is_said(source: bytes) -> None:
    assert "NAME" in unsaid.said(source)


def test_a_constant_of_its_own_that_only_it_says_is_not_said() -> None:
    assert "NAME" not in unsaid.said(b"NAME = const(1)\nx = NAME\nfrom b import NAME2\n")


def test_an_import_over_lines_keeps_them() -> None:
    source = b"from bess.a import (\n    A,\n    x,\n)\ny = x\n"
    found = unsaid.without(source, {"x"}, read)
    assert found == b"from bess.a import x\n\n\n\ny = x\n"
