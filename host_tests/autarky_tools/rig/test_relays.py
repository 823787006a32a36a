"""Relays over Modbus against a real pymodbus server, and the contact that opens by itself."""

import socket
import time
from collections.abc import Iterator

import pytest
from patience import PATIENCE_S
from pymodbus.exceptions import ModbusIOException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from autarky.rig.description import Relays
from autarky.rig.instruments import InstrumentError
from autarky.rig.relays import FLASH_ON, ModbusRelays, flash_request


@pytest.fixture
def relays(instruments) -> Iterator[ModbusRelays]:
    opened = ModbusRelays(instruments[1].relays)
    yield opened
    opened.close()


def test_a_flash_is_the_frame_of_the_board_s_own_page() -> None:
    frame = FramerRTU(DecodePDU(False)).buildFrame(flash_request(FLASH_ON, 7, 1))
    assert frame.hex(" ") == "01 05 02 00 00 07 8d b0"


def test_a_contact_is_put_and_read_back(instruments, relays) -> None:
    relays.put("estop", True)
    assert relays.read("estop")
    assert instruments[0].relays.closed[1]
    relays.all_open()
    assert not any(instruments[0].relays.closed)
    assert relays.idn().startswith("Modbus relays at 127.0.0.1:")


def test_the_enable_opens_by_itself_and_that_is_told(instruments, relays) -> None:
    relays.keep()
    relays.keep()
    end_s = time.monotonic() + PATIENCE_S
    while relays.read("enable") and time.monotonic() < end_s:
        time.sleep(0.01)
    (closed_s, _, _), (open_s, _, _) = instruments[0].record.events
    assert 0.29 < open_s - closed_s < 1.0
    with pytest.raises(InstrumentError, match="the enable has dropped since it was last renewed"):
        relays.keep()


def test_a_board_that_is_gone_is_named() -> None:
    with socket.socket() as nobody:  # bound and not listening
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(InstrumentError) as told:
            opened = ModbusRelays(Relays(address=address, channels={"enable": 0, "gas": 1}))
            opened.read("gas")
    assert f"the relays at {address} do not answer: is the board on" in str(told.value)


def test_a_board_that_falls_silent_is_named(instruments, relays, monkeypatch) -> None:
    def silent(*_, **__):
        raise ModbusIOException("nothing came back")

    monkeypatch.setattr(relays._client, "read_coils", silent)
    with pytest.raises(InstrumentError, match=r"relay gas: its board at .* gave no answer \(.*not"):
        relays.read("gas")
    assert not relays._client.connected
    monkeypatch.undo()
    relays.put("gas", True)  # over a connection of its own
    assert relays.read("gas")


def test_an_answer_to_another_question_confirms_nothing(instruments, relays, monkeypatch) -> None:
    before = relays._client.write_coil(5, False, device_id=1)  # as it comes late on a serial line
    relays.put("gas", True)
    monkeypatch.setattr(relays._client, "read_coils", lambda *_, **__: before)
    with pytest.raises(InstrumentError, match=r"answers another question \(function 05h, not 01h"):
        relays.put("gas", False)
    assert not relays._client.connected


@pytest.mark.parametrize(("closed", "state"), [(True, "open"), (False, "CLOSED")])
def test_a_stuck_contact_is_named(closed, state, instruments, relays) -> None:
    relays.put("gas", not closed)
    instruments[0].relays.stuck.add(5)
    with pytest.raises(InstrumentError, match=f"relay gas is stuck {state}: it was told otherwise"):
        relays.put("gas", closed)


def test_a_stuck_contact_keeps_no_other_closed(instruments, relays) -> None:
    for name in ("estop", "gas", "smoke"):
        relays.put(name, True)
    instruments[0].relays.stuck.add(5)
    with pytest.raises(InstrumentError, match="relay gas is stuck"):
        relays.all_open()
    assert [n for n, closed in enumerate(instruments[0].relays.closed) if closed] == [5]


def test_a_refusing_board_is_told(instruments) -> None:
    described = instruments[1].relays.model_copy(update={"channels": {"enable": 0, "door": 200}})
    relays = ModbusRelays(described)
    with pytest.raises(InstrumentError, match="relay door: the board refuses with exception 2"):
        relays.put("door", True)
    with pytest.raises(
        InstrumentError, match=r"there is no relay 'gas': rig.yaml has enable, door"
    ):
        relays.put("gas", True)
    relays.close()


def test_a_board_that_hangs_up_is_told(instruments, relays) -> None:
    relays.put("door", True)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        described = Relays(address=f"127.0.0.1:{deaf.getsockname()[1]}", channels={"enable": 0})
        opened = ModbusRelays(described)
    with pytest.raises(InstrumentError, match=r"relay enable: its board at .* gave no answer"):
        opened.read("enable")


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ({"address": "127.0.0.1:9"}, "the relays at 127.0.0.1:9 do not answer"),
        ({"address": "/dev/none", "driver": "modbus-rtu"}, "the relays at /dev/none do not answer"),
        ({"address": "here"}, "relays: 'here' is no address: write HOST:PORT"),
    ],
    ids=["tcp", "rtu", "no address"],
)
def test_relays_that_are_not_there_are_told(description, said) -> None:
    with pytest.raises(InstrumentError, match=said):
        ModbusRelays(Relays(**description, channels={"enable": 0}))
