"""Runs a scenario on a virtual site and leaves its folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from autarky.paths import GENERATED
from autarky.sil import folders, happened
from autarky.sil.plants import TICK_MS
from autarky.sil.recorder import SAMPLE_MS, Recorder, Summary
from autarky.sil.report import write_report
from autarky.sil.scenarios import SCENARIOS
from autarky.sil.site import CanLog, SiteConfig, SiteError, VirtualSite


def run_scenario(
    name: str,
    config: SiteConfig,
    folder: Path,
    hours: float | None = None,
    progress: Callable[[VirtualSite, Recorder, float], None] | None = None,
    prepared: Callable[[VirtualSite], None] | None = None,
) -> Summary:
    """Run one scenario; returns its summary, which also stands in the folder.

    progress is called every 500 ms of virtual time with the site, the recorder and the total
    length in s; `prepared` once before the first cabinet starts. Raises SiteError, FirmwareLost.
    """
    kind = SCENARIOS.get(name)
    if kind is None:
        raise SiteError(f"there is no scenario {name!r}: choose from {', '.join(SCENARIOS)}")
    if not kind.resizable:
        config.cabinets, config.segments = kind.cabinets, ()
    kind.configure(config)
    config.check()
    seconds = (hours if hours is not None else kind.hours) * 3600
    recorder = Recorder()
    with folders.run_folder(folder):
        site = VirtualSite(config, CanLog(folder / "can.log"), folder)
        scenario = kind(site, recorder, seconds)
        if prepared is not None:
            prepared(site)
        with site:
            scenario.prepare()
            site.before_tick += [scenario.tick, recorder.tick]
            started = time.monotonic()
            ticks = round(seconds * 1000 / TICK_MS)
            every = SAMPLE_MS // TICK_MS
            for tick in range(ticks):
                site.step()
                if tick % every == 0:
                    recorder.sample(site)
                    if progress is not None:
                        progress(site, recorder, seconds)
            wall_s = time.monotonic() - started
            checks, faults = scenario.finish()
            recorder.look_at_cells(site)
            state = site.state_folder
            logs = {} if state else happened.in_memory(site)
    if state:
        logs = happened.stored(state, [cabinet.number for cabinet in site.cabinets])
    noted = happened.placed(happened.of_run(logs), recorder.rows)
    for fault in faults:
        fault.tripped_ms = happened.tripped_ms(noted, fault.id, fault.node, fault.injected_ms)
    summary = Summary(
        scenario=name,
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
        only_tested=scenario.elsewhere(),
        folder=str(folder),
    )
    recorder.write(folder)
    shutil.copy(GENERATED / "site.dbc", folder / "site.dbc")
    (folder / "summary.json").write_text(summary.as_json(), encoding="utf-8")
    write_report(folder, summary, recorder)
    return summary
