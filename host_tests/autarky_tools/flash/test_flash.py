"""Virtual boards and the unmodified mpremote; every error provoked, none leaves a brick."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pty
import select
import shutil
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from commands import Done, run_here
from patience import PATIENCE_S

from autarky.build import boards, keys, package
from autarky.flash.cabinet import read
from autarky.flash.device import Device, DeviceError
from autarky.flash.flash import SELF_TEST, Flasher, Result
from autarky.flash.virtual_board import BoardError, ChipFacts, VirtualBoard
from autarky.paths import ROOT

pytestmark = pytest.mark.slow
UNIX = boards.find("unix")


@pytest.fixture(scope="module")
def made(key: Path) -> package.Made:
    return package.make(key)


def flasher(port: str, made: package.Made, key: Path, **options) -> Flasher:
    return Flasher(options.pop("board", UNIX), port, made, keys.public(key), **options)


@contextlib.contextmanager
def chip(folder: Path, **facts: str) -> Iterator[VirtualBoard]:
    with VirtualBoard(folder, ChipFacts(facts)) as board:
        yield board


@pytest.fixture(scope="module")
def flashed_once(tmp_path_factory, made: package.Made, key: Path) -> Path:
    """Folder of a board that runs our program."""
    folder = tmp_path_factory.mktemp("flashed") / "board"
    with chip(folder) as board:
        assert_running(flasher(board.path, made, key).run(), "flashed")
    return folder


@pytest.fixture
def flashed(tmp_path: Path, flashed_once: Path) -> Iterator[VirtualBoard]:
    """A copy of that board, once its program runs: it has all that the other had in memory."""
    folder = tmp_path / "flashed"
    shutil.copytree(flashed_once, folder)
    with chip(folder) as board:
        console = os.open(board.path, os.O_RDONLY | os.O_NOCTTY)  # pyserial would drop what it said
        said = b""
        while SELF_TEST.encode() not in said:
            assert select.select([console], [], [], PATIENCE_S)[0], said
            said += os.read(console, 256)
        os.close(console)
        yield board


def assert_running(result: Result, word: str) -> None:
    assert (result.result, result.self_test) == (word, "passed")
    assert result.node > 0


def test_make_flash_from_a_bare_chip_then_already_up_to_date(tmp_path: Path, key: Path) -> None:
    with chip(tmp_path) as board:
        command = ["make", "--no-print-directory", "flash", "BOARD=unix", f"PORT={board.path}",
                   f"ARGS=--signing-key {key}"]  # fmt: skip
        first = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert first.returncode == 0, first.stdout + first.stderr
        assert "flashed, version 0.1.0, heartbeat of node 2, self-test passed" in first.stdout
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert "already up to date, version" in second.stdout
        board.power_cut()  # it comes up by itself again
        assert_running(flasher(board.path, package.make(key), key).run(), "already up to date")
        # what runs is exactly the image: the chip's ROM holds its bytes
        image = package.make(key).image
        assert (tmp_path / "rom.bin").read_bytes()[: len(image)] == image


def test_a_rack_in_parallel_each_with_its_own_cabinet(tmp_path: Path, key: Path) -> None:
    with contextlib.ExitStack() as stack:
        arguments = ["flash", "--board", "unix", "--signing-key", str(key), "--json"]
        for number in range(2):
            board = stack.enter_context(chip(tmp_path / f"board{number}"))
            file = tmp_path / f"cabinet{number}.toml"
            file.write_text(
                f'[cabinet]\nserial = {100 + number}\ndevice_key = "{number:064x}"\n'
                f"[parameters]\nnode_id = {number + 10}\n"
            )
            arguments += ["--port", board.path, "--cabinet", str(file)]
        done = run_here(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        rows = json.loads(done.stdout)
        assert [row["node"] for row in rows] == [10, 11]
        assert {row["result"] for row in rows} == {"flashed"}
        assert {row["self_test"] for row in rows} == {"passed"}


def test_dry_run_changes_nothing(tmp_path: Path, made: package.Made, key: Path) -> None:
    with chip(tmp_path) as board:
        result = flasher(board.path, made, key)
        result._device.reach()
        facts = result._probe()
        assert facts["active"] == -1
        arguments = ["--port", board.path, "--signing-key", str(key), "--dry-run"]
        done = run_here("flash", "--board", "unix", *arguments)
        assert done.returncode == 0, done.stderr
        assert "would be flashed" in done.stdout
    assert set((tmp_path / "rom.bin").read_bytes()) == {0xFF}


@pytest.mark.parametrize(
    ("facts", "board", "sentence"),
    [
        ({}, "PYBD_SF6", "wrong board: its interpreter says 'standard'"),
        ({"build": "PYBD_SF2"}, "unix", "wrong board: its interpreter says 'PYBD_SF2'"),
        ({"version": "1.24.1"}, "unix", "MicroPython 1.24.1 is too old, 1.29 or later"),
        ({"rom_bytes": "65536"}, "unix", "the board has room for 65536"),
    ],
)
def test_what_does_not_suit_the_board_is_refused_before_it_is_touched(
    tmp_path: Path, made: package.Made, key: Path, facts, board: str, sentence: str
) -> None:
    with chip(tmp_path, **facts) as virtual, pytest.raises(DeviceError, match=sentence):
        flasher(virtual.path, made, key, board=boards.find(board)).run()
    assert set((tmp_path / "rom.bin").read_bytes()) == {0xFF}


def test_a_chip_that_fails_is_found_by_reading_back_and_a_good_one_then_runs(
    tmp_path: Path, made: package.Made, key: Path
) -> None:
    at = next(n for n in range(8192, 12288) if made.image[n] & 1)
    for fault, sentence in (
        ("rom_error", "did not write its flash at offset 8192, though mpremote said success"),
        ("rom_stuck", "read-back differs at offset 8192: the flash holds other bytes"),
    ):
        with chip(tmp_path, **{fault: str(at)}) as board:
            with pytest.raises(DeviceError, match=sentence):
                flasher(board.path, made, key).run()
            # a chip that failed starts nothing: it waits in service mode
            assert Device(board.path).call("probe", 0, [], resume=False)["service"]
    with chip(tmp_path) as board:
        assert_running(flasher(board.path, made, key).run(), "flashed")


def test_a_board_without_romfs_reads_its_image_at_each_start(
    tmp_path: Path, made: package.Made, key: Path
) -> None:
    board = dataclasses.replace(UNIX, rom="heap")
    with chip(tmp_path, rom_bytes="0") as virtual:
        assert_running(flasher(virtual.path, made, key, board=board).run(), "flashed")
        virtual.power_cut()
        result = flasher(virtual.path, made, key, board=board).run()
        assert_running(result, "already up to date")
        with pytest.raises(DeviceError, match="has no ROMFS partition"):
            flasher(virtual.path, made, key).run()


def test_a_busy_port_a_silent_one_and_none_at_all(tmp_path: Path, made, key: Path) -> None:
    with chip(tmp_path) as board:
        with serial.Serial(board.path, exclusive=True):
            done = run_here(
                "flash", "--board", "unix", "--port", board.path, "--signing-key", str(key)
            )
        assert done.returncode == 1
        assert "is busy: another program has it open" in done.stderr.replace("\n", " ")
    master, slave = pty.openpty()
    tty.setraw(slave)
    with pytest.raises(DeviceError, match="does not answer like MicroPython: nothing came back"):
        Device(os.ttyname(slave)).reach(2.0)
    os.close(master)
    os.close(slave)
    with pytest.raises(DeviceError, match="there is no board at /dev/nowhere"):
        Device("/dev/nowhere").reach()


def test_a_package_by_cable_is_judged_by_the_board_itself(
    tmp_path: Path, flashed: VirtualBoard, made, key: Path, other_key: Path
) -> None:
    def small(signer: Path | None = key, version: str = "0.2.0") -> package.Made:
        return package.wrap(b"image" * 500, version, ["unix"], "1.29", signer)

    wrong = {
        "is unsigned": small(None),
        "another key": small(other_key),
        "older than": small(version="0.0.1"),
    }
    old, new = b'software_version = "0.1.0"', b'software_version = "0.2.0"'
    newer = {"bess/app": package.APP.read_bytes().replace(old, new)}
    cabinet = tmp_path / "cabinet.toml"
    cabinet.write_text(
        f'[cabinet]\nserial = 5\ndevice_key = "{"7" * 64}"\n[parameters]\nprogram_oldest = 1000\n'
    )
    given = flasher(flashed.path, made, key, cabinet=read(cabinet)).provision()
    assert_running(given, "provisioned")
    for sentence, bad in wrong.items():
        told = f"refused the package and runs its former program: .*{sentence}"
        with pytest.raises(DeviceError, match=told):
            flasher(flashed.path, bad, key).update()
    file = tmp_path / "new.package"
    file.write_bytes(package.make(key, replace=newer).data)
    done = run_here("update", str(file), "--board", "unix", "--port", flashed.path, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["result"] == "updated"
    assert json.loads(done.stdout)[0]["version"] == "0.2.0"
    flashed.power_cut()
    found = flasher(flashed.path, package.read_file(file), key).update()
    assert_running(found, "already up to date")


def test_a_running_program_that_is_refused_something_runs_on(
    flashed: VirtualBoard, made: package.Made, key: Path, other_key: Path
) -> None:
    wrong = boards.find("PYBD_SF6")
    for act in ("run", "provision", "update"):
        with pytest.raises(DeviceError, match="wrong board"):
            getattr(flasher(flashed.path, made, key, board=wrong), act)()
    found = flasher(flashed.path, made, key)
    assert found._look(found.check)[1]  # it ran until now
    found._resume()
    result = flasher(flashed.path, package.make(other_key), other_key).run()
    assert any("update key was another one" in note for note in result.notes)


def test_a_board_that_lost_its_programs_and_then_crashes_for_ever_can_be_flashed(
    flashed: VirtualBoard, made: package.Made, key: Path, monkeypatch
) -> None:
    device = Device(flashed.path)
    device.reach()
    empty = "\n".join(f"open('/flash/slot{slot}.bin', 'w').close()" for slot in (0, 1))
    device.mpremote("exec", empty, resume=False)
    device.call("leave_service")
    with pytest.raises(DeviceError, match="no program that can run"):
        device.restart(("autarky: heartbeat",), seconds=4.0)
    crash = {"bess/app": package.APP.read_bytes() + b"\nraise ValueError('it crashes')\n"}
    monkeypatch.setattr(Device, "heartbeat_s", 5.0)
    with pytest.raises(DeviceError, match="did not report"):
        flasher(flashed.path, package.make(key, replace=crash), key).run()
    monkeypatch.undo()
    assert_running(flasher(flashed.path, made, key).run(), "flashed")


def test_one_folder_is_one_board_and_facts_have_names(tmp_path: Path) -> None:
    with chip(tmp_path), pytest.raises(BoardError, match="another virtual board uses"):
        VirtualBoard(tmp_path).__enter__()
    (tmp_path / "file").touch()
    with pytest.raises(BoardError, match="is no folder"):
        VirtualBoard(tmp_path / "file").__enter__()
    for text in ("bogus", "version", "foo=1", "rom_error=x", "version="):
        with pytest.raises(BoardError, match=r"write NAME=VALUE with|its value must be a number"):
            ChipFacts.parse([text])
    done = run_here("board", str(tmp_path / "b"), "--bus", "127.0.0.1:99999")
    assert done.returncode == 1
    assert "HOST:PORT" in done.stderr


def test_doctor_looks_at_a_board_and_starts_it_again(
    tmp_path: Path, flashed: VirtualBoard, made
) -> None:
    with chip(tmp_path / "bare") as board:
        bare = json.loads(run_here("doctor", "--port", board.path, "--json").stdout)
        assert {f["what"]: f["verdict"] for f in bare}[f"{board.path} program"] == "note"
    done = run_here("doctor", "--port", flashed.path, "--json")
    assert done.returncode == 0, done.stdout
    findings = {f["what"].split()[-1]: f for f in json.loads(done.stdout)}
    assert findings["program"]["found"] == made.version
    assert findings["key"]["verdict"] == "note"
    assert "the public example" in findings["key"]["found"]
    assert findings["firmware"]["found"] == "was stopped for this, and runs again"


def test_provision_writes_identity_and_parameters(
    tmp_path: Path, flashed: VirtualBoard, made, key: Path
) -> None:
    cabinet = tmp_path / "cabinet.toml"
    cabinet.write_text(
        f'[cabinet]\nserial = 77\ndevice_key = "{"5" * 64}"\n[parameters]\nnode_id = 33\n'
    )

    def provision(port: str) -> Done:
        return run_here(
            "provision", "--board", "unix", "--port", port, "--cabinet", cabinet,
            "--signing-key", key, "--json",
        )  # fmt: skip

    with chip(tmp_path / "bare") as bare:
        early = provision(bare.path)
    assert early.returncode == 1
    assert "has no program yet" in early.stdout
    done = provision(flashed.path)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)[0]
    assert (row["result"], row["node"]) == ("provisioned", 33)
    again = json.loads(provision(flashed.path).stdout)[0]
    assert again["result"] == "already up to date"
    # flashing without a file keeps who it is
    kept = flasher(flashed.path, made, key).run()
    assert (kept.result, kept.node) == ("already up to date", 33)


def test_a_cut_in_the_middle_of_flashing_leaves_a_board_that_can_be_flashed(
    tmp_path: Path, made: package.Made, key: Path, monkeypatch
) -> None:
    monkeypatch.setattr(Device, "quiet_s", 3.0)
    with chip(tmp_path) as board:
        for stage in ("loader", "image", "storing the package"):

            def tell(text: str, share: float, stage: str = stage) -> None:
                if text == stage:
                    board.power_cut()

            with contextlib.suppress(DeviceError):
                flasher(board.path, made, key, tell=tell).run()
        monkeypatch.undo()  # no cut is waited for any more
        # a chip that came back in time lets the work go on; else the next try does it all
        result = flasher(board.path, made, key).run()
        assert_running(result, result.result)
        assert flasher(board.path, made, key).run().result == "already up to date"
    rom = (tmp_path / "rom.bin").read_bytes()[: len(made.image)]
    assert hashlib.sha256(rom).hexdigest() == made.manifest["sha256"]
