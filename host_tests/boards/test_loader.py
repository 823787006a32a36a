"""The loader's choice when slots, record or ROM fail: never what was not confirmed or verified."""

from types import SimpleNamespace

import pytest

from autarky.build import package
from autarky.paths import FIRMWARE, load_module
from bess.port.slots import NONE, open_slots

loader = load_module(FIRMWARE / "loader" / "loader.py", "autarky_loader")
rom = load_module(FIRMWARE / "loader" / "rom.py", "autarky_loader_rom")
OLD = package.wrap(b"old" * 3000, "1.0.0", ["unix"], "1.29", None)
NEW = package.wrap(b"new" * 3000, "2.0.0", ["unix"], "1.29", None)


class Chip:
    """vfs.rom_ioctl over bytes; `broken` makes every erase fail."""

    def __init__(self) -> None:
        self.data = bytearray(b"\xff" * 16384)
        self.broken = False
        self.writes = 0

    def rom_ioctl(self, operation, partition=0, *values):
        if operation == 1:
            return 1
        if operation == 2:
            return memoryview(self.data)
        if operation == 3:
            if self.broken:
                return -5
            self.data[values[0] : values[0] + values[1]] = b"\xff" * values[1]
        if operation == 4:
            self.writes += 1
            self.data[values[0] : values[0] + len(values[1])] = values[1]
        return 4096 if operation == 6 else 0


@pytest.fixture
def board(tmp_path):
    """A board whose slot 0 holds OLD and whose ROM is blank."""
    (tmp_path / "slot0.bin").write_bytes(OLD.data)
    open_slots(str(tmp_path)).install(0)
    return SimpleNamespace(folder=tmp_path, chip=Chip(), said=[])


def boot(board):
    """What a start places: a version or None, and the loader."""
    one = loader.Loader(str(board.folder), rom.Partition(board.chip), board.said.append)
    found = one.prepare()
    return (found[1].manifest["version"] if found else None), one


def slots(board):
    return open_slots(str(board.folder))


def stage(board, made=NEW) -> None:
    slots(board).claim()
    (board.folder / "slot1.bin").write_bytes(made.data)


def damage(path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(bytes(content))


def test_the_copy_is_written_once_and_mended_when_it_changed(board) -> None:
    assert boot(board)[0] == "1.0.0"
    writes = board.chip.writes
    assert boot(board)[0] == "1.0.0"
    assert board.chip.writes == writes
    board.chip.data[500] ^= 1
    assert boot(board)[0] == "1.0.0"
    assert board.chip.data[: len(OLD.image)] == OLD.image


def test_a_trial_has_one_start_then_it_is_rolled_back_or_kept(board) -> None:
    stage(board)
    slots(board).activate()
    version, one = boot(board)
    assert (version, one.slots.trial, one.rolled_back) == ("2.0.0", 1, False)
    version, one = boot(board)
    assert (version, one.slots.trial, one.rolled_back) == ("1.0.0", NONE, True)
    assert boot(board)[1].rolled_back is False
    stage(board)
    slots(board).activate()
    boot(board)
    slots(board).confirm()
    assert boot(board)[0] == "2.0.0"


def test_a_package_that_was_never_verified_is_no_way_out(board) -> None:
    """Its bytes may lie whole in the spare slot: received and refused, or never checked."""
    stage(board)
    damage(board.folder / "slot0.bin")
    assert boot(board)[0] is None
    assert slots(board).active == 0


def test_a_program_that_failed_its_trial_is_no_way_out_either(board) -> None:
    stage(board)
    slots(board).activate()
    assert boot(board)[0] == "2.0.0"  # it crashes
    board.chip.broken = True  # and the ROM, which still holds it, cannot be written
    assert boot(board)[0] is None
    assert (slots(board).active, slots(board).trial) == (0, NONE)
    board.chip.broken = False
    assert boot(board)[0] == "1.0.0"


def test_the_program_that_was_confirmed_before_serves_when_the_newer_one_is_damaged(board) -> None:
    stage(board)
    slots(board).activate()
    boot(board)
    slots(board).confirm()
    damage(board.folder / "slot1.bin")
    board.chip.data[10] ^= 1
    assert boot(board)[0] == "1.0.0"
    assert slots(board).active == 0
    slots(board).claim()
    damage(board.folder / "slot0.bin")
    board.chip.data[10] ^= 1
    assert boot(board)[0] is None  # that one is claimed, this one damaged


@pytest.mark.parametrize("how", ["damaged", "cut", "garbage", "too large", "forged size", "empty"])
def test_a_trial_that_cannot_be_placed_leaves_the_confirmed_program(board, how: str) -> None:
    stage(board)
    path = board.folder / "slot1.bin"
    if how == "damaged":
        damage(path)
    elif how == "cut":
        path.write_bytes(NEW.data[:-1000])
    elif how == "garbage":
        path.write_bytes(b"\x00\xff" * 3000)
    elif how == "too large":
        path.write_bytes(package.wrap(bytes(20_000), "2.0.0", ["unix"], "1.29", None).data)
    elif how == "forged size":
        path.write_bytes(NEW.data.replace(b"size 9000", b"size -900"))
    else:
        path.write_bytes(b"")
    slots(board).activate()
    version, one = boot(board)
    assert (version, one.rolled_back, slots(board).trial) == ("1.0.0", True, NONE)


@pytest.mark.parametrize("slot", [0, 1])
def test_a_slot_that_cannot_be_read_is_none_and_does_not_stop_the_loader(
    board, slot: int, monkeypatch
) -> None:
    stage(board)
    slots(board).activate()
    if slot == 0:
        boot(board)
        slots(board).confirm()

    def broken(self, offset, buffer):
        raise OSError(5)

    one = loader.Loader(str(board.folder), rom.Partition(board.chip), board.said.append)
    region = one.slots.regions[1]
    monkeypatch.setattr(region, "readinto", broken.__get__(region))
    found = one.prepare()
    assert found is not None
    assert found[1].manifest["version"] == "1.0.0"
    assert any("cannot be read" in line for line in board.said)


def test_a_record_that_cannot_be_written_starts_no_trial(board, monkeypatch) -> None:
    stage(board)
    slots(board).activate()
    one = loader.Loader(str(board.folder), rom.Partition(board.chip), board.said.append)

    def full(*state):
        raise OSError(28)

    monkeypatch.setattr(one.slots, "_save", full)
    found = one.prepare()
    assert found is not None
    assert found[1].manifest["version"] == "1.0.0"
    assert "the choice of the slot cannot be written" in board.said


def test_service_mode_is_a_file(board) -> None:
    one = boot(board)[1]
    assert not one.in_service
    (board.folder / "service").touch()
    assert one.in_service


def test_boards_whose_partition_is_a_block_device_or_missing() -> None:
    """mimxrt gives a flash object, some boards have no ROMFS at all."""

    class Device(bytearray):
        blocks: list[int] = []

        def ioctl(self, operation, argument):
            if operation == 6:
                self.blocks.append(argument)
                self[argument * 4096 : (argument + 1) * 4096] = b"\xff" * 4096
                return 0
            return {4: 4, 5: 4096}[operation]

        def writeblocks(self, block, data, offset):
            at = block * 4096 + offset
            self[at : at + len(data)] = data

    device = Device(16384)
    vfs = SimpleNamespace(rom_ioctl=lambda operation, *a: 1 if operation == 1 else device)
    place = rom.find(vfs)
    assert place.size == 16384
    place.erase(5000)
    assert device.blocks == [0, 1]
    place.write(4096, bytearray(b"abc"))
    place.complete()
    assert bytes(place.view()[4096:4112]) == b"abc" + b"\xff" * 13
    heap = rom.find(SimpleNamespace())
    heap.erase(3)
    heap.write(0, b"abc")
    heap.complete()
    assert bytes(heap.view()) == b"abc"
