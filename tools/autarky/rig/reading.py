"""Reads rig.yaml: all that is wrong at once, each with its line and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autarky.config.allowed import Allowed
from autarky.config.positions import Place, line_of
from autarky.errors import AutarkyError
from autarky.rig.description import Rig


class RigFileError(AutarkyError):
    """rig.yaml cannot serve; one line for each fault: FILE:LINE: sentence."""


def read(path: Path) -> Rig:
    """The rig that a file describes. Raises RigFileError, OSError."""
    import yaml
    from pydantic import ValidationError

    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RigFileError(f"{path} is no YAML: {error}") from None
    lines: dict[Place, int] = {(): 1}
    twice = list(_walk(root, (), lines))
    if not isinstance(content, dict):
        raise RigFileError(f"{path}:1: it is empty or no table: see boards/rigs for examples")
    faults = [(place, f"{place[-1]} stands here twice") for place in twice]
    try:
        rig = Rig.model_validate(content)
    except ValidationError as error:
        allowed = Allowed(Rig, "{}:")
        faults += [allowed.sentence(one) for one in error.errors()]
    else:
        if not faults:
            return rig
    said = sorted({(line_of(lines, place), sentence) for place, sentence in faults})
    raise RigFileError("\n".join(f"{path}:{line}: {sentence}" for line, sentence in said))


def _walk(node: Any, place: Place, lines: dict[Place, int]) -> Any:
    """Notes the line of each key and element; yields the places of keys that stand twice."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            there = (*place, str(key.value))
            if key.value in seen:
                yield there
            seen.add(key.value)
            lines[there] = key.start_mark.line + 1
            yield from _walk(value, there, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*place, number)] = value.start_mark.line + 1
            yield from _walk(value, (*place, number), lines)
