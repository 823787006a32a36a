"""Sentences about measured data that cannot serve, each provoked."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from refusal import refused

from autarky.build import image
from autarky.soc import evaluate as evaluation
from autarky.soc import fit as fitting
from autarky.soc import fitted_table, report
from autarky.soc.chemistry import load, table_text
from autarky.soc.traces import Trace, TraceError


def a_trace(
    folder: Path, current_a: Iterable[float], step_s: float = 1.0, voltage_v: float = 3.3,
    soc: Iterable[float] | None = None,
) -> Path:  # fmt: skip
    """A file of one cell, a sample each step."""
    amperes = np.array(list(current_a), float)
    columns = {
        "time (s)": step_s * np.arange(len(amperes)), "current": amperes,
        "voltage": np.full(len(amperes), voltage_v),
    }  # fmt: skip
    if soc is not None:
        columns["soc"] = np.array(list(soc), float)
    pq.write_table(pa.table(columns), folder / "cell.parquet")
    return folder / "cell.parquet"


@pytest.mark.parametrize(
    ("file", "options", "sentence"),
    [
        ("none.csv", (), "none.csv: there is no such file"),
        ("cell.parquet", ("--chemistry", "lead"), "nor a file of `autarky fit`"),
        ("cell.parquet", ("--chemistry", "{tmp}/note"), "note: not a whole chemistry table"),
        ("cell.parquet", ("--resistance-scale", "30"), "--resistance-scale 30.0: allowed are 0.1"),
        ("cell.parquet", ("--capacity-ah", "0"), "--capacity-ah 0.0: it must be above 0"),
        ("cell.parquet", (), "the capacity cannot be told from the trace; give --capacity-ah"),
    ],
)
def test_what_cannot_be_evaluated(tmp_path: Path, file: str, options, sentence: str) -> None:
    a_trace(tmp_path, [1.0] * 9)
    (tmp_path / "note").write_text("remember the milk\n")
    given = [option.format(tmp=tmp_path) for option in options]
    told = refused("soc", "evaluate", tmp_path / file, "--plot", tmp_path / "x.png", *given)
    assert sentence in told


def test_a_trace_of_a_month_is_cut_by_its_owner(tmp_path: Path) -> None:
    data = a_trace(tmp_path, [0.01] * 600, 3600.0, soc=np.linspace(0.9, 0.86, 600))
    told = refused(
        "soc", "evaluate", data, "--capacity-ah", "15", "--plot", tmp_path / "x.png"
    )  # fmt: skip
    assert "599 h are too long for one replay (590 h)" in told


def held(**changes: object) -> Trace:
    """A trace at rest, one sample a second."""
    times = np.arange(200.0)
    full = np.full(200, 3.4)
    rest = Trace("rest", times, 0 * times, full, 25 + 0 * times, full / full, None)
    return replace(rest, **changes)


def test_a_trace_with_holes_is_replayed_in_parts_only() -> None:
    times = np.concatenate([np.arange(100.0), np.arange(1000.0, 1100.0)])
    with pytest.raises(TraceError, match="time has holes; take its parts"):
        evaluation.records(held(time_s=times, longest_step_s=1.0), 10.0)


def test_an_estimator_that_fails_inside_micropython_is_said(monkeypatch) -> None:
    monkeypatch.setattr(image, "tool", lambda name: "/bin/false")
    with pytest.raises(ValueError, match="the estimator failed inside MicroPython"):
        evaluation.evaluate(
            held(), table_text("lfp"), 10.0, evaluation.Errors(), runtime="micropython"
        )


def test_a_machine_that_writes_numbers_the_other_way_round_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(sys, "byteorder", "big")
    with pytest.raises(ValueError, match="needs a little-endian machine"):
        evaluation.evaluate(held(), table_text("lfp"), 10.0, evaluation.Errors())


@pytest.mark.parametrize(
    ("current_a", "soc", "options", "sentence"),
    [
        ([1.0] * 50, (0.9, 0.89), ("--capacity-ah", "10"),
         "no trace serves: cell: 50 samples are too few"),
        ([1.0] * 200, None, (), "the run does not go from full to empty; give --capacity-ah"),
        ([1.0] * 200, None, ("--capacity-ah", "10"), "less than a fifth of the charge is moved"),
        ([9.0] * 2000, None, ("--capacity-ah", "10"), "it starts neither full nor empty"),
        ([5.0] * 200, (0.7, 0.67), ("--capacity-ah", "10"),
         "the traces cover 67..70 % of charge; a table needs at least half"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted(tmp_path: Path, current_a, soc, options, sentence: str) -> None:
    charge = np.linspace(*soc, len(current_a)) if soc else None
    data = a_trace(tmp_path, current_a, soc=charge)
    assert sentence in refused("fit", data, "--out", tmp_path / "my.table", *options)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"SOC_OCV": [0.0, 100.0]}, "OCV_discharge beside SOC_OCV: a table of rest"),
        ({"SOC_OCV": [0.0, 50.0], "OCV_charge": [2.5, 3.3], "OCV_discharge": [2.5, 3.3]},
         "SOC_OCV must rise from 0 to 100 %"),
    ],
)  # fmt: skip
def test_a_curve_that_is_not_whole(tmp_path: Path, columns: dict, sentence: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "ocv.parquet")
    assert sentence in refused("fit", tmp_path / "ocv.parquet", "--out", tmp_path / "my.table")


def test_a_file_that_counts_the_other_way_is_one_of_the_files(tmp_path: Path) -> None:
    data = a_trace(tmp_path, [1.0] * 9)
    told = refused("fit", data, "--charge-positive", "slow.csv", "--out", tmp_path / "my.table")
    assert "--charge-positive slow.csv: it is none of the files to fit" in told


def test_one_temperature_needs_a_family() -> None:
    one = np.array([0.02])
    found = fitting.Fit(
        [25.0], 10.0, 30.0, 500.0, 4.0, one, one, one, np.linspace(2.5, 3.5, 101), np.zeros(101),
        np.zeros(101), {}, [],
    )  # fmt: skip
    with pytest.raises(TraceError, match="one temperature only: name the family"):
        fitted_table.resistance_rows(found, None)
    assert len(fitted_table.resistance_rows(found, load("lfp"))) > 1


def test_the_report_of_measured_cells_needs_their_data(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(report, "DATA", tmp_path / "none")
    monkeypatch.setattr(sys, "argv", ["report"])
    with pytest.raises(SystemExit, match="none: the cell data is not there; without it nothing"):
        report.main()
