"""BLF files below a folder to MF4: run by .build/mf4, which has asammdf and nothing of ours.

    python mf4_script.py FOLDER DBC

Frames as ASAM's bus logging has them, channels from 1 on as in a BLF; the DBC is attached. Made
beside its name first, so that a full disk leaves no half of a file.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path

import can
import numpy as np
from asammdf import MDF, Signal, Source  # pyright: ignore[reportMissingImports]

_HEAD = (("BusChannel", "<u1"), ("ID", "<u4"), ("IDE", "<u1"), ("DLC", "<u1"), ("Dir", "<u1"))
_DATA = (("DataLength", "<u1"), ("DataBytes", "(8,)u1"))
# name of the group -> its members, and which frames are there
_GROUPS: dict[str, tuple[tuple[tuple[str, str], ...], Callable[[can.Message], bool]]] = {
    "CAN_DataFrame": (_HEAD + _DATA, lambda m: not (m.is_error_frame or m.is_remote_frame)),
    "CAN_RemoteFrame": (_HEAD, lambda m: m.is_remote_frame),
    "CAN_ErrorFrame": (_HEAD, lambda m: m.is_error_frame),
}
_BUS, _CAN = 2, 2  # source of a bus, which is CAN
_TRANSPOSED = 2  # the smallest of the three compressions
_NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)  # a header has one, virtual time has none


def _samples(name: str, members: tuple[tuple[str, str], ...], frames: list[can.Message]):
    made = np.zeros(len(frames), dtype=[(f"{name}.{member}", kind) for member, kind in members])
    of = {
        "BusChannel": lambda m: (m.channel or 0) + 1, "ID": lambda m: m.arbitration_id,
        "IDE": lambda m: m.is_extended_id, "DLC": lambda m: m.dlc, "Dir": lambda m: not m.is_rx,
        "DataLength": lambda m: len(m.data),
    }  # fmt: skip
    for member, _ in members:
        if member == "DataBytes":
            raw = b"".join(bytes(m.data).ljust(8, b"\0") for m in frames)
            made[f"{name}.{member}"] = np.frombuffer(raw, np.uint8).reshape(-1, 8)
        else:
            made[f"{name}.{member}"] = [of[member](m) for m in frames]
    return made


def convert(blf: Path, dbc: Path) -> None:
    """blf's frames into the MF4 file beside it."""
    with can.BLFReader(blf) as reader:
        messages = list(reader)
    content = dbc.read_bytes()
    mdf = MDF(version="4.10")
    mdf.header.start_time = _NO_DATE
    for name, (members, belongs) in _GROUPS.items():
        frames = [message for message in messages if belongs(message)]
        if not frames:
            continue
        mdf.append(
            Signal(
                name=name, samples=_samples(name, members, frames),
                timestamps=np.array([m.timestamp for m in frames]),
                attachment=(content, Path(dbc.name), md5(content).digest()),
                source=Source("CAN", "CAN", "", _BUS, _CAN),
            )
        )  # fmt: skip
    part = blf.with_suffix(".part.mf4")
    try:
        mdf.save(part, overwrite=True, compression=_TRANSPOSED)
        mdf.close()
        part.replace(blf.with_suffix(".mf4"))
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    for found in sorted(Path(sys.argv[1]).rglob("*.blf")):
        convert(found, Path(sys.argv[2]))
