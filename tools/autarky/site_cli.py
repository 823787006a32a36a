"""`autarky run`, `autarky site`, `autarky provoke`: the commands around a virtual site."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarky.errors import (
    AutarkyError,
    check_target,
    clear_errors,
    parse_address,
    parse_key,
    parse_overrides,
    write_target,
)
from autarky.flash import cli as flash_cli

if TYPE_CHECKING:
    from rich.console import Console

    from autarky.bus.server import BusServer
    from autarky.config.site import Site
    from autarky.scenario.actions import Step
    from autarky.sil.site import VirtualSite

_SERVED_PACE = 5.0  # while its clients wait a site leaves them, and others, a processor

Config = Annotated[
    Path | None, typer.Option("--config", help="site.toml; other options beside it win.")
]
Seed = Annotated[int | None, typer.Option(help="Same seed, same bits (default 1).", min=0)]
Interpreter = Annotated[
    str | None,
    typer.Option(help="micropython (default, ROMFS image), micropython-source or cpython."),
]
Cabinets = Annotated[int | None, typer.Option(help="How many virtual cabinets (1..32).")]


def _described(config: Path | None) -> Site:
    from autarky.config.reading import read
    from autarky.config.site import Site

    return read(config) if config else Site()


def run(
    scenario: Annotated[str, typer.Argument(help="A name of --list, or a TOML file.")] = "peak",
    list_: Annotated[bool, typer.Option("--list", help="List the scenarios and stop.")] = False,
    config: Config = None,
    cabinets: Cabinets = None,
    hours: Annotated[float | None, typer.Option(help="Length in hours of virtual time.")] = None,
    realtime: Annotated[bool, typer.Option(help="Keep pace with the clock on the wall.")] = False,
    seed: Seed = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write summary.json here; - is stdout.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run (default runs/...).")] = None,
    interpreter: Interpreter = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Parameter override NAME=VALUE; repeat.")
    ] = None,
    bus: Annotated[
        str | None, typer.Option(help="Let CAN clients attach at HOST:PORT during the run.")
    ] = None,
) -> None:
    """Run a scenario on a virtual site and write its report.

    Examples:

      autarky run                          peak shaving, two cabinets, ten virtual minutes

      autarky run trip --json trip.json    every protection provoked, with its latency

      autarky run peak --cabinets 4 --hours 1 --seed 7

      autarky run lost-host --set command_silent_3_ms=5000

      autarky run my.toml                  a scenario of your own

      autarky run --config site.toml       cabinets, load and limits as that file has them

      autarky run cold-soak                -30 degC until charge is allowed, heaters side by side
    """
    with clear_errors():
        from rich.console import Console

        from autarky.scenario.folders import unused
        from autarky.scenario.run import find, run_scenario
        from autarky.sil.site import SiteConfig, SiteError
        from autarky.thermal.cli import run_plan
        from autarky.thermal.run import find as thermal_plan
        from autarky.view import LiveView, print_scenarios, print_summary

        console = Console(stderr=str(json_file) == "-")
        if list_:
            print_scenarios(console)
            return
        heat = thermal_plan(scenario)
        if heat is not None:
            site_options = {
                "--config": config, "--cabinets": cabinets, "--realtime": realtime or None,
                "--seed": seed, "--set": set_, "--bus": bus,
            }  # fmt: skip
            _refuse(heat.name, [name for name, given in site_options.items() if given is not None])
            run_plan(heat, hours, out, json_file, interpreter)
            return
        plan = find(scenario)
        if hours is not None and not 0 < hours < 1e6:
            raise SiteError(f"--hours {hours}: the length must be above 0")
        check_target("--json", json_file)
        if cabinets is not None and not plan.resizable:
            raise SiteError(f"scenario {plan.name} has its own number of cabinets; drop --cabinets")
        if cabinets is None and config is None:
            cabinets = plan.cabinets
        described = _described(config).overridden(
            cabinets, parse_overrides(set_), seed=seed, interpreter=interpreter
        )
        made = SiteConfig.of(described, realtime=realtime)
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        folder = out or unused(Path("runs") / f"{plan.name}-{stamp}")
        with contextlib.ExitStack() as stack:
            view = stack.enter_context(LiveView(console, f"{plan.name}, seed {made.seed}"))
            attach = (lambda site: _attach(stack, site, bus)) if bus else None
            summary = run_scenario(plan, made, folder, hours, view.update, attach)
        print_summary(console, summary)
        write_target(json_file, summary.as_json())
        if not summary.passed:
            raise typer.Exit(1)


def _refuse(scenario: str, options: list[str]) -> None:
    """Options of a site in a scenario that is none. Raises AutarkyError."""
    if options:
        raise AutarkyError(
            f"scenario {scenario} is of the thermal loop, which has no site around its cabinets: "
            f"drop {', '.join(options)} (its own file says what its cabinets are)"
        )


def _attach(
    stack: contextlib.ExitStack, site: VirtualSite, bus: str, socketcand: int | None = None
) -> BusServer:
    host, port = parse_address(bus)
    server = site.serve(host, port, socketcand)
    stack.callback(server.close)
    return server


def site(
    config: Config = None,
    cabinets: Cabinets = None,
    realtime: Annotated[
        bool, typer.Option(help="Keep pace with the clock; without it, 5 times that at most.")
    ] = False,
    bus: Annotated[
        str, typer.Option(help="Where CAN clients attach; port 0 takes a free one and says it.")
    ] = "127.0.0.1:4500",
    socketcand: Annotated[
        int | None,
        typer.Option(help="Port for socketcand clients (SavvyCAN, python-can).", min=0, max=65535),
    ] = None,
    unconfigured: Annotated[bool, typer.Option(help="Cabinets without a node id: silent.")] = False,
    seed: Seed = None,
    interpreter: Interpreter = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE; repeat.")] = None,
    state: Annotated[
        Path | None, typer.Option(help="Keep each cabinet's storage here over runs.")
    ] = None,
    key: Annotated[str, typer.Option(help="Device key of the cabinets, 64 hex digits.")] = "00"
    * 32,
    signing_key: flash_cli.SigningKey = None,
    coordinator: Annotated[
        bool, typer.Option(help="Run our coordinator; --no-coordinator leaves that to a client.")
    ] = True,
    control: Annotated[
        str | None,
        typer.Option(help="Where `autarky provoke` reaches it (default: the port after --bus)."),
    ] = None,
    script: Annotated[
        Path | None, typer.Option(help="Provoke by this JSON script, times from the start on.")
    ] = None,
) -> None:
    """Keep virtual cabinets alive for any CAN client until Ctrl-C.

    Examples:

      autarky site --cabinets 2 --realtime --bus 127.0.0.1:4500

      .venv/bin/can_viewer -i autarky -c 127.0.0.1:4500       (in another terminal)

      autarky site --config site.toml --realtime

      autarky site --realtime --socketcand 29536 --no-coordinator

      .venv/bin/can_logger -i socketcand -c can0 --bus-kwargs host=127.0.0.1 port=29536

      autarky provoke pull 2 3                                (in another terminal)
    """
    with clear_errors(), contextlib.ExitStack() as stack:
        from rich.console import Console

        from autarky.build import keys
        from autarky.scenario.provoke import Agenda, Port
        from autarky.scenario.recorder import Recorder
        from autarky.sil.flows import Flows
        from autarky.sil.site import SiteConfig, VirtualSite
        from autarky.view import LiveView

        host, port = parse_address(bus)
        steps = _script(script) if script is not None else []
        signer = signing_key or flash_cli.developer_key(make=False)
        described = _described(config).overridden(
            cabinets, parse_overrides(set_), seed=seed, interpreter=interpreter
        )
        made = SiteConfig.of(
            described, realtime=realtime, unconfigured=unconfigured, state=state,
            device_key=parse_key(key), update_key=keys.public(signer) if signer else b"",
            watchdog=True, pace=_SERVED_PACE,
        )  # fmt: skip
        running = VirtualSite(made)
        # the listener first: a port in use is known before any cabinet has started
        served = _attach(stack, running, bus, socketcand)
        agenda = Agenda(running)
        at = parse_address(control) if control else (host, port + 1 if port else 0)
        provoked = Port(running, agenda, *at)
        stack.callback(provoked.close)
        stack.enter_context(running)
        running.coordinator.silent = not coordinator
        console = Console()
        if signer is None:
            console.print("no signing key: `autarky sign` first, if they are to take updates")
        many = "1 cabinet" if made.cabinets == 1 else f"{made.cabinets} cabinets"
        bus = f"{host}:{served.port}"
        console.print(f"site bus at {bus}, {many}; Ctrl-C ends it", highlight=False)
        if served.socketcand_port is not None:
            console.print(f"socketcand at {host}:{served.socketcand_port}", highlight=False)
        console.print(f"`autarky provoke` reaches it at {at[0]}:{provoked.port}", highlight=False)
        running.coordinator.leaving.on_answer = lambda number, answer: console.print(
            f"cabinet {number} asks for its modules: {answer}", highlight=False
        )
        agenda.add(running, steps, lambda told: console.print(_told(told), highlight=False))
        view = stack.enter_context(LiveView(console, f"site at {bus}"))
        recorder = Recorder()
        flows = Flows(made)
        if described.load or described.peak:
            running.before_tick.append(flows.tick)
        try:
            while True:
                running.step()
                if running.now_ms % 500 == 0:
                    recorder.load_w = flows.ac_bus.load_w
                    recorder.grid_w = flows.ac_bus.grid_w(sum(running.plants.pcs_power_w))
                    view.update(running, recorder, 0.0)
        except KeyboardInterrupt:
            if state is not None:
                _stop_in_order(running, console)
            raise


def _stop_in_order(site: VirtualSite, console: Console) -> None:
    """What is cut off under power wakes up in a latched fault, as a real cabinet does."""
    console.print("stopping every cabinet in order; Ctrl-C again cuts them off")
    if not site.stop_in_order():
        console.print(
            "not every contactor opened: such a cabinet starts with the fault unclean_stop, "
            "which its reset key clears"
        )


def _script(path: Path) -> list[tuple[float, Step]]:
    from autarky.scenario.provoke import read_script

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"--script {path} is no JSON: {error}") from None
    return read_script(content)


def _told(answer: dict[str, Any]) -> str:
    if answer.get("end"):
        return "script done"
    at = f"at {answer['at_s']:.2f} s: " if "at_s" in answer else ""
    return at + answer.get("did", answer.get("error", ""))


def provoke(
    words: Annotated[list[str] | None, typer.Argument(help="ACTION CABINET [VALUES].")] = None,
    script: Annotated[
        Path | None, typer.Option(help="JSON list of steps: at_s (virtual s from now), do.")
    ] = None,
    site: Annotated[str, typer.Option(help="Where the site listens for this.")] = "127.0.0.1:4501",
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Do something to a running virtual site, from another terminal; without words list what.

    Examples:

      autarky provoke                        what can be done

      autarky provoke pull 2 3               draw module 3 of cabinet 2

      autarky provoke cell 2 17 3.70         drive cell 17 of cabinet 2 to 3.70 V

      autarky provoke line 3 estop on        press the E-stop of cabinet 3

      autarky provoke fault 2 pcs_silent     anything that FAULTS.md names

      autarky provoke --script steps.json    [{"at_s": 0, "do": "pull 2 3"}, ...]
    """
    with clear_errors():
        from autarky.scenario import actions
        from autarky.scenario import provoke as module

        if not words and script is None:
            if as_json:
                typer.echo(json.dumps({name: list(map(str, a.arguments))
                                       for name, a in actions.ACTIONS.items()}))  # fmt: skip
            else:
                typer.echo("\n".join(actions.usage()))
            return
        if script is not None:
            if words:
                raise ValueError("give an action or --script, not both")
            _script(script)
            request = {"script": json.loads(script.read_text(encoding="utf-8"))}
        else:
            text = " ".join(words or ())
            actions.read(text)
            request = {"do": text}
        failed = False
        for answer in module.ask(*parse_address(site), request):
            failed |= "error" in answer
            typer.echo(json.dumps(answer) if as_json else _told(answer), err="error" in answer)
        if failed:
            raise typer.Exit(1)
