"""Ctrl-C while a command is at work: a sentence, exit code 130, and nothing of it stays."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import can
import pytest
from patience import PATIENCE_S

from autarky.build import keys, package
from autarky.flash.virtual_board import VirtualBoard
from autarky.paths import ROOT
from autarky.rig import results
from autarky.sil.site import SiteConfig, VirtualSite

pytestmark = pytest.mark.slow
RIG = str(ROOT / "boards" / "rigs" / "virtual.yaml")
AUTARKY = str(Path(sys.executable).with_name("autarky"))
SEGMENTS = 200  # of a download: it is well under way


def environment(folder: Path) -> dict[str, str]:
    """What every process of a command inherits, and is known by."""
    return {**os.environ, "TMPDIR": str(folder / "tmp")}


def processes(folder: Path) -> list[str]:
    """Command lines of what runs with that environment, wherever it moved its session."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={folder}/tmp".encode() in process.joinpath("environ").read_bytes():
                found.append(process.joinpath("cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it has just ended, or is not ours
    return [line for line in found if line]


@dataclass
class Stopped:
    returncode: int
    said: str


def printed(folder: Path) -> Path:
    """Where stdout of what `stop` starts goes."""
    return folder / "stdout"


def stop(folder: Path, command: list[str], at_work: Callable[[], object]) -> Stopped:
    """Start it, and once it is at work do what a terminal does at Ctrl-C: to the whole group."""
    folder.joinpath("tmp").mkdir()
    # as in a terminal: who runs in the background of a script is deaf, and so is all he starts
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with printed(folder).open("w") as stdout:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(folder), start_new_session=True,
            stdout=stdout, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not at_work():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return Stopped(process.returncode, said)


def assert_nothing_stays(folder: Path, stopped: Stopped) -> None:
    assert stopped.returncode == 130, stopped.said
    assert "autarky: stopped" in stopped.said
    assert "Traceback" not in stopped.said, stopped.said
    assert processes(folder) == []
    assert list(folder.joinpath("tmp").iterdir()) == []


def runs(folder: Path, *words: str) -> Callable[[], bool]:
    return lambda: any(word in line for line in processes(folder) for word in words)


@pytest.mark.parametrize(
    "arguments",
    [["run", "soak", "--hours", "1"], ["run", "peak", "--realtime", "--bus", "127.0.0.1:0"]],
    ids=lambda arguments: arguments[1],
)
def test_a_run_in_its_midst_ends_whole(tmp_path: Path, arguments: list[str]) -> None:
    out = tmp_path / "out"

    def records() -> bool:
        return out.joinpath("can.log").exists() and out.joinpath("can.log").stat().st_size > 0

    stopped = stop(tmp_path, [AUTARKY, *arguments, "--out", str(out)], records)
    assert_nothing_stays(tmp_path, stopped)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_rig_that_is_at_work_reports_what_is_over(tmp_path: Path, jobs: str) -> None:
    out = tmp_path / "out"

    def one_is_over() -> bool:
        told = "passed  estop" in printed(tmp_path).read_text()
        return told and out.joinpath("test_scenario_peak_", "can.log").exists()

    command = [AUTARKY, "rig", "run", RIG, "--jobs", jobs, "-k", "peak or estop", "--out", str(out)]
    assert_nothing_stays(tmp_path, stop(tmp_path, command, one_is_over))
    run = results.read(out)
    assert [result.row for result in run.results if result.outcome == "passed"] == ["estop"]
    assert not run.passed


def test_a_soak_of_a_rig_reports_what_there_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [AUTARKY, "rig", "soak", RIG, "--out", str(out)]
    assert_nothing_stays(tmp_path, stop(tmp_path, command, runs(tmp_path, "chip.py site")))
    assert not results.read(out).passed


@pytest.mark.parametrize(
    "arguments",
    [["run", "soak", "--hours", "1"], ["bench", "--quick"],
     ["site", "--cabinets", "1", "--realtime", "--bus", "127.0.0.1:0"]],
    ids=lambda arguments: arguments[0],
)  # fmt: skip
def test_a_site_that_has_just_been_started_ends_too(tmp_path: Path, arguments: list[str]) -> None:
    out = ["--out", str(tmp_path / "out")] if arguments[0] == "run" else []
    stopped = stop(tmp_path, [AUTARKY, *arguments, *out], runs(tmp_path, "micropython"))
    assert_nothing_stays(tmp_path, stopped)


def test_a_state_folder_and_a_board_s_folder_are_free_again(tmp_path: Path) -> None:
    for name, arguments in (
        ("site", ["site", "--cabinets", "1", "--realtime", "--bus", "127.0.0.1:0", "--state"]),
        ("board", ["board"]),
    ):
        kept = tmp_path / f"{name} kept"
        for turn in ("first", "again"):
            folder = tmp_path / f"{name} {turn}"
            folder.mkdir()
            command = [AUTARKY, *arguments, str(kept)]
            assert_nothing_stays(folder, stop(folder, command, runs(folder, "micropython")))


def test_a_board_whose_flashing_was_stopped_can_be_flashed(tmp_path: Path, key: Path) -> None:
    with VirtualBoard(tmp_path / "board") as board:
        command = [AUTARKY, "flash", "--board", "unix", "--port", board.path,
                   "--signing-key", str(key)]  # fmt: skip
        stopped = stop(tmp_path, command, runs(tmp_path, "mpremote connect"))
        assert_nothing_stays(tmp_path, stopped)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def channel(tmp_path: Path, key: Path) -> Iterator[str]:
    """A cabinet whose time flies, and its bus."""
    config = SiteConfig(
        cabinets=1, update_key=keys.public(key), parameters={"sdo_timeout_ms": 60_000}
    )
    ended = threading.Event()

    def live(site: VirtualSite) -> None:
        config.pace = 2.0  # quick enough, and it leaves the others a processor
        while not ended.is_set():
            site.step()

    with VirtualSite(config, out=tmp_path / "site") as site:
        site.run_for(4.0)
        server = site.serve("127.0.0.1", 0)
        thread = threading.Thread(target=live, args=[site])
        thread.start()
        yield f"127.0.0.1:{server.port}"
        ended.set()
        thread.join()
        server.close()


def test_an_update_that_was_stopped_leaves_the_cabinet_as_it_was(
    tmp_path: Path, key: Path, channel: str
) -> None:
    made = tmp_path / "new.package"
    other = package.APP.read_bytes() + b"\n# another program\n_OTHER = 1\n"
    made.write_bytes(package.make(key, replace={"bess/app": other}).data)
    seen = {0x602: 0}
    with can.Bus(interface="autarky", channel=channel) as ear:

        def at_work() -> bool:
            while (frame := ear.recv(0.0)) is not None:
                seen[frame.arbitration_id] = seen.get(frame.arbitration_id, 0) + 1
            return seen[0x602] > SEGMENTS

        stopped = stop(tmp_path, [AUTARKY, "update", str(made), "--bus", channel], at_work)
    assert_nothing_stays(tmp_path, stopped)
    command = [AUTARKY, "node", "read", "2", "fault.worst", "--bus", channel]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "none" in told.stdout
    assert 0x082 not in seen, "no emergency of cabinet 2"


def test_make_soak_ends_its_workers(tmp_path: Path) -> None:
    command = ["make", "--no-print-directory", "soak", "ARGS=-k closed_loop"]

    def workers_run() -> bool:
        return sum("sys.stdin.readline" in line for line in processes(tmp_path)) >= 2

    stopped = stop(tmp_path, command, workers_run)
    assert stopped.returncode != 0
    assert processes(tmp_path) == []
