"""The DBC files of the site bus and of the PCS, out of the firmware's frame tables."""

from __future__ import annotations

from collections import OrderedDict

from cantools.database import Database
from cantools.database.can import Message, Node, Signal
from cantools.database.conversion import BaseConversion
from cantools.typechecking import Choices

from autarky.tables import FLAGS, LEVELS, fault_names, faults, frames
from bess import modes, objects
from bess.control import preheat
from bess.drivers import chiller_can, pcs, pcs_can

NODE_IDS = range(2, 34)
_NMT_STATES = {0: "boot_up", 4: "stopped", 5: "operational", 127: "pre_operational"}
_NMT_COMMANDS = {
    1: "start", 2: "stop", 128: "enter_pre_operational", 129: "reset_node",
    130: "reset_communication",
}  # fmt: skip


def _named(*names: str) -> Choices:
    return OrderedDict(enumerate(names))


def _emcy_names() -> dict[int, str]:
    """Faults by EMCY code; 0 tells that all are gone."""
    return {0: "none", **{fault.emcy_code: fault.name for fault in faults().values()}}


def _site_choices() -> dict[str, Choices]:
    """Names of the values of signals of the site bus."""
    on_off = _named("no", "yes")
    return {
        "state": _named(*modes.NAMES.decode().split()),
        "worst_fault": OrderedDict({0: "none", **fault_names()}),
        "level": _named(*LEVELS),
        "mode_request": OrderedDict(
            {objects.REQUEST_STANDBY: "standby", objects.REQUEST_READY: "ready",
             objects.REQUEST_RUN: "run"}
        ),
        "purpose": OrderedDict(
            {preheat.UNKNOWN: "unknown", preheat.CHARGE: "charge",
             preheat.DISCHARGE: "discharge", preheat.IDLE: "idle"}
        ),
        "island": on_off, "fast_stream": on_off, "anchor_wanted": on_off,
        **{name: on_off for name, _, bits in FLAGS if bits == 1},
    }  # fmt: skip


_PCS_CHOICES: dict[str, Choices] = {
    "state": OrderedDict(
        {pcs.OFF: "off", pcs.STARTING: "starting", pcs.RUNNING: "running",
         pcs.STOPPING: "stopping", pcs.FAULT: "fault"}
    ),
    "request": OrderedDict({pcs_can.STOP: "stop", pcs_can.FOLLOW: "follow"}),
}  # fmt: skip


_CHILLER_MODES: Choices = OrderedDict(
    {chiller_can.OFF: "off", chiller_can.PUMP: "pump", chiller_can.COOL: "cool",
     chiller_can.HEAT: "heat", chiller_can.AUTOMATIC: "automatic"}
)  # fmt: skip


def _enum(name: str, start: int, bits: int, choices: Choices | None) -> Signal:
    conversion = BaseConversion.factory(scale=1, offset=0, choices=choices)
    return Signal(name, start, bits, "little_endian", conversion=conversion)


def _signals(fields: list[str], choices: dict[str, Choices]) -> list[Signal]:
    """The signals of one field of a table: one, or the bits of `flags`."""
    name, start, bits, sign, scale, unit = fields[1:7]
    if name == "flags":
        return [_enum(flag, int(start) + at, count, choices.get(flag)) for flag, at, count in FLAGS]
    factor = float(scale)
    conversion = BaseConversion.factory(
        scale=int(factor) if factor.is_integer() else factor, offset=0, choices=choices.get(name)
    )
    return [
        Signal(
            name=name,
            start=int(start),
            length=int(bits),
            byte_order="little_endian",
            is_signed=sign == "i",
            conversion=conversion,
            unit=None if unit == "-" else unit,
        )
    ]


def _protection() -> list[Signal]:
    return [
        Signal("e2e_crc", 0, 8, "little_endian"),
        Signal("e2e_counter", 8, 4, "little_endian"),
    ]


def _messages(
    table: bytes, node_id: int, suffix: str, choices: dict[str, Choices]
) -> list[Message]:
    messages: list[Message] = []
    for frame in frames(table):
        sender = "coordinator" if frame.kind == "rx" else "cabinet"
        signals = _protection() if frame.protected else []
        for fields in frame.fields:
            signals += _signals(fields, choices)
        messages.append(
            Message(
                frame_id=frame.can_id + node_id,
                name=frame.name + suffix,
                length=8,
                signals=sorted(signals, key=lambda s: s.start),
                senders=[sender],
                strict=True,
            )
        )
    return messages


def site_dbc() -> str:
    """DBC of the site bus: cyclic objects, EMCY and heartbeat of nodes 2..33, SYNC and NMT."""
    choices = _site_choices()
    beat = [_enum("nmt_state", 0, 8, OrderedDict(_NMT_STATES))]
    emergency = [
        _enum("error_code", 0, 16, OrderedDict(_emcy_names())), Signal("error_register", 16, 8),
        _enum("fault_id", 24, 8, choices["worst_fault"]), _enum("level", 32, 8, choices["level"]),
        Signal("string", 40, 8),
    ]  # fmt: skip
    messages = [
        Message(0x000, "nmt", 2,
                [_enum("command", 0, 8, OrderedDict(_NMT_COMMANDS)), Signal("node", 8, 8)],
                senders=["coordinator"]),
        Message(0x080, "sync", 1, [Signal("counter", 0, 8)], senders=["coordinator"]),
        Message(0x701, "heartbeat_1", 1, beat, senders=["coordinator"]),
    ]  # fmt: skip
    for node_id in NODE_IDS:
        messages += _messages(objects.PDO_TABLE, node_id, f"_{node_id}", choices)
        messages.append(
            Message(0x080 + node_id, f"emergency_{node_id}", 8, emergency, senders=["cabinet"])
        )
        messages.append(Message(0x700 + node_id, f"heartbeat_{node_id}", 1, beat,
                                senders=["cabinet"]))  # fmt: skip
    return _dump(messages)


def pcs_dbc() -> str:
    """DBC of the PCS on the cabinet bus."""
    return _dump(_messages(pcs_can.PCS_TABLE, 0, "", _PCS_CHOICES))


def chiller_dbc() -> str:
    """DBC of the smart chiller on the cabinet bus."""
    choices = {"mode": _CHILLER_MODES, "state": _CHILLER_MODES}
    return _dump(_messages(chiller_can.CHILLER_TABLE, 0, "", choices))


def _dump(messages: list[Message]) -> str:
    database = Database(
        messages=sorted(messages, key=lambda m: m.frame_id),
        nodes=[Node("coordinator"), Node("cabinet")],
        version="",
    )
    return database.as_dbc_string().replace("\r\n", "\n")
