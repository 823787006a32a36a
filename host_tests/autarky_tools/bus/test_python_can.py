"""The python-can interface `autarky`: what it cannot do it refuses, the rest it does."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import can
import pytest
from patience import PATIENCE_S

from autarky.bus.bus import Sent
from autarky.bus.timing import EXTENDED, REMOTE
from autarky.paths import ROOT
from autarky.sil.site import CanLog, SiteConfig, VirtualSite


class Site:
    """A site of one cabinet that ticks in the background, and where it listens."""

    def __init__(self) -> None:
        self.site = VirtualSite(SiteConfig(cabinets=1, interpreter="inline", realtime=True))
        self.server = self.site.serve("127.0.0.1", 0)
        self.channel = f"127.0.0.1:{self.server.port}"
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._tick)

    def _tick(self) -> None:
        while not self._end.is_set():
            self.site.step()

    def __enter__(self) -> Site:
        self.site.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()
        self.server.close()
        self.site.close()

    def attach(self, **options) -> can.BusABC:
        return can.Bus(interface="autarky", channel=self.channel, **options)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def heard(bus: can.BusABC, arbitration_id: int, extended: bool = False) -> can.Message:
    while True:
        message = bus.recv(PATIENCE_S)
        assert message is not None
        if (message.arbitration_id, message.is_extended_id) == (arbitration_id, extended):
            return message


def frame(arbitration_id: int, **content) -> can.Message:
    return can.Message(**{"arbitration_id": arbitration_id, "is_extended_id": False, **content})


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (frame(0x154, is_fd=True, data=range(12)), "no CAN FD"),
        (frame(0x154, is_fd=True, data=range(8)), "no CAN FD"),
        (frame(0x155, is_error_frame=True, data=bytes(8)), "error frames cannot be sent"),
        (frame(0x800, data=[1]), "0x800 is above 0x7FF: is_extended_id=True"),
        (frame(0x20000000, is_extended_id=True), "0x20000000 is above 0x1FFFFFFF"),
        (frame(-1), "identifier"),
        (frame(0x155, data=bytes(9)), "a frame has 0..8 bytes"),
        (frame(0x155, dlc=9, is_remote_frame=True), "a frame has 0..8 bytes"),
        (frame(0x155, dlc=5, data=[1]), "dlc is 5, but there are 1 bytes"),
    ],
)
def test_a_frame_that_classic_can_does_not_carry_is_refused(site, message, sentence) -> None:
    with site.attach() as bus, site.attach() as other:
        with pytest.raises(can.CanOperationError, match=sentence):
            bus.send(message)
        bus.send(frame(0x157, data=[7]))  # nothing of the refused one went before it
        while (found := other.recv(PATIENCE_S)) and found.arbitration_id != 0x157:
            assert found.arbitration_id not in (0x154, 0x155)


@pytest.mark.parametrize(
    "message",
    [
        frame(0x156, data=range(8)),
        frame(0x156),
        frame(0x156, is_remote_frame=True, dlc=3),
        frame(0x1ABCDEF0, is_extended_id=True, data=[1, 2]),
        frame(0x156, is_extended_id=True, is_remote_frame=True, dlc=8),
    ],
)
def test_a_frame_arrives_as_it_was_sent(site, message) -> None:
    with site.attach() as bus, site.attach() as other:
        bus.send(message)
        found = heard(other, message.arbitration_id, message.is_extended_id)
    assert found.equals(message, timestamp_delta=None)
    assert (found.dlc, found.is_remote_frame) == (message.dlc, message.is_remote_frame)


@pytest.mark.parametrize("option", [True, "True"])
def test_own_frames_come_back_when_they_have_passed_and_say_so(site, option) -> None:
    with site.attach(receive_own_messages=option) as bus:
        bus.send(frame(0x156, data=[1]))
        own = heard(bus, 0x156)
        assert not own.is_rx
        assert own.timestamp > 0
        assert heard(bus, 0x080).is_rx


def test_own_frames_stay_away_unless_asked_for(site) -> None:
    with site.attach() as bus, site.attach() as other:
        bus.send(frame(0x156, data=[1]))
        other.send(frame(0x157, data=[heard(other, 0x156).data[0]]))
        while (found := bus.recv(PATIENCE_S)) and found.arbitration_id != 0x157:
            assert found.arbitration_id != 0x156


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"fd": True}, "no CAN FD"),
        ({"bitrate": 250_000}, "this bus works at 500000 bit/s"),
        ({"receive_own_messages": "perhaps"}, "it is True or False"),
    ],
)
def test_an_option_that_cannot_be_obeyed_is_refused(site, options, sentence) -> None:
    with pytest.raises(can.CanInitializationError, match=sentence):
        site.attach(**options)


def test_options_that_say_what_is_so_are_taken(site) -> None:
    with site.attach(fd=False, bitrate=500_000, receive_own_messages=False) as bus:
        assert heard(bus, 0x080)


def test_filters_tell_standard_from_extended_identifiers(site) -> None:
    wanted = [{"can_id": 0x156, "can_mask": 0x7FF, "extended": False}]
    with site.attach() as bus, site.attach(can_filters=wanted) as other:
        bus.send(frame(0x156, is_extended_id=True, data=[1]))
        bus.send(frame(0x155, data=[2]))
        bus.send(frame(0x156, data=[3]))
        found = other.recv(PATIENCE_S)
    assert found is not None
    assert (found.arbitration_id, found.is_extended_id, found.data[0]) == (0x156, False, 3)


def test_time_stamps_are_the_bus_s_own_however_late_they_are_read(site) -> None:
    only = [{"can_id": 0x080, "can_mask": 0x7FF}]
    with site.attach(can_filters=only) as bus:
        stamps = [heard(bus, 0x080).timestamp for _ in range(8)]
    apart_ms = [round(1000 * (b - a), 2) for a, b in pairwise(stamps)]
    assert apart_ms == pytest.approx([100] * 7, abs=1)  # SYNC, delayed by one frame at most
    assert abs(stamps[0] - site.site.epoch_us / 1e6) < 3600


def test_nothing_to_read_is_none_and_a_closed_bus_is_said(site) -> None:
    nothing = [{"can_id": 0x7E9, "can_mask": 0x7FF}]
    bus = site.attach(can_filters=nothing)
    assert bus.recv(0) is None
    bus.shutdown()
    bus.shutdown()
    for attempt in (lambda: bus.recv(0), lambda: bus.send(frame(0x155))):
        with pytest.raises(can.CanOperationError, match="was shut down"):
            attempt()


@pytest.fixture
def burst() -> Iterator[can.BusABC]:
    """A bus on which more than ten frames wait, 0x7E5 the last, and no more come."""
    with VirtualSite(SiteConfig(cabinets=1, interpreter="inline")) as still:
        server = still.serve("127.0.0.1", 0)
        made: list[can.BusABC] = []
        channel = f"127.0.0.1:{server.port}"
        opening = threading.Thread(
            target=lambda: made.append(can.Bus(interface="autarky", channel=channel))
        )
        opening.start()
        while opening.is_alive():
            still.step()
        still.run_for(0.3)
        still.bus.send(still.bus.attach(()), 0x7E5, b"", still.now_ms * 1000)
        still.run_for(0.02)
        with made[0] as bus:
            yield bus
        server.close()


def test_asyncio_is_told_of_every_frame(burst: can.BusABC) -> None:
    """Its loop asks the descriptor: a frame kept back in a buffer would wait for the next."""

    async def received_until(last: int) -> list[int]:
        reader = can.AsyncBufferedReader()
        seen = []
        with can.Notifier(burst, [reader], loop=asyncio.get_running_loop()):
            while last not in seen:
                message = await asyncio.wait_for(reader.get_message(), PATIENCE_S)
                seen.append(message.arbitration_id)
        return seen

    assert len(asyncio.run(received_until(0x7E5))) > 10


def test_frames_that_wait_are_gone_when_the_bus_is_shut_down(burst: can.BusABC) -> None:
    assert burst.recv(PATIENCE_S) is not None
    burst.shutdown()
    with pytest.raises(can.CanOperationError, match="was shut down"):
        burst.recv(0)


def test_a_port_of_something_else_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            sock, _ = other.accept()
            sock.sendall(b"< hi >")
            sock.close()

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(can.CanInitializationError, match="no --bus of a virtual site"):
            can.Bus(interface="autarky", channel=f"127.0.0.1:{other.getsockname()[1]}")
        thread.join()


def test_a_logged_remote_frame_keeps_the_length_it_asks_for(tmp_path: Path) -> None:
    log = CanLog(tmp_path / "can.log")
    log.write(
        "site",
        [
            Sent(1_500_000, 0x123 | REMOTE, bytes(3), 0, 0),
            Sent(2_500_000, 0x156 | REMOTE, b"", 0, 0),
            Sent(3_500_000, 0x1ABCDEF0 | EXTENDED, b"\x01\x02", 0, 0),
        ],
    )
    log.close()
    text = (tmp_path / "can.log").read_text().splitlines()
    assert text[0] == "(1.500000) site 123#R3"
    assert text[1] == "(2.500000) site 156#R"
    found = list(can.LogReader(tmp_path / "can.log"))
    assert [(m.is_remote_frame, m.dlc, m.is_extended_id) for m in found] == [
        (True, 3, False),
        (True, 0, False),
        (False, 2, True),
    ]
    for suffix in ("asc", "blf"):  # formats of other tools
        copy = tmp_path / f"copy.{suffix}"
        with can.Logger(copy) as writer:
            for message in found:
                writer(message)
        again = list(can.LogReader(copy))
        assert [(m.arbitration_id, m.is_remote_frame, m.dlc) for m in again] == [
            (0x123, True, 3),
            (0x156, True, 0),
            (0x1ABCDEF0, False, 2),
        ]


def test_the_interface_needs_only_python_can_beside_this_package() -> None:
    """What `pip install --no-deps` gives an environment of the user's own."""
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['numpy', 'typer', 'rich', 'canopen', 'pyarrow']))\n"
        "import can, autarky.bus.client\n"
        "assert 'autarky.paths' not in sys.modules, 'needs a checkout'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT / "tools")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
