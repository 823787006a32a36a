"""What the sources import, read without running them."""

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

_WHOLE = ("bess", "autarky")  # `from autarky import paths` names a module


def module_of(path: Path, root: Path) -> str:
    """bess.link.pdo of ROOT/bess/link/pdo.py."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> list[str]:
    """Names of the modules that a source imports, anywhere in it."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            whole = base in _WHOLE or base.count(".") == 1
            found += [base, *(f"{base}.{a.name}" for a in node.names)] if whole else [base]
    return found


def graph(sources: Mapping[str, str], places: Iterable[str]) -> dict[str, set[str]]:
    """Which place imports which, of sources by module name; a place is a module or a package.

    The longest place that a name lies in counts; imports within a place are none.
    """
    known = sorted(places, key=len, reverse=True)

    def place_of(name: str) -> str | None:
        return next((p for p in known if name == p or name.startswith(p + ".")), None)

    edges: dict[str, set[str]] = {place: set() for place in known}
    for module, source in sources.items():
        own = place_of(module)
        for name in imports(ast.parse(source)):
            other = place_of(name)
            if own is not None and other is not None and other != own:
                edges[own].add(other)
    return edges


def circle(edges: Mapping[str, set[str]]) -> list[str]:
    """One way round from a place back to itself, [] when there is none."""
    done: set[str] = set()

    def walk(place: str, way: list[str]) -> list[str]:
        if place in way:
            return [*way[way.index(place) :], place]
        if place in done:
            return []
        for other in sorted(edges.get(place, ())):
            found = walk(other, [*way, place])
            if found:
                return found
        done.add(place)
        return []

    for place in sorted(edges):
        found = walk(place, [])
        if found:
            return found
    return []
