"""Packages as the loader reads them, and every change of the record."""

import hashlib

import pytest

from bess.port.memory import MemoryRegion
from bess.port.slots import (
    HEAD_BYTES,
    MAGIC,
    MANIFEST_MAX,
    NONE,
    RECORD_BYTES,
    SLOT_BYTES,
    Package,
    Slots,
    open_slots,
    version_number,
    whole,
)
from bess.port.storage import SlotStore

IMAGE = bytes(range(256)) * 40


@pytest.fixture
def record() -> MemoryRegion:
    return MemoryRegion(RECORD_BYTES)


def packed(length: int = 0, image: bytes = IMAGE, size: int | None = None, head=MAGIC) -> bytes:
    """A package without a signature; length: of its manifest, filled up with a revision."""
    lines = (
        f"format 1\nversion 1.2.3\nsize {len(image) if size is None else size}\n"
        f"sha256 {hashlib.sha256(image).hexdigest()}\nrevision "
    ).encode()
    text = lines + b"r" * max(length - len(lines) - 1, 0) + b"\n"
    return head + len(text).to_bytes(2, "little") + bytes(2) + text + image


def region_of(data: bytes, size: int | None = None) -> MemoryRegion:
    region = MemoryRegion(size or len(data) + 64)
    region.write(0, data)
    return region


@pytest.mark.parametrize("length", [0, 255, 256, 300, 768, MANIFEST_MAX])
def test_manifests_of_all_lengths_are_read(length: int) -> None:
    package = Package(region_of(packed(length)))
    assert package.manifest["version"] == "1.2.3"
    assert package.number == 1_002_003
    assert package.size == len(IMAGE)
    assert "" not in package.manifest
    assert not length or len(package.text) == length
    assert package.image_at == HEAD_BYTES + len(package.text)
    assert whole(package.hasher()) == package.sha256 == hashlib.sha256(IMAGE).hexdigest()
    assert package.signature() == b""


@pytest.mark.parametrize(
    "data",
    [packed(MANIFEST_MAX + 1), packed(head=b"AUTARKX\n"), packed(size=0), packed(size=-5), b"\0",
     b"", packed(size=10**9), packed()[: HEAD_BYTES + 20]],
)  # fmt: skip
def test_what_is_no_package_has_no_manifest(data: bytes) -> None:
    package = Package(region_of(data, 40_000))
    assert package.manifest == {}


def test_only_what_has_room_to_the_last_byte_is_a_package() -> None:
    data = packed()
    assert Package(region_of(data, len(data))).manifest
    short = MemoryRegion(len(data) - 1)
    short.write(0, data[:-1])
    assert not Package(short).manifest


def test_nothing_that_is_read_before_the_manifest_is_believed() -> None:
    package = Package(region_of(b"\0" * 100))
    assert (package.size, package.text, package.manifest) == (0, b"", {})


def test_the_image_is_copied_piece_by_piece() -> None:
    pieces: list[tuple[int, bytes]] = []
    Package(region_of(packed())).copy(lambda offset, data: pieces.append((offset, bytes(data))))
    assert [offset for offset, _ in pieces] == [0, 4096, 8192]
    assert b"".join(data for _, data in pieces) == IMAGE


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.0.0", 0), ("0.0.1", 1), ("0.1.0", 1000), ("1.0.0", 10**6), ("1.2.3", 1_002_003),
     ("999.999.999", 999_999_999)],
)  # fmt: skip
def test_versions_are_numbers(text: str, number: int) -> None:
    assert version_number(text) == number


@pytest.mark.parametrize("text", ["1000.0.0", "0.0.1000", "1.2", "1.2.3.4", "a.b.c", "-1.0.0", ""])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        version_number(text)


@pytest.mark.parametrize("length", [1, 255, 256, 2508])
def test_signatures_of_all_lengths_are_read_and_the_image_follows(length: int) -> None:
    plain = packed()
    signature = bytes((i * 7 + length) & 0xFF for i in range(length))
    at = len(plain) - len(IMAGE)
    data = plain[:10] + length.to_bytes(2, "little") + plain[12:at] + signature + IMAGE
    package = Package(region_of(data))
    assert package.signature_bytes == length
    assert package.signature() == signature
    assert package.image_at == at + length
    assert whole(package.hasher()) == package.sha256


def test_an_image_of_one_byte_is_an_image() -> None:
    assert Package(region_of(packed(image=b"x"))).manifest


def test_a_record_names_one_of_two_slots(record) -> None:
    for active in (0, 1, 2, 255):
        SlotStore(record).save(bytes((active, NONE, 0, NONE, 0)))
        assert Slots(record, ()).active == (active if active < 2 else 0)


def test_what_cannot_be_stored_is_an_input_output_error(record, monkeypatch) -> None:
    slots = reopened(record)
    with pytest.raises(OSError) as caught:
        slots.confirm()
    assert caught.value.args == (5,)
    monkeypatch.setattr(SlotStore, "save", lambda self, payload: False)
    with pytest.raises(OSError) as caught:
        slots.activate()
    assert caught.value.args == (5,)
    assert state(slots) == (0, NONE, 0, NONE, 0)


def state(slots: Slots) -> tuple:
    return slots.active, slots.trial, slots.started, slots.failed, slots.spare_good


def reopened(record: MemoryRegion) -> Slots:
    return Slots(record, (MemoryRegion(1), MemoryRegion(2)))


def test_every_change_of_the_record_and_what_it_means(record) -> None:
    slots = reopened(record)
    steps = [
        ("install", (1,), (1, NONE, 0, NONE, 0)),
        ("install", (0,), (0, NONE, 0, NONE, 0)),
        ("claim", (), (0, NONE, 0, NONE, 0)),
        ("activate", (), (0, 1, 0, NONE, 0)),
        ("claim", (), (0, NONE, 0, 1, 0)),  # activated, then overwritten: no trial
        ("activate", (), (0, 1, 0, NONE, 0)),
        ("choose", (), (0, 1, 1, NONE, 0)),
        ("choose", (), (0, NONE, 0, 1, 0)),  # it was not confirmed
        ("choose", (), (0, NONE, 0, 1, 0)),
        ("activate", (), (0, 1, 0, NONE, 0)),
        ("choose", (), (0, 1, 1, NONE, 0)),
        ("confirm", (), (1, NONE, 0, NONE, 1)),
        ("fall_back", (), (0, NONE, 0, NONE, 0)),
        ("activate", (), (0, 1, 0, NONE, 0)),
        ("give_up", (), (0, NONE, 0, 1, 0)),
        ("activate", (), (0, 1, 0, NONE, 0)),
        ("choose", (), (0, 1, 1, NONE, 0)),
        ("confirm", (), (1, NONE, 0, NONE, 1)),
        ("claim", (), (1, NONE, 0, NONE, 0)),
    ]  # the slot chosen while on trial is the trial's, else the confirmed one
    for name, arguments, wanted in steps:
        before = state(slots)
        chosen = getattr(slots, name)(*arguments)
        assert state(slots)[:3] + state(slots)[4:] == wanted[:3] + wanted[4:], (name, before)
        if name == "choose":
            assert chosen == (1 if wanted[2] else wanted[0])
        assert state(reopened(record)) == state(slots)
        assert slots.spare == 1 - slots.active


def test_the_failed_slot_is_remembered_until_the_next_activation(record) -> None:
    slots = reopened(record)
    slots.activate()
    slots.choose()
    slots.choose()
    assert slots.failed == 1
    slots.activate()
    assert slots.failed == NONE


def test_a_claim_that_changes_nothing_writes_nothing(record, monkeypatch) -> None:
    slots = reopened(record)
    slots.install(0)
    monkeypatch.setattr(record, "write", lambda offset, data: pytest.fail("it wrote"))
    slots.claim()


def test_a_board_keeps_them_as_three_files(tmp_path) -> None:
    slots = open_slots(str(tmp_path))
    slots.regions[0].write(0, packed())
    slots.install(0)
    again = open_slots(str(tmp_path))
    assert again.package(0).manifest["version"] == "1.2.3"
    assert again.package(1).manifest == {}
    assert [region.size for region in again.regions] == [SLOT_BYTES, SLOT_BYTES]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["slot0.bin", "slot1.bin", "slots.bin"]
    assert SLOT_BYTES == 512 * 1024
