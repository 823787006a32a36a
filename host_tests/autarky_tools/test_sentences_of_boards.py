"""What `autarky flash`, `provision`, `sign` and `update` end with: no board is needed for that.

Hardware is played where only a broken one says the sentence: a port, mpremote, a cabinet's SDO.
"""

import dataclasses
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial
from canopen.sdo.exceptions import SdoAbortedError, SdoCommunicationError
from patience import PATIENCE_S
from refusal import refused

from autarky.arm import heap
from autarky.build import boards, image, package
from autarky.build.folder import provision_bytes
from autarky.errors import AutarkyError
from autarky.flash import rack
from autarky.flash import update as updating
from autarky.flash.device import Device, DeviceError
from autarky.flash.flash import Flasher, Result
from autarky.flash.update import UpdateError, Updater
from autarky.node.client import Client
from bess.update.states import REFUSALS

UNIX = boards.find("unix")
MADE = package.wrap(b"image" * 500, "1.2.3", ["unix"], "1.29", None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A package."""
    path = tmp_path / "a.package"
    path.write_bytes(MADE.data)
    return path


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("flash", "--board", "pybd_sf5"), "--board pybd_sf5: there is no such board; choose from"),
        (("flash", "--board", "unix"), "--port is missing: `autarky doctor` lists the ports"),
        (("flash", "--board", "unix", "--all"), "no USB board was found: is the cable in"),
        (("provision", "--board", "unix", "--port", "x"), "--cabinet FILE is missing: boards/"),
        (("update", "{file}", "--port", "x"), "--board is missing: with --port say what board"),
        (("update", "{file}", "--interface", "virtual"), "no cabinet was heard: is the site"),
        (("sign", "--out", "{file}/x.package"), "--out {file}/x.package: name a file in a folder"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_touched(
    file: Path, monkeypatch, arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.setattr(rack, "usb_ports", list)
    monkeypatch.setattr(Client.listen, "__defaults__", (0.1,))
    told = refused(*[argument.format(file=file) for argument in arguments])
    assert sentence.format(file=file) in told


def test_a_board_file_that_is_wrong_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(boards, "BOARDS", tmp_path)
    (tmp_path / "mine").mkdir()
    for text in ("port = ", 'port = "unix"', "device_files = []"):
        (tmp_path / "mine" / "board.toml").write_text(text)
        with pytest.raises(AutarkyError, match=r"mine/board.toml: .*; the files of the other boar"):
            boards.all_boards.__wrapped__()


# --- the image and what makes it ---


def test_what_does_not_compile_is_told_with_the_compilers_words() -> None:
    with pytest.raises(image.ImageError, match=r"(?s)mpy-cross .* failed:\n.*SyntaxError"):
        image.build({"main": b"def ("})
    with pytest.raises(image.ImageError, match="the command nosuch is missing: run `make setup`"):
        image.tool("nosuch")


def test_a_program_without_a_version_makes_no_package() -> None:
    with pytest.raises(package.PackageError, match="names no software_version"):
        package.make(None, replace={"bess/app": b"pass\n"})


def test_an_image_that_no_board_of_a_kind_can_hold_is_refused_at_once() -> None:
    small = dataclasses.replace(UNIX, rom_bytes=1000)
    with pytest.raises(AutarkyError, match="unix takes 1000 at most: make it smaller"):
        rack.flash_all(small, ["x"], [None], None, True, True)


def test_what_the_estimate_of_heap_needs_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(heap, "_wheel", lambda: None)
    monkeypatch.setattr(heap.shutil, "which", lambda name: None)
    with pytest.raises(heap.HeapError, match="needs node, which is not here: run `make setup`"):
        heap.node()
    with pytest.raises(heap.HeapError, match="needs npm, which is not here: run `make setup`"):
        heap._npm()
    monkeypatch.setattr(heap, "BUILD", tmp_path)
    monkeypatch.setattr(heap, "_npm", lambda: ["/bin/false"])
    with pytest.raises(heap.HeapError, match=r"npm could not install .*: is its registry reach"):
        heap.wasm_folder()
    with pytest.raises(heap.HeapError, match="the probe failed: no heap here"):
        heap._run([sys.executable, "-c", "print('no heap here')"])


def test_ctrl_c_stops_every_board_before_its_next_step(monkeypatch, capsys) -> None:
    def interrupted(jobs: list) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    def work(number: int, tell: rack.Tell) -> Result:
        while True:
            tell("loader", 0.1)
            time.sleep(0.01)

    monkeypatch.setattr(rack, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rack._run_all(["COM7"], work, False)
    told = capsys.readouterr().err
    assert "COM7: stopped before: loader; a board in service mode protects nothing" in told


# --- a board at a cable ---


def test_a_port_that_may_not_be_opened_says_what_to_do(monkeypatch) -> None:
    def locked(*arguments: object, **options: object) -> None:
        raise serial.SerialException("[Errno 13] could not open port: Permission denied")

    monkeypatch.setattr(serial, "Serial", locked)
    with pytest.raises(DeviceError, match="/dev/ttyACM0: no permission; add yourself to the gro"):
        Device("/dev/ttyACM0").reach()


@pytest.fixture
def played(tmp_path: Path, monkeypatch) -> Callable[[str], Device]:
    """A device whose mpremote is a shell script."""

    def make(script: str) -> Device:
        tool = tmp_path / "python"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(tool))
        return Device("COM7")

    return make


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo; echo no such device; exit 1", "mpremote exec failed: no such device"),
        ("exit 3", "mpremote exec failed: it said nothing"),
        ("echo what", "the board answered probe with 'what', which is no answer of ours"),
        ("exec sleep 60", "the board stopped answering during mpremote exec: was its power"),
    ],
)
def test_what_mpremote_says_of_a_board_is_told(played, monkeypatch, script, sentence) -> None:
    monkeypatch.setattr(Device, "quiet_s", 0.2 if "sleep" in script else PATIENCE_S)
    with pytest.raises(DeviceError) as failed:
        played(script).call("probe")
    assert f"COM7: {sentence}" in str(failed.value)


class _Board:
    """A board that answers with what it was made of."""

    port = "COM7"

    def __init__(self, answers: dict[str, object], said: tuple[str, ...] = ()) -> None:
        self._answers = {
            "probe": {
                "build": UNIX.build, "version": [1, 29, 0], "rom_bytes": 1 << 20, "active": 0,
                "trial": 2, "programs": [["1.0.0", "former"]], "service": False,
                "files": {"provision.bin": ""}, "mounts": [],
            },
            "spare": {"slot": 1}, "check_slot": {"sha256": "other"}, "verify": {"refusal": 0},
            "provision_text": {"provision": provision_bytes("other\n").hex()},
            **answers,
        }  # fmt: skip
        self._said = list(said)

    def reach(self) -> bool:
        return False

    def call(self, function: str, *values: object, resume: bool = True) -> object:
        return self._answers.get(function, {})

    def mpremote(self, *arguments: str, **options: object) -> str:
        return ""

    def restart(self, wanted: tuple[str, ...], answer: bytes = b"") -> list[str]:
        return self._said


def flasher(board: boards.Board, device: _Board, made: package.Made = MADE) -> Flasher:
    found = Flasher(board, "COM7", made, b"")
    found._device = device  # pyright: ignore[reportAttributeAccessIssue]
    return found


REFUSED = REFUSALS.decode().split().index("older")


@pytest.mark.parametrize(
    ("change", "answers", "sentence"),
    [
        ({"update": "cable"}, {}, "COM7: this board takes programs by `autarky flash` only"),
        ({}, {"verify": {"refusal": REFUSED}}, "runs its former program: it is older than"),
        ({}, {}, r"the new program did not confirm itself \(self-test failed\); the next reset"),
    ],
)
def test_what_a_board_refuses_by_cable(change: dict, answers: dict, sentence: str) -> None:
    device = _Board(answers, ("autarky: self-test failed",))
    with pytest.raises(DeviceError, match=sentence):
        flasher(dataclasses.replace(UNIX, **change), device).update()


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({}, "the package in slot 1 does not read back: the board's file system is full"),
        ({"check_slot": {"sha256": MADE.manifest["sha256"]}},
         "the provisioning does not read back: the board's file system is full or worn"),
    ],
)  # fmt: skip
def test_a_file_system_that_keeps_other_bytes_is_found(answers: dict, sentence: str) -> None:
    with pytest.raises(DeviceError, match=sentence):
        flasher(dataclasses.replace(UNIX, rom="heap"), _Board(answers)).run()


def test_a_package_for_other_boards_is_not_put_on_this_one() -> None:
    other = package.wrap(b"image", "1.2.3", ["TEENSY41"], "1.29", None)
    told = "the package is for TEENSY41, not for unix: sign one with `autarky sign --board`"
    with pytest.raises(DeviceError, match=told):
        flasher(UNIX, _Board({}), other).run()


# --- a cabinet on the bus that takes an update badly ---


class _Cabinet:
    """A client of one cabinet; what its SDO answers is given."""

    def __init__(self, **answers: object) -> None:
        self._answers = answers
        self.sdo = SimpleNamespace(
            RESPONSE_TIMEOUT=1.0, upload=self._ask("status"), download=self._ask("start")
        )

    def _ask(self, name: str) -> Callable[..., object]:
        def ask(*arguments: object) -> object:
            answer = self._answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return ask

    def node(self, node_id: int) -> SimpleNamespace:
        return SimpleNamespace(sdo=self.sdo)

    def read(self, node_id: int, name: str) -> SimpleNamespace:
        shown = {"state": "standby", "contactors.state": "open"}.get(name, "")
        return SimpleNamespace(raw=self._answers.get(name.replace(".", "_"), 0), shown=shown)

    def write(self, node_id: int, name: str, value: int) -> None:
        """It takes everything."""

    def unlock(self, node_id: int, key: bytes) -> None:
        """Its key is any."""


def aborted(code: int) -> SdoAbortedError:
    return SdoAbortedError(code)


@pytest.mark.parametrize(
    ("act", "answers", "sentence"),
    [
        ("_check", {"status": aborted(0x06020000)},
         "cabinet 5 does not tell its verdict: it has no such object"),
        ("_check", {"status": SdoCommunicationError("No SDO response received")},
         "cabinet 5 fell silent while it verified; `autarky node list`"),
        ("_check", {"status": b"\x01\0\0\0"}, "cabinet 5 has not verified it in 0 s"),
        ("_check", {"status": (REFUSED << 16 | 2).to_bytes(4, "little")},
         "cabinet 5 refuses the package: it is older than"),
        ("_start", {"start": aborted(0x08000022)},
         "cabinet 5 did not start it: its present state does not allow it"),
        ("_confirm", {"program_sha256": MADE.manifest["sha256"], "program_trial": 1},
         "cabinet 5 does not keep the program it confirmed"),
        ("_confirm", {"program_sha256": "former", "program_status": 1},
         "cabinet 5 runs its former program again: the new one crashed"),
    ],
)  # fmt: skip
def test_a_cabinet_that_stops_half_way_is_told_by_its_step(act, answers, sentence) -> None:
    updater = Updater(_Cabinet(**answers), MADE, bytes(32), wait_s=0.0)  # pyright: ignore
    with pytest.raises(UpdateError) as failed:
        getattr(updater, act)(5)
    assert sentence in str(failed.value)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SdoCommunicationError("No SDO response"),
         "cabinet 5 fell silent during the transfer; it still runs what it ran"),
        (aborted(0x06070012), "cabinet 5 did not take the package: it is too long for its slot"),
    ],
)  # fmt: skip
def test_a_transfer_that_breaks_each_time_is_given_up(monkeypatch, error, sentence) -> None:
    class Broken:
        def __init__(self, *arguments: object) -> None:
            pass

        def run(self, *arguments: object) -> None:
            raise error

    monkeypatch.setattr(updating, "BlockDownload", Broken)
    with pytest.raises(UpdateError, match=sentence):
        Updater(_Cabinet(), MADE, bytes(32))._send(5)  # pyright: ignore


def test_an_update_that_fails_ends_the_command_in_its_sentence(file: Path, monkeypatch) -> None:
    def run(self: Updater, node_id: int) -> str:
        raise UpdateError(f"cabinet {node_id} fell silent")

    monkeypatch.setattr(Updater, "run", run)
    told = refused("update", file, "--interface", "virtual", "--node", "5", "--node", "6")
    assert told.strip() == "autarky: cabinet 5 fell silent"
