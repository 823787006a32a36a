"""Reads site.toml: all that is wrong at once, each with its line and what is allowed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autarky.config import trace
from autarky.config.allowed import Allowed
from autarky.config.positions import Place, line_of, lines_of
from autarky.config.site import Site
from autarky.errors import AutarkyError, no_such
from bess.parameter_rules import objections
from bess.parameters import TABLE as PARAMETER_TABLE
from bess.parameters import Parameters
from bess.protect.fault_table import TABLE as FAULT_TABLE
from bess.table import rows

Fault = tuple[Place, str]
_ALLOWED = Allowed(Site)
# parameters that the site itself gives its cabinets
_GIVEN = {
    "node_id": "node ids follow from the order of the cabinets",
    "node_configured": "node ids follow from the order of the cabinets",
    "can_kbit_s": "[bus] bit_rate_kbit_s says it",
}
_PARAMETERS = [fields[1] for fields in rows(PARAMETER_TABLE) if len(fields) > 1]


class SiteFileError(AutarkyError):
    """site.toml cannot serve; one line for each fault: FILE:LINE: sentence."""


def read(path: Path) -> Site:
    """The site that a file describes. Raises SiteFileError, OSError."""
    return read_with_lines(path)[0]


def read_with_lines(path: Path) -> tuple[Site, dict[Place, int]]:
    """The same, and the line of each key that stands in the file."""
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SiteFileError(f"{path} is no TOML: {error}") from None
    lines = lines_of(text)
    site, faults = _judge(raw, path.parent)
    if faults:
        said = sorted({(line_of(lines, place), sentence) for place, sentence in faults})
        raise SiteFileError("\n".join(f"{path}:{line}: {sentence}" for line, sentence in said))
    assert site is not None
    return site, lines


def _judge(raw: dict[str, Any], folder: Path) -> tuple[Site | None, list[Fault]]:
    site, faults = None, []
    try:
        site = Site.model_validate(raw)
    except ValidationError as error:
        faults = [_ALLOWED.sentence(one) for one in error.errors()]
    if isinstance(raw.get("parameters"), dict):
        faults += _parameter_faults(raw["parameters"])
    load = raw.get("load")
    if isinstance(load, dict) and isinstance(load.get("trace"), str):
        try:
            trace.read(folder / load["trace"])
        except AutarkyError as error:
            faults.append((("load", "trace"), str(error)))
        if site is not None and site.load is not None:
            found = site.load.model_copy(update={"trace": str(folder / load["trace"])})
            site = site.model_copy(update={"load": found})
    return site, faults


def _parameter_faults(values: dict[str, Any]) -> list[Fault]:
    """Names and ranges; the rules between parameters where each alone is right."""
    parameters = Parameters()
    faults: list[Fault] = []
    for name, value in values.items():
        sentence = _parameter_fault(parameters, name, value)
        if sentence:
            faults.append((("parameters", name), sentence))
    if faults:
        return faults
    return [
        (("parameters", next((name for name in names if name in values), "")), sentence)
        for names, sentence in objections(parameters, FAULT_TABLE)
    ]


def _parameter_fault(parameters: Parameters, name: str, value: Any) -> str:
    """Set a parameter; what is wrong with it, "" nothing."""
    if name in _GIVEN:
        return f"{name} is no parameter of a site: {_GIVEN[name]}"
    if name not in _PARAMETERS:
        return no_such("parameter", name, _PARAMETERS)
    if isinstance(value, int):  # pydantic speaks of others
        try:
            parameters.set(name, value)
        except ValueError as error:
            return str(error)
    return ""
