"""A relay board on Modbus TCP as a real pymodbus server: coils, and contacts that open by
themselves after "flash on" (the words of relays.py)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.pdu.bit_message import WriteSingleCoilRequest, WriteSingleCoilResponse
from pymodbus.pdu.exceptionresponse import ExceptionResponse
from pymodbus.pdu.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from autarky.rig.relays import FLASH_ON, FLASH_UNIT_S, quieten

_COILS = 64
_WRITE = 5
_ON, _OFF = 0xFF00, 0x0000


class SimulatedRelays:
    """`closed` by channel; `stuck` channels stay as they are, and one that does not `renew` lets a
    flash run out whatever comes meanwhile; changed(channel, closed) hears of
    each move. Lives on the loop that calls `serve`."""

    def __init__(self, changed: Callable[[int, bool], None]) -> None:
        self.closed = [False] * _COILS
        self.stuck: set[int] = set()
        self.renew = True
        self._changed = changed
        self._opens: dict[int, asyncio.TimerHandle] = {}
        self._server: ModbusTcpServer | None = None

    async def serve(self) -> int:
        """Listens on the port that it returns."""
        quieten()

        def bits() -> list[SimData]:
            return [SimData(0, values=[False] * _COILS, datatype=DataType.BITS)]

        def words() -> list[SimData]:
            return [SimData(0, values=0, datatype=DataType.REGISTERS)]

        device = SimDevice(
            id=1, simdata=(bits(), bits(), words(), words()), action=self._read
        )  # fmt: skip
        board = self

        class Write(WriteSingleCoilRequest):
            """Function 05 with its value as it came: a flash has a time there."""

            value = 0

            def decode(self, data: bytes) -> None:
                self.address, self.value = struct.unpack(">HH", data[:4])

            async def datastore_update(self, context: object, device_id: int) -> ModbusPDU:
                if not board.write(self.address, self.value):
                    return ExceptionResponse(_WRITE, ExcCodes.ILLEGAL_ADDRESS)
                return WriteSingleCoilResponse(
                    address=self.address, bits=[self.value != _OFF], dev_id=self.dev_id,
                    transaction_id=self.transaction_id,
                )  # fmt: skip

        self._server = ModbusTcpServer(device, address=("127.0.0.1", 0), custom_pdu=[Write])
        await self._server.serve_forever(background=True)
        listening: Any = self._server.transport
        return listening.sockets[0].getsockname()[1]

    async def _read(
        self, function: int, start: int, address: int, count: int, registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:  # fmt: skip
        """Coils are where the contacts are, whoever moved them."""
        for i in range(len(registers)):
            bits = self.closed[16 * (start + i) : 16 * (start + i) + 16]
            registers[i] = sum(1 << bit for bit, closed in enumerate(bits) if closed)
        return None

    def write(self, address: int, value: int) -> bool:
        """What function 05 does; False: there is no such address or value."""
        channel = address & 0xFF
        flash = address & 0xFF00 == FLASH_ON
        if channel >= _COILS or not (flash or address == channel) or (flash and not value):
            return False
        if not flash and value not in (_ON, _OFF):
            return False
        if flash and self.closed[channel] and not self.renew:
            return True
        timer = self._opens.pop(channel, None)
        if timer is not None:
            timer.cancel()
        if flash:
            loop = asyncio.get_running_loop()
            self._opens[channel] = loop.call_later(value * FLASH_UNIT_S, self.move, channel, False)
        self.move(channel, value != _OFF)
        return True

    def move(self, channel: int, closed: bool) -> None:
        if channel in self.stuck or self.closed[channel] == closed:
            return
        self.closed[channel] = closed
        self._changed(channel, closed)

    async def close(self) -> None:
        for timer in self._opens.values():
            timer.cancel()
        if self._server is not None:
            await self._server.shutdown()
