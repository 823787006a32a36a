"""Names of constants that nobody says once `constants` has written them as numbers.

A module keeps every public constant as an entry of its dictionary, and the interpreter the name: on
a board some kilobytes of heap and of image. What is not said any more becomes private, which the
compiler leaves out, and is imported no more. Lines stay.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import cache
from pathlib import Path

from autarky.build.constants import Read, bound_again, constants

# what runs beside an image and looks into it by name
OUTSIDE = (
    "boards/*/*.py", "tools/autarky/flash/on_device.py", "tools/autarky/*/*_probe.py",
    "tools/autarky/arm/replay.py",
)  # fmt: skip


def outside() -> list[bytes]:
    """Sources whose names an image must keep though none of its own says them."""
    root = Path(__file__).resolve().parents[3]  # these tools', whichever tree the image is of
    return [path.read_bytes() for pattern in OUTSIDE for path in sorted(root.glob(pattern))]


@cache
def said(source: bytes) -> frozenset[str]:
    """Every name that a source says in any way, but for its own constants where that is plain."""
    tree = ast.parse(source)
    plain = set(constants(source)) - _unclear(tree)
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in plain:
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias) and node.asname in loaded:
            found.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # as getattr would take it
    return frozenset(found)


def _unclear(tree: ast.Module) -> set[str]:
    """Names of more than one meaning, or in an f-string, where their place is not known."""
    formats = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = (part for node in formats for part in ast.walk(node))
    return bound_again(tree) | {part.id for part in inside if isinstance(part, ast.Name)}


def unsaid(source: bytes | None, spoken: Collection[str]) -> set[str]:
    """Public constants of a module that are not among what is said in the whole image."""
    return {name for name in constants(source) if name[0] != "_" and name not in spoken}


def without(source: bytes, spoken: Collection[str], read: Read) -> bytes:
    """The source with its unsaid constants private, and those of others imported no more.

    read: the source of a module, as it goes into the same image.
    """
    tree = ast.parse(source)
    gone = unsaid(source, spoken)
    lines = source.split(b"\n")
    places = [
        (node.lineno, node.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in gone
    ]
    for line, column in sorted(places, reverse=True):
        lines[line - 1] = lines[line - 1][:column] + b"_" + lines[line - 1][column:]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            others = unsaid(read(node.module), spoken)
            kept = [ast.unparse(item) for item in node.names if item.name not in others]
            if len(kept) < len(node.names):
                left = f"from {node.module} import {', '.join(kept)}" if kept else ""
                end = node.end_lineno or node.lineno
                lines[node.lineno - 1 : end] = [left.encode(), *[b""] * (end - node.lineno)]
    return b"\n".join(lines)
