"""The firmware's tables as the host reads them, and looked at first: a broken row is a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from autarky.errors import AutarkyError
from bess import objects, parameters
from bess.drivers import pcs_can
from bess.measure import signals
from bess.protect import fault_table
from bess.table import rows

# what telemetry.py packs into `flags` of the status frame: name, first bit, bits
FLAGS = (
    ("level", 0, 3), ("charge_blocked", 3, 1), ("discharge_blocked", 4, 1),
    ("coordinator_silent", 5, 1), ("contactors_closed", 6, 1), ("thermal_running", 7, 1),
)  # fmt: skip
LEVELS = ("none", "warn", "limit", "trip", "lockout", "stop")
FAULT_IDS = range(1, 128)
EMCY_CODES = range(0x1000, 0x10000)
_FAULT_COLUMNS = 12
_SCOPES = {"string": "string", "-": "cabinet"}
_COLUMNS = {"frame": 5, "field": 7}


class TableError(AutarkyError):
    """A row that nothing can be made of; the message names file and row."""


@dataclass(frozen=True)
class Fault:
    """One row of the fault table; its columns are explained there."""

    id: int
    name: str
    signal: str
    over: bool
    unit: str
    gate: str
    levels: str
    direction: str
    period_ms: int
    emcy_code: int
    scope: str  # string or cabinet


@cache
def faults() -> dict[str, Fault]:
    """The fault table by name, in its order."""
    return {
        f[1]: Fault(
            int(f[0]),
            f[1],
            f[2],
            f[3] == "over",
            f[4],
            f[5],
            f[6],
            f[7],
            int(f[8]),
            int(f[9], 16),
            _SCOPES[f[11]],
        )
        for f in fault_table.fault_rows(fault_table.TABLE)
    }


@cache
def fault_names() -> dict[int, str]:
    """Names of the faults by id."""
    return {fault.id: fault.name for fault in faults().values()}


@dataclass(frozen=True)
class Frame:
    """One frame of a table of frames, and the rows of its fields as they stand."""

    name: str
    can_id: int
    kind: str
    protected: bool
    fields: tuple[list[str], ...]


def frames(table: bytes) -> list[Frame]:
    """The frames of objects.PDO_TABLE or pcs_can.PCS_TABLE, in order."""
    found: list[tuple[list[str], list[list[str]]]] = []
    for fields in rows(table):
        if fields[0] == "frame":
            found.append((fields, []))
        else:
            found[-1][1].append(fields)
    return [Frame(f[1], int(f[2], 0), f[3], f[4] == "e2e", tuple(below)) for f, below in found]


def _number(text: str, allowed: range, what: str, base: int = 0) -> int:
    try:
        number = int(text, base)
    except ValueError:
        raise ValueError(f"{what} {text!r} is no number") from None
    if number not in allowed:
        raise ValueError(f"{what} {text} is not within {allowed.start}..{allowed.stop - 1}")
    return number


def _width(fields: list[str], wanted: int) -> None:
    if len(fields) != wanted:
        raise ValueError(f"it has {len(fields)} columns, {wanted} are wanted")


def _once(one: object, what: str, seen: set[object]) -> None:
    if one in seen:
        raise ValueError(f"its {what} belongs to another row already")
    seen.add(one)


def _fault(fields: list[str], seen: set[object]) -> None:
    _width(fields, _FAULT_COLUMNS)
    signal = fields[1] if fields[2] == "-" else fields[2]
    new = [
        _number(fields[0], FAULT_IDS, "id"), fields[1],
        ("EMCY", _number(fields[9], EMCY_CODES, "EMCY code", 16)),
    ]  # fmt: skip
    for one, what in zip(new, ("id", "name", "EMCY code"), strict=True):
        _once(one, what, seen)
    judged = [signal, *([] if fields[5] == "-" else [fields[5]])]
    for name in judged:
        if name not in signals.names():
            raise ValueError(f"no signal of bess/measure/signals.py is named {name!r}")
    if fields[3] not in ("over", "under"):
        raise ValueError(f"{fields[3]!r} is neither over nor under")
    if not fields[6] or set(fields[6]) - set("1234S"):
        raise ValueError(f"levels {fields[6]!r} are not of 1, 2, 3, 4, S")
    if fields[7] not in ("charge", "discharge", "both"):
        raise ValueError(f"direction {fields[7]!r} is not charge, discharge or both")
    _number(fields[8], range(1, 60001), "period in ms")
    if fields[11] not in _SCOPES:
        raise ValueError(f"scope {fields[11]!r} is neither string nor -")
    for name in judged:
        seen.add((name, fields[11]))
        if all((name, scope) in seen for scope in _SCOPES):
            raise ValueError(f"its signal {name} is judged in the other scope already")
    names = {row[1] for row in rows(parameters.TABLE) if len(row) > 1}
    for wanted in _parameters_of(fields):
        if wanted not in names:
            raise ValueError(f"firmware/bess/parameters.py has no row {wanted}")


def _parameters_of(fields: list[str]) -> list[str]:
    """Parameters that a fault cannot do without: thresholds, and the time it recovers in."""
    found = [] if fields[10] == "-" else [fields[10] + "_recover_ms"]
    if fields[4] != "flag":
        found += [f"{fields[1]}_{mark.replace('S', '3')}_{fields[4]}" for mark in fields[6]]
    return found


def _frame(fields: list[str], seen: set[object]) -> None:
    if fields[0] not in _COLUMNS:
        raise ValueError(f"{fields[0]!r} is neither frame nor field")
    _width(fields, _COLUMNS[fields[0]])
    if fields[0] == "frame":
        _number(fields[2], range(0x800), "identifier")
        return
    start = _number(fields[2], range(64), "first bit")
    _number(fields[3], range(1, 65 - start), "number of bits")
    if fields[4] not in ("u", "i"):
        raise ValueError(f"sign {fields[4]!r} is neither u nor i")
    float(fields[5])


def _parameter(fields: list[str], seen: set[object]) -> None:
    if len(fields) < 2:  # an index whose row is left to the rest of the table
        _number(fields[0].partition(".")[0], range(0x10000), "index")
        return
    if len(fields) < 5:
        raise ValueError("index, name, default, minimum and maximum are wanted")
    _number(fields[0].partition(".")[0], range(0x10000), "index")
    low, high = (_number(text, range(-(2**31), 2**31), "bound") for text in fields[3:5])
    _number(fields[2], range(low, high + 1), "default")
    _once(fields[1], "name", seen)


_TABLES = (
    ("firmware/bess/protect/fault_table.py", fault_table, "TABLE", _fault),
    ("firmware/bess/objects.py", objects, "PDO_TABLE", _frame),
    ("firmware/bess/drivers/pcs_can.py", pcs_can, "PCS_TABLE", _frame),
    ("firmware/bess/parameters.py", parameters, "TABLE", _parameter),
)


def check() -> None:
    """Raise TableError at the first row that nothing can be made of."""
    for path, module, name, look in _TABLES:
        seen: set[object] = set()
        for fields in rows(getattr(module, name)):
            try:
                look(fields, seen)
            except ValueError as error:
                raise TableError(f"{path}: {error} in the row `{' '.join(fields)}`") from None


def _spans(numbers: Iterable[int], form: str) -> str:
    """1..3, 7 of 1, 2, 3, 7."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(
        format(a, form) if a == b else f"{format(a, form)}..{format(b, form)}" for a, b in spans
    )


def free_places() -> str:
    """Markdown for host_tests/kit: what a fault, a parameter and an object of your own may take."""
    ids = set(FAULT_IDS) - set(fault_names())
    codes = set(range(0xFF80, 0x10000)) - {fault.emcy_code for fault in faults().values()}
    taken = {
        int(fields[0].partition(".")[0], 16)
        for table in (parameters.TABLE, objects.OBJECT_TABLE)
        for fields in rows(table)
        if fields[0].startswith("0x")
    }
    indices = set(range(0x2000, 0x2100)) - taken
    return "\n".join(
        (
            f"- fault ids: {_spans(ids, 'd')}",
            f"- EMCY codes (device specific): {_spans(codes, '#06X').replace('0X', '0x')}",
            f"- indices of parameters: {_spans(indices, '#06X').replace('0X', '0x')}",
        )
    )
