"""The guard of a bench: a process of its own that makes safe what a dead runner has left live.

It holds the other end of a pipe, and the rig's lock with its runner. Where the pipe ends without
the word that all is well (kill -9, a crash, a second Ctrl-C), it switches everything off over
connections of its own; so a bench is safe in time even with instruments that have no watchdog.
"""

from __future__ import annotations

import contextlib
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from autarky.rig import opening
from autarky.rig.description import Rig
from autarky.rig.instruments import InstrumentError

_READY = b"ready\n"
_BYE = b"bye\n"
_READY_S = 60.0
_TRIES_S = 3.0
_END_S = 30.0


class Guard:
    """The runner's end. Raises InstrumentError where no guard comes up."""

    def __init__(self, rig: Rig, lock: int | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "autarky.rig.guard"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
            start_new_session=True, pass_fds=() if lock is None else (lock,),
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # it has ended: there is no answer
            self._process.stdin.write(rig.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()
        answered = select.select([self._process.stdout], [], [], _READY_S)[0]
        if not answered or self._process.stdout.readline() != _READY:
            self._process.kill()
            self.close()
            raise InstrumentError("the guard of the bench does not start: nothing was switched on")

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raises InstrumentError where it has ended."""
        if self._process.poll() is not None:
            raise InstrumentError(
                "the guard of the bench has ended: without it nothing stays on; start again"
            )

    def close(self, safe: bool = False) -> None:
        """Let it go. safe: all is well; else it looks after the bench itself first."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            if safe:
                self._process.stdin.write(_BYE)
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def watch() -> int:
    """The guard itself; exit code 1 where the bench could not be made safe."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are meant for the runner
    pipe = sys.stdin.buffer
    rig = Rig.model_validate_json(pipe.readline())
    opening.warm(rig)
    sys.stdout.buffer.write(_READY)
    sys.stdout.buffer.flush()
    if pipe.readline() == _BYE:
        return 0
    end_s = time.monotonic() + _TRIES_S
    while left := opening.make_safe(rig, {}, {}):
        if time.monotonic() > end_s:
            if rig.simulated:  # it ends with its runner, and nothing of it is left to be on
                return 0
            print(f"autarky: {opening.unsafe(rig, left)}", file=sys.stderr)
            return 1
        time.sleep(0.1)
    print(
        f"autarky: the runner of rig {rig.name} is gone; its guard has made the bench safe: supply "
        "off, relays open",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(watch())
