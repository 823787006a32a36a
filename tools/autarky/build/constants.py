"""Constants of other modules written where they are used, in what is compiled into the image.

MicroPython's compiler puts a const() into the code of its own module; one of another module is
looked up by its name each time, which costs a board two searches of a dictionary. The sources keep
the names; a test compares every number with what its name says.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from functools import cache

from autarky.paths import FIRMWARE

Read = Callable[[str], "bytes | None"]


def on_disk(module: str) -> bytes | None:
    """The source of a module of the firmware, None for any other."""
    path = FIRMWARE.joinpath(*module.split(".")).with_suffix(".py")
    return path.read_bytes() if path.is_file() else None


def inlined(source: bytes, read: Read = on_disk) -> bytes:
    """The source with each integer constant of our modules in place of its name. Lines stay.

    read: the source of a module, as it goes into the same image.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source  # the compiler says it in its own words
    modules, names = _imported(tree, read)
    lines = source.split(b"\n")
    found = [
        (node, number)
        for node in _outside_of_formats(tree)
        if node.lineno == node.end_lineno and (number := _number(node, modules, names)) is not None
    ]
    for node, number in sorted(found, key=lambda f: (f[0].lineno, -f[0].col_offset)):
        line = lines[node.lineno - 1]
        written = str(number) if number >= 0 else f"({number})"
        lines[node.lineno - 1] = (
            line[: node.col_offset] + written.encode() + line[node.end_col_offset :]
        )
    return b"\n".join(lines)


def _number(
    node: ast.expr, modules: dict[str, dict[str, int]], names: dict[str, int]
) -> int | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return modules.get(node.value.id, {}).get(node.attr)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return names.get(node.id)
    return None


def _outside_of_formats(tree: ast.AST) -> list[ast.expr]:
    """Expressions whose place in the text is known: not those inside of f-strings."""
    found: list[ast.expr] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.expr):
            found.append(node)
        if not isinstance(node, ast.JoinedStr):
            waiting += ast.iter_child_nodes(node)
    return found


def _imported(tree: ast.Module, read: Read) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Constants by the name of their module here, and those imported by their own name."""
    modules: dict[str, dict[str, int]] = {}
    names: dict[str, int] = {}
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or not node.module or node.level:
            continue
        own = constants(read(node.module))
        for item in node.names:
            here = item.asname or item.name
            if item.name in own:
                names[here] = own[item.name]
            else:
                modules[here] = constants(read(f"{node.module}.{item.name}"))
    for name in bound_again(tree):
        modules.pop(name, None)
        names.pop(name, None)
    return modules, names


def bound_again(tree: ast.Module) -> set[str]:
    """Names that are given a meaning in more than one place, whatever the scope."""
    times: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            times[(node.asname or node.name).partition(".")[0]] += 1
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            times[node.id] += 1
        elif isinstance(node, ast.arg):
            times[node.arg] += 1
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler):
            times[node.name or ""] += 1
    return {name for name, count in times.items() if count > 1}


@cache
def constants(source: bytes | None) -> dict[str, int]:
    """Integer constants, NAME = const(...), of a module's source; none of no source."""
    found: dict[str, int] = {}
    if source is None:
        return found
    for node in _parsed(source):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Name)
            and node.value.func.id == "const"
            and isinstance(node.targets[0], ast.Name)
        ):
            value = _evaluated(node.value.args[0], found)
            if isinstance(value, int):
                found[node.targets[0].id] = value
    return found


def _parsed(source: bytes) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []  # the compiler says it in its own words


def _evaluated(node: ast.expr, known: dict[str, int]) -> object:
    """What a constant expression of integers says, None for any other."""
    if not all(
        isinstance(part, ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop)
        or (isinstance(part, ast.Name) and part.id in known)
        or isinstance(part, ast.expr_context)
        for part in ast.walk(node)
    ):
        return None
    return eval(compile(ast.Expression(node), "constant", "eval"), {"__builtins__": {}}, known)
