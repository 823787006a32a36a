"""Relays over Modbus TCP or RTU, and the enable contact that drops by itself.

Words of the Waveshare Modbus RTU Relay and Modbus POE ETH Relay (their wiki's development
protocol, V2): function 05 with 0xFF00 or 0x0000 at the channel, function 01 to read it, and
"flash on", function 05 at 0x0200 + channel with the time in 100 ms as its value: the board itself
opens the contact when that time is over (wiki's example 01 05 02 00 00 07: channel 0, 700 ms).
"""

from __future__ import annotations

import contextlib
import logging
import math
import struct
import threading
from collections.abc import Callable
from typing import Any

from autarky.errors import AutarkyError, parse_address
from autarky.rig.description import Relays
from autarky.rig.instruments import InstrumentError

FLASH_ON = 0x0200
FLASH_UNIT_S = 0.1
_ANSWER_S = 2.0
_READ, _WRITE, _EXCEPTION = 0x01, 0x05, 0x80  # functions, and the mark of a refusal
_RTU_BAUD = 9600  # as the boards come


def quieten() -> None:
    """pymodbus writes what fails to the terminal; here it becomes a sentence of an error."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


def flash_request(address: int, units: int, unit: int) -> Any:
    """Function 05 with a time where the standard knows on and off only."""
    from pymodbus.pdu.bit_message import WriteSingleCoilRequest

    class FlashOn(WriteSingleCoilRequest):
        def encode(self) -> bytes:
            return struct.pack(">HH", self.address, units)

    return FlashOn(address=address, bits=[True], dev_id=unit)


class ModbusRelays:
    """Contacts by the names of rig.yaml; every one that is put is read back.

    After a question that was not answered, or by something else, the connection is made anew: on
    a serial line a late answer would be taken for that of the next question
    (findings/pymodbus_rtu_over_tcp_stays_one_behind.sh).
    """

    def __init__(self, config: Relays) -> None:
        from pymodbus.client import ModbusSerialClient, ModbusTcpClient

        quieten()
        self._config = config
        self._lock = threading.RLock()
        self._kept = False
        self._units = max(math.floor(config.drop_s / FLASH_UNIT_S + 1e-9), 1)
        self._client: Any
        if config.driver == "modbus-tcp":
            try:
                host, port = parse_address(config.address)
            except AutarkyError:
                raise InstrumentError(
                    f"relays: {config.address!r} is no address: write HOST:PORT"
                ) from None
            self._client = ModbusTcpClient(host, port=port, timeout=_ANSWER_S, retries=0)
        else:
            self._client = ModbusSerialClient(
                config.address, baudrate=_RTU_BAUD, timeout=_ANSWER_S, retries=0
            )
        if not self._client.connect():
            raise InstrumentError(
                f"the relays at {config.address} do not answer: is the board on, its cable in, its "
                "address right?"
            )

    def idn(self) -> str:
        """They have no name of their own: what they are reached by, once one has answered."""
        self.read("enable")
        return f"Modbus relays at {self._config.address}, unit {self._config.unit}"

    def _channel(self, name: str) -> int:
        if name not in self._config.channels:
            raise InstrumentError(
                f"there is no relay {name!r}: rig.yaml has {', '.join(self._config.channels)}"
            )
        return self._config.channels[name]

    def _call(self, name: str, function: int, call: Callable[[], Any]) -> Any:
        from pymodbus.exceptions import ModbusException

        with self._lock:
            try:
                answer = call()
            except (ModbusException, OSError) as error:
                self.close()
                raise InstrumentError(
                    f"relay {name}: its board at {self._config.address} gave no answer ({error})"
                ) from error
            if answer.function_code & ~_EXCEPTION != function:
                self.close()
                raise InstrumentError(
                    f"relay {name}: its board at {self._config.address} answers another question "
                    f"(function {answer.function_code:02X}h, not {function:02X}h): look for what "
                    "else speaks on that line"
                )
        if answer.isError():
            raise InstrumentError(
                f"relay {name}: the board refuses with exception {answer.exception_code}: is its "
                "channel right in rig.yaml?"
            )
        return answer

    def put(self, name: str, closed: bool) -> None:
        channel, unit = self._channel(name), self._config.unit
        self._call(name, _WRITE, lambda: self._client.write_coil(channel, closed, device_id=unit))
        self._confirm(name, closed)

    def _confirm(self, name: str, closed: bool) -> None:
        if self.read(name) != closed:
            raise InstrumentError(
                f"relay {name} is stuck {'open' if closed else 'CLOSED'}: it was told otherwise; "
                "change the relay"
            )

    def read(self, name: str) -> bool:
        channel, unit = self._channel(name), self._config.unit
        answer = self._call(
            name, _READ, lambda: self._client.read_coils(channel, count=1, device_id=unit)
        )
        return bool(answer.bits[0])  # .bits is padded to 8

    def keep(self) -> None:
        """Raises InstrumentError too where it had dropped: the controller was without supply."""
        if self._kept and not self.read("enable"):
            raise InstrumentError(
                "the enable has dropped since it was last renewed: what keeps the host busy, or "
                "drop_s of rig.yaml is too short for it"
            )
        channel, unit = self._channel("enable"), self._config.unit
        request = flash_request(FLASH_ON + channel, self._units, unit)
        self._call("enable", _WRITE, lambda: self._client.execute(False, request))
        if not self._kept:
            self._confirm("enable", True)
        self._kept = True

    def all_open(self) -> None:
        """The enable first; a stuck one does not keep the others closed."""
        self._kept = False
        failed = []
        for name in sorted(self._config.channels, key=lambda name: name != "enable"):
            try:
                self.put(name, False)
            except InstrumentError as error:
                failed.append(str(error))
        if failed:
            raise InstrumentError("; ".join(failed))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._client.close()
