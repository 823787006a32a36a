"""What an SDO abort code means to a person, and what to do about it (CiA 301, table 22)."""

from __future__ import annotations

_BEGIN_AGAIN = "the transfer was disturbed, nothing was taken: try again"
_DEFECT = "this tool and the cabinet do not fit each other: update the older one"

# code: (what is wrong, what to do)
_MEANINGS = {
    0x05030000: ("a segment came twice or was lost", _BEGIN_AGAIN),
    0x05040000: ("the transfer took too long", "is the bus or this computer busy? try again"),
    0x05040001: ("it does not know this request, or not at this moment", _BEGIN_AGAIN),
    0x05040002: ("the size of a block is wrong", _DEFECT),
    0x05040003: ("a segment of a block has an impossible number", _BEGIN_AGAIN),
    0x05040004: ("the data were damaged on the way", _BEGIN_AGAIN),
    0x05040005: ("it has too little memory", "try again, after a reset if need be"),
    0x06010000: ("its session is locked", "give the device key with --key"),
    0x06010001: ("it can only be written", "`autarky node names` tells what can be read"),
    0x06010002: ("it can only be read", "`autarky node names` tells what can be written"),
    0x06020000: ("it has no such object", "`autarky node names` lists what there is"),
    0x06040041: ("this cannot be mapped into a PDO", "map another object"),
    0x06040042: ("more than 8 bytes are mapped into a PDO", "map fewer or shorter objects"),
    0x06040043: ("parameters contradict each other", "read parameters.conflict"),
    0x06040047: ("it cannot do this at the same time as something else", "try again later"),
    0x06060000: ("its storage or hardware failed", "read its log with `autarky node log`"),
    0x06070010: ("the length of the value is wrong", "`autarky node names` tells its range"),
    0x06070012: ("the data are too long", "send what fits: a value of its type, a smaller package"),
    0x06070013: ("the data are too short", "send all bytes of the value's type"),
    0x06090011: ("the object has no such sub-index", "`autarky node names` lists what there is"),
    0x06090030: ("this value is not allowed", "`autarky node names` tells the range"),
    0x06090031: ("the value is too high", "`autarky node names` tells the range"),
    0x06090032: ("the value is too low", "`autarky node names` tells the range"),
    0x06090036: ("the upper limit is below the lower", "write the other one first"),
    0x060A0023: ("a resource is not there", "try again later"),
    0x08000000: ("it failed at something of its own", "read its log with `autarky node log`"),
    0x08000020: ("it could not store or transfer the value", "is its storage whole? try again"),
    0x08000021: ("it is under local control", "hand control over at the cabinet first"),
    0x08000022: (
        "its present state does not allow it",
        "are its contactors closed? stop the cabinet first (on a virtual site `autarky site "
        "--no-coordinator` keeps them open); or it is a time of a PDO that is enabled",
    ),
    0x08000023: ("its object dictionary could not be made", "reset it, then try again"),
    0x08000024: ("no value is there yet", "read it again once it was measured"),
}  # fmt: skip


def meaning(code: int) -> str:
    """A sentence's end for a code: what is wrong, and what to do; never the bare number."""
    wrong, advice = _MEANINGS.get(
        code,
        (f"for a reason that CiA 301 does not name (code {code:08X}h)", "ask its maker"),
    )
    return f"{wrong}; {advice}"


def known() -> frozenset[int]:
    """Every code that has a meaning here."""
    return frozenset(_MEANINGS)
