"""The SCPI drivers against instruments behind sockets, coupled as real ones are."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from autarky.rig import scpi
from autarky.rig.instruments import InstrumentError
from autarky.rig.reading import read
from autarky.rig.scpi import ScpiCells, ScpiLink, ScpiMeter, ScpiSupply
from autarky.rig.simulated import EXAMPLE, SimulatedBench


def resource(port: int) -> str:
    return f"TCPIP0::127.0.0.1::{port}::SOCKET"


@pytest.fixture
def supply(instruments) -> Iterator[ScpiSupply]:
    opened = ScpiSupply(resource(instruments[0].ports["supply"]))
    yield opened
    opened.close()


def test_what_the_supply_gives_is_what_the_meter_reads(instruments, supply) -> None:
    meter = ScpiMeter(resource(instruments[0].ports["meter"]))
    assert meter.volts() == 0.0
    supply.set(24.0, 2.0)
    supply.output(True)
    assert meter.volts() == 24.0
    assert supply.measure() == (24.0, 0.25)
    supply.output(False)
    assert meter.volts() == 0.0
    assert (meter.idn(), supply.idn()) == (
        "Autarky,Simulated meter,0,1", "Autarky,Simulated supply,0,1",
    )  # fmt: skip
    meter.close()


def test_a_supply_that_is_not_fed_switches_itself_off_and_tells(instruments, supply) -> None:
    supply.set(24.0, 2.0)
    assert supply.arm(0.3)
    supply.output(True)
    supply.feed()
    bench = instruments[0]
    end_s = time.monotonic() + 30
    while bench.supply.live_v and time.monotonic() < end_s:
        time.sleep(0.01)
    with pytest.raises(InstrumentError, match=r"switched its output off by itself .*status 2048"):
        supply.feed()
    supply.output(True)  # what was latched is cleared
    assert bench.supply.live_v == 24.0


def test_a_watchdog_is_armed_with_what_the_supply_can_do(supply) -> None:
    assert not supply.arm(0.05)
    assert supply._link.number("OUTP:PROT:WDOG:DEL?") == 0.1


def test_a_supply_without_a_watchdog_says_so() -> None:
    bench = SimulatedBench(read(EXAMPLE), watchdog=False, device=False)
    supply = ScpiSupply(resource(bench.ports["supply"]))
    assert not supply.arm(0.3)
    supply.close()
    bench.close()


def test_a_value_that_the_supply_refuses_is_told(supply) -> None:
    with pytest.raises(InstrumentError, match=r"the supply refuses VOLT 99.0000: -222, .Data out"):
        supply.set(99.0, 1.0)


def test_an_output_that_does_not_move_is_told(instruments, supply) -> None:
    instruments[0].supply.stuck = True
    with pytest.raises(InstrumentError, match="output of the supply stays off: look at its panel"):
        supply.output(True)


def test_only_cells_that_changed_are_told_again(instruments) -> None:
    bench = instruments[0]
    cells = ScpiCells(resource(bench.ports["cells"]), 240)
    cells.set_cells([3.3] * 240)
    assert bench.cells.changes == 240
    cells.set_cells([3.3] * 17 + [3.7] + [3.3] * 222)
    assert bench.cells.changes == 241
    assert cells.measure_cells() == [0.0] * 240
    cells.output(True)
    assert cells.measure_cells()[16:19] == [3.3, 3.7, 3.3]
    cells.output(False)
    with pytest.raises(InstrumentError, match="has 240 channels, and 241 cells were asked for"):
        cells.set_cells([3.3] * 241)
    cells.close()


@pytest.fixture
def odd() -> Iterator[ScpiLink]:
    """An instrument that answers everything with the same."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection = listener.accept()[0]
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                if b"?" in line:
                    connection.sendall(b"HELLO\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    link = ScpiLink("supply", resource(listener.getsockname()[1]))
    yield link
    link.close()
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda link: link.number("MEAS:VOLT?"), "with 'HELLO' where a number belongs"),
        (lambda link: link.numbers("MEAS:VOLT?"), "answers MEAS:VOLT. with no list"),
        (lambda link: link.tell("VOLT 1"), "gives no error number for VOLT 1"),
    ],
    ids=["number", "list", "error"],
)
def test_an_instrument_that_is_another_is_told(odd, ask, said) -> None:
    with pytest.raises(InstrumentError, match=said):
        ask(odd)


def test_a_late_answer_is_not_that_of_the_next_question(monkeypatch) -> None:
    monkeypatch.setattr(scpi, "_ANSWER_S", 0.2)
    asked, may_answer = [], threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection = listener.accept()[0]
            with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
                for line in lines:
                    asked.append(line)
                    may_answer.wait()
                    connection.sendall(b"1\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        link = ScpiLink("supply", resource(listener.getsockname()[1]))
        with pytest.raises(InstrumentError, match="does not answer"):
            link.ask("MEAS:VOLT?")
        may_answer.set()
        with pytest.raises(InstrumentError, match="does not answer"):
            link.number("OUTP?")
        thread.join()
    assert asked == [b"MEAS:VOLT?\n"]
    link.close()


def test_an_instrument_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(InstrumentError, match=r"the meter at TCPIP0.* does not answer"):
        ScpiMeter(resource(port)).idn()


def test_a_resource_that_is_none_is_told() -> None:
    with pytest.raises(InstrumentError, match=r"does not answer .*: is it on, its cable in"):
        ScpiMeter("not a resource")
