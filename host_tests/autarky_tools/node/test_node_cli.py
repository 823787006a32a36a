"""`autarky node` against a free-running site: names, clear refusals, JSON, files."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from patience import PATIENCE_S
from typer.testing import CliRunner

from autarky.cli import app
from autarky.paths import ROOT

pytestmark = pytest.mark.slow
AUTARKY = Path(sys.executable).with_name("autarky")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def start(port: int, *arguments: str) -> subprocess.Popen[bytes]:
    command = [str(AUTARKY), "site", "--bus", f"127.0.0.1:{port}", "--no-coordinator", "--realtime",
               "--set", "sdo_timeout_ms=60000", *arguments]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def bus() -> Iterator[str]:
    port = free_port()
    process = start(port, "--cabinets", "2")
    bus = f"127.0.0.1:{port}"
    deadline = time.monotonic() + PATIENCE_S
    while "standby" not in node("read", "2", "state", "--bus", bus).stdout:
        assert time.monotonic() < deadline, "a self-test takes its time, not this much"
    yield bus
    stop(process)


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def node(*arguments: str) -> Done:
    """`autarky node` in this process: what it would print and end with."""
    done = CliRunner().invoke(app, ["node", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


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
    port = free_port()
    options = ("--cabinets", "2", "--unconfigured", "--state", str(tmp_path))
    process = start(port, *options)
    try:
        rows = json.loads(
            node("scan", "--assign", "20", "--bus", f"127.0.0.1:{port}", "--json").stdout
        )
        assert [row["node"] for row in rows] == [20, 21]
        assert {row["serial"] for row in rows} == {1000, 1001}
    finally:
        stop(process)
    process = start(port, *options)
    try:
        rows = json.loads(node("list", "--bus", f"127.0.0.1:{port}", "--json").stdout)
        assert [row["node"] for row in rows] == [20, 21]
    finally:
        stop(process)


def test_names_can_be_searched() -> None:
    rows = json.loads(node("names", "cell_ov", "--json").stdout)
    assert {"cell_ov_1_dmv", "fault.cell_ov"} <= {row["name"] for row in rows}


def test_the_last_id_is_said_and_the_next_scan_finds_the_rest() -> None:
    port = free_port()
    process = start(port, "--cabinets", "2", "--unconfigured")
    bus = f"127.0.0.1:{port}"
    try:
        done = node("scan", "--assign", "127", "--bus", bus)
        assert done.returncode == 1
        assert "assign from a lower one" in done.stderr
        assert "Traceback" not in done.stderr
        rows = json.loads(node("scan", "--assign", "10", "--bus", bus, "--json").stdout)
        assert [row["node"] for row in rows] == [10]
    finally:
        stop(process)


def test_a_closed_contactor_is_told_with_a_remedy() -> None:
    port = free_port()
    command = [str(AUTARKY), "site", "--cabinets", "1", "--realtime", "--bus", f"127.0.0.1:{port}",
               "--set", "sdo_timeout_ms=60000"]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        bus = f"127.0.0.1:{port}"
        deadline = time.monotonic() + PATIENCE_S
        while "run" not in node("read", "2", "state", "--bus", bus).stdout:
            assert time.monotonic() < deadline
        done = node("write", "2", "cell_ov_3_dmv", "36000", "--bus", bus)
        assert done.returncode == 1
        assert "stop the cabinet first" in done.stderr
        done = node("watch", "2", "fault.worst", "--count", "1", "--bus", bus)
        assert "none" in done.stdout
    finally:
        stop(process)
