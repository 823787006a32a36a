"""Many boards at once: each in a thread of its own, one table that shows them all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from autarky.build import keys, package
from autarky.build.boards import Board, alike
from autarky.build.package import Made
from autarky.errors import AutarkyError
from autarky.flash import cabinet as cabinet_file
from autarky.flash.cabinet import Cabinet
from autarky.flash.device import usb_ports
from autarky.flash.flash import Flasher, Result

_PARALLEL = 16
_AFTER_A_STOP = "a board in service mode protects nothing until it is flashed again"
Tell = Callable[[str, float], None]


@dataclass
class Outcome(Result):
    """A result, or the sentence that says why there is none."""

    error: str = ""


def choose_ports(given: list[str] | None, everything: bool) -> list[str]:
    """The ports to work on. Raises AutarkyError when there is none or one stands twice."""
    ports = list(given or []) + (usb_ports() if everything else [])
    if not ports:
        raise AutarkyError(
            "no USB board was found: is the cable in, does it carry data?"
            if everything
            else "--port is missing: `autarky doctor` lists the ports, `autarky board` starts a "
            "virtual one"
        )
    twice = {port for port in ports if ports.count(port) > 1}
    if twice:
        raise AutarkyError(f"--port {twice.pop()} is given twice")
    return ports


def read_cabinets(ports: list[str], files: list[Path] | None) -> list[Cabinet | None]:
    """Every cabinet file, read and checked before anything is touched."""
    if not files:
        return [None] * len(ports)
    if len(files) != len(ports):
        raise AutarkyError(
            f"{len(files)} cabinet files for {len(ports)} ports: each board needs its own, in "
            "the same order"
        )
    found: list[Cabinet | None] = [cabinet_file.read(path) for path in files]
    serials = [cabinet.serial for cabinet in found if cabinet is not None]
    if len(set(serials)) != len(serials):
        raise AutarkyError("two of the cabinet files have the same serial number")
    nodes = [cabinet.parameters.get("node_id", 2) for cabinet in found if cabinet is not None]
    if len(set(nodes)) != len(nodes):
        raise AutarkyError("two of the cabinet files have the same node_id (2 where none is given)")
    return found


def _run_all(ports: list[str], work: Callable[[int, Tell], Result], quiet: bool) -> list[Outcome]:
    """work(number, tell) for every port at once; an error ends its own board only."""
    console = Console(stderr=quiet)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    outcomes: list[Outcome] = []
    stop = threading.Event()
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = [bars.add_task(port, total=1.0) for port in ports]

        def one(number: int) -> Outcome:
            def tell(stage: str, share: float) -> None:
                if stop.is_set():
                    raise AutarkyError(f"{ports[number]}: stopped before: {stage}; {_AFTER_A_STOP}")
                bars.update(tasks[number], description=f"{ports[number]} {stage}", completed=share)

            try:
                return Outcome(**vars(work(number, tell)))
            except AutarkyError as error:
                bars.update(tasks[number], description=f"{ports[number]} failed", completed=1.0)
                hint = f"; {_AFTER_A_STOP}" if stop.is_set() else ""
                return Outcome(ports[number], result="failed", error=f"{error}{hint}")

        with ThreadPoolExecutor(min(len(ports), _PARALLEL)) as pool:
            jobs = [pool.submit(one, number) for number in range(len(ports))]
            try:
                wait(jobs)
            except KeyboardInterrupt:
                stop.set()  # each board ends the step it is in
                wait(jobs)
        outcomes = [job.result() for job in jobs]
    if not quiet:
        for outcome in outcomes:
            _show(console, outcome)
    if stop.is_set():
        raise KeyboardInterrupt
    return outcomes


def _show(console: Console, outcome: Outcome) -> None:
    if outcome.error:
        Console(stderr=True).print(f"autarky: {outcome.error}", highlight=False, soft_wrap=True)
        return
    alive = ""
    if outcome.node:
        alive = f", heartbeat of node {outcome.node}, self-test {outcome.self_test}"
    console.print(
        f"{outcome.port}: {outcome.result}, version {outcome.version}{alive}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for note in outcome.notes:
        console.print(f"  note: {note}", highlight=False, soft_wrap=True)


def flash_all(
    board: Board, ports: list[str], cabinets: list[Cabinet | None], key: Path | None,
    dry_run: bool, quiet: bool,
) -> list[Outcome]:  # fmt: skip
    """`autarky flash`: the package is made once, every board gets it."""
    made = package.make(None if dry_run else key, alike(board.march))
    if len(made.image) > board.rom_bytes:
        raise AutarkyError(
            f"the image has {len(made.image)} bytes, {board.name} takes {board.rom_bytes} at "
            "most: make it smaller"
        )
    if not quiet:
        share = 100 * len(made.image) // board.rom_bytes
        Console().print(
            f"version {made.version} ({made.manifest['revision']}), image {len(made.image)} bytes, "
            f"{share} % of {board.name}'s {board.rom_bytes}", highlight=False, soft_wrap=True,
        )  # fmt: skip
    public = keys.public(key) if key else b""

    def work(number: int, tell: Tell) -> Result:
        return Flasher(board, ports[number], made, public, cabinets[number], tell).run(dry_run)

    return _run_all(ports, work, quiet)


def provision_all(
    board: Board, ports: list[str], cabinets: list[Cabinet | None], key: Path, quiet: bool
) -> list[Outcome]:
    """`autarky provision`."""
    made = package.make(None, alike(board.march))
    public = keys.public(key)

    def work(number: int, tell: Tell) -> Result:
        return Flasher(board, ports[number], made, public, cabinets[number], tell).provision()

    return _run_all(ports, work, quiet)


def update_one(board: Board, port: str, made: Made, quiet: bool) -> list[Outcome]:
    """`autarky update --port`."""

    def work(number: int, tell: Tell) -> Result:
        return Flasher(board, port, made, b"", None, tell).update()

    return _run_all([port], work, quiet)
