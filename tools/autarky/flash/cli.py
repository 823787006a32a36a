"""The commands from a bare board to a running cabinet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from autarky.errors import AutarkyError, clear_errors, parse_address, parse_key

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SigningKey = Annotated[
    Path | None,
    typer.Option("--signing-key", help="Key file; the checkout's developer key without."),
]
_BUS = "127.0.0.1:4500"
_COORDINATOR = 1


def developer_key(make: bool) -> Path | None:
    """The checkout's own key, made when it is first needed."""
    from autarky.build import keys

    if not keys.DEVELOPER_KEY.exists():
        if not make:
            return None
        text = f"made a developer key, {keys.DEVELOPER_KEY}: for cabinets on the desk only"
        typer.echo(text, err=True)  # what goes to stdout may be JSON
        keys.create(keys.DEVELOPER_KEY)
    return keys.DEVELOPER_KEY


def _judged(made: Any, signing_key: Path | None) -> str:
    """Whose signature a package has, as far as the key at hand can tell."""
    from autarky.build import keys

    if not made.signature:
        return "none: no cabinet takes it"
    key = signing_key or keys.DEVELOPER_KEY
    if not key.exists():
        return f"{len(made.signature)} bytes, not judged: no key is at hand (--signing-key)"
    good = made.signed_by(keys.public(key))
    return f"good, by {key}" if good else f"NOT by {key}, or the manifest was changed"


def sign(
    new_key: Annotated[Path | None, typer.Option(help="Make a signing key here, and stop.")] = None,
    signing_key: SigningKey = None,
    board: Annotated[
        list[str] | None,
        typer.Option(
            help="For this board; repeat for others of its processor. The virtual cabinet without."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The package.")] = Path("autarky.package"),
    show: Annotated[Path | None, typer.Option(help="Show what a package is, and stop.")] = None,
    as_json: AsJson = False,
) -> None:
    """Build the program, sign it, and write a package for `autarky update`.

    Examples:

      autarky sign --new-key ~/keys/site.json

      autarky sign                                     (for the cabinets of a virtual site)

      autarky sign --signing-key ~/keys/site.json --board PYBD_SF6 --board TEENSY41

      autarky sign --show autarky-0.1.0.package
    """
    with clear_errors():
        from autarky.build import boards, keys, package

        if new_key is not None:
            keys.create(new_key)
            typer.echo(
                f"{new_key}: {keys.SIGNATURES} signatures. Never copy it and never restore it from "
                "a backup: a leaf that is used twice can be forged"
            )
            return
        if show is not None:
            made = package.read_file(show)
        else:
            if not out.parent.is_dir() or out.is_dir():
                raise AutarkyError(f"--out {out}: name a file in a folder that exists")
            key = signing_key or developer_key(make=True)
            assert key is not None
            names = [boards.find(name).name for name in board] if board else None
            made = package.make(key, names)
            out.write_bytes(made.data)
        rows = dict(made.manifest, signature=_judged(made, signing_key))
        if show is None:
            rows["package"] = str(out)
            rows["signatures left"] = str(keys.left(signing_key or keys.DEVELOPER_KEY))
        if as_json:
            typer.echo(json.dumps(rows))
        else:
            for name, value in rows.items():
                typer.echo(f"{name:16} {value}")


Board = Annotated[str, typer.Option(help="Name of a folder in boards/: PYBD_SF6, unix ...")]
Ports = Annotated[
    list[str] | None, typer.Option("--port", help="Serial port of a board; repeat for a rack.")
]
Cabinets = Annotated[
    list[Path] | None,
    typer.Option("--cabinet", help="cabinet.toml; as many as ports, in their order."),
]


def flash(
    board: Board,
    port: Ports = None,
    all_: Annotated[bool, typer.Option("--all", help="Every port that answers.")] = False,
    cabinet: Cabinets = None,
    signing_key: SigningKey = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            help="Look (a running program is stopped for that) and say what would be done."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build, sign, deploy, read back, provision and start the program on boards, in parallel.

    A running program is asked to stop; one whose contactors are closed is left alone. A
    second time it says "already up to date".

    Examples:

      autarky flash --board PYBD_SF6 --port /dev/ttyACM0 --cabinet cabinet7.toml

      autarky flash --board unix --port /dev/pts/5        (a board of `autarky board`)

      autarky flash --board TEENSY41 --all --dry-run
    """
    with clear_errors():
        from autarky.build import boards
        from autarky.flash import rack

        found = boards.find(board)
        ports = rack.choose_ports(port, all_)
        cabinets = rack.read_cabinets(ports, cabinet)
        key = signing_key or developer_key(make=not dry_run)
        _finish(rack.flash_all(found, ports, cabinets, key, dry_run, as_json), as_json)


def provision(
    board: Board,
    port: Ports = None,
    cabinet: Cabinets = None,
    signing_key: SigningKey = None,
    as_json: AsJson = False,
) -> None:
    """Write a cabinet's identity and parameters to a board that has its program.

    The file is checked against the parameter table first; every fault is said with its line.

    Example:

      autarky provision --board PYBD_SF6 --port /dev/ttyACM0 --cabinet cabinet7.toml
    """
    with clear_errors():
        from autarky.build import boards
        from autarky.flash import rack

        found = boards.find(board)
        ports = rack.choose_ports(port, False)
        cabinets = rack.read_cabinets(ports, cabinet)
        if cabinets[0] is None:
            raise AutarkyError("--cabinet FILE is missing: boards/cabinet.example.toml is one")
        key = signing_key or developer_key(make=True)
        assert key is not None
        _finish(rack.provision_all(found, ports, cabinets, key, as_json), as_json)


def _finish(results: list[Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([vars(result) for result in results]))
    if any(result.error for result in results):
        raise typer.Exit(1)


def doctor(
    port: Ports = None,
    as_json: AsJson = False,
) -> None:
    """Say what is missing on this machine and on boards, and what to do about it.

    To look at a board its program is stopped, and started again afterwards; one whose contactors
    are closed is left alone.

    Examples:

      autarky doctor

      autarky doctor --port /dev/ttyACM0 --json
    """
    with clear_errors():
        from autarky.flash.doctor import examine

        findings = examine(port or [])
        if as_json:
            typer.echo(json.dumps([vars(finding) for finding in findings]))
        else:
            for finding in findings:
                typer.echo(f"{finding.verdict:5} {finding.what}: {finding.found}")
                if finding.advice:
                    typer.echo(f"      {finding.advice}")
        if any(finding.verdict == "wrong" for finding in findings):
            raise typer.Exit(1)


def board(
    folder: Annotated[Path, typer.Argument(help="Where the chips' memories are kept.")] = Path(
        "runs/board"
    ),
    count: Annotated[int, typer.Option(help="How many boards.", min=1, max=32)] = 1,
    chip: Annotated[
        list[str] | None,
        typer.Option(
            help="Make it another or a faulty one: version=1.24.1, build=NAME, rom_bytes=SIZE, "
            "rom_error=OFFSET (a write there fails), rom_stuck=OFFSET (a bit there stays 0)."
        ),
    ] = None,
    bus: Annotated[
        str | None, typer.Option(help="Let CAN clients attach to the first board at HOST:PORT.")
    ] = None,
) -> None:
    """Virtual boards behind pseudo-terminals, for the real mpremote, until Ctrl-C.

    Examples:

      autarky board                              (in one terminal)

      make flash BOARD=unix PORT=/dev/pts/5      (in another, with the path that it says)

      autarky board rack --count 8
    """
    import contextlib
    import time

    with clear_errors(), contextlib.ExitStack() as stack:
        from autarky.flash.virtual_board import ChipFacts, VirtualBoard

        facts = ChipFacts.parse(chip or [])
        if bus:
            parse_address(bus)
        for number in range(count):
            own = folder / f"board{number}" if count > 1 else folder
            running = stack.enter_context(VirtualBoard(own, facts, seed=number + 1))
            if bus and number == 0:
                stack.callback(running.site.serve(*parse_address(bus)).close)
            typer.echo(running.path)
        while True:
            time.sleep(1.0)


def update(
    file: Annotated[Path, typer.Argument(help="A package of `autarky sign`.")],
    node: Annotated[
        list[int] | None, typer.Option(help="Node id; repeat. All that are heard without.")
    ] = None,
    bus: Annotated[
        str, typer.Option("--bus", help="Channel: HOST:PORT of a site, or can0.")
    ] = _BUS,
    interface: Annotated[str, typer.Option(help="python-can interface.")] = "autarky",
    key: Annotated[str, typer.Option(help="Device key of the cabinets, 64 hex digits.")] = "00"
    * 32,
    port: Annotated[str | None, typer.Option(help="By cable instead, to the board here.")] = None,
    board: Annotated[str, typer.Option(help="With --port: what board it is.")] = "",
    as_json: AsJson = False,
) -> None:
    """Bring a signed program to running cabinets over CAN, one after the other.

    Each is stopped in order, takes the package, verifies it, starts it on trial, passes its
    self-test, is confirmed, and is back in the state it was in before the next one is touched. One
    that runs the very same image is left alone. The first that fails ends the work; it rolls back
    by itself, and the others were not touched. An older version is taken too, unless the
    cabinet's parameter program_oldest forbids it.

    Examples:

      autarky update autarky.package --bus 127.0.0.1:4500

      autarky update autarky.package --interface socketcand --bus can0 --node 2 --json

      autarky update autarky.package --board PYBD_SF6 --port /dev/ttyACM0
    """
    with clear_errors():
        from autarky.build import package

        made = package.read_file(file)
        if port is not None:
            from autarky.build import boards
            from autarky.flash import rack

            if not board:
                raise AutarkyError("--board is missing: with --port say what board is there")
            _finish(rack.update_one(boards.find(board), port, made, as_json), as_json)
            return
        from autarky.node.names import NodeError
        from autarky.node.options import open_client

        secret = parse_key(key)
        with open_client(interface, bus) as client:
            nodes = node or [n for n in client.listen() if n != _COORDINATOR]
            if not nodes:
                raise NodeError("no cabinet was heard: is the site running, is --bus right?")
            rows = _update_all(client, made, secret, nodes, as_json)
        if as_json:
            typer.echo(json.dumps(rows))
        if rows[-1].get("error"):
            raise AutarkyError(rows[-1]["error"])


def _update_all(
    client: Any, made: Any, secret: bytes, nodes: list[int], quiet: bool
) -> list[dict[str, Any]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    from autarky.flash.update import Progress, Updater

    console = Console(stderr=quiet)
    rows = []
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Bars(*columns, console=console, transient=True) as bars:
        for node_id in nodes:
            task = bars.add_task(f"cabinet {node_id}", total=len(made.data))

            class Shown(Progress):
                def stage(self, text: str, node_id: int = node_id, task: Any = task) -> None:
                    bars.update(task, description=f"cabinet {node_id}: {text}")

                def bytes_done(self, count: int, total: int, task: Any = task) -> None:
                    bars.update(task, completed=count)

            try:
                word = Updater(client, made, secret, Shown()).run(node_id)
            except AutarkyError as error:
                rows.append({"node": node_id, "result": "failed", "error": str(error)})
                break
            bars.update(task, description=f"cabinet {node_id}: {word}", completed=len(made.data))
            rows.append({"node": node_id, "version": made.version, "result": word})
            if not quiet:
                console.print(f"cabinet {node_id}: {word}, version {made.version}", highlight=False)
    return rows
