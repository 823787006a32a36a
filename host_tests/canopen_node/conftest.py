"""A free-running virtual site in a process of its own, and the unmodified PyPI canopen client."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import can
import canopen
import pytest
from patience import PATIENCE_S
from served_site import ServedSite

from autarky.node.unlock import unlock
from autarky.paths import GENERATED

AUTARKY = Path(sys.executable).with_name("autarky")
EDS = GENERATED / "cabinet.eds"
KEY = bytes(32)  # of the virtual board


class Site(ServedSite):
    """A running `autarky site`; `network` is the client's."""

    def __init__(self, *arguments: str) -> None:
        super().__init__("--set", "sdo_timeout_ms=60000", *arguments)
        self.network = canopen.Network()
        self.network.connect(interface="autarky", channel=self.bus)

    def node(self, node_id: int) -> canopen.RemoteNode:
        """A node with the generated EDS, alive."""
        node = self.network.add_node(node_id, str(EDS))
        node.nmt.wait_for_heartbeat(timeout=PATIENCE_S)
        node.sdo.RESPONSE_TIMEOUT = 60.0
        return node

    def close(self) -> None:
        with contextlib.suppress(can.CanError):
            self.network.disconnect()
        self.stop()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A cabinet without our coordinator: pre-operational, contactors open.

    In real time: else it runs free on a whole core while a client thinks.
    """
    running = Site("--cabinets", "1", "--no-coordinator", "--realtime")
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
