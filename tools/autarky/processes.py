"""How a process that was started ends, whatever comes between."""

from __future__ import annotations

import subprocess
from typing import Any

_END_S = 10.0


def end(process: subprocess.Popen[Any], within_s: float = _END_S) -> None:
    """Wait for a process that was asked to end, then kill it.

    It is gone also where Ctrl-C comes meanwhile: Popen gives a wait that is interrupted a quarter
    of a second, and then leaves the child to itself.
    """
    try:
        process.wait(timeout=within_s)
    except subprocess.TimeoutExpired:
        pass  # killed below
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
