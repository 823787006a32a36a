"""Register-level models of the SPI chips beside a controller, from their data sheets."""

from __future__ import annotations

_MASK = 0x7FFFF


class FramChip:
    """CY15B104Q: 512 KiB; WREN 06h, WRDI 04h, RDSR 05h, READ 03h, WRITE 02h; WEL falls with CS."""

    def __init__(self) -> None:
        self.cells = bytearray(b"\xff" * (_MASK + 1))
        self.enabled = False
        self.cut_after = -1  # bytes that are still written before the supply fails
        self._bytes: list[int] = []
        self._address = 0

    def select(self, on: bool) -> None:
        if not on and self._bytes and self._bytes[0] == 0x02:
            self.enabled = False
        self._bytes = []

    def exchange(self, byte: int) -> int:
        self._bytes.append(byte)
        opcode, count = self._bytes[0], len(self._bytes)
        if count == 1:
            if opcode == 0x06:
                self.enabled = True
            elif opcode == 0x04:
                self.enabled = False
            return 0xFF
        if opcode == 0x05:
            return 0x02 if self.enabled else 0
        if opcode in (0x02, 0x03):
            if count == 4:
                self._address = int.from_bytes(self._bytes[1:4], "big") & _MASK
            if count <= 4:
                return 0xFF
            at, self._address = self._address, (self._address + 1) & _MASK
            if opcode == 0x03:
                return self.cells[at]
            if self.enabled and self.cut_after != 0:
                self.cut_after -= 1 if self.cut_after > 0 else 0
                self.cells[at] = byte
        return 0xFF


class ExpanderChip:
    """MCP23S17 with IOCON.BANK = 0, sequential addresses; `pins` is what the contacts do.

    `pins`: level of each of the 16 pins (bit 0 is GPA0); an open one follows its pull-up.
    """

    def __init__(self) -> None:
        self.reset()
        self.pulled_down = 0  # contacts that are closed to ground
        self._bytes: list[int] = []

    def reset(self) -> None:
        self.registers = bytearray(0x16)
        self.registers[0] = self.registers[1] = 0xFF  # IODIR

    def select(self, on: bool) -> None:
        self._bytes = []

    def _port(self, port: int) -> int:
        high = self.registers[0x0C + port]  # without its pull-up an open pin is read as 0
        level = high & ~(self.pulled_down >> 8 * port) & 0xFF
        return level ^ self.registers[0x02 + port]

    def exchange(self, byte: int) -> int:
        self._bytes.append(byte)
        if len(self._bytes) < 3 or self._bytes[0] >> 4 != 4:
            return 0xFF
        register = (self._bytes[1] + len(self._bytes) - 3) % 0x16
        if self._bytes[0] & 1:
            return (
                self._port(register & 1) if register in (0x12, 0x13) else self.registers[register]
            )
        if register not in (0x0E, 0x0F, 0x10, 0x11):
            self.registers[register] = byte
        return 0xFF
