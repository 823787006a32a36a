"""On which line of a TOML file each key stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]  # keys, and numbers from 0 within [[tables]] and lists


def lines_of(text: str) -> dict[Place, int]:
    """Line from 1 of every table, key and element; text is valid TOML.

    Each statement is read by tomllib alone: one that does not end on its line grows until it is
    whole. What stands in an element of a list or in an inline table has the line of that.
    """
    found: dict[Place, int] = {(): 1}
    many: dict[Place, int] = {}  # of each [[table]] how many there were
    table: Place = ()
    statement, first = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        statement += line + "\n"
        try:
            part = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            table = _header(part, many)
            found.setdefault(table, first)
        else:
            later = _elements(statement)
            for place in _inside(part):
                found[table + place] = first + later.get(place[: len(_list_at(part)) + 1], 0)
        statement, first = "", number + 1
    return found


def _header(part: Any, many: dict[Place, int]) -> Place:
    """The place that [a.b] or [[a.b]] opens; part is such a header's own content."""
    table: Place = ()
    while part:
        ((key, part),) = part.items()
        table = (*table, key)
        if isinstance(part, list):
            many[table] = many.get(table, 0) + 1
            part = part[0]
        if table in many:
            table = (*table, many[table] - 1)
    return table


def _list_at(part: Any) -> tuple[str, ...]:
    """Of the one value in such a content: a.b = ... is at (a, b)."""
    place: tuple[str, ...] = ()
    while isinstance(part, dict) and len(part) == 1:
        ((key, part),) = part.items()
        place = (*place, key)
    return place


def _elements(statement: str) -> dict[Place, int]:
    """Of a list over many lines the elements, each with the lines before it."""
    found: dict[Place, int] = {}
    lines = statement.rstrip("\n").split("\n")
    for number in range(len(lines)):
        closed = "\n]" if number < len(lines) - 1 else ""
        try:
            part = tomllib.loads("\n".join(lines[: number + 1]) + closed)
        except tomllib.TOMLDecodeError:
            continue
        place = _list_at(part)
        value: Any = part
        for key in place:
            value = value[key]
        for element in range(len(value) if isinstance(value, list) else 0):
            found.setdefault((*place, element), number)
    return found


def _inside(value: Any) -> Iterator[Place]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield (key,)
        if isinstance(inner, dict | list):
            for rest in _inside(inner):
                yield (key, *rest)


def line_of(lines: dict[Place, int], place: Place) -> int:
    """Of a key that is there, or of the table where it is missing."""
    while place not in lines:
        place = place[:-1]
    return lines[place]
