"""Reads a thermal scenario's TOML file; README.md lists its keys.

Whatever is wrong in a file is said at once, each with its line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from autarky.config.positions import Place, line_of, lines_of
from autarky.errors import AutarkyError, no_such
from autarky.plant.thermal import MODELS, Kind, ThermalModel
from autarky.plant.weather import CLIMATES
from autarky.thermal.case import HOUR_S, PURPOSES, Announcement, Event, ThermalCase, Window
from autarky.thermal.events import ACTIONS, Argument
from autarky.thermal.plan import CHECKS, Promise, ThermalPlan
from bess.parameters import Parameters

_TOP = ("title", "explains", "hours", "days", "common", "cabinet", "check")
_KINDS = {kind.name.lower(): kind for kind in Kind}
_HOURS = Argument("hours", "h", 0.01, 1e5)
_DAYS = Argument("days", "d", 0.01, 1e4)
_TIME = Argument("time_h", "h", 0, 1e5)
_VALUE = Argument("value", "", -1e9, 1e9)
_NUMBERS = {
    "start_c": Argument("start_c", "degC", -45, 60), "soc": Argument("soc", "", 0, 1),
    "start_hour": Argument("start_hour", "h", 0, 24),
    "sensor_offset_k": Argument("sensor_offset_k", "K", 0, 3),
}  # fmt: skip
_SKY = {
    "ambient_c": Argument("ambient_c", "degC", -45, 60), "swing_k": Argument("swing_k", "K", 0, 30),
    "humidity": Argument("humidity", "", 0, 1), "sun_w_m2": Argument("sun_w_m2", "W/m2", 0, 1400),
    "start_day": Argument("start_day", "d", 0, 366),
    "seed": Argument("seed", "", 0, 2**31, whole=True),
}  # fmt: skip
_WINDOW = (
    Argument("from_h", "h", 0, 24), Argument("to_h", "h", 0, 24), Argument("c_rate", "C", -1, 1),
)  # fmt: skip
_CABINET = (
    "name", "kind", *_NUMBERS, "plan", "plant", "sky", "parameters", "window", "announce", "at",
)  # fmt: skip


class _Reader:
    """Reads one file and collects what to tell. A place: keys and numbers from the top."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.raw: dict[str, Any] = tomllib.loads(text)
        self._lines = lines_of(text)
        self._wrong: list[tuple[int, str]] = []
        self.seconds = 0.0

    def say(self, sentence: object, *place: str | int) -> None:
        self._wrong.append((line_of(self._lines, self._known(place)), str(sentence)))

    def _known(self, place: Place) -> Place:
        while place not in self._lines:
            place = place[:-1]
        return place

    def refuse(self) -> None:
        """Raises AutarkyError with all that was told, from the top."""
        if self._wrong:
            told = sorted(self._wrong, key=lambda row: row[0])
            raise AutarkyError("\n".join(f"{self.path}:{line}: {text}" for line, text in told))

    def tried(self, read: Callable[[], Any], *place: str | int) -> Any:
        """What read() gives, None where it refuses, which is told."""
        try:
            return read()
        except AutarkyError as error:
            self.say(error, *place)
            return None

    def table(self, raw: Any, known: Iterable[str], *place: str | int) -> dict[str, Any]:
        """The table, without keys that nobody knows, which are told."""
        if not isinstance(raw, dict):
            self.say(f"{place[-1] if place else 'this'} is no table", *place)
            return {}
        names = list(known)
        for name in raw:
            if name not in names:
                self.say(no_such("key", name, names), *place, name)
        return {name: value for name, value in raw.items() if name in names}

    def rows(self, raw: dict[str, Any], key: str, *place: str | int) -> list[Any]:
        found = raw.get(key, [])
        if not isinstance(found, list):
            self.say(f"{key} is a list of tables, as in [[{key}]]", *place, key)
            return []
        return found

    def number(self, argument: Argument, raw: dict[str, Any], *place: str | int) -> float:
        """Told where it is missing or out of its range; 0 then."""
        if argument.name not in raw:
            self.say(f"{argument.name} is missing", *place)
            return 0.0
        given = raw[argument.name]
        return self.tried(lambda: argument.read(given), *place, argument.name) or 0.0

    def typed(self, name: str, default: Any, raw: dict[str, Any], *place: str | int) -> Any:
        value = raw.get(name, default)
        if type(value) is not type(default):
            wanted = "true or false" if isinstance(default, bool) else "a text"
            self.say(f"{name} is {value!r}: give {wanted}", *place, name)
            return default
        return value

    # --- a cabinet ---

    def sky(self, raw: Any, *place: str | int) -> dict[str, Any]:
        raw = self.table(raw, (*_SKY, "climate", "epw"), *place)
        made: dict[str, Any] = {
            name: self.number(argument, raw, *place)
            for name, argument in _SKY.items()
            if name in raw
        }
        if "climate" in raw:
            made["climate"] = climate = self.typed("climate", "", raw, *place)
            if climate not in CLIMATES:
                self.say(no_such("climate", climate, CLIMATES), *place, "climate")
        if "epw" in raw:
            made["epw"] = self.path.parent / self.typed("epw", "", raw, *place)
        return made

    def plant(self, raw: Any, *place: str | int) -> dict[str, float]:
        names = [part.name for part in fields(ThermalModel)]
        raw = self.table(raw, names, *place)
        return {name: self.number(Argument(name, "", 0, 1e9), raw, *place) for name in raw}

    def parameters(self, raw: Any, *place: str | int) -> dict[str, int]:
        known = Parameters()
        if not isinstance(raw, dict):
            self.say("parameters is a table of NAME = INTEGER", *place)
            return {}
        for name, value in raw.items():
            try:
                known.set(name, value)
            except (KeyError, ValueError, TypeError) as error:
                self.say(f"its firmware takes no such parameter: {error.args[0]}", *place, name)
        return raw

    def window(self, raw: Any, *place: str | int) -> Window:
        raw = self.table(raw, [a.name for a in _WINDOW], *place)
        return Window(*(self.number(argument, raw, *place) for argument in _WINDOW))

    def announce(self, raw: Any, *place: str | int) -> Announcement:
        raw = self.table(raw, ("time_h", "purpose", "wanted_in_h", "island", "c_rate"), *place)
        words = (*PURPOSES, "silent")
        purpose = self.typed("purpose", "", raw, *place)
        if purpose not in words:
            self.say(no_such("purpose", purpose, words), *place, "purpose")
        wanted_h = 0.0
        if "wanted_in_h" in raw:
            wanted_h = self.number(Argument("wanted_in_h", "h", 0, 180), raw, *place)
        rate_c = 0.0
        if "c_rate" in raw:
            rate_c = self.number(Argument("c_rate", "C", 0, 5), raw, *place)
        return Announcement(
            self.time(raw, *place), purpose, wanted_h * HOUR_S,
            self.typed("island", False, raw, *place), rate_c,
        )  # fmt: skip

    def time(self, raw: dict[str, Any], *place: str | int) -> float:
        time_s = self.number(_TIME, raw, *place) * HOUR_S
        if time_s > self.seconds:
            self.say(f"the run has ended by then, after {self.seconds / HOUR_S:g} h", *place)
        return time_s

    def event(self, raw: Any, *place: str | int) -> Event:
        raw = self.table(raw, ("time_h", "action", "value"), *place)
        name = self.typed("action", "", raw, *place)
        given = raw.get("value", [])
        values = given if isinstance(given, list) else [given]
        if name not in ACTIONS:
            self.say(no_such("thermal action", name, ACTIONS), *place, "action")
            return Event(0.0, "reset")
        arguments = ACTIONS[name].arguments
        if len(values) != len(arguments):
            wanted = " and ".join(str(argument) for argument in arguments) or "no value"
            self.say(f"{name} takes {wanted}", *place, "value")
            return Event(0.0, "reset")
        read = tuple(
            self.tried(lambda a=argument, v=value: a.read(v), *place, "value")
            for argument, value in zip(arguments, values, strict=True)
        )
        return Event(self.time(raw, *place), name, read)

    def cabinet(self, base: ThermalCase, raw: Any, *place: str | int) -> ThermalCase:
        """The base with what the table says; a list replaces the base's."""
        raw = self.table(raw, _CABINET, *place)
        made: dict[str, Any] = {
            name: self.number(argument, raw, *place)
            for name, argument in _NUMBERS.items()
            if name in raw
        }
        if "name" in raw:
            made["name"] = self.typed("name", "", raw, *place)
        kind = base.kind
        if "kind" in raw:
            word = self.typed("kind", "", raw, *place)
            if word not in _KINDS:
                self.say(no_such("kind of cooling", word, _KINDS), *place, "kind")
            made["kind"] = kind = _KINDS.get(word, base.kind)
        model = base.model if kind == base.kind and base.model else MODELS[kind]
        if "plant" in raw:
            model = replace(model, **self.plant(raw["plant"], *place, "plant"))
        made["model"] = model
        if "sky" in raw:
            made["sky"] = replace(base.sky, **self.sky(raw["sky"], *place, "sky"))
        if "parameters" in raw:
            given = self.parameters(raw["parameters"], *place, "parameters")
            made["parameters"] = {**base.parameters, **given}
        if "plan" in raw:
            made["plan"] = self.typed("plan", False, raw, *place)
        lists = {"window": ("windows", self.window), "announce": ("announcements", self.announce),
                 "at": ("events", self.event)}  # fmt: skip
        for key, (name, read) in lists.items():
            if key in raw:
                rows = self.rows(raw, key, *place)
                made[name] = tuple(read(row, *place, key, at) for at, row in enumerate(rows))
        return replace(base, **made)

    def check(self, raw: Any, names: Iterable[str], *place: str | int) -> Promise | None:
        raw = self.table(raw, ("name", "value", "cabinet"), *place)
        name = self.typed("name", "", raw, *place)
        if name not in CHECKS:
            self.say(no_such("check", name, CHECKS), *place, "name")
            return None
        cabinet = self.typed("cabinet", "", raw, *place)
        if cabinet and cabinet not in names:
            self.say(no_such("cabinet", cabinet, names), *place, "cabinet")
        return Promise(name, self.number(_VALUE, raw, *place), cabinet)

    def length_s(self) -> float:
        if "hours" in self.raw:
            return self.number(_HOURS, self.raw) * HOUR_S
        if "days" in self.raw:
            return self.number(_DAYS, self.raw) * 24 * HOUR_S
        self.say("the length is missing: give hours or days")
        return 0.0


def read_text(path: Path) -> str:
    """Raises AutarkyError."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise AutarkyError(f"{path} is no TOML: {error}") from None
    except OSError as error:
        raise AutarkyError(f"{path}: {error.strerror}; name a scenario's TOML file") from None


def is_thermal(path: Path) -> bool:
    """The file is a thermal scenario: it has a [common] or [[cabinet]] table."""
    try:
        raw = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError:
        return False
    return "common" in raw or isinstance(raw.get("cabinet"), list)


def read_plan(path: Path) -> ThermalPlan:
    """A file's scenario. Raises AutarkyError."""
    try:
        reader = _Reader(path, read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise AutarkyError(f"{path} is no TOML: {error}") from None
    raw = reader.table(reader.raw, _TOP)
    title = reader.typed("title", "", raw)
    if not title:
        reader.say("title is missing: a line for `autarky run --list`")
    seconds = reader.seconds = reader.length_s()
    base = ThermalCase("cabinet", seconds)
    if "common" in raw:
        base = reader.cabinet(base, raw["common"], "common")
    rows = reader.rows(raw, "cabinet")
    cases = [reader.cabinet(base, row, "cabinet", at) for at, row in enumerate(rows)] or [base]
    names = [case.name for case in cases]
    for at, name in enumerate(names):
        if name in names[:at]:
            reader.say(f"two cabinets are called {name!r}: give each a name", "cabinet", at)
    checks = reader.rows(raw, "check")
    promises = [reader.check(row, names, "check", at) for at, row in enumerate(checks)]
    reader.refuse()
    return ThermalPlan(
        path.stem, title, tuple(cases), tuple(p for p in promises if p is not None),
        reader.typed("explains", "", raw),
    )  # fmt: skip
