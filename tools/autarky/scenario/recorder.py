"""What a run leaves behind: traces, events, faults, and the folder with the report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from autarky.scenario.happened import Happened
from autarky.sil.meter import Meter
from autarky.sil.site import VirtualSite
from autarky.tables import fault_names

SAMPLE_MS = 500


@dataclass
class Check:
    """One thing that a scenario promises, and whether it held.

    awaits_s: virtual time by which it can have come true; a run that ends before has not reached
    it, which is no pass either.
    """

    name: str
    passed: bool
    detail: str = ""
    awaits_s: float = 0.0
    status: str = ""

    def judge(self, seconds: float) -> None:
        """Its status after a run of that length."""
        reached = seconds >= self.awaits_s
        self.status = "pass" if self.passed else "FAIL" if reached else "not reached"


@dataclass
class FaultResult:
    """A provoked fault: when, when commanded open, and the deadline, in ms of virtual time.

    A milder level, or a milder fault of the same cause, may stop the cabinet before: tripped_ms is
    when the fault itself reached the level that the deadline is for, None if it never did.
    """

    id: str
    injected_ms: int
    seen_ms: int | None
    command_ms: int | None
    deadline_ms: int
    seen_as: str = ""
    node: int = 0
    tripped_ms: int | None = None

    @property
    def own_ms(self) -> int | None:
        """From the injection to its own trip."""
        return None if self.tripped_ms is None else self.tripped_ms - self.injected_ms

    @property
    def latency_ms(self) -> int | None:
        return None if self.command_ms is None else self.command_ms - self.injected_ms

    @property
    def passed(self) -> bool:
        return self.command_ms is not None and self.command_ms <= self.deadline_ms


@dataclass
class Recorder:
    """Samples a site every 500 ms; `events` are (time s, text) for the plots.

    `load_w` is the site's load now, grid_w what its grid gives. Powers in `site_rows` are means
    since the row before, of every tick; grid_most_w is the highest tick of that time. Cells,
    sensors and modules are numbered from 1; node_id is a cabinet's number on the whole site. cells:
    of each cabinet the voltages (V) and sensors (degC) by module, when `look_at_cells` was called.
    """

    load_w: float = 0.0
    grid_w: float = 0.0
    meter: Meter = field(default_factory=Meter)
    cells: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    site_rows: list[dict[str, Any]] = field(default_factory=list)
    events: list[tuple[float, str]] = field(default_factory=list)

    def tick(self, site: VirtualSite) -> None:
        """Before every tick, after the load was set: what flows now."""
        battery_w = sum(site.plants.pcs_power_w)
        self.grid_w = self.load_w - battery_w
        self.meter.tick(self.load_w, battery_w)

    def told(self, answer: dict[str, Any]) -> None:
        """What an agenda tells becomes an event."""
        text = answer.get("did", answer.get("error"))
        if text is not None:
            self.events.append((answer["at_s"], text))

    def sample(self, site: VirtualSite) -> None:
        """Take one row for the site and one for each cabinet."""
        t = site.now_ms / 1000
        plants = site.plants
        self.site_rows.append(
            {"time_s": t, **self.meter.row(),
             "target_w": site.coordinator.target_w, "deficit_w": site.coordinator.deficit_w}
        )  # fmt: skip
        emf, r0, current = plants.cells.emf, plants.cells.r0, plants.strings.current_a
        volts = emf - r0 * current[:, None]
        soc_true = plants.cells.usable_soc()
        low, high = volts.min(axis=1).tolist(), volts.max(axis=1).tolist()
        lowest, highest = volts.argmin(axis=1).tolist(), volts.argmax(axis=1).tolist()
        for cabinet, view in zip(site.cabinets, site.coordinator.views.values(), strict=True):
            i = cabinet.index
            temperatures, felt = plants.heat.module_c[i], plants.sensor_c(i)
            self.rows.append(
                {
                    "time_s": t, "node_id": view.number, "state": view.state_name,
                    "state_number": view.state, "level": view.level, "fault": view.worst_fault,
                    "fault_name": fault_names().get(view.worst_fault, ""),
                    "power_w": plants.pcs_power_w[i], "setpoint_w": view.setpoint_w,
                    "current_a": plants.current_a[i], "string_v": plants.string_v[i],
                    "link_v": plants.link_v[i], "cell_min_v": low[i], "cell_max_v": high[i],
                    "soc_reported": view.soc, "soc_sigma": view.soc_sigma,
                    "soc_true": float(soc_true[i]),
                    "charge_limit_w": view.charge_limit_w,
                    "discharge_limit_w": view.discharge_limit_w,
                    "temp_min_c": float(temperatures.min()),
                    "temp_max_c": float(temperatures.max()),
                    "cell_min_at": lowest[i] + 1, "cell_max_at": highest[i] + 1,
                    "sensor_min_at": int(felt.argmin()) + 1,
                    "sensor_max_at": int(felt.argmax()) + 1,
                    "modules_out": " ".join(
                        str(module + 1) for module in np.flatnonzero(plants.strings.module_out[i])
                    ),
                }
            )  # fmt: skip

    def look_at_cells(self, site: VirtualSite) -> None:
        """Every cell and sensor as it is now."""
        plants = site.plants
        self.cells = []
        for cabinet in site.cabinets:
            i = cabinet.index
            volts = plants.cells.voltage(i, plants.current_a[i]).reshape(plants.modules, -1)
            celsius = plants.sensor_c(i).reshape(plants.modules, -1)
            self.cells.append(
                {"node": cabinet.number, "volts": volts.round(4).tolist(),
                 "celsius": celsius.round(1).tolist()}
            )  # fmt: skip

    def soc_errors(self) -> dict[int, dict[str, float]]:
        """Of each cabinet by node id, 0..1: largest error of the reported SOC, the largest in its
        own 3 sigma (above 1: it claimed too much), and its last sigma."""
        found: dict[int, dict[str, float]] = {}
        for row in self.rows:
            if row["soc_reported"] is None or row["soc_sigma"] is None:
                continue
            error = abs(row["soc_reported"] - row["soc_true"])
            before = found.get(row["node_id"], {"largest_error": 0.0, "largest_of_3_sigma": 0.0})
            found[row["node_id"]] = {
                "largest_error": max(before["largest_error"], error),
                "largest_of_3_sigma": max(
                    before["largest_of_3_sigma"], error / max(3 * row["soc_sigma"], 1e-9)
                ),
                "last_sigma": row["soc_sigma"],
            }
        return found

    def write(self, folder: Path) -> None:
        """Parquet files of both tables."""
        pq.write_table(pa.Table.from_pylist(self.rows), folder / "cabinets.parquet")
        pq.write_table(pa.Table.from_pylist(self.site_rows), folder / "site.parquet")


@dataclass
class Summary:
    """summary.json."""

    scenario: str
    seed: int
    cabinets: int
    interpreter: str
    virtual_s: float
    wall_s: float
    log_sha256: str
    log_frames: int
    bus_load: float
    worst_latency_us: int
    checks: list[Check]
    faults: list[FaultResult]
    energy_kwh: dict[str, float]
    soc: dict[int, dict[str, float]]
    peak: dict[str, float]
    happened: list[Happened]
    only_tested: dict[str, str]
    folder: str

    def __post_init__(self) -> None:
        for check in self.checks:
            check.judge(self.virtual_s)

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.passed:
            return "passed"
        failed = any(c.status == "FAIL" for c in self.checks)
        failed |= not all(f.passed for f in self.faults)
        return "failed" if failed else "too short: something was not reached"

    @property
    def passed(self) -> bool:
        return all(c.passed for c in self.checks) and all(f.passed for f in self.faults)

    def as_json(self) -> str:
        content = asdict(self)
        content["realtime_factor"] = self.virtual_s / self.wall_s if self.wall_s else 0.0
        content["pass"] = self.passed
        content["checks"] = [
            {"name": c.name, "pass": c.passed, "status": c.status, "detail": c.detail}
            for c in self.checks
        ]
        content["faults"] = [
            {
                "id": f.id, "injected_ms": f.injected_ms, "seen_ms": f.seen_ms,
                "command_ms": f.command_ms, "deadline_ms": f.deadline_ms,
                "latency_ms": f.latency_ms, "seen_as": f.seen_as, "pass": f.passed,
                "node": f.node, "tripped_ms": f.tripped_ms,
            }
            for f in self.faults
        ]  # fmt: skip
        content["faults"] = content["faults"] or content["happened"]
        return json.dumps(content, indent=2) + "\n"
