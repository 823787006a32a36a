"""cabinet.eds: the object dictionary of a cabinet with default parameters, for CANopen tools.

Enumerates the very dictionary that the firmware answers from, so that the two cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from autarky.sil.inline import InlineFirmware
from autarky.tables import fault_names, frames
from bess import objects
from bess.app import Cabinet
from bess.drivers.ltc681x import CELLS_PER_DEVICE
from bess.link import communication
from bess.link.dictionary import Dictionary, Entry, is_pdo_cob_id
from bess.link.pdo import IMAGE, Pdos
from bess.parameters import TABLE as PARAMETER_TABLE
from bess.parameters import address
from bess.table import rows
from bess.topology import spread

DATA_TYPES = {
    "i8": 0x0002, "i16": 0x0003, "i32": 0x0004, "u8": 0x0005, "u16": 0x0006, "u32": 0x0007,
    "str": 0x0009, "oct": 0x000A, "dom": 0x000F,
}  # fmt: skip
_FAULT_LEVELS = 0x2300
_HIGHEST_SUB = 254
# suffix of a parameter's name: (factor, unit)
UNITS = {
    "dmv": (0.1, "mV"), "mv": (1, "mV"), "ma": (1, "mA"), "mah": (1, "mAh"), "dc": (0.1, "degC"),
    "w": (1, "W"), "ms": (1, "ms"), "permille": (0.001, ""), "cpct": (0.01, "%"),
    "100us": (0.1, "ms"), "mohm": (1, "mohm"), "kohm": (1, "kohm"),
}  # fmt: skip


@dataclass
class Described:
    """One entry for tools: its place, name, type and what a write may hold."""

    index: int
    sub: int
    name: str
    kind: str
    access: str  # ro, wo or rw
    unit: str = ""
    factor: float = 1.0
    low: int | None = None
    high: int | None = None
    default: int | None = None
    mappable: bool = False


def default_cabinet() -> Cabinet:
    """A cabinet with default parameters, to ask what its dictionary holds."""
    return InlineFirmware("", len(spread(5, 48, CELLS_PER_DEVICE))).app


def dictionary_of(cabinet: Cabinet) -> Dictionary:
    """The dictionary that its SDO server answers from."""
    return cabinet.site.dictionary


def _frame_names() -> list[str]:
    return [frame.name for frame in frames(objects.PDO_TABLE)]


def _piece_names() -> list[list[str]]:
    """Names of what is mapped into each frame, as Pdos maps it: bit fields as their byte."""
    found: list[list[str]] = []
    for frame in frames(objects.PDO_TABLE):
        names = {0: "e2e_crc"} if frame.protected else {}
        for fields in frame.fields:
            byte, whole = int(fields[2]) // 8, int(fields[3]) >= 8
            names.setdefault(byte, fields[1] if whole else fields[1] + "_byte")
        found.append(list(names.values()))
    return found


def _unit(text: str) -> tuple[float, str]:
    """Factor and unit of a text such as 0.1mV."""
    number = "".join(c for c in text if c.isdigit() or c == ".")
    unit = text[len(number) :]
    return (float(number) if number else 1.0), ("" if unit == "-" else unit)


def _names() -> dict[tuple[int, int | str], tuple[str, float, str, int | None]]:
    """(index, sub or "*") -> name, factor, unit, default."""
    found: dict[tuple[int, int | str], tuple[str, float, str, int | None]] = {}
    for fields in rows(PARAMETER_TABLE):
        suffix = fields[1].rsplit("_", 1)[-1]
        factor, unit = UNITS.get(suffix, (1, ""))
        found[address(fields[0])] = (fields[1], factor, unit, int(fields[2], 0))
    for table in (communication.TABLE, objects.OBJECT_TABLE):
        for fields in rows(table):
            place, _, sub = fields[0].partition(".")
            factor, unit = _unit(fields[4])
            key = int(place, 16), (sub if sub == "*" else int(sub or 0))
            found[key] = (fields[1], factor, unit, None)
    return found


def entries(cabinet: Cabinet | None = None) -> list[Described]:
    """Every entry of the dictionary, in order of index and sub-index."""
    cabinet = cabinet or default_cabinet()
    dictionary = dictionary_of(cabinet)
    pdo = cabinet.node.pdo
    names = _names()
    indices = {index for index, _ in names}
    for frame in range(pdo.count):
        indices.add(IMAGE + frame)
        indices.add(_mapping_index(pdo, frame))
    out = []
    for index in sorted(indices):
        found = dictionary.lookup(index, 0)
        if isinstance(found, int):
            continue
        out.append(_describe(found, index, 0, names, pdo))
        if _is_record(index, names):
            for sub in range(1, _HIGHEST_SUB + 1):
                entry = dictionary.lookup(index, sub)
                if not isinstance(entry, int):
                    out.append(_describe(entry, index, sub, names, pdo))
    return out


def _is_record(index: int, names: dict) -> bool:
    own = [sub for known, sub in names if known == index]
    return not own or own != [0]


def _mapping_index(pdo: Pdos, frame: int) -> int:
    base = 0x1600 if pdo._received[frame] else 0x1A00
    return base + pdo._number[frame]


def _describe(entry: Entry, index: int, sub: int, names: dict, pdo: Pdos) -> Described:
    name, factor, unit, default = names.get((index, sub), ("", 1.0, "", None))
    if not name:
        name, factor, unit = _unnamed(index, sub, names, pdo)
    writable = entry.access.startswith("rw")
    access = "rw" if writable else entry.access[:2]
    described = Described(index, sub, name, entry.kind, access, unit, factor)
    if entry.row >= 0 and not is_pdo_cob_id(index, sub):
        described.low, described.high, described.default = entry.low, entry.high, default
    elif sub == 0 and entry.value is not None and access == "ro":
        described.default = entry.value
    described.mappable = IMAGE <= index < IMAGE + pdo.count and sub > 0
    return described


def _unnamed(index: int, sub: int, names: dict, pdo: Pdos) -> tuple[str, float, str]:
    """Names of what no table row names: elements of arrays, PDO mappings and their pieces."""
    if IMAGE <= index < IMAGE + pdo.count:
        if sub == 0:
            return "number_of_entries", 1.0, ""
        frame = index - IMAGE
        return f"{_frame_names()[frame]}.{_piece_names()[frame][sub - 1]}", 1.0, ""
    if sub == 0:
        return "number_of_entries", 1.0, ""
    if index < 0x2000 and (index, "*") not in names:
        return f"mapping_{sub}", 1.0, ""
    if index == _FAULT_LEVELS:
        return "fault." + fault_names().get(sub, f"unused_{sub}"), 1.0, ""
    base = next(i for i in range(index, index - 4, -1) if (i, "*") in names)
    name, factor, unit, _ = names[base, "*"]
    number = (index - base) * _HIGHEST_SUB + sub - 1
    if name.startswith("string."):
        number += 1  # strings count from 1: 0 is the cabinet
    return f"{name}.{number}", factor, unit


def _object_name(index: int, pdo: Pdos) -> str:
    """Name of a record or an array as a whole."""
    for frame in range(pdo.count):
        kind = ("rpdo" if pdo._received[frame] else "tpdo") + str(pdo._number[frame] + 1)
        if index == _mapping_index(pdo, frame):
            return f"{kind}_mapping"
        if index == _mapping_index(pdo, frame) - 0x200:
            return f"{kind}_communication"
        if index == IMAGE + frame:
            return f"{_frame_names()[frame]}_image"
    for (known, sub), (name, *_) in _names().items():
        if known == index and sub == "*":
            return name
    titles = {
        0x1010: "store_parameters", 0x1011: "restore_parameters", 0x1016: "heartbeat_consumers",
        0x1018: "identity", 0x1029: "error_behaviour", 0x1200: "sdo_server", 0x1F50: "program",
        0x1F51: "program_controls", 0x1F56: "program_identification", 0x1F57: "flash_status",
        0x2F00: "session",
    }  # fmt: skip
    return titles[index]


def cabinet_eds() -> str:
    """The text of cabinet.eds (CiA 306)."""
    cabinet = default_cabinet()
    pdo = cabinet.node.pdo
    found = entries(cabinet)
    by_index: dict[int, list[Described]] = {}
    for described in found:
        by_index.setdefault(described.index, []).append(described)
    received = sum(pdo._received)
    lines = [
        "[FileInfo]", "FileName=cabinet.eds", "FileVersion=1", "FileRevision=0",
        "EDSVersion=4.0", "Description=Autarky battery cabinet, default parameters",
        "CreatedBy=make generate", "",
        "[DeviceInfo]", "VendorName=none assigned", "VendorNumber=0",
        f"ProductName={Cabinet.device_name}", f"ProductNumber={cabinet.node.product_code}",
        f"RevisionNumber={cabinet.node.revision_number}", "OrderCode=0",
        *[f"BaudRate_{rate}={int(rate in (250, 500, 1000))}"
          for rate in (10, 20, 50, 125, 250, 500, 800, 1000)],
        "SimpleBootUpMaster=0", "SimpleBootUpSlave=1", "Granularity=0",
        "DynamicChannelsSupported=0", "GroupMessaging=0", f"NrOfRXPDO={received}",
        f"NrOfTXPDO={pdo.count - received}", "LSS_Supported=1", "",
        "[DummyUsage]", *[f"Dummy{i:04d}=0" for i in range(1, 8)], "",
    ]  # fmt: skip
    mandatory = [0x1000, 0x1001, 0x1018]
    groups = {
        "MandatoryObjects": mandatory,
        "OptionalObjects": [i for i in by_index if i < 0x2000 and i not in mandatory],
        "ManufacturerObjects": [i for i in by_index if i >= 0x2000],
    }
    for title, indices in groups.items():
        lines += [f"[{title}]", f"SupportedObjects={len(indices)}"]
        lines += [f"{n}=0x{index:04X}" for n, index in enumerate(indices, 1)] + [""]
    for index, members in by_index.items():
        if len(members) == 1:
            lines += [f"[{index:04X}]", *_variable(members[0]), ""]
            continue
        kind = 8 if (index, "*") in _names() else 9
        lines += [f"[{index:04X}]", f"ParameterName={_object_name(index, pdo)}",
                  f"ObjectType=0x{kind:X}", f"SubNumber={len(members)}", ""]  # fmt: skip
        for member in members:
            lines += [f"[{index:04X}sub{member.sub:X}]", *_variable(member), ""]
    return "\n".join(lines)


def _variable(d: Described) -> list[str]:
    lines = [
        f"ParameterName={d.name}", f"ObjectType=0x{2 if d.kind == 'dom' else 7:X}",
        f"DataType=0x{DATA_TYPES[d.kind]:04X}", f"AccessType={d.access}",
        f"PDOMapping={int(d.mappable)}",
    ]  # fmt: skip
    if d.default is not None:
        lines.append(f"DefaultValue={d.default}")
    if d.low is not None:
        lines += [f"LowLimit={d.low}", f"HighLimit={d.high}"]
    if d.unit:
        lines += [f"Unit={d.unit}", f"Factor={d.factor:g}"]
    return lines
