"""One user a rig: a lock file that says who holds it and since when."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

from autarky.errors import AutarkyError
from autarky.paths import BUILD

# a guard has the lock for as long as it makes safe what a killed runner has left
_GUARD_S = 20.0


def path_of(name: str) -> Path:
    """Where a rig's lock lies unless a path is given."""
    return BUILD / "rigs" / f"{name}.lock"


def _runs(pid: object) -> bool:
    """Not ended, nor ended and not yet waited for (proc(5), state Z)."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class RigLock:
    """Held from here until `release`, or until the process and its guard have gone.

    Raises AutarkyError with who holds it.
    """

    def __init__(self, name: str, path: Path | None = None) -> None:
        self.path = path or path_of(name)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+", encoding="utf-8")
        except OSError as error:
            raise AutarkyError(
                f"the lock {self.path} of rig {name} cannot be written: {error.strerror}; free "
                "some space, or give another path"
            ) from None
        try:
            self._take(name)
            self._sign()
        except BaseException:
            self._file.close()
            raise

    def _take(self, name: str) -> None:
        end_s = time.monotonic() + _GUARD_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                holder = self._holder()
                here = holder.get("host") == socket.gethostname()
                dead = here and not _runs(holder.get("pid"))
                if not dead or time.monotonic() > end_s:
                    raise AutarkyError(
                        f"rig {name} is in use by {holder.get('holder', 'somebody')} on "
                        f"{holder.get('host', 'this host')} (process {holder.get('pid', '?')}) "
                        f"since {holder.get('since', 'a while')}: wait for its end, or end it"
                    ) from None
            time.sleep(0.05)

    def _holder(self) -> dict[str, object]:
        self._file.seek(0)
        try:
            content = json.loads(self._file.read())
        except ValueError:  # it is just being written
            return {}
        return content if isinstance(content, dict) else {}

    def _sign(self) -> None:
        self._file.truncate(0)
        self._file.write(
            json.dumps({
                "holder": getpass.getuser(), "host": socket.gethostname(), "pid": os.getpid(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            })
        )  # fmt: skip
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    def release(self) -> None:
        self._file.close()
