"""Nothing that was started stays, whatever comes while it ends."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from autarky.processes import end


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
