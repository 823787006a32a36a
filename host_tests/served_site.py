"""`autarky site` in a process of its own, on ports that the system gave it.

A port asked for beforehand may be another's by the time the site listens, so it says which it got.
"""

import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from patience import PATIENCE_S

from autarky.paths import ROOT

AUTARKY = Path(sys.executable).with_name("autarky")


class ServedSite:
    """A running `autarky site` whose CAN clients can attach; stop() it.

    `bus` is HOST:PORT of its site bus, `socketcand` the port of that protocol, 0 without it.
    """

    def __init__(self, *arguments: str) -> None:
        self._out, self._err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [AUTARKY, "site", "--bus", "127.0.0.1:0", *arguments],
            cwd=ROOT, stdout=self._out, stderr=self._err,
        )  # fmt: skip
        self.bus = self.said(r"site bus at (\S+),")
        self.port = int(self.bus.rpartition(":")[2])
        wanted = "--socketcand" in arguments
        self.socketcand = int(self.said(r"socketcand at \S+:(\d+)$")) if wanted else 0

    def said(self, pattern: str) -> str:
        """The first group of a pattern, once it has been printed."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self._out.seek(0)
            found = re.search(pattern, self._out.read(), re.MULTILINE)
            if found is not None:
                return found[1]
            assert self.process.poll() is None, self.errors()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def errors(self) -> str:
        """What it has said of errors."""
        self._err.seek(0)
        return self._err.read()

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=PATIENCE_S)
