"""Writes what follows from the firmware's tables: DBC, EDS, faults, safety page, pin tables.

`make generate` runs it; a test fails when a committed file is stale.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from cantools.database import Database
from cantools.database.can import Message, Node, Signal
from cantools.database.conversion import BaseConversion
from cantools.typechecking import Choices

from autarky.eds import cabinet_eds
from autarky.flash.pages import board_pages
from autarky.paths import FIRMWARE, ROOT
from autarky.safety import faults_md, safety_md
from bess import modes, objects
from bess.drivers.pcs_can import PCS_TABLE
from bess.table import rows

GENERATED = ROOT / "tools" / "autarky" / "generated"
NODE_IDS = range(2, 34)
_PROTECT = FIRMWARE / "bess" / "protect"


def _signal(fields: list[str]) -> Signal:
    name, start, bits, sign, scale, unit = fields[1:7]
    factor = float(scale)
    states: Choices = OrderedDict(enumerate(modes.NAMES.decode().split()))
    choices = states if name == "state" else None
    return Signal(
        name=name,
        start=int(start),
        length=int(bits),
        byte_order="little_endian",
        is_signed=sign == "i",
        conversion=BaseConversion.factory(
            scale=int(factor) if factor.is_integer() else factor, offset=0, choices=choices
        ),
        unit=None if unit == "-" else unit,
    )


def _protection() -> list[Signal]:
    return [
        Signal("e2e_crc", 0, 8, "little_endian"),
        Signal("e2e_counter", 8, 4, "little_endian"),
    ]


def _messages(table: bytes, node_id: int, suffix: str, states: bool) -> list[Message]:
    messages: list[Message] = []
    frames: list[tuple[list[str], list[Signal]]] = []
    for fields in rows(table):
        if fields[0] == "frame":
            frames.append((fields, _protection() if fields[4] == "e2e" else []))
        else:
            signal = _signal(fields)
            if fields[1] == "state" and not states:
                signal.conversion = BaseConversion.factory()
            frames[-1][1].append(signal)
    for fields, signals in frames:
        sender = "coordinator" if fields[3] == "rx" else "cabinet"
        messages.append(
            Message(
                frame_id=int(fields[2], 0) + node_id,
                name=fields[1] + suffix,
                length=8,
                signals=sorted(signals, key=lambda s: s.start),
                senders=[sender],
                strict=True,
            )
        )
    return messages


def site_dbc() -> str:
    """DBC of the site bus: cyclic objects, EMCY and heartbeat of nodes 2..33, SYNC and NMT."""
    messages = [
        Message(0x000, "nmt", 2, [Signal("command", 0, 8), Signal("node", 8, 8)],
                senders=["coordinator"]),
        Message(0x080, "sync", 1, [Signal("counter", 0, 8)], senders=["coordinator"]),
        Message(0x701, "heartbeat_1", 1, [Signal("nmt_state", 0, 8)], senders=["coordinator"]),
    ]  # fmt: skip
    for node_id in NODE_IDS:
        messages += _messages(objects.PDO_TABLE, node_id, f"_{node_id}", states=True)
        emergency = [
            Signal("error_code", 0, 16), Signal("error_register", 16, 8),
            Signal("fault_id", 24, 8), Signal("level", 32, 8),
        ]  # fmt: skip
        messages.append(
            Message(0x080 + node_id, f"emergency_{node_id}", 8, emergency, senders=["cabinet"])
        )
        beat = [Signal("nmt_state", 0, 8)]
        messages.append(Message(0x700 + node_id, f"heartbeat_{node_id}", 1, beat,
                                senders=["cabinet"]))  # fmt: skip
    return _dump(messages)


def pcs_dbc() -> str:
    """DBC of the PCS on the cabinet bus."""
    return _dump(_messages(PCS_TABLE, 0, "", states=False))


def _dump(messages: list[Message]) -> str:
    database = Database(
        messages=sorted(messages, key=lambda m: m.frame_id),
        nodes=[Node("coordinator"), Node("cabinet")],
        version="",
    )
    return database.as_dbc_string().replace("\r\n", "\n")


def outputs() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    return {
        GENERATED / "site.dbc": site_dbc(),
        GENERATED / "pcs.dbc": pcs_dbc(),
        GENERATED / "cabinet.eds": cabinet_eds(),
        _PROTECT / "FAULTS.md": faults_md(),
        _PROTECT / "SAFETY.md": safety_md(),
        **board_pages(),
    }


def main() -> None:
    """Write all generated files."""
    for path, text in outputs().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
