"""Processor in the loop on the virtual board: the flashed image, unchanged, over its one cable."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from autarky_tools.rig import boards_here

from autarky.flash.device import Device, DeviceError
from autarky.rig import processor as module
from autarky.rig.processor import Connection, Processor, ProcessorError
from autarky.scenario.fault_cases import CASES
from autarky.scenario.trial import run_trial
from autarky.sil.firmware import FirmwareLost
from autarky.sil.site import CanLog, SiteConfig, VirtualSite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def processor() -> Iterator[Processor]:
    with Processor(boards_here.rig()) as made:
        yield made


@pytest.fixture(scope="module")
def flashed(processor: Processor, tmp_path_factory) -> Path:
    """The memories of a board that was flashed, while nothing is written there."""
    folder = tmp_path_factory.mktemp("flashed")
    assert processor._folder is not None
    shutil.copytree(processor._folder / "board", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def port(flashed: Path, tmp_path: Path) -> Iterator[str]:
    """A board of one's own."""
    shutil.copytree(flashed, tmp_path / "board")
    with boards_here.at_its_prompt(tmp_path / "board") as board:
        yield board.path


def log_of(seconds: float, board: Connection | None, **how) -> str:
    """SHA-256 of what the buses carried of a run under load."""
    log = CanLog(None)
    with VirtualSite(SiteConfig(seed=1, board=board, **how), log) as site:
        site.run_for(seconds / 4)
        site.coordinator.target_w = 60_000.0
        site.run_for(seconds * 3 / 4)
    return log.sha256()


@pytest.mark.parametrize("cabinets", [1, 2])
def test_the_log_is_that_of_the_co_simulation(processor: Processor, cabinets: int) -> None:
    run = processor.connect()
    assert log_of(20.0, run, cabinets=cabinets) == log_of(20.0, None, cabinets=cabinets)
    measures = run.measures
    assert len(measures.tick_us) == 2000
    assert 10 < sorted(measures.tick_us)[1000] < 10_000
    assert len(measures.collect_us) == len(measures.heap_bytes) == 19
    assert all(us > 100 for us in measures.collect_us)
    own, whole = processor.facts["own_heap_bytes"], processor.facts["heap_bytes"]
    for after, before in zip(measures.heap_bytes, measures.heap_before_bytes):
        assert own + 100_000 < after < before <= whole


def test_board_and_program_are_named_for_the_report(processor: Processor) -> None:
    assert processor.image_sha256 == module.package.make(None).manifest["sha256"]
    assert processor.interpreter.startswith("MicroPython 1.2")
    assert processor.board_id == "unix"


@pytest.mark.parametrize(
    "name",
    ["estop", "cell_ov", "contactor_feedback", "unclean_stop", "watchdog_reset", "ram_test",
     "bus_off"],
)  # fmt: skip
def test_fault_cases_pass_as_anywhere(processor: Processor, name: str) -> None:
    with VirtualSite(SiteConfig(cabinets=1, board=processor.connect())) as site:
        trial = run_trial(site, CASES[name])
    assert trial.passed(), trial


def test_storage_lies_where_the_site_has_it_and_is_there_to_be_spoiled(
    processor: Processor, tmp_path: Path
) -> None:
    config = SiteConfig(cabinets=1, board=processor.connect(), state=tmp_path)
    with VirtualSite(config) as site:
        trial = run_trial(site, CASES["parameters_corrupt"])
    assert trial.passed(), trial
    assert {"log.bin", "backup.bin"} <= {path.name for path in (tmp_path / "cabinet2").iterdir()}


def test_every_run_begins_with_empty_storage(processor: Processor) -> None:
    runs = [log_of(2.0, processor.connect(), cabinets=1) for _ in range(2)]
    assert runs[0] == runs[1]


def test_paced_in_real_time_its_own_clock_judges_it(processor: Processor) -> None:
    processor.realtime = True
    try:
        with VirtualSite(SiteConfig(cabinets=1, board=processor.connect(), realtime=True)) as site:
            start = time.monotonic()
            site.run_for(1.0)
            assert time.monotonic() - start > 0.9
    finally:
        processor.realtime = False


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("@key=zz", r"ended with exit code 1; it said:(?s:.*)run_program(?s:.*)ValueError"),
        ("nonsense=1", "ended with exit code 2; it said:\nautarky firmware: refused parameter"),
    ],
)
def test_a_firmware_that_ends_says_why(processor: Processor, settings: str, sentence: str) -> None:
    with pytest.raises(FirmwareLost, match="cabinet 2 on the board at .* " + sentence):
        processor.connect()(2, settings, 6)
    assert log_of(0.1, processor.connect(), cabinets=1)


def test_a_board_of_another_name_or_program_is_refused(
    processor: Processor, monkeypatch, port: str
) -> None:
    monkeypatch.setattr(processor, "_wanted", "0" * 64)
    with pytest.raises(ProcessorError, match=r"has program [0-9a-f]{12}, this checkout makes 0000"):
        processor.connect()(2, "", 6)
    monkeypatch.setattr(processor, "_any_image", True)
    assert processor.connect()(2, "", 6)
    with (
        pytest.raises(
            ProcessorError,
            match=r"rig.yaml says PYBD_SF6, and the interpreter there is that of 'standard'",
        ),
        Processor(boards_here.rig(port, "PYBD_SF6")),
    ):
        pass


def test_a_board_without_our_image_is_refused(flashed: Path, tmp_path: Path) -> None:
    image = bytearray((flashed / "rom.bin").read_bytes())
    image[70_000] ^= 1
    shutil.copytree(flashed, tmp_path / "damaged")
    (tmp_path / "damaged" / "rom.bin").write_bytes(image)
    for folder, sentence in (
        (tmp_path / "bare", "no program of ours is on the board: `make flash BOARD=unix PORT=/dev"),
        (tmp_path / "damaged", "is not that of its package, so it was not started: `make flash"),
    ):
        with (
            boards_here.at_its_prompt(folder) as board,
            pytest.raises(ProcessorError, match=sentence),
            Processor(boards_here.rig(board.path)),
        ):
            pass
    assert (tmp_path / "damaged" / "rom.bin").read_bytes() == image


def test_a_board_whose_files_cannot_be_read_is_told(flashed: Path, tmp_path: Path) -> None:
    shutil.copytree(flashed, tmp_path / "board")
    with boards_here.at_its_prompt(tmp_path / "board") as board:
        Device(board.path).mpremote(
            "exec", "open('/flash/loader/rom.py', 'w').close()", "+",
            "exec", "import os; os.remove('/flash/loader/rom.mpy')",
        )  # fmt: skip
        with (
            pytest.raises(
                ProcessorError, match=r"did not find its program; it said:(?s:.*)Attribut"
            ),
            Processor(boards_here.rig(board.path)),
        ):
            pass


def test_a_cut_cable_is_told(processor: Processor, flashed: Path, tmp_path: Path) -> None:
    shutil.copytree(flashed, tmp_path / "board")
    with (
        boards_here.at_its_prompt(tmp_path / "board") as board,
        Processor(boards_here.rig(board.path)) as made,
        VirtualSite(SiteConfig(cabinets=1, board=made.connect())) as site,
    ):
        site.run_for(0.1)
        board.__exit__()
        with pytest.raises(FirmwareLost, match="the cable was cut, or the board lost its power"):
            site.run_for(0.1)


def test_a_busy_port_and_one_that_is_not_there_are_told(port: str) -> None:
    with Processor(boards_here.rig(port)), pytest.raises(DeviceError, match="is busy: another"):
        Processor(boards_here.rig(port)).__enter__()
    with pytest.raises(DeviceError, match="there is no board at /dev/ttyNONE"):
        Processor(boards_here.rig("/dev/ttyNONE")).__enter__()


def test_a_virtual_board_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    made = Processor(boards_here.rig())
    with pytest.raises(ProcessorError, match=r"the virtual board did not start: .* is no folder"):
        made._start_virtual(tmp_path / "file")
    made.close()


HOST = """\
import sys
from autarky_tools.rig import boards_here
from autarky.rig.processor import Processor
from autarky.sil.site import SiteConfig, VirtualSite
with Processor(boards_here.rig(sys.argv[1])) as made:
    with VirtualSite(SiteConfig(cabinets=1, board=made.connect())) as site:
        site.run_for(0.5)
        site._send_ticks()
        made._cable._console.write(b"half a TICK")
        print("ticking", flush=True)
        sys.stdin.read()
"""


def test_after_a_host_that_was_killed_in_a_tick_the_board_serves_the_next(port: str) -> None:
    path = os.pathsep.join(sys.path)
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert host.stdout is not None
    assert host.stdout.readline() == b"ticking\n"
    host.send_signal(signal.SIGKILL)
    host.wait()
    assert Device(port).reach()
    assert not Device(port).reach()
    with Processor(boards_here.rig(port)) as made:
        assert log_of(2.0, made.connect(), cabinets=1) == log_of(2.0, None, cabinets=1)
    assert not Device(port).reach()
    assert Device(port).call("probe", 0, [])["active"] >= 0


def test_a_program_that_was_stopped_for_us_runs_again(flashed: Path, tmp_path: Path) -> None:
    shutil.copytree(flashed, tmp_path / "board")
    with boards_here.at_its_prompt(tmp_path / "board") as board:
        device = Device(board.path)
        device.call("leave_service")
        device.restart(("heartbeat",))
        with Processor(boards_here.rig(board.path)):
            pass
        assert device.reach()  # something runs, and is stopped
