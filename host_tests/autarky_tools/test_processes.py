"""Nothing that was started stays, whatever comes while it ends."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S

from autarky import processes
from autarky.processes import end
from autarky.sil.firmware import Firmware
from autarky.sil.shared import SharedFirmware, SharedProcess


@pytest.fixture
def not_killed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not dead by then is waited for, and not killed: the wait's time-out is the failure."""
    monkeypatch.setattr(
        processes, "end", lambda process, within_s=0.0: process.wait(timeout=PATIENCE_S / 10)
    )


@pytest.fixture
def deaf() -> Iterator[subprocess.Popen[bytes]]:
    """A process that nobody's asking ends."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def test_who_does_not_end_is_killed(deaf) -> None:
    end(deaf, 0.1)
    assert deaf.returncode == -signal.SIGKILL


def test_who_has_ended_keeps_its_exit_code() -> None:
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"]) as process:
        end(process, 60.0)
    assert process.returncode == 7


def test_ctrl_c_while_it_waits_leaves_nobody_behind(deaf) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            end(deaf, 600.0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert deaf.returncode == -signal.SIGKILL


def test_a_firmware_that_was_never_connected_is_not_waited_for(
    deaf, not_killed_later, tmp_path: Path
) -> None:
    Firmware(2, deaf, tmp_path / "log").close()
    assert deaf.returncode == -signal.SIGKILL


def test_nor_is_one_for_many_cabinets(deaf, not_killed_later, tmp_path: Path) -> None:
    shared = SharedProcess(deaf, tmp_path / "log")
    members = [SharedFirmware(number, shared) for number in (2, 3)]
    members[0].close()
    assert deaf.poll() is None
    members[1].close()
    assert deaf.returncode == -signal.SIGKILL
