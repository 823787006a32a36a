"""0x1F50 and what follows: the states of an update, what is refused, what may never happen."""

import binascii
import hashlib

import pytest

from autarky.build import keys, package
from bess.link import abort
from bess.port.memory import MemoryRegion
from bess.port.slots import NONE, RECORD_BYTES, SLOT_BYTES, Slots, version_number
from bess.update import program, states, update


class Board:
    name = "unix"
    interpreter = (1, 29)
    program_bytes = 8192
    slot = 0
    on_trial = False
    sha256 = ""

    def __init__(self, update_key: bytes) -> None:
        self.update_key = update_key
        self.record = MemoryRegion(RECORD_BYTES)
        self.regions = [MemoryRegion(SLOT_BYTES), MemoryRegion(SLOT_BYTES)]

    def slots(self) -> Slots:
        return Slots(self.record, self.regions)


@pytest.fixture
def store(key):
    board = board_with(key)
    return program.ProgramStore(board, 0, 300_000), board


def board_with(key, running: bool = True) -> Board:
    """A board whose slot 0 holds the program that runs."""
    board = Board(keys.public(key))
    if running:
        board.regions[0].write(0, made(key, "0.0.1", b"former" * 500).data)
    board.slots().install(0)
    return board


def made(key, version="1.0.0", content=b"image" * 1000):
    return package.wrap(content, version, ["unix"], "1.29", key)


def send(store, data: bytes) -> None:
    assert store.begin(len(data)) == abort.NONE
    for at in range(0, len(data), 700):
        assert store.write(data[at : at + 700]) == abort.NONE
    assert store.end() == abort.NONE


def check(store) -> str:
    for _ in range(400):
        if store.state != states.CHECKING:
            return states.REFUSALS.decode().split()[store.status >> 16]
        assert store.status & 1
        store.step(0)
    raise AssertionError("the check does not end")


def test_a_package_can_be_read_once_all_of_it_was_received(store, key) -> None:
    store, _ = store
    good = made(key).data
    assert store.begin(len(good)) == abort.NONE
    assert store.write(good[:700]) == abort.NONE
    assert store.state == states.RECEIVING
    assert (store.size(), bytes(store.read(0, 100))) == (0, b"")
    assert store.write(good[700:]) == abort.NONE
    assert store.end() == abort.NONE
    assert (store.size(), bytes(store.read(0, len(good)))) == (len(good), good)


def test_a_good_package_is_verified_started_tried_and_kept(store, key) -> None:
    store, board = store
    good = made(key)
    send(store, good.data)
    assert store.crc != 0
    assert bytes(store.read(0, len(good.data))) == good.data
    assert check(store) == "none"
    assert (store.state, store.status) == (states.VERIFIED, 0)
    assert board.slots().trial == NONE  # nothing changes before it is asked for
    assert store.control(1) == abort.NONE
    assert store.starting
    slots = board.slots()
    assert (slots.active, slots.trial, slots.started) == (0, 1, 0)
    assert slots.choose() == 1
    board.on_trial = True
    tried = program.ProgramStore(board, 0, 300_000)
    assert tried.begin(10) == abort.STATE  # the spare slot holds what a roll-back needs
    assert not tried.expired(29_999)
    assert tried.expired(30_000)
    tried.confirm()
    assert tried.on_trial is False
    assert (board.slots().active, board.slots().trial) == (1, NONE)


def test_nothing_but_a_verified_package_is_started(store, key) -> None:
    store, board = store
    assert store.control(1) == abort.STATE
    assert store.control(0) == abort.VALUE
    send(store, made(key).data)
    assert store.control(1) == abort.STATE  # not verified yet
    check(store)
    assert store.control(3) == abort.NONE
    assert store.control(1) == abort.STATE  # forgotten
    send(store, b"rubbish" * 100)
    assert check(store) == "format"
    assert store.control(1) == abort.STATE
    assert board.slots().trial == NONE


def test_a_download_after_the_activation_takes_it_back(store, key) -> None:
    """The slot on trial may not change under a record that names it."""
    store, board = store
    send(store, made(key).data)
    check(store)
    store.control(1)
    assert board.slots().trial == 1
    assert store.begin(100) == abort.NONE
    slots = board.slots()
    assert (slots.trial, slots.failed) == (NONE, 1)


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        ({"version": "0.9.0"}, "older"),
        ({"boards": "PYBD_SF6,TEENSY41"}, "board"),
        ({"boards": "unix2"}, "board"),
        ({"interpreter": "1.30"}, "interpreter"),
        ({"interpreter": "2"}, "interpreter"),
        ({"interpreter": "new"}, "format"),
        ({"format": "2"}, "format"),
        ({"sha256": "00" * 32}, "image"),
        ({"size": "8193"}, "size"),
        ({"size": "x"}, "format"),
        ({"version": "1"}, "format"),
    ],
)
def test_a_signed_manifest_that_does_not_suit_is_refused(key, spoil, refusal: str) -> None:
    board = board_with(key)
    store = program.ProgramStore(board, version_number("1.0.0"), 300_000)
    content = b"image" * 1000
    manifest = {
        "format": "1", "version": "1.0.0", "revision": "-", "boards": "unix,x",
        "interpreter": "1.29",
        "size": str(len(content)), "sha256": hashlib.sha256(content).hexdigest(), **spoil,
    }  # fmt: skip
    text = "".join(f"{name} {value}\n" for name, value in manifest.items()).encode()
    signature = package._signed(key, text)
    head = package._HEAD.pack(b"AUTARKY\n", len(text), len(signature))
    send(store, head + text + signature + content)
    assert check(store) == refusal
    assert store.state == states.REFUSED
    assert store.status >> 1 & 0x7F == 3  # CiA 302-3: data error


def test_without_a_key_or_a_signature_nothing_is_taken(key) -> None:
    board = Board(b"")
    store = program.ProgramStore(board, 0, 300_000)
    send(store, made(key).data)
    assert check(store) == "key"
    board.update_key = keys.public(key)
    send(store, made(None).data)
    assert check(store) == "unsigned"


def test_a_slot_that_cannot_be_read_or_is_too_small(store, key, monkeypatch) -> None:
    store, board = store
    assert store.begin(SLOT_BYTES + 1) == abort.TOO_LONG
    send(store, made(key).data)

    def broken(offset, buffer):
        raise OSError(5)

    monkeypatch.setattr(board.regions[1], "readinto", broken)
    assert check(store) == "storage"
    assert store.begin(0) == abort.NONE  # of unknown length: the region's end stops it
    block = bytes(65536)
    codes = [store.write(block) for _ in range(SLOT_BYTES // 65536 + 1)]
    assert codes[-1] == abort.TOO_LONG


def test_a_record_that_cannot_be_written_changes_nothing(store, key, monkeypatch) -> None:
    store, board = store
    send(store, made(key).data)
    check(store)

    def broken(offset, data):
        raise OSError(28)

    monkeypatch.setattr(board.record, "write", broken)
    with pytest.raises(OSError):
        store.control(1)  # the SDO server answers with a hardware error
    assert not store.starting
    monkeypatch.undo()
    assert board.slots().trial == NONE


@pytest.mark.parametrize("damage", ["none there", "one bit"])
def test_without_a_way_back_nothing_is_verified(key, damage: str) -> None:
    board = board_with(key, running=False)
    if damage == "one bit":
        former = bytearray(made(key, "0.0.1", b"former" * 500).data)
        former[-7] ^= 4
        board.regions[0].write(0, bytes(former))
    store = program.ProgramStore(board, 0, 300_000)
    send(store, made(key).data)
    assert check(store) == "rollback"
    assert store.control(1) == abort.STATE


def test_a_header_that_asks_for_much_memory_is_refused_unread(store, key) -> None:
    store, _ = store
    good = made(key)
    huge = bytearray(good.data)
    huge[10:12] = b"\xff\xff"
    send(store, bytes(huge) + bytes(70_000))
    assert check(store) == "size"
    # the length that the manifest says, but another signature length: refused before it is read
    head = package._HEAD.pack(b"AUTARKY\n", len(good.text), len(good.signature) + 1)
    send(store, head + good.text + good.signature + b"\0" + good.image)
    assert check(store) == "signature"


@pytest.mark.parametrize("at", ["manifest", "signature"])
def test_what_was_changed_after_it_was_signed_is_refused(store, key, at: str) -> None:
    store, _ = store
    good = made(key)
    spoilt = bytearray(good.data)
    place = good.data.index(b"1.0.0") + 4 if at == "manifest" else 12 + len(good.text) + 100
    spoilt[place] ^= 1
    send(store, bytes(spoilt))
    assert check(store) == "signature"


def test_a_slot_is_filled_to_its_last_byte_and_not_beyond(key) -> None:
    board = board_with(key)
    board.regions[1].write(0, b"former")
    job = update.Update(board, board.slots(), 0)
    assert (job.refusal, job.crc, job.received, job.state) == (0, 0, 0, states.EMPTY)
    assert job.write(b"x") == abort.STATE
    assert job.begin(SLOT_BYTES) == abort.NONE
    assert bytes(job.read(0, 6)) == b"\xff" * 6  # erased before it is written
    data = bytes(range(256)) * (SLOT_BYTES // 256)
    for at in range(0, SLOT_BYTES, 65536):
        assert job.write(data[at : at + 65536]) == abort.NONE
    assert job.end() == abort.NONE
    assert job.received == SLOT_BYTES
    assert job.crc == binascii.crc32(data)
    assert update.Update(board, board.slots(), 0).begin(SLOT_BYTES + 1) == abort.TOO_LONG


def test_a_confirmation_without_a_trial_changes_nothing(store) -> None:
    _, board = store
    with pytest.raises(OSError):
        board.slots().confirm()
    assert board.slots().active == 0


def test_a_board_without_slots_takes_nothing() -> None:
    board = Board(b"")
    board.slots = lambda: None  # pyright: ignore
    assert program.ProgramStore(board, 0, 1000).begin(10) == abort.STATE


@pytest.mark.parametrize("stored", [b"", b"\2\xff\0\xff\0", b"\0\0", b"\xff" * 5])
def test_a_record_that_makes_no_sense_means_slot_0(stored: bytes) -> None:
    record = MemoryRegion(RECORD_BYTES)
    if stored:
        from bess.port.storage import SlotStore

        SlotStore(record).save(stored)
    slots = Slots(record, ())
    assert (slots.active, slots.trial, slots.choose()) == (0, NONE, 0)


def test_versions_grow_with_their_numbers() -> None:
    order = ["0.0.0", "0.0.9", "0.1.0", "0.1.1", "0.10.0", "1.0.0", "10.0.0", "999.999.999"]
    numbers = [version_number(text) for text in order]
    assert numbers == sorted(numbers)
    assert numbers[-1] < 2**30
    manifest = {"format": "1", "boards": "a", "interpreter": "1.29"}
    assert update.objection(manifest, 5, "a", (1, 30), 5) == 0


def test_what_a_master_reads_in_each_state(store, key) -> None:
    """0x1F51, 0x1F56, 0x1F57 of CiA 302-3: states, CRC-32, bit 0 in progress, error code above."""
    store, _ = store
    names = states.STATE_NAMES.decode().split()
    numbers = [names.index(n) for n in ("empty", "receiving", "checking", "verified", "refused")]
    assert numbers == [
        states.EMPTY, states.RECEIVING, states.CHECKING, states.VERIFIED, states.REFUSED,
    ] == [0, 1, 2, 3, 4]  # fmt: skip
    good = made(key).data
    assert (store.state, store.status, store.crc, store.size()) == (0, 2, 0, 0)
    store.begin(len(good))
    store.write(good)
    assert (store.state, store.status, store.crc, store.size()) == (1, 1, 0, 0)
    store.end()
    crc = binascii.crc32(good)
    assert (store.state, store.status, store.crc, store.size()) == (2, 1, crc, len(good))
    check(store)
    assert (store.state, store.status, store.crc, store.size()) == (3, 0, crc, len(good))
    send(store, b"rubbish" * 9)
    check(store)
    assert (store.state, store.status) == (4, states.FORMAT << 16 | 3 << 1)
    store.control(3)
    assert (store.state, store.status, store.crc) == (0, 2, 0)


@pytest.mark.parametrize(
    ("image_bytes", "more", "word"),
    [(8192, b"", "none"), (8193, b"", "size"), (5000, b"x", "size"), (5000, None, "size")],
)
def test_sizes_are_judged_to_the_byte(store, key, image_bytes: int, more, word: str) -> None:
    store, _ = store
    data = made(key, content=bytes(image_bytes)).data
    send(store, data[:-1] if more is None else data + more)
    assert check(store) == word
