"""Runs a scenario on a virtual site and leaves its folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from autarky.errors import AutarkyError, no_such
from autarky.paths import GENERATED
from autarky.scenario import folders, happened, virtual
from autarky.scenario.checks import Run, Watch
from autarky.scenario.plan import Plan, Promise, shipped
from autarky.scenario.provoke import Agenda
from autarky.scenario.reading import read_plan
from autarky.scenario.recorder import SAMPLE_MS, Check, FaultResult, Recorder, Summary
from autarky.scenario.report import write_report
from autarky.scenario.soak import Soak
from autarky.scenario.trip import Trip
from autarky.sil.flows import Flows
from autarky.sil.plants import TICK_MS
from autarky.sil.site import CanLog, SiteConfig, VirtualSite


class Driver(Protocol):
    """A scenario with a logic of its own, in Python."""

    def tick(self) -> None: ...
    def elsewhere(self) -> dict[str, str]: ...
    def finish(self) -> tuple[list[Check], list[FaultResult]]: ...


DRIVERS: dict[str, Callable[[Run], Driver]] = {"trip": Trip, "soak": Soak}


def find(name: str) -> Plan:
    """A scenario that comes along, by name, or the one of a TOML file. Raises AutarkyError."""
    path = shipped().get(name)
    if path is None and not name.endswith(".toml"):
        raise AutarkyError(f"{no_such('scenario', name, shipped())}; or give a path to a TOML file")
    return read_plan(path or Path(name), DRIVERS)


class _Play:
    """A plan on its site: agenda, load, dispatch, driver and checks, in this order every tick."""

    def __init__(self, plan: Plan, run: Run) -> None:
        site, numbers = run.site, list(run.site.by_number)
        self._plan, self._run = plan, run
        whole = run.seconds >= plan.whole_s
        rows = [(row, one) for row in plan.at for one in row.steps(numbers, run.seconds)]
        for row, (_, step) in rows:
            _told_with(row.where, lambda step=step: virtual.check(site, step))
        self._flows = Flows(site.config, plan.load, plan.peak_shaving)
        run.rule = self._flows.rule
        if run.rule is not None:
            run.recorder.meter.contract_w = run.rule.peak_w
        agenda = Agenda(site)
        if whole:
            agenda.add(site, [one for _, one in rows], self._told)
        self._driver = DRIVERS[plan.driver](run) if plan.driver else None
        self._watches = [
            (promise, watch)
            for promise in plan.check
            if whole or promise.always
            for watch in self._begun(promise, numbers)
        ]
        site.before_tick += [self._tick, run.recorder.tick]

    def _begun(self, promise: Promise, numbers: list[int]) -> list[Watch]:
        made = []
        for number in promise.cabinets(numbers):
            cabinet = (number,) if promise.kind.of_cabinet else ()
            if cabinet and number not in numbers:
                raise AutarkyError(f"{promise.where}: there is no cabinet {number} to check")
            watch = promise.kind.watch(self._run, *cabinet, *promise.values)
            next(watch)
            made.append(watch)
        return made

    def _told(self, answer: dict[str, object]) -> None:
        if "error" in answer:
            raise AutarkyError(f"{self._plan.name}: {answer['error']}")
        self._run.recorder.told(answer)

    def _tick(self, site: VirtualSite) -> None:
        self._flows.tick(site)
        self._run.recorder.load_w = self._flows.ac_bus.load_w
        if self._driver is not None:
            self._driver.tick()
        for _, watch in self._watches:
            watch.send(True)

    def finish(self) -> tuple[list[Check], list[FaultResult]]:
        """What held and what did not."""
        checks, faults = self._driver.finish() if self._driver is not None else ([], [])
        for promise, watch in self._watches:
            try:
                watch.send(False)
            except StopIteration as end:
                check: Check | None = end.value
                if check is not None:
                    check.name = promise.title or check.name
                    checks.append(check)
        return checks, faults

    def elsewhere(self) -> dict[str, str]:
        """What a reader may miss here, and why it is not: for `trip`, faults."""
        return self._driver.elsewhere() if self._driver is not None else {}


def _told_with(where: str, work: Callable[[], object]) -> None:
    try:
        work()
    except AutarkyError as error:
        raise AutarkyError(f"{where}: {error}") from None


def run_scenario(
    scenario: str | Plan,
    config: SiteConfig,
    folder: Path,
    hours: float | None = None,
    progress: Callable[[VirtualSite, Recorder, float], None] | None = None,
    prepared: Callable[[VirtualSite], object] | None = None,
) -> Summary:
    """Run one scenario; returns its summary, which also stands in the folder.

    progress is called every 500 ms of virtual time with the site, the recorder and the total
    length in s; `prepared` once before the first cabinet starts. Raises SiteError, FirmwareLost,
    AutarkyError where the scenario does not fit the site.
    """
    plan = find(scenario) if isinstance(scenario, str) else scenario
    if not plan.resizable:
        config.cabinets, config.segments = plan.cabinets, ()
    config.soc = config.soc if plan.soc is None else plan.soc
    if plan.temperature_c is not None:
        config.temperature_c = plan.temperature_c
    config.parameters = {**plan.parameters, **config.parameters}
    config.check()
    seconds = plan.seconds if hours is None else hours * 3600
    recorder = Recorder()
    with folders.run_folder(folder):
        site = VirtualSite(config, CanLog(folder / "can.log"), folder)
        if prepared is not None:
            prepared(site)
        with site:
            play = _Play(plan, Run(site, recorder, seconds))
            wall_s = _stepped(site, recorder, seconds, progress)
            checks, faults = play.finish()
            recorder.look_at_cells(site)
            state = site.state_folder
            logs = {} if state else happened.in_memory(site)
    if state:
        logs = happened.stored(state, list(site.by_number))
    noted = happened.placed(happened.of_run(logs), recorder.rows)
    for fault in faults:
        fault.tripped_ms = happened.tripped_ms(noted, fault.id, fault.node, fault.injected_ms)
    summary = Summary(
        scenario=plan.name,
        seed=config.seed,
        cabinets=config.cabinets,
        interpreter=config.interpreter,
        virtual_s=seconds,
        wall_s=wall_s,
        log_sha256=site.log.sha256(),
        log_frames=site.log.frames,
        bus_load=max(bus.load(site.now_ms * 1000) for bus in site.buses),
        worst_latency_us=max(bus.statistics.worst_latency_us for bus in site.buses),
        checks=checks,
        faults=faults,
        energy_kwh={
            "discharged": recorder.meter.discharged_ws / 3.6e6,
            "charged": recorder.meter.charged_ws / 3.6e6,
        },
        soc=recorder.soc_errors(),
        peak=recorder.meter.peak_kw(recorder.site_rows),
        happened=noted,
        only_tested=play.elsewhere(),
        folder=str(folder),
    )
    recorder.write(folder)
    shutil.copy(GENERATED / "site.dbc", folder / "site.dbc")
    (folder / "summary.json").write_text(summary.as_json(), encoding="utf-8")
    write_report(folder, summary, recorder)
    return summary


def _stepped(
    site: VirtualSite,
    recorder: Recorder,
    seconds: float,
    progress: Callable[[VirtualSite, Recorder, float], None] | None,
) -> float:
    """Every tick of the run, sampled; s on the wall."""
    started = time.monotonic()
    for tick in range(round(seconds * 1000 / TICK_MS)):
        site.step()
        if tick % (SAMPLE_MS // TICK_MS) == 0:
            recorder.sample(site)
            if progress is not None:
                progress(site, recorder, seconds)
    return time.monotonic() - started
