"""cabinet.toml: a cabinet's identity and parameters, checked before anything is written."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autarky.errors import AutarkyError
from bess.parameter_rules import objections
from bess.parameters import TABLE, Parameters
from bess.protect.fault_table import TABLE as FAULT_TABLE
from bess.table import rows

_IDENTITY = ("serial", "device_key", "fram")
_SERIAL_MAX = 0xFFFFFFFF
_KEY_DIGITS = 64
_COORDINATOR = 1


class CabinetFileError(AutarkyError):
    """A cabinet.toml is wrong; every fault of it is said with its line."""


@dataclass(frozen=True)
class Cabinet:
    """What one cabinet is: its lines for the board."""

    serial: int
    device_key: str
    parameters: dict[str, int]
    fram: bool = False

    def lines(self, update_key: bytes) -> str:
        """Text of provision.bin."""
        found = [f"@serial={self.serial}", f"@key={self.device_key}"]
        if update_key:
            found.append(f"@update_key={update_key.hex()}")
        if self.fram:
            found.append("@fram=1")
        found += [f"{name}={value}" for name, value in self.parameters.items()]
        return "\n".join(found) + "\n"


def _line_of(text: str, section: str, key: str) -> int:
    """Line where a key of a section stands, 1 the first; the section's or 1 when it is nowhere."""
    inside = section_line = 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.split("#")[0].strip()
        if bare.startswith("["):
            inside = bare.strip("[] \t") == section
            section_line = number if inside else section_line
        elif inside and re.match(rf"[\"']?{re.escape(key)}[\"']?\s*=", bare):
            return number
    return section_line or 1


class _Judge:
    """Gathers what is wrong in a file."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self.found: list[tuple[int, str]] = []

    def say(self, section: str, key: str, what: str) -> None:
        self.found.append((_line_of(self._text, section, key), what))

    def raise_if_wrong(self) -> None:
        if self.found:
            raise CabinetFileError(
                "\n".join(f"{self._path}:{line}: {what}" for line, what in sorted(self.found))
            )


def _near(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, 3)
    return f"; similar: {', '.join(near)}" if near else ""


def _identity(values: dict[str, Any], judge: _Judge) -> tuple[int, str, bool]:
    for key in values:
        if key not in _IDENTITY:
            judge.say("cabinet", key, f"[cabinet] has no {key!r}{_near(key, list(_IDENTITY))}")
    serial = values.get("serial")
    if type(serial) is not int or not 0 < serial <= _SERIAL_MAX:
        judge.say("cabinet", "serial", f"serial must be an integer 1..{_SERIAL_MAX}")
        serial = 0
    key = values.get("device_key")
    if not isinstance(key, str) or not re.fullmatch(rf"[0-9a-fA-F]{{{_KEY_DIGITS}}}", key):
        judge.say("cabinet", "device_key", f"device_key must be {_KEY_DIGITS} hex digits in quotes")
        key = ""
    fram = values.get("fram", False)
    if not isinstance(fram, bool):
        judge.say("cabinet", "fram", "fram must be true or false")
        fram = False
    return serial, key.lower(), fram


def _parameters(values: dict[str, Any], judge: _Judge) -> dict[str, int]:
    names = [fields[1] for fields in rows(TABLE)]
    parameters = Parameters()
    taken = {}
    for key, value in values.items():
        if key not in names:
            judge.say("parameters", key, f"no parameter is named {key!r}{_near(key, names)}")
        elif type(value) is not int:
            judge.say("parameters", key, f"{key} must be an integer, {value!r} is not")
        else:
            try:
                parameters.set(key, value)
                taken[key] = value
            except ValueError as error:
                judge.say("parameters", key, error.args[0])
    for names_, sentence in objections(parameters, FAULT_TABLE):
        judge.say("parameters", next((name for name in names_ if name in taken), ""), sentence)
    if taken.get("node_id") == _COORDINATOR:
        judge.say("parameters", "node_id", "node_id 1 is the coordinator's: take 2..127")
    return taken


def read(path: Path) -> Cabinet:
    """Read and check a cabinet.toml. Raises CabinetFileError with a line for every fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CabinetFileError(
            f"{path}: {reason}; boards/cabinet.example.toml shows what stands in it"
        ) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = found[1] if found else str(len(text.splitlines()))
        raise CabinetFileError(f"{path}:{line}: {error}") from None
    judge = _Judge(path, text)
    for section, content in values.items():
        if section not in ("cabinet", "parameters") or not isinstance(content, dict):
            line = next(
                (n for n, li in enumerate(text.splitlines(), 1)
                 if re.match(rf"\s*\[?\[?\s*{re.escape(section)}\b", li)), 1,
            )  # fmt: skip
            judge.found.append((line, f"{section!r} is neither [cabinet] nor [parameters]"))
    if not isinstance(values.get("cabinet"), dict):
        judge.found.append((1, "[cabinet] with serial and device_key is missing"))
        judge.raise_if_wrong()
    serial, key, fram = _identity(values["cabinet"], judge)
    section = values.get("parameters", {})
    parameters = _parameters(section, judge) if isinstance(section, dict) else {}
    judge.raise_if_wrong()
    return Cabinet(serial, key, parameters, fram)
