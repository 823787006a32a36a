"""A free-running virtual site in a process of its own, and the unmodified PyPI canopen client."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import can
import canopen
import pytest
from patience import PATIENCE_S

from autarky.node.unlock import unlock
from autarky.paths import GENERATED, ROOT

AUTARKY = Path(sys.executable).with_name("autarky")
EDS = GENERATED / "cabinet.eds"
KEY = bytes(32)  # of the virtual board


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Site:
    """A running `autarky site`; `network` is the client's."""

    def __init__(self, *arguments: str) -> None:
        self.port = free_port()
        command = [str(AUTARKY), "site", "--bus", f"127.0.0.1:{self.port}",
                   "--set", "sdo_timeout_ms=60000", *arguments]  # fmt: skip
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.network = canopen.Network()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.network.connect(interface="autarky", channel=f"127.0.0.1:{self.port}")
                break
            except can.CanInitializationError:
                if self.process.poll() is not None:
                    assert self.process.stderr is not None
                    raise AssertionError(self.process.stderr.read().decode()) from None
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def node(self, node_id: int) -> canopen.RemoteNode:
        """A node with the generated EDS, alive."""
        node = self.network.add_node(node_id, str(EDS))
        node.nmt.wait_for_heartbeat(timeout=PATIENCE_S)
        node.sdo.RESPONSE_TIMEOUT = 60.0
        return node

    def close(self) -> None:
        with contextlib.suppress(can.CanError):
            self.network.disconnect()
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Two cabinets without our coordinator: pre-operational, contactors open."""
    running = Site("--cabinets", "2", "--no-coordinator")
    yield running
    running.close()


@pytest.fixture(scope="module")
def node(site: Site) -> canopen.RemoteNode:
    return site.node(2)


@pytest.fixture
def unlocked(node: canopen.RemoteNode) -> canopen.RemoteNode:
    unlock(node, KEY)
    return node


@pytest.fixture
def start_site() -> Iterator[Callable[..., Site]]:
    """Factory of sites of a test's own."""
    running: list[Site] = []

    def start(*arguments: str) -> Site:
        running.append(Site(*arguments))
        return running[-1]

    yield start
    for site in running:
        site.close()
