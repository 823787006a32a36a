"""What a run tells people: numbers computed again from what was recorded, a page of them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from autarky.coordinator.segment import Emergency
from autarky.scenario import happened, report
from autarky.scenario.recorder import Check, FaultResult, Recorder, Summary
from autarky.scenario.run import run_scenario
from autarky.scenario.trip import TRIP_CASES, only_tested
from autarky.sil.meter import Meter
from autarky.sil.site import SiteConfig, VirtualSite
from autarky.tables import LEVELS
from bess.port.memory import MemoryRegion
from bess.protect import event_log
from bess.protect.event_log import EventLog
from bess.protect.fault_table import TABLE
from bess.table import rows

TICKS_A_ROW = 50
IDS = {fields[1]: int(fields[0]) for fields in rows(TABLE)}


def recorded(grid_kw: list[float], contract_kw: float | None = 100.0) -> Recorder:
    """A site whose load is 50 kW above what it takes from the grid."""
    recorder = Recorder()
    recorder.meter.contract_w = None if contract_kw is None else 1000 * contract_kw
    for number, kw in enumerate(grid_kw):
        for _ in range(TICKS_A_ROW):
            recorder.meter.tick(1000 * kw + 50_000, 50_000.0)
        recorder.site_rows.append({"time_s": number / 2, **recorder.meter.row()})
        recorder.rows.append(
            {"time_s": number / 2, "node_id": 2, "state_number": -1 if number == 0 else 4,
             "level": 0, "power_w": 50_000.0, "setpoint_w": 50_000.0, "current_a": 60.0,
             "cell_min_v": 3.2, "cell_max_v": 3.3, "soc_reported": None if number == 0 else 0.5,
             "soc_sigma": 0.02, "soc_true": 0.51, "charge_limit_w": 100_000.0,
             "discharge_limit_w": 90_000.0, "temp_min_c": 20.0, "temp_max_c": 21.0}
        )  # fmt: skip
    return recorder


def summary(checks: list[Check], recorder: Recorder, seconds: float = 10.0, **more) -> Summary:
    fields = {
        "scenario": "test", "seed": 1, "cabinets": 1, "interpreter": "inline",
        "virtual_s": seconds, "wall_s": 1.0, "log_sha256": "00", "log_frames": 1, "bus_load": 0.1,
        "worst_latency_us": 100, "checks": checks, "faults": [],
        "energy_kwh": {"discharged": 1.0, "charged": 0.5}, "soc": recorder.soc_errors(),
        "peak": recorder.meter.peak_kw(recorder.site_rows), "happened": [], "only_tested": {},
        "folder": "x", **more,
    }  # fmt: skip
    return Summary(**fields)


def page(tmp_path, made: Summary, recorder: Recorder) -> tuple[str, dict]:
    """(the page, what it draws)."""
    report.write_report(tmp_path, made, recorder)
    text = (tmp_path / "report.html").read_text()
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return text, json.loads(found[1])


def test_saved_peak_and_what_went_beyond_the_contract() -> None:
    made = summary([], recorded([80, 120, 100.5, 130, 120, 90])).peak
    assert (made["load_kw"], made["grid_kw"], made["saved_kw"]) == (180, 130, 50)
    assert (made["contract_kw"], made["exceeded_kw"]) == (100, 30)
    assert (made["exceeded_s"], made["exceeded_longest_s"]) == (1.5, 1.0)
    assert made["exceeded_kwh"] == pytest.approx((20 + 0.5 + 30 + 20) * 0.5 / 3600)
    assert "contract_kw" not in summary([], recorded([80], None)).peak


def test_a_spike_of_one_tick_between_two_rows_is_seen() -> None:
    meter = Meter(contract_w=100_000.0)
    for tick in range(TICKS_A_ROW):
        meter.tick(150_000.0 if tick == 7 else 80_000.0, 0.0)
    row = meter.row()
    assert row["grid_w"] == pytest.approx(81_400)
    assert (row["grid_most_w"], meter.spike_w) == (150_000, 150_000)
    assert (meter.peak_kw([row])["exceeded_kw"], meter.peak_kw([row])["exceeded_s"]) == (0, 0.01)
    meter.tick(90_000.0, 0.0)
    assert meter.row()["grid_most_w"] == 90_000


@dataclass
class Peak:
    """A run of two minutes: its summary and folder, load and battery in W of each tick, alarms."""

    made: Summary
    folder: Path
    powers_w: list[tuple[float, float]]
    emergencies: list[Emergency]


@pytest.fixture(scope="module")
def peak(tmp_path_factory: pytest.TempPathFactory) -> Peak:
    powers_w, sites = [], []
    measure = Recorder.tick

    def watched(recorder: Recorder, site: VirtualSite) -> None:
        measure(recorder, site)
        powers_w.append((recorder.load_w, float(np.sum(site.plants.strings.pcs_power_w))))

    folder = tmp_path_factory.mktemp("peak") / "run"
    config = SiteConfig(interpreter="inline")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "tick", watched)
        made = run_scenario("peak", config, folder, 120 / 3600, prepared=sites.append)
    return Peak(made, folder, powers_w, sites[0].coordinator.emergencies)


def test_a_run_s_numbers_are_those_of_every_tick_of_the_plant(peak: Peak) -> None:
    made = peak.made
    load, battery = np.array(peak.powers_w).T / 1000
    grid = load - battery
    contract = made.peak["contract_kw"]
    rows = [slice(0, 1)] + [slice(n, n + 50) for n in range(1, len(load) - 49, 50)]
    high = max(grid[row].mean() for row in rows)
    beyond = grid > 1.01 * contract
    runs = "".join("x" if over else " " for over in beyond).split()
    told = {
        "load_kw": max(load[row].mean() for row in rows), "grid_kw": high,
        "saved_kw": max(load[row].mean() for row in rows) - high, "grid_spike_kw": grid.max(),
        "contract_kw": 275.0, "exceeded_kw": high - contract, "exceeded_s": beyond.sum() / 100,
        "exceeded_longest_s": max(map(len, runs)) / 100,
        "exceeded_kwh": np.maximum(grid - contract, 0).sum() / 360_000,
    }  # fmt: skip
    assert made.peak == pytest.approx(told)
    assert made.energy_kwh == pytest.approx(
        {"discharged": np.maximum(battery, 0).sum() / 360_000,
         "charged": np.maximum(-battery, 0).sum() / 360_000}
    )  # fmt: skip
    assert grid.max() > max(grid[row][-1] for row in rows) + 50, "samples alone would miss it"


def test_a_check_that_a_run_was_too_short_for_is_not_reached_and_no_pass() -> None:
    recorder = recorded([80])
    checks = [Check("a", True), Check("late", False, awaits_s=20.0)]
    made = summary(checks, recorder)
    assert [check.status for check in made.checks] == ["pass", "not reached"]
    assert (made.passed, made.verdict.split(":")[0]) == (False, "too short")
    assert json.loads(made.as_json())["checks"][1]["status"] == "not reached"
    made = summary([Check("late", False, awaits_s=20.0)], recorder, seconds=20.0)
    assert (made.checks[0].status, made.verdict) == ("FAIL", "failed")
    late = FaultResult("hvil", 100, 150, 300, 200)
    assert summary(checks, recorder, faults=[late]).verdict == "failed"


def test_what_happened_is_read_from_a_cabinet_s_own_log_with_units(tmp_path) -> None:
    log = EventLog(MemoryRegion(24 * 100))
    for ticks, kind, name, level, value in (
        (100, event_log.RAISED, "cell_ov", 1, 35900), (150, event_log.CLEARED, "cell_ov", 1, 35000),
        (200, event_log.RAISED, "cell_ov", 1, 35950), (300, event_log.RAISED, "hvil", 3, 1),
        (400, event_log.RAISED, "cell_ov", 3, 36501),
    ):  # fmt: skip
        log.put(ticks, kind, IDS[name], level, value, 35800)
    log.flush(10)
    folder = tmp_path / "cabinet5"
    folder.mkdir()
    (folder / "log.bin").write_bytes(log.read(0, log.size()))
    found = happened.of_run(happened.stored(tmp_path, [4, 5]))
    assert [(h.id, h.node, h.level, h.first_s, h.last_s, h.count) for h in found] == [
        ("hvil", 5, "trip", 3.0, 3.0, 1), ("cell_ov", 5, "trip", 4.0, 4.0, 1),
        ("cell_ov", 5, "warn", 1.0, 2.0, 2),
    ]  # fmt: skip
    assert [(h.value, h.limit) for h in found] == [
        ("", ""), ("3.650 V", "3.580 V"), ("3.590 V", "3.580 V"),
    ]  # fmt: skip
    assert set(LEVELS) >= {"warn", "limit", "trip", "lockout"}


def test_a_cell_stood_out_before_its_trip_and_a_module_is_out_from_then_on() -> None:
    samples = [
        {"time_s": t, "node_id": node, "cell_min_at": 5, "cell_max_at": cell, "modules_out": out,
         "sensor_min_at": 2, "sensor_max_at": 7}
        for t, cell, out in ((0.5, 1, ""), (1.0, 18, ""), (1.5, 3, "4"))
        for node in (2, 3)
    ]  # fmt: skip
    made = [
        happened.Happened(name, 3, "trip", 1.2, 1.2, 1, "", "")
        for name in ("cell_ov", "cell_uv", "cell_spread", "charge_ot", "module_pulled", "estop")
    ]
    assert [one.place for one in happened.placed(made, samples)] == [
        "cell 18", "cell 5", "cell 5 and 18", "sensor 7", "module 4", "",
    ]  # fmt: skip
    assert happened.placed(made, [])[0].place == ""
    assert {one.place for one in happened.placed(made, samples[:2])} >= {"cell 1", ""}


def test_what_a_cabinet_tells_of_a_later_start_stands_apart_and_has_no_place() -> None:
    log = EventLog(MemoryRegion(24 * 100))
    for boot, ticks in ((1, 300), (2, 120)):
        log.boot = boot
        log.put(ticks, event_log.RAISED, IDS["cell_ov"], 3, 36501, 36500)
        log.flush(10)
    found = happened.of_run({3: log.read(0, log.size())})
    assert [(one.boot, one.first_s, one.last_s, one.count) for one in found] == [
        (1, 3.0, 3.0, 1), (2, 1.2, 1.2, 1),
    ]  # fmt: skip
    samples = [{"time_s": t, "node_id": 3, "cell_max_at": 7} for t in (1.0, 2.0, 3.0)]
    assert [one.place for one in happened.placed(found, samples)] == ["cell 7", ""]
    assert happened.tripped_ms(found, "cell_ov", 3, 1000) == 3000
    assert happened.tripped_ms(found[1:], "cell_ov", 3, 1000) is None


def test_a_pulled_module_and_a_driven_cell_are_named_as_their_events_name_them(peak: Peak) -> None:
    made = peak.made
    assert {(one.node, IDS[one.id]) for one in made.happened} == {
        (e.node_id, e.fault_id) for e in peak.emergencies if e.code
    }
    events = (peak.folder / "report.html").read_text()
    told = {one.id: one.place for one in made.happened if one.level == "trip"}
    assert f"{told['module_pulled']} of cabinet 3 pulled" in events
    assert f"{told['cell_ov']} of cabinet 2 driven" in events


def test_a_milder_stop_is_not_taken_for_the_fault_s_own_trip(tmp_path) -> None:
    def at(level: str, seconds: float, node: int = 14, fault: str = "afe_silent"):
        return happened.Happened(fault, node, level, seconds, seconds, 1, "", "")

    found = [
        at("limit", 9.0), at("trip", 11.0), at("trip", 10.0, 15), at("trip", 10.5, 14, "afe_crc"),
    ]  # fmt: skip
    assert happened.tripped_ms(found, "afe_silent", 14, 8000) == 11_000
    assert happened.tripped_ms(found, "afe_silent", 14, 11_010) is None
    assert happened.tripped_ms([at("stop", 9.0)], "afe_silent", 14, 8000) == 9000
    fault = FaultResult("afe_silent", 8000, 8040, 8050, 12_000, "afe_crc", 14, 11_000)
    recorder = recorded([80])
    text, _ = page(tmp_path, summary([], recorder, faults=[fault]), recorder)
    row = re.search(r"<td>afe_silent</td>(.*?)</tr>", text, re.DOTALL)
    assert row is not None
    assert re.findall(r"width:([\d.]+)%", row[1]) == ["75.0", "1.2"]
    assert re.findall(r'class="n">(\w+)<', row[1])[:3] == ["50", "3000", "4000"]


def test_every_row_s_unit_is_shown_or_is_a_flag() -> None:
    for fields in rows(TABLE):
        assert (happened.shown(fields[1], 1) == "") == (fields[4] == "flag"), fields[1]


def test_summary_tells_faults_in_every_scenario() -> None:
    recorder = recorded([80])
    event = happened.Happened("cell_ov", 2, "trip", 1.0, 1.0, 1, "3.700 V", "3.650 V")
    assert (
        json.loads(summary([], recorder, happened=[event]).as_json())["faults"][0]["id"]
        == "cell_ov"
    )
    provoked = FaultResult("hvil", 100, 150, 160, 200)
    made = json.loads(summary([], recorder, happened=[event], faults=[provoked]).as_json())
    assert (made["faults"][0]["id"], made["faults"][0]["latency_ms"]) == ("hvil", 60)
    assert made["happened"][0]["value"] == "3.700 V"


def test_the_page_needs_no_other_file_and_draws_what_was_recorded(tmp_path) -> None:
    recorder = recorded([80, 120, 90])
    recorder.events = [(0.5, "</script><b>"), (1.0, "")]
    recorder.cells = [{"node": 2, "volts": [[3.2, 3.3]], "celsius": [[20.0]]}]
    text, data = page(tmp_path, summary([Check("a", True, "<i>")], recorder), recorder)
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "<i>" not in text.replace("<i></i>", "").split("<script", 1)[0]
    assert data["t"] == [0, 0.5, 1.0]
    assert (data["site"]["grid"], data["contract"]) == ([80, 120, 90], 100)
    cabinet = data["cabinets"][0]
    assert (cabinet["state"], cabinet["soc"]) == ([None, 4, 4], [None, 50, 50])
    assert (cabinet["soc_low"][1], cabinet["soc_high"][1], cabinet["soc_true"][1]) == (44, 56, 51)
    assert (cabinet["low"][0], cabinet["high"][0]) == (-100, 90)
    assert data["events"] == [[0.5, "</script><b>"]]
    for value in ("170 kW", "120 kW", "50 kW", "20 kW, 0.00 kWh", "0.5 s, 0.5 s", "peak saved"):
        assert value in text, value


def test_a_long_run_is_thinned_and_no_peak_is_lost(tmp_path) -> None:
    recorder = recorded([80.0] * 5000 + [400.0] + [80.0] * 5000)
    _, data = page(tmp_path, summary([], recorder), recorder)
    assert len(data["t"]) <= 1600
    assert max(data["site"]["grid"]) == 400
    assert data["t"] == sorted(data["t"])
    assert (
        len({len(data["t"]), *(len(v) for k, v in data["cabinets"][0].items() if k != "node")}) == 1
    )


def test_trip_provokes_every_fault_that_trips_or_says_why_not() -> None:
    latching = {fields[1] for fields in rows(TABLE) if {"3", "4"} & set(fields[6])}
    here = {case.fault for case in TRIP_CASES}
    assert latching - here == set(only_tested())
    assert all(only_tested().values())
