"""From any state of a board to a running program, or a sentence that says why not."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autarky.build import image
from autarky.build.boards import Board
from autarky.build.folder import provision_bytes, stored_lines
from autarky.build.package import Made
from autarky.flash.cabinet import Cabinet
from autarky.flash.device import Device, DeviceError
from autarky.flash.refusals import why
from bess.port.slots import HEAD_BYTES

_BLOCK = 4096
NO_KEY = "00" * 32
HEARTBEAT = "autarky: heartbeat of node"
SELF_TEST = "autarky: self-test"
CONFIRMATION = "autarky: program"
_ACK = b"\x06"


@dataclass
class Result:
    """What became of one board."""

    port: str
    result: str = ""
    node: int = 0
    self_test: str = ""
    version: str = ""
    notes: list[str] = field(default_factory=list)


def _said_after(lines: list[str], text: str) -> str:
    return next((line.partition(text)[2].strip() for line in lines if text in line), "")


def has_littlefs(facts: dict[str, Any]) -> bool:
    return any(place == "/flash" and "Lfs2" in kind for place, kind in facts["mounts"])


def merged(stored: str, cabinet: Cabinet | None, update_key: bytes) -> str:
    """Lines to provision: a cabinet file's, else what the board has, with our update key."""
    if cabinet is not None:
        return cabinet.lines(update_key)
    if not stored:
        return Cabinet(1, NO_KEY, {}).lines(update_key)
    ours = f"@update_key={update_key.hex()}"
    if ours in stored.splitlines():
        return stored
    lines = [line for line in stored.splitlines() if line and not line.startswith("@update_key=")]
    return "\n".join([*lines, ours]) + "\n"


class Flasher:
    """Flashes one board: `run()`; tell(stage, share) hears of the progress, share 0..1.

    Raises DeviceError (a sentence), and leaves a board whose work was not finished in service mode.
    """

    def __init__(
        self,
        board: Board,
        port: str,
        made: Made,
        update_key: bytes,
        cabinet: Cabinet | None = None,
        tell: Callable[[str, float], None] = lambda stage, share: None,
    ) -> None:
        self._board = board
        self._device = Device(port)
        self._made = made
        self._update_key = update_key
        self._cabinet = cabinet
        self._tell = tell
        loader = image.build_loader()
        self._loader = {
            path.relative_to(loader).as_posix(): path
            for path in sorted(loader.rglob("*"))
            if path.is_file()
        }

    def run(self, dry_run: bool = False) -> Result:
        """Everything; a board that has it all is only started where it stands still."""
        result = Result(self._device.port, version=self._made.version)
        facts, was_running = self._look(self.check)
        stored = self._stored(facts)
        lines = merged(stored, self._cabinet, self._update_key)
        same = self.up_to_date(facts)
        if same and lines == stored:
            result.result = "already up to date"
        elif dry_run:
            result.result = "would be flashed"
            result.notes += self._plan(facts, same, lines == stored)
        else:
            self._write(facts, lines)
            result.result = "flashed"
        self._note_identity(result, stored, lines)
        if dry_run and was_running:
            self._resume()
        elif not dry_run:
            self._start(result)
        return result

    def _look(self, check: Callable[[dict[str, Any]], None]) -> tuple[dict[str, Any], bool]:
        """Facts of the board, and whether a program ran; one that is refused runs on."""
        self._tell("reaching the board", 0.0)
        busy = self._device.reach()
        facts = self._probe()
        was_running = busy and facts["service"]  # it left the board so when it was asked
        try:
            check(facts)
        except DeviceError:
            if was_running:
                self._resume()
            raise
        return facts, was_running

    def _resume(self) -> None:
        """The program that was stopped for a look runs again."""
        self._device.call("leave_service")
        self._device.restart((HEARTBEAT,))

    def _plan(self, facts: dict[str, Any], same_program: bool, same_lines: bool) -> list[str]:
        active = facts["active"]
        before = facts["programs"][active][0] if active >= 0 else ""
        steps = []
        if self._board.format and not has_littlefs(facts):
            steps.append("it would format /flash as littlefs: what lies there is lost")
        if not same_program:
            steps.append(f"it would replace program {before or 'none'} by {self._made.version}")
        if not same_lines:
            steps.append("it would write identity and parameters")
        return steps

    def _note_identity(self, result: Result, stored: str, lines: str) -> None:
        if f"@key={NO_KEY}" in lines:
            result.notes.append("its device key is the public example: give it one of its own")
        if not stored and self._cabinet is None:
            result.notes.append("without --cabinet it is serial 1, node 2, like every such board")
        before = [line for line in stored.splitlines() if line.startswith("@update_key=")]
        if before and before[0] not in lines:
            result.notes.append(
                "its update key was another one: packages of that key are refused now"
            )

    def provision(self) -> Result:
        """Only identity and parameters, for a board that was flashed before."""
        result = Result(self._device.port, version=self._made.version)
        facts, _ = self._look(self.check)
        if facts["active"] < 0:
            raise DeviceError(f"{result.port}: the board has no program yet: `autarky flash` it")
        stored = self._stored(facts)
        lines = merged(stored, self._cabinet, self._update_key)
        result.version = facts["programs"][facts["active"]][0]
        if lines == stored:
            result.result = "already up to date"
        else:
            self._device.call("enter_service")
            self._put_provision(lines)
            result.result = "provisioned"
        self._note_identity(result, stored, lines)
        self._start(result)
        return result

    def update(self) -> Result:
        """The package into the spare slot, on trial, with the firmware's own checks: by cable."""
        device, made = self._device, self._made
        result = Result(device.port, version=made.version)
        facts, _ = self._look(self._check_board)
        active = facts["active"]
        if active < 0:
            raise DeviceError(f"{device.port}: the board has no program yet: `autarky flash` it")
        if self._board.update != "field":
            raise DeviceError(f"{device.port}: this board takes programs by `autarky flash` only")
        if facts["programs"][active][1] == made.manifest["sha256"]:
            result.result = "already up to date"
            self._start(result)
            return result
        device.call("enter_service")
        slot = device.call("spare")["slot"]
        self._tell("sending the package", 0.1)
        with tempfile.NamedTemporaryFile(suffix=".package") as file:
            Path(file.name).write_bytes(made.data)
            device.mpremote("fs", "cp", file.name, f":/flash/slot{slot}.bin")
        self._tell("verifying on the board", 0.7)
        refusal = device.call("verify", self._board.name, facts["rom_bytes"])["refusal"]
        if refusal:
            device.call("leave_service")
            device.restart((HEARTBEAT,))
            raise DeviceError(
                f"{device.port}: the board refused the package and runs its former program: "
                + why(refusal)
            )
        result.result = "updated"
        self._start(result, on_trial=True)
        return result

    def _probe(self) -> dict[str, Any]:
        # the one soft reset: a clean heap, and main.py is left out
        return self._device.call(
            "probe", len(self._made.image), [*self._loader, "provision.bin"], resume=False
        )

    def _check_board(self, facts: dict[str, Any]) -> None:
        """The board is the one that was named, and its interpreter new enough."""
        board, port = self._board, self._device.port
        if facts["build"] != board.build:
            raise DeviceError(
                f"{port}: wrong board: its interpreter says "
                f"{facts['build'] or facts['machine']!r}, {board.name} says {board.build!r}; give "
                f"the right --board, or flash the official {board.firmware_file}"
            )
        wanted = [int(part) for part in board.interpreter.split(".")]
        if facts["version"][: len(wanted)] < wanted:
            have = ".".join(str(part) for part in facts["version"])
            raise DeviceError(
                f"{port}: MicroPython {have} is too old, {board.interpreter} or later is needed: "
                f"flash the official {board.firmware_file} from micropython.org"
            )

    def check(self, facts: dict[str, Any]) -> None:
        """The board is the right one and everything fits. Raises DeviceError."""
        self._check_board(facts)
        board, port = self._board, self._device.port
        if board.name not in self._made.manifest["boards"].split(","):
            raise DeviceError(
                f"{port}: the package is for {self._made.manifest['boards']}, not for "
                f"{board.name}: sign one with `autarky sign --board`"
            )
        room = facts["rom_bytes"] if board.rom == "partition" else board.rom_bytes
        if board.rom == "partition" and not room:
            raise DeviceError(
                f"{port}: its interpreter has no ROMFS partition: flash the official "
                f"{board.firmware_file}"
            )
        if len(self._made.image) > room:
            raise DeviceError(
                f"{port}: the image has {len(self._made.image)} bytes, the board has room for "
                f"{room}: make it smaller"
            )

    def up_to_date(self, facts: dict[str, Any]) -> bool:
        """Program, copy and loader are ours already."""
        digest = self._made.manifest["sha256"]
        active = facts["active"]
        return (
            active >= 0
            and facts["trial"] > 1
            and facts["programs"][active][1] == digest
            and (self._board.rom == "heap" or facts["rom_sha256"] == digest)
            and all(
                facts["files"][name] == hashlib.sha256(path.read_bytes()).hexdigest()
                for name, path in self._loader.items()
            )
        )

    def _stored(self, facts: dict[str, Any]) -> str:
        if not facts["files"]["provision.bin"]:
            return ""
        return stored_lines(bytes.fromhex(self._device.call("provision_text")["provision"]))

    def _write(self, facts: dict[str, Any], lines: str) -> None:
        device = self._device
        if self._board.format and not has_littlefs(facts):
            self._tell("formatting the file system", 0.0)
            device.mpremote("exec", self._board.format)
            device.mpremote("exec", "pass", resume=False)  # mounts it
        device.call("enter_service")
        self._put_loader()
        self._put_program()
        self._put_provision(lines)
        device.call("backup", self._board.name)

    def _put_loader(self) -> None:
        self._tell("loader", 0.05)
        folders = sorted({"/".join(name.split("/")[:depth]) for name in self._loader
                          for depth in range(1, name.count("/") + 1)})  # fmt: skip
        make = "import os\nfor n in %r:\n try:\n  os.mkdir('/flash/'+n)\n except OSError:\n  pass"
        arguments = ["exec", make % (folders,)]
        for name, path in self._loader.items():
            arguments += ["+", "fs", "cp", str(path), f":/flash/{name}"]
        self._device.mpremote(*arguments)

    def _put_program(self) -> None:
        made, device = self._made, self._device
        slot = device.call("spare")["slot"]
        if self._board.rom == "partition":
            self._deploy()
            self._read_back()
            head = made.data[: len(made.data) - len(made.image)]
            assert len(head) > HEAD_BYTES
            self._tell("storing the package", 0.8)
            held = device.call("fill_slot", slot, head.hex(), len(made.image))
        else:
            with tempfile.NamedTemporaryFile(suffix=".package") as file:
                Path(file.name).write_bytes(made.data)
                self._tell("storing the package", 0.2)
                device.mpremote("fs", "cp", file.name, f":/flash/slot{slot}.bin")
            held = device.call("check_slot", slot)
        if held["sha256"] != made.manifest["sha256"]:
            raise DeviceError(
                f"{device.port}: the package in slot {slot} does not read back: the board's file "
                "system is full or worn; format it and flash again"
            )
        device.call("install", slot)

    def _deploy(self) -> None:
        total = len(self._made.image)
        with tempfile.NamedTemporaryFile(suffix=".romfs") as file:
            Path(file.name).write_bytes(self._made.image)
            # mpremote says "deployed" whatever the board answered: what counts is read back
            self._device.mpremote(
                "romfs", "deploy", file.name,
                on_offset=lambda at: self._tell("image", 0.1 + 0.6 * at / total),
            )  # fmt: skip

    def _read_back(self) -> None:
        made, port = self._made, self._device.port
        self._tell("reading back", 0.72)
        found = self._device.call("read_back", len(made.image))
        for number in range(0, len(made.image), _BLOCK):
            block = made.image[number : number + _BLOCK]
            got = found[number // _BLOCK]
            if got.rstrip("*") != hashlib.sha256(block).hexdigest()[:8]:
                if got.endswith("*"):
                    raise DeviceError(
                        f"{port}: the board did not write its flash at offset {number}, though "
                        "mpremote said success: the flash or its driver fails; nothing was started"
                    )
                raise DeviceError(
                    f"{port}: read-back differs at offset {number}: the flash holds other bytes "
                    "than were sent; nothing was started. Try again; a second time means a bad chip"
                )

    def _put_provision(self, lines: str) -> None:
        self._tell("provisioning", 0.9)
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            Path(file.name).write_bytes(provision_bytes(lines))
            self._device.mpremote("fs", "cp", file.name, ":/flash/provision.bin")
        found = self._device.call("provision_text")
        if stored_lines(bytes.fromhex(found["provision"])) != lines:
            raise DeviceError(
                f"{self._device.port}: the provisioning does not read back: the board's file "
                "system is full or worn; format it and flash again"
            )

    def _start(self, result: Result, on_trial: bool = False) -> None:
        self._tell("waiting for the first heartbeat", 0.95)
        self._device.call("leave_service")
        if on_trial:
            wanted = (HEARTBEAT, SELF_TEST, CONFIRMATION)
            said = self._device.restart(wanted, answer=_ACK)
            if _said_after(said, CONFIRMATION) != "confirmed":
                raise DeviceError(
                    f"{result.port}: the new program did not confirm itself (self-test "
                    f"{_said_after(said, SELF_TEST)}); the next reset brings the former one back"
                )
        else:
            said = self._device.restart((HEARTBEAT, SELF_TEST))
        result.node = int(_said_after(said, HEARTBEAT) or "0")
        result.self_test = _said_after(said, SELF_TEST)
        if result.self_test != "passed":
            result.notes.append("self-test failed: without its front ends a board cannot pass")
        self._tell(result.result, 1.0)
