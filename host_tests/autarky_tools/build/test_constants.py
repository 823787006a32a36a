"""Constants that the image carries in place of their names."""

import ast
import importlib

import pytest

from autarky.build import image
from autarky.build.constants import constants, inlined, on_disk
from autarky.paths import FIRMWARE

MODULES = sorted((FIRMWARE / "bess").rglob("*.py"))


def test_every_number_is_what_its_name_says() -> None:
    """The trees differ in nothing but numbers, and each is the value that CPython finds."""
    replaced = 0
    for path in MODULES:
        source = path.read_bytes()
        small = inlined(source)
        assert source.count(b"\n") == small.count(b"\n"), path
        name = path.relative_to(FIRMWARE).with_suffix("").as_posix().replace("/", ".")
        module = importlib.import_module(name.removesuffix(".__init__"))
        replaced += compared(ast.parse(source), ast.parse(small), module)
    assert replaced > 300


def compared(whole: ast.AST, small: ast.AST, module: object) -> int:
    """How many names have become numbers; asserts that all else is the same."""
    number = literal(small)
    if isinstance(whole, ast.Attribute | ast.Name) and number is not None:
        value = getattr(module, whole.id if isinstance(whole, ast.Name) else whole.value.id)
        if isinstance(whole, ast.Attribute):
            value = getattr(value, whole.attr)
        assert value == number
        return 1
    assert type(whole) is type(small)
    count = 0
    for field, value in ast.iter_fields(whole):
        other = getattr(small, field)
        if isinstance(value, list):
            assert len(value) == len(other)
            pairs = list(zip(value, other, strict=True))
        else:
            pairs = [(value, other)]
        for left, right in pairs:
            if isinstance(left, ast.AST):
                count += compared(left, right, module)
            else:
                assert left == right
    return count


def literal(node: ast.AST) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
        return -node.value if isinstance(node, ast.Constant) else None
    return node.value if isinstance(node, ast.Constant) else None


def test_constants_are_read_as_they_are_written() -> None:
    assert constants(on_disk("bess.measure.signals"))["COUNT"] == 106
    assert constants(on_disk("bess.lines"))["ENABLE_OK"] == 1 << 12
    assert constants(on_disk("bess.nowhere")) == constants(on_disk("array")) == {}
    assert constants(b"A = const(3)\nB = const(-A << 2)\nC = const(d)\nD = 4") == {"A": 3, "B": -12}
    assert constants(b"A = const(") == {}


def test_a_replaced_module_s_constants_reach_its_users(tmp_path, monkeypatch) -> None:
    """And no more is compiled anew than a replacement changes."""
    sources = image.sources()
    names = ("bess/drivers/pcs", "bess/control/pcs_control", "main")
    monkeypatch.setattr(image, "BUILD", tmp_path)
    monkeypatch.setattr(image, "sources", lambda march: {name: sources[name] for name in names})
    pcs = sources[names[0]].read_bytes()
    assert b"FAULT = const(4)" in pcs
    user = f"{names[1]}.mpy"
    as_is = (image.stage() / user).read_bytes()
    same = image.stage({names[0]: pcs + b"\n_MORE = 1\n"})
    other = image.stage({names[0]: pcs.replace(b"FAULT = const(4)", b"FAULT = const(7)")})
    assert (same / user).read_bytes() == as_is
    assert (other / user).read_bytes() != as_is


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from bess import lines\nx = lines.HVIL", "from bess import lines\nx = 1"),
        ("from bess import lines as l\nx = l.ESTOP|l.HVIL", "from bess import lines as l\nx = 2|1"),
        ("from bess.lines import ESTOP\nx = ESTOP", "from bess.lines import ESTOP\nx = 2"),
        ("from bess.protect.limits import CHARGED_DMV as c\nc", None),
        ("from bess import lines\nx = lines.names", None),
        ("from bess import lines\ndef f(lines): return lines.HVIL", None),
        ("from bess import lines\nlines = 1\nlines.HVIL", None),
        ("from bess.lines import ESTOP\nfor ESTOP in (): ESTOP", None),
        ("from bess import lines\nf'{lines.HVIL}'", None),
        ("from bess import lines\nx.lines.HVIL", None),
        ("from bess import lines\ndef f():\n  import other as lines\n  lines.HVIL", None),
        ("from bess.lines import ESTOP\ndef f():\n  from x import Y as ESTOP\n  ESTOP", None),
        ("from bess.lines import ESTOP\nfrom other import ESTOP\nx = ESTOP", None),
        ("from bess import lines\nx = (lines\n  .HVIL)", None),
        ("def (", None),
    ],
)
def test_only_what_cannot_mean_anything_else_is_written_as_a_number(
    source: str, expected: str | None
) -> None:
    found = inlined(source.encode()).decode()
    if source.endswith("\nc"):
        assert found.endswith("\n30000")
    else:
        assert found == (expected or source)
