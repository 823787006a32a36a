"""Reads a scenario's TOML file; README.md lists its keys.

Whatever is wrong in a file is said at once, each with its line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from autarky.config.places import FIRST_NODE_ID, may_be_number
from autarky.config.positions import Place, line_of, lines_of
from autarky.errors import AutarkyError, no_such
from autarky.scenario.actions import Argument, named
from autarky.scenario.checks import CHECKS
from autarky.scenario.plan import At, Plan, Promise, shipped
from autarky.sil.flows import MODELS
from bess.parameters import Parameters

_LENGTHS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0}
_MOST_S = 3.6e9
_CABINETS = Argument("cabinets", low=1, high=32, whole=True)
_NUMBERS = {
    "whole_s": Argument("whole_s", "s", 0, _MOST_S), "soc": Argument("soc", "", 0, 1),
    "temperature_c": Argument("temperature_c", "degC", -40, 60), "cabinets": _CABINETS,
}  # fmt: skip
_LOAD_KW = Argument("kw_per_cabinet", "kW", 0, 1e6)
_SHARES = (Argument("peak_share", "", 0, 1), Argument("recharge_share", "", 0, 1))
_TIME = Argument("time_s", "s", 0, _MOST_S)
_SHARE = Argument("share", "", 0, 1)
_WHICH = ("first", "last", "all")


class _Reader:
    """Reads one file and collects what to tell."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.raw: dict[str, Any] = tomllib.loads(text)
        self.wrong: list[tuple[int, str]] = []  # line and sentence
        self._lines = lines_of(text)

    def where(self, key: str, number: int | None = None, below: str = "") -> str:
        return f"{self.path}:{self._line(key, number, below)}"

    def say(self, sentence: object, key: str, number: int | None = None, below: str = "") -> None:
        self.wrong.append((self._line(key, number, below), str(sentence)))

    def _line(self, key: str, number: int | None, below: str) -> int:
        """Of a top-level key, of its number-th row, of a key within that."""
        place: Place = tuple(p for p in (key, number, below) if p is not None and p != "")
        return line_of(self._lines, place)

    def refuse(self) -> None:
        """Raises AutarkyError with all that was told, from the top."""
        if self.wrong:
            told = sorted(self.wrong, key=lambda row: row[0])
            raise AutarkyError("\n".join(f"{self.path}:{line}: {text}" for line, text in told))

    def tried(
        self, read: Callable[[], Any], key: str, number: int | None = None, below: str = ""
    ) -> Any:
        """What read() gives, None where it refuses, which is told."""
        try:
            return read()
        except AutarkyError as error:
            self.say(error, key, number, below)
            return None

    def keys(
        self, row: Any, known: Iterable[str], key: str, number: int | None = None
    ) -> dict[str, Any]:
        """The row, without keys that nobody knows, which are told."""
        if not isinstance(row, dict):
            self.say(f"{key} is made of tables, as in [[{key}]]", key, number)
            return {}
        for name in row:
            if name not in known:
                self.say(no_such("key", name, known), key, number, name)
        return {name: value for name, value in row.items() if name in known}

    def rows(self, key: str) -> list[Any]:
        found = self.raw.get(key, [])
        if not isinstance(found, list):
            self.say(f"{key} is a list of tables, as in [[{key}]]", key)
            return []
        return found

    def number(
        self, argument: Argument, row: dict[str, Any], key: str, number: int | None = None
    ) -> Any:
        """An argument of a row; told where it is missing or out of its range."""
        if argument.name not in row:
            self.say(f"{argument.name} is missing", key, number)
            return None
        return self.tried(lambda: argument.read(row[argument.name]), key, number, argument.name)

    def typed(
        self, name: str, default: Any, row: dict[str, Any], key: str, number: int | None = None
    ) -> Any:
        """A word or a flag of a row, as its default is; told where it is something else."""
        value = row.get(name, default)
        if type(value) is not type(default):
            wanted = "true or false" if isinstance(default, bool) else "a text"
            self.say(f"{name} is {value!r}: give {wanted}", key, number, name)
        return value

    def cabinet(self, row: dict[str, Any], key: str, number: int, *, one: bool) -> Any:
        """first, last, all (unless one is asked for) or a cabinet's number."""
        given = row.get("cabinet")
        words = _WHICH[:2] if one else _WHICH
        good = given in words or (type(given) is int and may_be_number(given))
        if not good:
            least = "cabinet is missing" if given is None else f"cabinet is {given!r}"
            self.say(
                f"{least}: give {', '.join(words)} or a number, 2..33 (102..133 on a second bus)",
                key, number, "cabinet",
            )  # fmt: skip
        return given if good else "first"

    # --- the parts of a file ---

    def at(self, row: Any, number: int) -> At | None:
        row = self.keys(row, ("time_s", "share", "action", "cabinet", "value"), "at", number)
        if not row:
            return None
        if not {"time_s", "share"} & set(row):
            self.say("time_s or share is missing: when is it done?", "at", number)
        times = {a.name: 0.0 for a in (_TIME, _SHARE)}
        for argument in (_TIME, _SHARE):
            if argument.name in row:
                times[argument.name] = self.number(argument, row, "at", number) or 0.0
        action = self.tried(lambda: named(str(row.get("action", ""))), "at", number, "action")
        if action is None:
            return None
        if action.of_site and "cabinet" in row:
            self.say(f"{action.name} is the whole site's: drop cabinet", "at", number, "cabinet")
        cabinet = "all" if action.of_site else self.cabinet(row, "at", number, one=False)
        given = row.get("value", [])
        values = given if isinstance(given, list) else [given]
        step = self.tried(lambda: action.step(FIRST_NODE_ID, values), "at", number, "value")
        if step is None:
            return None
        return At(times["share"], times["time_s"], step, cabinet, self.where("at", number))

    def check(self, row: Any, number: int) -> Promise | None:
        name = str(row.get("name", "")) if isinstance(row, dict) else ""
        kind = CHECKS.get(name)
        if kind is None:
            self.say(no_such("check", name, CHECKS), "check", number, "name")
            return None
        wanted = [argument.name for argument in kind.arguments]
        cabinet = ["cabinet"] if kind.of_cabinet else []
        row = self.keys(row, ("name", "title", "always", *cabinet, *wanted), "check", number)
        which = self.cabinet(row, "check", number, one=True) if kind.of_cabinet else "first"
        values = tuple(self.number(argument, row, "check", number) for argument in kind.arguments)
        return Promise(
            kind, values, which, self.typed("title", "", row, "check", number),
            self.typed("always", False, row, "check", number), self.where("check", number),
        )  # fmt: skip

    def length(self) -> float | None:
        """s, of the one of three keys that is there."""
        given = [name for name in self.raw if name in _LENGTHS]
        if len(given) > 1:
            self.say(f"give one of {', '.join(_LENGTHS)}, not {len(given)}", given[1])
        if not given:
            return None
        unit = given[0]
        argument = Argument(unit, unit, 0.01 / _LENGTHS[unit], _MOST_S / _LENGTHS[unit])
        value = self.number(argument, self.raw, unit)
        return None if value is None else value * _LENGTHS[unit]

    def load(self) -> tuple[str, float]:
        row = self.keys(self.raw["load"], ("model", "kw_per_cabinet"), "load")
        model = str(row.get("model", ""))
        if model not in MODELS:
            self.say(no_such("model of a load", model, MODELS), "load", None, "model")
        return model, self.number(_LOAD_KW, row, "load") or 0.0

    def shaving(self) -> tuple[Any, ...]:
        row = self.keys(self.raw["peak_shaving"], [a.name for a in _SHARES], "peak_shaving")
        return tuple(self.number(argument, row, "peak_shaving") for argument in _SHARES)

    def parameters(self) -> dict[str, int]:
        given, known = self.raw["parameters"], Parameters()
        if not isinstance(given, dict):
            self.say("parameters is a table of NAME = INTEGER", "parameters")
            return {}
        for name, value in given.items():
            try:
                known.set(name, value)
            except (KeyError, ValueError, TypeError) as error:
                self.say(f"parameter refused: {error.args[0]}", "parameters", None, name)
        return given

    def plain(self) -> dict[str, Any]:
        """The keys that are words, flags and numbers."""
        made: dict[str, Any] = {}
        for name, default in (("title", ""), ("resizable", True), ("driver", "")):
            if name in self.raw:
                made[name] = self.typed(name, default, self.raw, name)
        for name, argument in _NUMBERS.items():
            if name in self.raw:
                made[name] = self.number(argument, self.raw, name)
        return made


_PARTS = [part.name for part in fields(Plan) if part.name not in ("name", "seconds")]


def _made(reader: _Reader, drivers: Iterable[str]) -> dict[str, Any]:
    reader.keys(reader.raw, (*_PARTS, *_LENGTHS, "like"), "")
    made = reader.plain()
    if made.get("driver", "") not in ("", *drivers):
        reader.say(no_such("driver", str(made["driver"]), drivers), "driver")
    seconds = reader.length()
    if seconds is not None:
        made["seconds"] = seconds
    tables = {"parameters": reader.parameters, "load": reader.load, "peak_shaving": reader.shaving}
    made |= {name: read() for name, read in tables.items() if name in reader.raw}
    lists: dict[str, Callable[[Any, int], Any]] = {"at": reader.at, "check": reader.check}
    for name, read in lists.items():
        if name in reader.raw:
            made[name] = tuple(read(row, n) for n, row in enumerate(reader.rows(name)))
    return made


def read_plan(path: Path, drivers: Iterable[str]) -> Plan:
    """A file's scenario; drivers: names of those written in Python. Raises AutarkyError."""
    try:
        reader = _Reader(path, path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AutarkyError(f"{path} is no TOML: {error}") from None
    except OSError as error:
        raise AutarkyError(f"{path}: {error.strerror}; name a scenario's TOML file") from None
    made = _made(reader, drivers)
    base = None
    if "like" in reader.raw:
        file = shipped().get(str(reader.raw["like"]))
        if file is None or file == path:
            reader.say(no_such("scenario", str(reader.raw["like"]), shipped()), "like")
        else:
            base = read_plan(file, drivers)
    elif "seconds" not in made and not set(_LENGTHS) & set(reader.raw):
        reader.say(f"the length is missing: give {', '.join(_LENGTHS)}", "")
    if "like" not in reader.raw and "title" not in made:
        reader.say("title is missing: a line for `autarky run --list`", "")
    seconds = made.get("seconds", base.seconds if base else _MOST_S)
    for number, row in enumerate(made.get("at", ())):
        if row is not None and row.share * seconds + row.time_s > seconds:
            reader.say(f"the run has ended by then, after {seconds:g} s", "at", number)
    reader.refuse()
    return replace(base, name=path.stem, **made) if base else Plan(name=path.stem, **made)
