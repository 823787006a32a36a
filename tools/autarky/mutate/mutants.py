"""Every small wrong version of a module: one changed operator, constant, condition or statement."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_COMPARE = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
_BINARY = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.FloorDiv,), ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,), ast.BitOr: (ast.BitAnd,), ast.BitAnd: (ast.BitOr,),
    ast.BitXor: (ast.BitOr,), ast.LShift: (ast.RShift,), ast.RShift: (ast.LShift,),
}  # fmt: skip
_SWAPPED = {"min": "max", "max": "min"}


@dataclass(frozen=True)
class Mutant:
    """One change; `build(source, mutant)` gives the wrong module.

    change holds the line's text, so that it names the same mutant after unrelated edits.
    """

    line: int
    change: str
    number: int
    variant: int


def _left_out(tree: ast.Module) -> set[int]:
    """Docstrings, sizes of buffers made at boot (a larger one is not wrong), and what is bound for
    speed alone.
    """
    found = set()
    for node in ast.walk(tree):
        name = node.func if isinstance(node, ast.Call) else None
        if isinstance(name, ast.Name) and name.id in ("bytes", "bytearray"):
            found.update(id(inner) for inner in ast.walk(node) if inner is not node)
        if isinstance(name, ast.Name) and name.id == "bind":
            found.update(id(inner) for inner in ast.walk(node))
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Name)
            and node.value.func.id == "bind"
        ):
            found.add(id(node))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found


def _located(tree: ast.Module) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if hasattr(node, "lineno")]


def mutants(source: str) -> list[Mutant]:
    """All mutants of a module's source, in order of their lines."""
    tree = ast.parse(source)
    skip = _left_out(tree)
    lines = source.splitlines()
    out: list[Mutant] = []
    for number, node in enumerate(_located(tree)):
        if id(node) in skip:
            continue
        for variant, (change, _) in enumerate(_changes(node)):
            line = getattr(node, "lineno", 1)
            before = ast.unparse(node).splitlines()[0]
            text = f"`{lines[line - 1].strip()}`: {before} -> {change}"
            out.append(Mutant(line, text, number, variant))
    return sorted(out, key=lambda m: m.line)


def build(source: str, mutant: Mutant) -> ast.Module:
    """The module with that one change."""
    tree = ast.parse(source)
    node = _located(tree)[mutant.number]
    _, apply = list(_changes(node))[mutant.variant]
    apply(node)
    return ast.fix_missing_locations(tree)


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], object]]]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for kind in _COMPARE.get(type(node.ops[0]), ()):
            yield kind.__name__, lambda n, k=kind: n.ops.__setitem__(0, k())
    elif isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            for kind in _COMPARE.get(type(op), ())[:1]:
                yield (
                    f"{kind.__name__} at {place}",
                    lambda n, k=kind, p=place: n.ops.__setitem__(p, k()),
                )
    elif isinstance(node, ast.BinOp | ast.AugAssign):
        for kind in _BINARY.get(type(node.op), ()):
            yield kind.__name__, lambda n, k=kind: setattr(n, "op", k())
    elif isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield other.__name__, lambda n, k=other: setattr(n, "op", k())
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield f"{node.value + 1}", lambda n: setattr(n, "value", n.value + 1)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{not node.value}", lambda n: setattr(n, "value", not n.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in _SWAPPED and len(node.args) == 2:
            name = _SWAPPED[node.func.id]
            yield name, lambda n, k=name: setattr(n.func, "id", k)
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "condition negated", _negate
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call deleted", lambda n: setattr(n, "value", ast.Constant(None))
    elif isinstance(node, ast.Return) and node.value is not None and not _is_falsy(node.value):
        yield "returns None", lambda n: setattr(n, "value", ast.Constant(None))


def _is_falsy(node: ast.expr) -> bool:
    """False, 0, None and abort.NONE, which is 0, say the same to every caller that tests them."""
    if isinstance(node, ast.Constant):
        return not node.value
    return ast.unparse(node) == "abort.NONE"


def _negate(node: Any) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)
