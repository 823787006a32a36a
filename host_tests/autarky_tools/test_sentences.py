"""Sentences that commands end with, each provoked: what no test of the part itself does."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import can
import pytest
from patience import PATIENCE_S
from refusal import refused

from autarky.arm import debian
from autarky.arm.interpreters import Interpreter, ReplayError, play
from autarky.bench import bench, segment
from autarky.bus import client as bus_client
from autarky.bus import records
from autarky.errors import AutarkyError
from autarky.mutate import __main__ as mutate
from autarky.node.client import Client
from autarky.node.decode import decode_snapshot
from autarky.node.names import NodeError
from autarky.paths import wire
from autarky.scenario.provoke import ask
from autarky.sil import firmware, processes
from autarky.sil.site import SiteConfig, SiteError, VirtualSite

# --- node: a bus on which nobody answers ---


def test_who_listens_where_nobody_speaks_is_told(monkeypatch) -> None:
    monkeypatch.setattr(Client.listen, "__defaults__", (0.1,))
    told = refused("node", "list", "--interface", "virtual", "--bus", "nobody")
    assert "no heartbeat was heard: is the site running, are ids assigned" in told


def test_an_interface_that_needs_more_is_told() -> None:
    told = refused("node", "list", "--interface", "socketcand", "--bus", "can0")
    assert "interface 'socketcand' needs more than a channel: " in told
    assert "host" in told


def test_an_id_that_nobody_confirms_is_not_taken_as_given() -> None:
    with Client("virtual", "nobody") as client:
        client.network.lss.RESPONSE_TIMEOUT = 0.05
        with pytest.raises(NodeError, match="the cabinet did not take node id 7: "):
            client.assign(7)


def test_a_snapshot_of_a_newer_cabinet_is_not_guessed_at() -> None:
    with pytest.raises(NodeError, match="version 2, this tool knows version 1: update the older"):
        decode_snapshot(bytes((2, *bytes(9))))


# --- bus: a site that goes, hangs or does not read ---


@contextlib.contextmanager
def listening(
    first: bytes = b"", hang_up: bool = False, reset: bool = False
) -> Iterator[tuple[int, threading.Event]]:
    """Somebody who takes one client: (port, tell it to go on after its first words)."""
    on = threading.Event()

    def serve(server: socket.socket) -> None:
        link, _ = server.accept()
        with link:
            if first:
                link.recv(65536)
                link.sendall(first)
            if reset:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            if not hang_up:
                on.wait(PATIENCE_S)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1], on
        finally:
            on.set()
            thread.join()


WELCOME = records.ANSWER.pack(records.MAGIC, records.STATUS_OK, 500_000, 0)


def attached(port: int) -> can.BusABC:
    return can.Bus(interface="autarky", channel=f"127.0.0.1:{port}")


def test_a_site_that_hangs_up_or_hangs_before_it_answers(monkeypatch) -> None:
    with listening(hang_up=True) as (port, _), pytest.raises(can.CanInitializationError) as failed:
        attached(port)
    assert "the site hung up before it answered: is it of another version" in str(failed.value)
    monkeypatch.setattr(bus_client, "_ANSWER_S", 0.1)
    with listening() as (port, _), pytest.raises(can.CanInitializationError) as failed:
        attached(port)
    assert "the site did not answer within 0 s: is it overloaded?" in str(failed.value)


def test_a_site_that_stops_or_breaks_off_while_it_is_used() -> None:
    message = can.Message(arbitration_id=0x123, data=bytes(8), is_extended_id=False)
    with listening(WELCOME) as (port, _), attached(port) as bus:
        bus._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        told = "the site took no frame within 0.05 s: is it stopped?"
        with pytest.raises(can.CanTimeoutError) as stopped:
            for _ in range(100_000):
                bus.send(message, timeout=0.05)
        assert told in str(stopped.value)
    with listening(WELCOME, reset=True) as (port, on), attached(port) as bus:
        on.set()
        with pytest.raises(can.CanOperationError, match="the link to the site broke: "):
            bus.recv(PATIENCE_S)


# --- sil: firmware that does not come, and what is provoked where no site is left ---


def test_a_site_that_ends_before_all_was_done_is_told() -> None:
    with (
        listening(b'{"did": "key"}\n', hang_up=True) as (port, _),
        pytest.raises(AutarkyError, match="the site ended before everything was done"),
    ):
        list(ask("127.0.0.1", port, {"do": "key 2"}))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"\0" * wire.HELLO_SIZE, "not an autarky link, or of another version"),
        (b"GET /", "the connection closed before it said hello"),
    ],
)
def test_a_stranger_at_the_firmwares_port_is_told_from_a_cabinet(said: bytes, sentence) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(said)
        theirs.close()
        with pytest.raises(ValueError, match=sentence):
            firmware.read_hello(ours)


def test_a_stranger_that_says_nothing_is_not_waited_for(monkeypatch) -> None:
    monkeypatch.setattr(firmware, "_HELLO_S", 0.05)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ValueError, match="the connection says nothing"):
        firmware.read_hello(ours)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exec sleep 60", "the firmware of cabinet 3 does not answer: its link was cut"),
        ("exit 3", "the firmware of cabinet 3 ended with exit code 3 during the run"),
        ("echo no memory; exit 3", "exit code 3 during the run; it said:\nno memory"),
        (f"exit {wire.EXIT_RESET}", "cabinet 3 was reset"),
    ],
)
def test_a_firmware_that_is_lost_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch, script: str, sentence: str
) -> None:
    monkeypatch.setattr(firmware, "_END_S", 0.5 if "sleep" in script else PATIENCE_S)
    monkeypatch.setattr(firmware, "command_line", lambda *arguments: ["/bin/sh", "-c", script])
    lost = firmware.start(1, 3, "cpython", "", 0, tmp_path / "log", None)
    ours, theirs = socket.socketpair()
    lost._socket, lost._reader = ours, ours.makefile("rb")  # pyright: ignore
    theirs.close()
    try:
        with pytest.raises(firmware.FirmwareLost) as failed:
            lost.receive_done()
        assert sentence in str(failed.value)
    finally:
        monkeypatch.setattr(firmware, "_END_S", 0.1)  # what sleeps is killed at once
        lost._reader.close()
        lost.close()


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exec sleep 60", "cabinets 2 did not connect within 0 s: is this machine overloaded?"),
        ("echo no memory; exit 3", "cabinet 2 ended before it was connected; it said:\nno memory"),
    ],
)
def test_a_firmware_that_does_not_come_ends_the_site(
    tmp_path: Path, monkeypatch, script: str, sentence: str
) -> None:
    monkeypatch.setattr(processes, "_CONNECT_S", 0.1 if "sleep" in script else PATIENCE_S)
    monkeypatch.setattr(firmware, "_END_S", 0.1)
    monkeypatch.setattr(firmware, "command_line", lambda *arguments: ["/bin/sh", "-c", script])
    with pytest.raises(SiteError) as failed:
        VirtualSite(SiteConfig(cabinets=1, interpreter="cpython"), out=tmp_path).__enter__()
    assert sentence in str(failed.value)


@pytest.mark.slow
def test_a_stranger_at_the_firmwares_port_does_not_end_the_site(
    tmp_path: Path, monkeypatch
) -> None:
    start = firmware.start

    def after_a_stranger(*arguments) -> firmware.Firmware:
        with socket.create_connection(arguments[3:5]) as link:
            link.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return start(*arguments)

    monkeypatch.setattr(firmware, "start", after_a_stranger)
    with VirtualSite(SiteConfig(cabinets=1, interpreter="cpython"), out=tmp_path) as site:
        site.run_for(0.1)


def test_a_download_that_fails_ends_the_measurement(monkeypatch) -> None:
    def no_key(*arguments: object) -> None:
        raise RuntimeError("the key is another one")

    monkeypatch.setattr(segment, "unlock", no_key)
    with pytest.raises(SiteError, match="the download to cabinet 2 failed: the key is another"):
        segment.measure_segment(cabinets=1, interpreter="inline", fast_streams=1)


# --- what only developers run ---


def test_figures_of_a_cabinet_that_was_not_in_run_are_no_figures(tmp_path, monkeypatch) -> None:
    late = {"run_from": "9999", "instructions": "1"}
    monkeypatch.setattr(bench, "_measure", lambda *arguments, **options: late)
    with pytest.raises(bench.BenchError, match="ticks: in RUN from tick 9999 only, not from"):
        bench._instructions(tmp_path / "record", tmp_path, "valgrind")


def test_an_interpreter_that_does_not_replay_is_named(tmp_path: Path) -> None:
    broken = Interpreter("broken", ("/bin/sh", "-c", "echo no memory; exit 1"))
    with pytest.raises(ReplayError, match="broken did not start the firmware; it said:\nno memory"):
        play(broken, tmp_path, tmp_path / "record")


def test_a_machine_without_debians_tools_or_mirror_is_told_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(debian, "FOLDER", tmp_path / "arm")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(debian.DebianError, match="apt-get is missing: Debian's 32-bit MicroPyth"):
        debian.interpreters()
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho no route; exit 100\n")
    (tmp_path / "apt-get").chmod(0o755)
    with pytest.raises(debian.DebianError) as failed:
        debian._apt("update", folder=tmp_path)
    assert "cannot be fetched: is the mirror of /etc/apt reachable?" in str(failed.value)
    assert "no route" in str(failed.value)


def test_a_survivor_needs_a_reason_and_a_module_tests_that_pass(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(mutate, "ALLOWED", tmp_path / "allowed.txt")
    (tmp_path / "allowed.txt").write_text("bess.modes: a < b -> a <= b ## \n")
    with pytest.raises(SystemExit, match=r"allowed.txt: no reason given for 'bess.modes: a < b"):
        mutate.allowed()
    monkeypatch.chdir(mutate.ROOT)
    monkeypatch.setattr(mutate, "_import_once", lambda: None)
    monkeypatch.setattr(mutate, "_child", lambda *arguments: 1)
    with pytest.raises(SystemExit, match="its tests fail on the module as it is"):
        mutate.run(["bess.modes"], 1)
