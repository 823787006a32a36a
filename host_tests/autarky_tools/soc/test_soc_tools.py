"""`autarky fit` and `autarky soc evaluate` on small synthetic cells, and on measured ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import run_here
from kit.table_plant import TablePlant
from soak import SOAK

from autarky.soc import evaluate as evaluation
from autarky.soc import fit as fitting
from autarky.soc import fitted_table
from autarky.soc.chemistry import load, table_text
from autarky.soc.evaluate import Errors, evaluate
from autarky.soc.report import DATA, a123, fitted
from autarky.soc.rivals import RIVALS
from autarky.soc.traces import Trace, TraceError, capacity_from, read_traces
from bess.estimate import lfp
from bess.estimate.chemistry import Chemistry

AH = 10.0


def synthetic(celsius: float, hours: float, seed: int, start: float = 1.0, slow: bool = False):
    """A trace of the plant that obeys the lfp table, 1 Hz."""
    plant = TablePlant(
        lfp.TABLE, [celsius], [start], np.array([1.0]), [-1.0 if start > 0.5 else 1.0]
    )
    rng = np.random.default_rng(seed)
    count = int(hours * 3600)
    current, current_c, noise_v = 0.0, np.zeros(count), np.zeros(count)
    way = 1 / 25 if start > 0.5 else -1 / 25
    for second in range(count):
        if slow:
            current = way if second > 0 else 0.0
        elif second % 12 == 0:
            current = 0.0 if second < 60 else float(rng.normal(0.1, 0.35))
        current_c[second], noise_v[second] = current, rng.normal(0, 5e-4)
    voltage_v, soc = plant.course(current_c)
    time_s, current_a, voltage_v = np.arange(float(count)), AH * current_c, voltage_v + noise_v
    inside = (soc > 0) & (soc < 1.0001)
    return Trace(
        f"synthetic {celsius}", time_s[inside], current_a[inside], voltage_v[inside],
        np.full(inside.sum(), celsius), np.clip(soc[inside], 0, 1), None,
    )  # fmt: skip


def write(trace: Trace, path: Path, **columns) -> Path:
    data = {
        "time": trace.time_s, "current": trace.current_a, "voltage": trace.voltage_v,
        "temp": trace.temperature_c, "soc": trace.soc,
    }  # fmt: skip
    data.update(columns)
    pq.write_table(pa.table({k: v for k, v in data.items() if v is not None}), path)
    return path


@pytest.fixture(scope="module")
def hour() -> Trace:
    return synthetic(25.0, 2.5, 1, start=0.8)


def test_a_fit_finds_the_cell_it_was_made_from() -> None:
    traces = [
        synthetic(25.0, 26, 0, 1.0, slow=True), synthetic(25.0, 26, 0, 0.0, slow=True),
        synthetic(25.0, 9, 1), synthetic(5.0, 9, 2),
    ]  # fmt: skip
    found = fitting.fit(traces, 3.54, 2.5)
    assert found.rms_mv < 3
    truth = load("lfp")
    singles = fitted_table.singles_of(truth.values)
    table = Chemistry(fitted_table.table_of(found, [], singles, truth).encode())
    middle = slice(15, 85)
    apart = np.abs(np.array(table.ocv_dmv[middle], int) - np.array(truth.ocv_dmv[middle], int))
    assert apart.max() < 80  # 8 mV
    assert np.median(apart) < 25
    assert found.temperatures_c == [5.0, 25.0]
    assert found.ohmic == pytest.approx([0.0358, 0.0202], rel=0.1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda t: {"temperature_c": np.linspace(0, 40, len(t.time_s))},
            "temperature changes by more than 25 K",
        ),
        (lambda t: {"current_a": t.current_a * 0.1}, "no trace goes beyond 0.3 C"),
        (lambda t: {"soc": None}, "soc"),
        (lambda t: {"time_s": t.time_s * 10}, "sample a second"),
    ],
)
def test_unsuitable_data_is_refused_with_the_reason(hour: Trace, change, reason: str) -> None:
    from dataclasses import replace

    with pytest.raises(TraceError, match=reason):
        fitting.fit([replace(hour, **change(hour))], 3.54, 2.5, None if reason == "soc" else AH)


def test_evaluate_prints_scores_and_writes_the_promised_keys(
    hour: Trace, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(evaluation, "_COST_SAMPLES", 60)  # told as it is of ten times as many
    data = write(hour, tmp_path / "cell.parquet")
    out = tmp_path / "soc.json"
    done = run_here(
        "soc", "evaluate", data, "--chemistry", "lfp", "--start-error", "-20", "--gain", "0.5",
        "--offset", "0.2", "--noise-mv", "1", "--capacity-ah", AH, "--json", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scores = json.loads(out.read_text())
    for key in (
        "rmse_pct",
        "max_pct",
        "hours_to_3_pct",
        "inside_3_sigma_pct",
        "runtime",
        "precision",
    ):
        assert key in scores
    assert scores["rmse_pct"] < 6
    assert scores["garbage_bytes_per_step"] <= 8 * 1024
    assert "bytes of garbage, x86 instructions" in done.stdout
    assert (scores["runtime"], scores["precision"]) == ("cpython", "double")
    assert out.with_suffix(".png").stat().st_size > 10_000


def test_micropython_gives_the_same_estimates_as_cpython(hour: Trace) -> None:
    part = hour.cut(0, 1500)
    errors = Errors(5, 0.5, 0.2, 1)
    host = evaluate(part, table_text("lfp"), AH, errors)
    target = evaluate(part, table_text("lfp"), AH, errors, runtime="micropython")
    assert np.abs(host.soc - target.soc).max() <= 1e-4
    assert np.abs(host.sigma - target.sigma).max() <= 1e-4
    assert target.steps == host.steps
    assert target.garbage_bytes is not None
    assert target.garbage_bytes <= 8 * 1024


def test_single_precision_is_emulated_operation_by_operation(hour: Trace) -> None:
    part = hour.cut(0, 4000)
    double = evaluate(part, table_text("lfp"), AH, Errors())
    single = evaluate(part, table_text("lfp"), AH, Errors(), precision="single")
    assert 0 < np.abs(double.soc - single.soc).max() <= 1e-3


def test_errors_of_the_sensors_are_put_on_the_trace(hour: Trace) -> None:
    spoiled = evaluation.spoil(hour, Errors(gain_pct=1, offset_pct_fs=0.5, full_scale_a=20), AH)
    assert spoiled.current_a == pytest.approx(hour.current_a * 1.01 + 0.1)


@pytest.mark.parametrize(
    ("columns", "options", "sentence"),
    [
        ({"voltage": None}, [], "no column voltage"),
        ({"soc": None}, ["--capacity-ah", "10"], "no column soc or soc_ref"),
        ({"current": "negative"}, ["--no-invert-current"], "--invert-current"),
        ({"soc": "percent"}, [], "must be 0..1"),
        ({"time": "backwards"}, [], "time goes backwards"),
        ({}, ["--chemistry", "lead"], "neither one of lfp, nmc"),
        ({}, ["--precision", "half"], "--precision is one of"),
        ({}, ["--precision", "single", "--runtime", "micropython"], "computes in double precision"),
        ({}, ["--capacity-ah", "0.01"], "more than 20 C"),
        ({}, ["--select", "nothing=1"], "there is no such column"),
        ({}, ["--columns", "volts=voltage"], "the roles are time, current, voltage"),
        ({}, ["--columns", "voltage=nothing"], "there is no column nothing; found time"),
        ({}, ["--columns", "voltage"], "--columns voltage: write it as NAME=VALUE"),
        ({}, ["--json", "/nowhere/x.json"], "its folder does not exist"),
    ],
)
def test_bad_input_gets_a_sentence(hour, tmp_path, columns, options, sentence) -> None:
    changed = dict(columns)
    if changed.get("current") == "negative":
        changed["current"] = -hour.current_a
    if changed.get("soc") == "percent":
        changed["soc"] = hour.soc * 100
    if changed.get("time") == "backwards":
        changed["time"] = hour.time_s[::-1]
    data = write(hour, tmp_path / "cell.parquet", **changed)
    done = run_here("soc", "evaluate", data, "--plot", tmp_path / "x.png", *options)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_evaluate_starts_anew_after_a_hole_and_says_so(
    hour: Trace, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("PATH", "")  # without valgrind, which takes its time
    late = hour.time_s + np.where(hour.time_s > 4500, 36_000, 0)
    rows = [f"{t / 3600:.6f};{-1000 * i:.1f};{1000 * v:.2f};{100 * soc:.4f}".replace(".", ",")
            for t, i, v, soc in zip(late, hour.current_a, hour.voltage_v, hour.soc)]  # fmt: skip
    data = tmp_path / "logger.csv"
    data.write_text("\n".join(["t;I;U;charge", "h;mA;mV;%", *rows]) + "\n", encoding="utf-8-sig")
    out = tmp_path / "soc.json"
    done = run_here(
        "soc", "evaluate", data, "--columns", "time=t,soc=charge", "--capacity-ah", AH,
        "--json", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "current counts + in charge, and is turned" in told
    assert "1 hole in time, the longest 36001 s, the first after 4500 s" in told
    scores = json.loads(out.read_text())
    assert [part["hours"] for part in scores["traces"]] == [1.25, 1.25]
    assert scores["rmse_pct"] < 3
    assert "is turned" in scores["traces"][0]["notes"][0]


def test_fit_writes_a_table_that_evaluate_takes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")  # without valgrind, which takes its time
    trace = synthetic(25.0, 5, 5)
    data = write(trace, tmp_path / "cell.parquet")
    table = tmp_path / "my.table"
    done = run_here("fit", data, "--like", "lfp", "--capacity-ah", AH, "--out", table)
    assert done.returncode == 0, done.stderr
    assert table.with_suffix(".png").is_file()
    again = run_here(
        "soc", "evaluate", data, "--chemistry", table, "--capacity-ah", AH,
        "--json", tmp_path / "s.json",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "s.json").read_text())["rmse_pct"] < 1.5


@pytest.mark.parametrize("command", [("fit",), ("soc", "evaluate")])
def test_the_files_that_help_names_are_read_as_they_stand(command: tuple[str, ...]) -> None:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not here")
    text = run_here(*command, "--help").stdout
    named = set(re.findall(r"\b(?:a123|lfp_1p2ah)\w+\.(?:parquet|csv\.gz)", text))
    assert named
    for name in named - {"lfp_1p2ah_ocv.csv.gz"}:  # a curve, no trace
        assert all(len(trace.time_s) > 1000 for trace in read_traces(DATA / name))


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not here")


# (degC, RMSE, largest error in % of SOC): a floor under what `make soc-report` shows
FLOOR = [(25, 1.3, 2.2), (-15, 2.2, 3.6)]


def judge(trace: Trace, table: bytes, rmse_pct: float, largest_pct: float) -> None:
    """The estimate of a trace with a sensor at both ends of its error."""
    for sign in (1, -1):
        errors = Errors(0, 0.5 * sign, 0.2 * sign, 1)
        scores = evaluate(trace, table, capacity_from(trace), errors).scores()
        assert scores["rmse_pct"] <= rmse_pct
        assert scores["max_pct"] <= largest_pct
        assert scores["inside_3_sigma_pct"] >= 99


@needs_data
@pytest.mark.parametrize(("celsius", "rmse_pct", "largest_pct"), FLOOR)
def test_measured_lfp_cells_with_the_table_that_ships(celsius, rmse_pct, largest_pct) -> None:
    _, udds = a123()
    trace = next(t for t in udds if t.temperature_c[0] == celsius)
    judge(trace, table_text("lfp"), rmse_pct, largest_pct)


@needs_data
@pytest.mark.skipif(not SOAK, reason="two fits of a minute: a part of make soak")
@pytest.mark.parametrize(("celsius", "rmse_pct", "largest_pct"), FLOOR)
def test_measured_lfp_cells_at_a_temperature_that_was_not_fitted(
    celsius, rmse_pct, largest_pct
) -> None:
    slow, udds = a123()
    trace = next(t for t in udds if t.temperature_c[0] == celsius)
    table = fitted([t for t in slow + udds if t.temperature_c[0] != celsius])
    judge(trace, table, rmse_pct, largest_pct)


@needs_data
def test_a_wrong_start_is_mended_where_counting_never_does() -> None:
    trace = read_traces(DATA / "a123_lfp_udds.parquet", {"T_test": "25"})[0].cut(0, 9000)
    ah, errors = capacity_from(trace), Errors(-20, 0.5, 0.2, 1)
    ours = evaluate(trace, table_text("lfp"), ah, errors).scores()["rmse_pct"]
    chemistry = load("lfp")
    rivals = {name: rival(trace, chemistry, ah, errors) for name, rival in RIVALS.items()}
    assert trace.soc is not None
    late = trace.time_s - trace.time_s[0] > 3600
    missed = {n: 100 * np.sqrt(np.mean((r - trace.soc)[late] ** 2)) for n, r in rivals.items()}
    assert missed["counting"] > 15
    assert ours < 1.5
