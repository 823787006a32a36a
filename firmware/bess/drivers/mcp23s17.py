"""Sixteen inputs of a Microchip MCP23S17 port expander, for presence contacts of module slots.

Register map of the data sheet with IOCON.BANK = 0. Each contact pulls its pin down; the chip
inverts (IPOL), so that 1 means seated. Every read takes the pull-up and flag registers along
(0Ch..0Fh): a bus that is stuck high or low, or a chip that lost its set-up, reads as no module.
"""

from bess.port.interpreter import const

_WRITE = const(0x40)
_READ = const(0x41)
_IPOLA = const(0x02)
_GPPUA = const(0x0C)
_BYTES = const(10)  # opcode, register, GPPU, INTF, INTCAP, GPIO: two of each


class Expander:
    """`pin(bit)` gives an object with value(); spi: mode 0 or 3, cs: a pin, active low."""

    def __init__(self, spi, cs):
        self._spi = spi
        self._cs = cs
        self._request = bytearray(_BYTES)
        self._request[0] = _READ
        self._request[1] = _GPPUA
        self._answer = bytearray(_BYTES)
        self._seated = bytearray(2)
        self._asked = 16
        # all pins are inputs after power-up: only polarity and pull-ups are ours
        self._setups = (
            bytes((_WRITE, _IPOLA, 0xFF, 0xFF)),
            bytes((_WRITE, _GPPUA, 0xFF, 0xFF)),
        )
        cs.value(1)
        self._set_up()

    def _set_up(self):
        for setup in self._setups:
            self._cs.value(0)
            self._spi.write(setup)
            self._cs.value(1)

    def seated(self, bit):
        """1 when the contact of a slot is closed, 0 for an open one and for a doubtful chip.

        Asked in ascending order, as bess.measure.inputs does, the chip is read once a sweep.
        """
        if bit <= self._asked:
            self._read()
        self._asked = bit
        return self._seated[bit >> 3] >> (bit & 7) & 1

    def _read(self):
        answer = self._answer
        self._cs.value(0)
        self._spi.write_readinto(self._request, answer)
        self._cs.value(1)
        if answer[2] & answer[3] != 0xFF or answer[4] | answer[5]:
            self._set_up()
            self._seated[0] = self._seated[1] = 0
        else:
            self._seated[0] = answer[8]
            self._seated[1] = answer[9]

    def pin(self, bit):
        return ExpanderPin(self, bit)


class ExpanderPin:
    def __init__(self, expander, bit):
        self._expander = expander
        self._bit = bit

    def value(self):
        return self._expander.seated(self._bit)
