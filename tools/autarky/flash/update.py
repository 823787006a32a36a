"""A signed package into running cabinets over CAN, one after the other."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from canopen.sdo.exceptions import SdoAbortedError, SdoCommunicationError, SdoError

from autarky.build.package import Made
from autarky.errors import AutarkyError
from autarky.flash.refusals import why
from autarky.node.aborts import meaning
from autarky.node.block import BlockDownload
from autarky.node.client import Client
from autarky.node.names import NodeError

_DATA, _CONTROL, _STATUS = 0x1F50, 0x1F51, 0x1F57
_START, _FORGET = b"\x01", b"\x03"
_IN_PROGRESS = 1
_TRIES = 3
_POWERED = ("precharge", "ready", "run")  # each further than the one before
_PROTOCOL = 0x0504  # SDO abort codes of the transfer itself
_TOO_LONG = 0x06070012
_POLL_S = 1.0  # a question that meets a restart is asked again soon


class UpdateError(AutarkyError):
    """A cabinet was not updated; it still runs what it ran. The message says why."""


class Progress:
    """What a caller is told: `stage(text)` and `bytes_done(count, total)`."""

    def stage(self, text: str) -> None:
        """A step begins."""

    def bytes_done(self, count: int, total: int) -> None:
        """So much of the package is over."""


class Updater:
    """`run(node_id)` updates one cabinet and returns what happened, a word.

    Times are seconds on the wall. Raises UpdateError, NodeError.
    """

    def __init__(
        self,
        client: Client,
        made: Made,
        key: bytes,
        progress: Progress | None = None,
        wait_s: float = 300.0,
    ) -> None:
        self._client = client
        self._made = made
        self._key = key
        self._progress = progress or Progress()
        self._wait_s = wait_s

    def _read(self, node_id: int, name: str) -> Any:
        return self._client.read(node_id, name).raw

    def runs(self, node_id: int) -> bool:
        """Whether a cabinet runs this very image, confirmed."""
        same = self._read(node_id, "program.sha256") == self._made.manifest["sha256"]
        return same and not self._read(node_id, "program.trial")

    def run(self, node_id: int) -> str:
        """Hold, send, start, confirm, wait until it is back where it was."""
        if self.runs(node_id):
            return "already up to date"
        before = self._client.read(node_id, "state").shown
        client = self._client
        client.unlock(node_id, self._key)
        self._progress.stage("stopping in order")
        client.write(node_id, "program.hold", 1)
        try:
            self._until(node_id, self._at_rest, "did not open its contactors")
            self._send(node_id)
            self._check(node_id)
            self._start(node_id)
        except BaseException:
            self._release(node_id)
            raise
        self._confirm(node_id)
        if before in _POWERED:
            self._progress.stage(f"waiting for {before}")
            as_far = _POWERED[_POWERED.index(before) :]
            self._until(
                node_id,
                lambda n: client.read(n, "state").shown in as_far,
                f"is not in {before} again",
            )
        return "updated"

    def _at_rest(self, node_id: int) -> bool:
        still = self._client.read(node_id, "state").shown in ("standby", "fault", "service")
        return still and self._client.read(node_id, "contactors.state").shown == "open"

    def _release(self, node_id: int) -> None:
        try:
            with contextlib.suppress(SdoError):  # nothing to forget, or it has locked itself
                self._client.node(node_id).sdo.download(_CONTROL, 1, _FORGET)
            self._client.write(node_id, "program.hold", 0)
        except (NodeError, OSError):
            self._progress.stage("it is still on hold: write program.hold 0, or reset it")

    def _until(self, node_id: int, done: Callable[[int], bool], what: str) -> None:
        deadline = time.monotonic() + self._wait_s
        sdo = self._client.node(node_id).sdo
        patience_s, sdo.RESPONSE_TIMEOUT = sdo.RESPONSE_TIMEOUT, _POLL_S
        try:
            while not self._is(node_id, done):
                if time.monotonic() > deadline:
                    raise UpdateError(f"cabinet {node_id} {what} within {self._wait_s:.0f} s")
                time.sleep(0.05)
        finally:
            sdo.RESPONSE_TIMEOUT = patience_s

    def _is(self, node_id: int, done: Callable[[int], bool]) -> bool:
        try:
            return done(node_id)
        except NodeError:
            return False  # it starts anew, or the bus is full: the deadline decides

    def _send(self, node_id: int) -> None:
        """The download; a transfer that the bus or a slow host broke is begun again."""
        data = self._made.data
        for left in reversed(range(_TRIES)):
            self._progress.stage("sending")
            try:
                BlockDownload(self._client.node(node_id).sdo, _DATA, 1).run(
                    data, lambda done: self._progress.bytes_done(done, len(data))
                )
                return
            except SdoAbortedError as error:
                if left and error.code >> 16 == _PROTOCOL:
                    continue
                long = error.code == _TOO_LONG
                hint = "it is too long for its slot" if long else meaning(error.code)
                raise UpdateError(f"cabinet {node_id} did not take the package: {hint}") from error
            except SdoCommunicationError as error:
                if not left:
                    raise UpdateError(
                        f"cabinet {node_id} fell silent during the transfer; it still runs what it "
                        "ran: is it powered and on the bus? then update again"
                    ) from error

    def _status(self, node_id: int) -> int:
        data = self._client.node(node_id).sdo.upload(_STATUS, 1)
        return int.from_bytes(data, "little")

    def _check(self, node_id: int) -> None:
        self._progress.stage("verifying")
        status = _IN_PROGRESS
        deadline = time.monotonic() + self._wait_s
        while status & _IN_PROGRESS:
            try:
                status = self._status(node_id)
            except SdoAbortedError as error:
                raise UpdateError(
                    f"cabinet {node_id} does not tell its verdict: {meaning(error.code)}"
                ) from error
            except SdoCommunicationError as error:
                raise UpdateError(
                    f"cabinet {node_id} fell silent while it verified; `autarky node list` shows "
                    "who answers"
                ) from error
            if status & _IN_PROGRESS and time.monotonic() > deadline:
                raise UpdateError(f"cabinet {node_id} has not verified it in {self._wait_s:.0f} s")
            time.sleep(0.02)
        if status:
            raise UpdateError(f"cabinet {node_id} refuses the package: {why(status >> 16)}")

    def _start(self, node_id: int) -> None:
        self._progress.stage("starting it on trial")
        try:
            self._client.node(node_id).sdo.download(_CONTROL, 1, _START)
        except SdoAbortedError as error:
            raise UpdateError(
                f"cabinet {node_id} did not start it: {meaning(error.code)}"
            ) from error
        except SdoCommunicationError:
            pass  # it may have been reset before it could answer: what it runs then tells

    def _confirm(self, node_id: int) -> None:
        wanted = self._made.manifest["sha256"]
        seen = {"sha256": ""}

        def started(n: int) -> bool:
            # in this order: a start between two readings must not look like a roll-back
            forgotten = self._client.read(n, "program_status").raw != 0
            seen["sha256"] = self._read(n, "program.sha256")
            if seen["sha256"] == wanted:
                return self._client.read(n, "state").shown == "standby"
            return forgotten

        self._until(
            node_id, started, "did not pass its self-test; it rolls back by itself, but not"
        )
        if seen["sha256"] != wanted:
            raise UpdateError(
                f"cabinet {node_id} runs its former program again: the new one crashed or could "
                "not be started, and was rolled back; `autarky node log` tells when"
            )
        self._client.unlock(node_id, self._key)
        self._progress.stage("confirming")
        self._client.write(node_id, "program.trial", 1)
        if not self.runs(node_id):
            raise UpdateError(f"cabinet {node_id} does not keep the program it confirmed")
