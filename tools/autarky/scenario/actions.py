"""What can be done to a site, as data: each action by name, its arguments with unit and range.

`autarky provoke`, scenarios and fault cases speak this one language. A backend does what a step
says: virtual.py on a virtual site.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autarky.errors import AutarkyError, nearest, no_such
from autarky.paths import wire
from autarky.scenario.fault_cases import FAULT_CASES
from bess import lines
from bess.table import rows

Value = float | str
_MANY = 5  # words of an argument that do not fit its line


@dataclass(frozen=True)
class Argument:
    """A number within low..high in its unit, a whole one where things are counted, or a word."""

    name: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    words: tuple[str, ...] = ()
    whole: bool = False

    def read(self, given: object) -> Value:
        """From text or a number. Raises AutarkyError with what would be right."""
        text = str(given)
        if self.words:
            if text not in self.words:
                hint = nearest(text, self.words) or f"it is one of {', '.join(self.words)}"
                raise AutarkyError(f"{self.name} is {text!r}: {hint}")
            return text
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not self.low <= value <= self.high or (self.whole and value % 1):
            unit = f" {self.unit}" if self.unit else ""
            whole = "a whole number " if self.whole else ""
            raise AutarkyError(
                f"{self.name} is {text}: give {whole}{self.low:g}..{self.high:g}{unit}"
            )
        return int(value) if self.whole else value

    def __str__(self) -> str:
        if self.words:
            return "|".join(self.words) if len(self.words) < _MANY else self.name.upper()
        return f"{self.name.upper()}" + (f"[{self.unit}]" if self.unit else "")


@dataclass(frozen=True)
class Action:
    """`did` says what was done, with its cabinet and values.

    of_site: it is not done to one cabinet. inside: it reaches into the firmware, so that only a
    backend whose firmware lies open can do it.
    """

    name: str
    arguments: tuple[Argument, ...]
    did: str
    of_site: bool = False
    inside: bool = False

    @property
    def usage(self) -> str:
        """As it is typed."""
        return " ".join(
            (self.name, *([] if self.of_site else ["CABINET"]), *map(str, self.arguments))
        )

    def step(self, cabinet: int, given: Sequence[object]) -> Step:
        """With these values, on the cabinet of that number. Raises AutarkyError."""
        if len(given) != len(self.arguments):
            wanted = " ".join(map(str, self.arguments)) or "none"
            raise AutarkyError(f"{self.name} has {len(given)} values: it takes {wanted}")
        values = tuple(a.read(value) for a, value in zip(self.arguments, given, strict=True))
        return Step(self, 0 if self.of_site else cabinet, values)


@dataclass(frozen=True)
class Step:
    """One action on one cabinet, by its number on the site; 0 where it is the whole site's."""

    action: Action
    cabinet: int
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return self.action.did.format(*self.values, cabinet=self.cabinet)


_STATE = Argument("state", words=("on", "off"))
_MODULE = Argument("module", low=1, high=32, whole=True)
_CELL = Argument("cell", low=1, high=2000, whole=True)
_SENSOR = Argument("sensor", low=1, high=500, whole=True)
_FRONT_END = Argument("front-end", low=1, high=64, whole=True)
_VOLTAGE = Argument("voltage", "V", 0, 6)
_CELSIUS = Argument("temperature", "degC", -250, 400)  # far beyond: open or shorted
_POWER = Argument("power", "kW", -150, 150)

_CELLS = (
    Action("pull", (_MODULE,), "module {0} of cabinet {cabinet} pulled"),
    Action("plug", (_MODULE,), "module {0} of cabinet {cabinet} put back"),
    Action("cell", (_CELL, _VOLTAGE), "cell {0} of cabinet {cabinet} driven to {1:g} V"),
    Action("cells", (_VOLTAGE,), "every cell of cabinet {cabinet} driven to {0:g} V"),
    Action("cell-drift", (_CELL, Argument("rate", "mV/s", -1000, 1000)),
           "cell {0} of cabinet {cabinet} drifts by {1:g} mV/s"),
    Action("cells-back", (), "the cells of cabinet {cabinet} are their own again"),
    Action("cell-frozen", (_CELL,), "cell {0} of cabinet {cabinet} is read as it is now, for ever"),
    Action("temperature", (_CELSIUS,), "every sensor of cabinet {cabinet} at {0:g} degC"),
    Action("temperature-shift", (Argument("shift", "K", -100, 100),),
           "every sensor of cabinet {cabinet} {0:+g} K"),
    Action("sensor", (_SENSOR, _CELSIUS), "sensor {0} of cabinet {cabinet} at {1:g} degC"),
    Action("sensor-drift", (_SENSOR, Argument("rate", "K/min", -600, 600)),
           "sensor {0} of cabinet {cabinet} drifts by {1:g} K/min"),
    Action("sensor-frozen", (_SENSOR,), "sensor {0} of cabinet {cabinet} stays as it is now"),
    Action("temperature-back", (), "the sensors of cabinet {cabinet} feel their cells again"),
)  # fmt: skip
FRONT_END_DEFECTS = ("silent", "noisy", "converter", "reference", "supply", "config", "extra-cell")
_FRONT_ENDS = (
    Action("wire", (_FRONT_END, Argument("pin", low=0, high=18, whole=True),
                    Argument("state", words=("open", "whole"))),
           "sense wire {1} of front end {0} of cabinet {cabinet} {2}"),
    Action("front-end", (_FRONT_END, Argument("defect", words=FRONT_END_DEFECTS), _STATE),
           "front end {0} of cabinet {cabinet}: {1} {2}"),
    Action("front-end-sum", (Argument("gain", "", 0.5, 2),),
           "the front ends of cabinet {cabinet} measure {0:g} times the sum of their cells"),
    Action("front-end-die", (Argument("temperature", "degC", -60, 200),),
           "the front ends of cabinet {cabinet} are at {0:g} degC"),
    Action("front-end-reads", (Argument("state", words=("lost", "whole")),),
           "the front ends' status of cabinet {cabinet} {0}"),
)  # fmt: skip
POLES = ("minus", "plus", "precharge")
CONTACTOR_DEFECTS = ("welded", "stuck-open", "feedback-inverted")
STRING_DEFECTS = ("fuse-blown", "precharge-resistor-open", "link-shorted")
METER_CHANNELS = ("current", "string", "outer-plus", "outer-minus")
_STRING = (
    Action("extra-current", (Argument("current", "A", -2000, 2000),),
           "{0:g} A more flow in cabinet {cabinet}, + out of the battery"),
    Action("string", (Argument("defect", words=STRING_DEFECTS), _STATE),
           "string of cabinet {cabinet}: {0} {1}"),
    Action("contactor",
           (Argument("pole", words=POLES), Argument("defect", words=CONTACTOR_DEFECTS), _STATE),
           "contactor {0} of cabinet {cabinet}: {1} {2}"),
    Action("meter-silent", (Argument("channel", words=METER_CHANNELS), _STATE),
           "the string meter of cabinet {cabinet} sends no {0}: {1}"),
    Action("meter-loss", (Argument("frames", "", 2, 1000, whole=True),),
           "one current in {0} of cabinet {cabinet} does not arrive"),
    Action("meter-offset", (Argument("current", "A", -1000, 1000),),
           "the string meter of cabinet {cabinet} is {0:g} A off"),
    Action("meter-gain", (Argument("gain", "", -2, 2),),
           "the string meter of cabinet {cabinet} says {0:g} times the current"),
    Action("meter-bias", (Argument("channel", words=METER_CHANNELS[1:]),
                          Argument("voltage", "V", -2000, 2000)),
           "the string meter of cabinet {cabinet} adds {1:g} V to {0}"),
    Action("meter-frozen", (_STATE,), "the current of cabinet {cabinet} is frozen: {0}"),
    Action("insulation", (Argument("resistance", "kohm", 0, 50_000, whole=True),),
           "insulation of cabinet {cabinet} at {0} kohm"),
    Action("insulation-status", (Argument("bits", "", 0, 65535, whole=True),),
           "the insulation monitor of cabinet {cabinet} says status {0}"),
    Action("insulation-silent", (_STATE,), "insulation monitor of cabinet {cabinet} silent {0}"),
)  # fmt: skip
PCS_DEFECTS = ("silent", "failed", "keeps-setpoint", "keeps-running")
PCS_STATES = ("off", "starting", "running", "fault", "truth")
PCS_POWERS = ("true", "setpoint", "zero", "flipped")
_PCS = (
    Action("pcs", (Argument("defect", words=PCS_DEFECTS), _STATE),
           "PCS of cabinet {cabinet}: {0} {1}"),
    Action("pcs-offset", (_POWER,), "the PCS of cabinet {cabinet} is {0:g} kW off"),
    Action("pcs-lag", (Argument("time-constant", "s", 0, 60),),
           "the PCS of cabinet {cabinet} follows in {0:g} s"),
    Action("pcs-temperature", (Argument("temperature", "degC", -40, 150, whole=True),),
           "the PCS of cabinet {cabinet} says {0} degC"),
    Action("pcs-state", (Argument("state", words=PCS_STATES),),
           "the PCS of cabinet {cabinet} tells as its state: {0}"),
    Action("pcs-power", (Argument("power", words=PCS_POWERS),),
           "the PCS of cabinet {cabinet} tells as its power: {0}"),
)  # fmt: skip
# on: what the line is there to tell; contactors and the key have actions of their own
LINES = tuple(
    fields[0]
    for fields in rows(lines.INPUTS)
    if fields[1] == "cabinet" and fields[0] != "reset_key"
)
CHILLER_DEFECTS = ("silent", "compressor", "outlet-sensor", "low-level")
CHIP_DEFECTS = ("ram-bad", "program-bad", "storage-bad")
_LINES = (
    Action("line", (Argument("line", words=LINES), _STATE), "{0} of cabinet {cabinet} {1}"),
    Action("line-back", (Argument("line", words=LINES),),
           "{0} of cabinet {cabinet} is its own again"),
    Action("analog", (Argument("sensor", words=wire.ANALOG), Argument("value", "", -250, 400)),
           "{0} of cabinet {cabinet} at {1:g}"),
    Action("supply-dip", (Argument("voltage", "V", 0, 40),
                          Argument("time", "ms", 10, 60_000, whole=True)),
           "the supply of cabinet {cabinet} at {0:g} V for {1} ms"),
    Action("analog-back", (Argument("sensor", words=wire.ANALOG),),
           "{0} of cabinet {cabinet} is its own again"),
    Action("ambient", (Argument("temperature", "degC", -50, 60),),
           "the air around cabinet {cabinet} has {0:g} degC"),
    Action("pump-failed", (_STATE,), "coolant pump of cabinet {cabinet} failed: {0}"),
    Action("chiller", (Argument("defect", words=CHILLER_DEFECTS), _STATE),
           "smart chiller of cabinet {cabinet}: {0} {1}"),
    Action("key", (), "reset key of cabinet {cabinet} turned for half a second"),
    Action("chip", (Argument("defect", words=CHIP_DEFECTS), _STATE),
           "controller of cabinet {cabinet}: {0} {1}"),
    Action("clock-skew", (Argument("time", "ms", 0, 10_000, whole=True),),
           "the clock of cabinet {cabinet} is {0} ms ahead"),
    Action("restart", (), "control supply of cabinet {cabinet} lost and back"),
    Action("watchdog", (), "watchdog of cabinet {cabinet} barked"),
    Action("parameters-corrupt", (), "stored parameters of cabinet {cabinet} spoiled; restarted"),
)  # fmt: skip
BUSES = ("site", "cabinet")
FRAMES = ("command", "heartbeat", "host-heartbeat", "pcs-command", "pcs-status", "current")
_BUS = (
    Action("bus-fault", (Argument("kind", words=("drop", "corrupt", "duplicate")),
                         Argument("frame", words=FRAMES),
                         Argument("count", "", 0, 1_000_000, whole=True)),
           "{0} of the next {2} frames (0: all) of cabinet {cabinet}: {1}"),
    Action("bus-delay", (Argument("frame", words=FRAMES),
                         Argument("delay", "ms", 1, 60_000, whole=True),
                         Argument("count", "", 0, 1_000_000, whole=True)),
           "each of the next {2} frames (0: all) of cabinet {cabinet} {1} ms late: {0}"),
    Action("bus-back", (), "every frame of the buses of cabinet {cabinet} arrives again"),
    Action("bus-off", (Argument("bus", words=BUSES), _STATE),
           "the {0} bus of cabinet {cabinet} shorted: {1}"),
    Action("babble", (), "400 frames at once to cabinet {cabinet}"),
    Action("duplicate-id", (), "another node says that it is cabinet {cabinet}"),
)  # fmt: skip
PURPOSES = ("unknown", "charge", "discharge", "idle")  # in the order of bess.control.preheat
# of a live site: what is not inside, and needs no cabinet of another make
_ANYWHERE = tuple(c.fault for c in FAULT_CASES if not c.inside and not c.parameters)
_SITE = (
    Action("power", (_POWER,), "cabinet {cabinet} is commanded {0:g} kW, + out of the battery"),
    Action("power-back", (), "cabinet {cabinet} takes its share again"),
    Action("wish", (Argument("purpose", words=PURPOSES),
                    Argument("time", "min", 0, 10_000, whole=True), Argument("rate", "C", 0, 2)),
           "cabinet {cabinet} is told that in {1} min it is for {0} at {2:g} C (0: all it can)"),
    Action("supply", (_STATE,), "control supply of cabinet {cabinet} {0}"),
    Action("release", (Argument("state", words=("asked", "back")),),
           "modules of cabinet {cabinet} are to be drawn: {0}"),
    Action("command", (Argument("state", words=("silent", "back")),),
           "commands to cabinet {cabinet}: {0}"),
    Action("target", (_POWER,), "every cabinet is to give {0:g} kW", of_site=True),
    Action("host", (Argument("state", words=("silent", "back")),), "coordinator {0}", of_site=True),
    Action("fault",
           (Argument("name", words=_ANYWHERE),),
           "what raises {0} was done to cabinet {cabinet}; restart or a new site undoes it"),
)  # fmt: skip
HANDS = (
    "many-closings", "many-stops", "parameters-conflict", "task-overrun", "task-dead",
    "part-dead", "heap-used", "log-full", "soc-low", "status-disabled",
)  # fmt: skip
_INSIDE = (
    Action("inside", (Argument("hand", words=HANDS),), "{0} inside cabinet {cabinet}", inside=True),
)
ACTIONS = {
    action.name: action
    for action in (
        *_CELLS, *_FRONT_ENDS, *_STRING, *_PCS, *_LINES, *_BUS, *_SITE, *_INSIDE,
    )
}  # fmt: skip


def named(name: str) -> Action:
    """Raises AutarkyError with the nearest one."""
    if name not in ACTIONS:
        raise AutarkyError(no_such("action", name, ACTIONS))
    return ACTIONS[name]


def usage() -> list[str]:
    """One line an action, as it is typed; then what the words in capitals may be."""
    open_to_all = [action for action in ACTIONS.values() if not action.inside]
    found = [action.usage for action in open_to_all]
    for action in open_to_all:
        for argument in action.arguments:
            if len(argument.words) >= _MANY:
                found.append(f"{argument} of {action.name} is one of {', '.join(argument.words)}")
    return found


def read(text: str) -> Step:
    """A step as it is typed, its cabinet first. Raises AutarkyError with what would be right."""
    name, *given = text.split() or [""]
    action = named(name)
    known = action.of_site or bool(given and given[0].isdigit())
    wanted = len(action.arguments) + (not action.of_site)
    if not known or len(given) != wanted:
        raise AutarkyError(f"{text!r}: write {action.usage}")
    if action.of_site:
        return action.step(0, given)
    return action.step(int(given[0]), given[1:])


def steps_of(done: Iterable[str], cabinet: int) -> list[Step]:
    """What a fault case does, which names no cabinet, on this one."""
    steps = []
    for text in done:
        name, *given = text.split()
        steps.append(named(name).step(cabinet, given))
    return steps
