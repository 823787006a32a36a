"""`autarky node` against a free-running site: names, clear refusals, JSON, files."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Done, run_here
from patience import PATIENCE_S
from served_site import ServedSite

from bess.estimate import lfp
from bess.estimate.chemistry import Chemistry

pytestmark = pytest.mark.slow
PATIENT = ("--set", "sdo_timeout_ms=60000")


def start(*arguments: str) -> ServedSite:
    return ServedSite("--no-coordinator", "--realtime", *PATIENT, *arguments)


@pytest.fixture(scope="module")
def bus() -> Iterator[str]:
    site = start("--cabinets", "2")
    deadline = time.monotonic() + PATIENCE_S
    while "standby" not in node("read", "2", "state", "--bus", site.bus).stdout:
        assert time.monotonic() < deadline, "a self-test takes its time, not this much"
    yield site.bus
    site.stop()


def node(*arguments: str) -> Done:
    """`autarky node`."""
    return run_here("node", *arguments)


def test_list_shows_who_is_there(bus: str) -> None:
    rows = json.loads(node("list", "--bus", bus, "--json").stdout)
    assert [row["node"] for row in rows] == [2, 3]
    assert rows[0]["device_name"] == "Autarky cabinet"


def test_read_speaks_names_and_units(bus: str) -> None:
    done = node("read", "2", "cells.voltage.max", "state", "soc", "--bus", bus)
    assert done.returncode == 0, done.stderr
    assert "mV" in done.stdout
    assert "%" in done.stdout
    assert "standby" in done.stdout
    raw = json.loads(node("read", "2", "cell.voltage.7", "--bus", bus, "--json").stdout)
    assert 30000 < raw["cell.voltage.7"] < 35000
    assert node("read", "2", "0x2101", "--bus", bus).returncode == 0


def test_write_reads_back(bus: str) -> None:
    done = node("write", "3", "cell_ov_3_dmv", "36400", "--store", "--bus", bus)
    assert done.returncode == 0, done.stderr
    assert "3640 mV; stored, it acts from the cabinet's next start" in done.stdout
    done = node("write", "3", "cell_ov_3_dmv", "36500", "--bus", bus)
    assert "cell_ov_3_dmv: 3640 mV -> 3650 mV; NOT in force" in done.stdout
    done = node("write", "3", "cell_ov_3_dmv", "36400", "--store", "--json", "--bus", bus)
    assert json.loads(done.stdout) == {
        "name": "cell_ov_3_dmv", "old": 3650.0, "new": 3640.0, "unit": "mV",
        "old_raw": 36500, "new_raw": 36400, "stored": True, "in_force": False,
    }  # fmt: skip
    done = node("write", "3", "heartbeat_ms", "500", "--bus", bus)
    assert "acts at once" in done.stdout


def test_a_learned_table_is_read_used_and_taken_back(bus: str, tmp_path: Path) -> None:
    out = tmp_path / "my.table"
    done = node("table", "3", "--out", str(out), "--json", "--bus", bus)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["charge_pct"] for row in rows] == list(range(0, 101, 10))
    assert {row["in_use_dmv"] for row in rows} == {0}
    shipped = Chemistry(lfp.TABLE)
    assert Chemistry(out.read_bytes()).ocv_dmv == shipped.ocv_dmv  # nothing learned for sure yet
    assert node("write", "3", "table_shift_50_dmv", "30", "--bus", bus).returncode == 0
    done = node("table", "3", "--out", str(out), "--bus", bus)
    assert "30" in done.stdout
    found = Chemistry(out.read_bytes()).ocv_dmv
    assert (found[50], found[55]) == (shipped.ocv_dmv[50] + 30, shipped.ocv_dmv[55] + 15)
    done = node("table", "3", "--clear", "--bus", bus)
    assert "stored, it acts from the cabinet's next start" in done.stdout, done.stderr
    raw = json.loads(node("read", "3", "table_shift_50_dmv", "--json", "--bus", bus).stdout)
    assert raw == {"table_shift_50_dmv": 0}
    done = node("table", "3", "--use", "--clear", "--bus", bus)
    assert done.returncode == 1
    assert "--use and --clear exclude each other" in done.stderr


def test_a_set_that_contradicts_itself_is_not_stored_and_the_sentence_names_both(bus: str) -> None:
    """A trip at 3.60 V would come before the limit at 3.61 V."""
    done = node("write", "3", "cell_ov_3_dmv", "36000", "--store", "--bus", bus)
    assert done.returncode == 1
    assert "cabinet 3 stored nothing: " in done.stderr
    assert "cell_ov_2_dmv is 36100, cell_ov_3_dmv is 36000: " in done.stderr
    told = node("read", "3", "parameters.conflict", "--bus", bus, "--json").stdout
    assert "cell_ov_3_dmv is 36000" in told
    assert node("write", "3", "cell_ov_3_dmv", "36400", "--store", "--bus", bus).returncode == 0
    told = node("read", "3", "parameters.conflict", "--bus", bus, "--json").stdout
    assert json.loads(told) == {"parameters.conflict": "none"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("write", "2", "cell_ov_3_dmv", "99999"), "allowed are 30000..43000"),
        (("write", "2", "cell_ov_3_dmv", "many"), "write 'many' as an integer"),
        (("write", "2", "cell_ov_3_dmv", "1", "--key", "zz"), "64 hex digits"),
        (
            ("read", "2", "cells.voltage.maxx"),
            "nothing is named 'cells.voltage.maxx'; similar: cells.voltage.max",
        ),
        (("read", "2", "0xZZ.1"), "write it as 0xINDEX.SUB"),
        (("names", "nosuchthing"), "no name has"),
        (("trace", "2"), "no trace is there"),
        (("write", "2", "soc", "5"), "soc can only be read"),
        (("read", "2", "cell_ov"), "similar: cell_ov_1_dmv"),
        (("read", "77", "soc"), "cabinet 77 does not answer; `autarky node list` shows who does"),
        (("log", "2", "--out", "events.txt"), "events.txt: give FILE.csv or FILE.parquet"),
    ],
)
def test_refusals_are_sentences(bus: str, arguments: tuple[str, ...], sentence: str) -> None:
    on_bus = () if arguments[0] == "names" else ("--bus", bus)
    done = node(*arguments, *on_bus)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_key_is_refused_with_a_hint(bus: str) -> None:
    done = node("write", "2", "cell_ov_3_dmv", "36000", "--key", "11" * 32, "--bus", bus)
    assert done.returncode == 1
    assert "did not take the key: it is the wrong one" in done.stderr


def test_log_and_snapshot_go_to_files(bus: str, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    done = node("log", "2", "--out", str(tmp_path / "log.parquet"), "--bus", bus)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(tmp_path / "log.parquet").num_rows >= 1
    assert node("snapshot", "2", "--out", str(tmp_path / "c.csv"), "--bus", bus).returncode == 0
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 241
    samples: list[str] = []
    deadline = time.monotonic() + PATIENCE_S
    while not samples:  # the first comes with the second after the charge is known
        assert time.monotonic() < deadline
        done = node("trend", "2", "--out", str(tmp_path / "trend.csv"), "--bus", bus)
        assert done.returncode == 0, done.stderr
        header, *samples = (tmp_path / "trend.csv").read_text().splitlines()
        assert header.startswith("sequence,seconds,current_a")
    assert "damaged" not in done.stderr
    found = json.loads(node("snapshot", "2", "--json", "--bus", bus).stdout)
    assert len(found["cells_v"]) == 240


def test_watch_repeats(bus: str) -> None:
    done = node("watch", "2", "soc", "--count", "3", "--period", "0.05", "--json", "--bus", bus)
    assert len(done.stdout.split()) >= 3


def test_scan_assigns_ids_that_outlive_the_site(tmp_path: Path) -> None:
    options = ("--cabinets", "2", "--unconfigured", "--state", str(tmp_path))
    site = start(*options)
    try:
        rows = json.loads(node("scan", "--assign", "20", "--bus", site.bus, "--json").stdout)
        assert [row["node"] for row in rows] == [20, 21]
        assert {row["serial"] for row in rows} == {1000, 1001}
    finally:
        site.stop()
    site = start(*options)
    try:
        rows = json.loads(node("list", "--bus", site.bus, "--json").stdout)
        assert [row["node"] for row in rows] == [20, 21]
    finally:
        site.stop()


def test_names_can_be_searched() -> None:
    rows = json.loads(node("names", "cell_ov", "--json").stdout)
    assert {"cell_ov_1_dmv", "fault.cell_ov"} <= {row["name"] for row in rows}


def test_the_last_id_is_said_and_the_next_scan_finds_the_rest() -> None:
    site = start("--cabinets", "2", "--unconfigured")
    bus = site.bus
    try:
        done = node("scan", "--assign", "127", "--bus", bus)
        assert done.returncode == 1
        assert "assign from a lower one" in done.stderr
        assert "Traceback" not in done.stderr
        rows = json.loads(node("scan", "--assign", "10", "--bus", bus, "--json").stdout)
        assert [row["node"] for row in rows] == [10]
    finally:
        site.stop()


def test_a_closed_contactor_is_told_with_a_remedy() -> None:
    site = ServedSite("--cabinets", "1", "--realtime", *PATIENT)
    bus = site.bus
    try:
        deadline = time.monotonic() + PATIENCE_S
        while "run" not in node("read", "2", "state", "--bus", bus).stdout:
            assert time.monotonic() < deadline
        done = node("write", "2", "cell_ov_3_dmv", "36000", "--bus", bus)
        assert done.returncode == 1
        assert "stop the cabinet first" in done.stderr
        done = node("watch", "2", "fault.worst", "--count", "1", "--bus", bus)
        assert "none" in done.stdout
    finally:
        site.stop()
