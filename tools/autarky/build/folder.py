"""A board's files laid out in a folder: what flashing and provisioning leave on it."""

from __future__ import annotations

import shutil
from pathlib import Path

from autarky.build import image
from autarky.build.package import Made
from bess.port.memory import MemoryRegion
from bess.port.slots import RECORD_BYTES, Slots
from bess.port.storage import PROVISION_BYTES, SlotStore


def provision_bytes(text: str) -> bytes:
    """Content of provision.bin: framed lines NAME=VALUE."""
    region = MemoryRegion(PROVISION_BYTES)
    SlotStore(region).save(text.encode())
    content = bytearray(PROVISION_BYTES)
    region.readinto(0, content)
    return bytes(content)


def stored_lines(content: bytes) -> str:
    """Text of a board's provision.bin, "" when nothing whole stands there."""
    region = MemoryRegion(PROVISION_BYTES)
    if len(content) <= PROVISION_BYTES:
        region.write(0, content)
    stored = SlotStore(region).load()
    return stored.decode() if stored else ""


def record_bytes(slot: int) -> bytes:
    """Content of slots.bin: one slot confirmed, none on trial."""
    record = MemoryRegion(RECORD_BYTES)
    Slots(record, ()).install(slot)
    content = bytearray(RECORD_BYTES)
    record.readinto(0, content)
    return bytes(content)


def fresh(folder: Path, made: Made, provision: str) -> None:
    """A new board's folder: loader, package in slot 0, provisioning, and the image in its ROM."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(image.build_loader(), folder, dirs_exist_ok=True)
    (folder / "slot0.bin").write_bytes(made.data)
    (folder / "slots.bin").write_bytes(record_bytes(0))
    (folder / "provision.bin").write_bytes(provision_bytes(provision))
    (folder / "rom.bin").write_bytes(made.image)  # the chip finds the rest erased
