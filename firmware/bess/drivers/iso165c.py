"""Bender ISOMETER iso165C: insulation resistance over CAN, once a second.

Manual D00154, "Messages", "Command descriptions", "Data value descriptions"; words are
little-endian. IMD_Info 0x37: D_IMC_R_ISO in kohm, D_IMC_STATUS, D_VIFC_STATUS. It carries
no counter: IMD_Request 0x22 for S_IMC_GET_R_ISO is answered on 0x23 by D_IMC_R_ISO_CNT,
which moves with each new result. The manual gives its voltage range as 0..600 V: check
the variant for an 800 V string.
"""

from bess.port.interpreter import const
from bess.port.ticks import held

INFO_ID = const(0x037)
REQUEST_ID = const(0x022)
RESPONSE_ID = const(0x023)
_GET_R_ISO = const(0x35)
_REQUEST = b"\x35\x00\x00\x00\x00"
_MOST_KOHM = const(50000)  # range of D_IMC_R_ISO; beyond, 0xFFFF among it, is no value
# D_IMC_STATUS
_FAULT = const(0x01)  # insulation below the monitor's own threshold
_TROUBLE = const(0x06)  # chassis fault, system failure
_BUSY = const(0x18)  # calibration, self test
_WARNING = const(0x20)
# D_VIFC_STATUS, both bytes: measurement off, IMC not alive; the value is outdated
_VIFC_TROUBLE = const(0x05)
_OUTDATED = const(0x01)

WARNED = const(1)
FAULTED = const(2)
# bits of `trouble` beside _TROUBLE
_OFF = const(8)
_OLD = const(16)


class Iso165c:
    """`resistance_kohm` with `count` of fresh results.

    A result counts as fresh when the monitor neither calibrates nor tests itself, nor says that
    it cannot measure: `trouble`, bits 2 chassis fault, 4 system failure, 8 measurement off or its
    core not alive, 16 value outdated. `told`: 0, WARNED or FAULTED, by the monitor's own
    thresholds. `heard` counts IMD_Info; `calculated_ms`: when the counter of results moved last,
    -1 before the first answer.
    """

    ids = (INFO_ID, RESPONSE_ID)
    filters = ((INFO_ID, 0x7FF, 0), (RESPONSE_ID, 0x7FF, 0))

    def __init__(self, port):
        self._port = port
        self._results = -1
        self.resistance_kohm = 0
        self.trouble = 0
        self.told = 0
        self.count = 0
        self.heard = 0
        self.calculated_ms = -1

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self.calculated_ms = held(now_ms, self.calculated_ms)

    def request(self):
        """Ask for the counter of results; once a second."""
        self._port.send(REQUEST_ID, _REQUEST)

    def receive(self, can_id, data, length, now_ms):
        """Take a frame with one of `ids`."""
        if can_id == RESPONSE_ID:
            if length >= 5 and data[0] == _GET_R_ISO and data[4] != self._results:
                self._results = data[4]
                self.calculated_ms = now_ms
            return
        if length < 6:
            return
        status = data[2]
        trouble = status & _TROUBLE
        if data[4] & _VIFC_TROUBLE:
            trouble |= _OFF
        if data[5] & _OUTDATED:
            trouble |= _OLD
        self.trouble = trouble
        self.told = FAULTED if status & _FAULT else WARNED if status & _WARNING else 0
        self.heard = (self.heard + 1) & 0x1FFFFFFF
        resistance_kohm = data[0] | data[1] << 8
        if not trouble and not status & _BUSY and resistance_kohm <= _MOST_KOHM:
            self.resistance_kohm = resistance_kohm
            self.count = (self.count + 1) & 0x1FFFFFFF
