"""Insulation monitor iso165C on the cabinet bus, after its manual."""

from __future__ import annotations

from dataclasses import dataclass

INFO_ID = 0x037
REQUEST_ID = 0x022
RESPONSE_ID = 0x023
PERIOD_MS = 1000
GET_R_ISO = 0x35
MOST_KOHM = 50_000


@dataclass
class Iso165c:
    """Sends IMD_Info once a second; `status` bits as D_IMC_STATUS, `vifc_status` as D_VIFC_STATUS.

    `raw` replaces the resistance on the wire (0xFFFF is none); `frozen` lets it say for ever what
    it said last: only its counter of results tells. `mute` leaves requests unanswered.
    """

    resistance_kohm: int = 2000
    status: int = 0
    vifc_status: int = 0
    silent: bool = False
    raw: int | None = None
    frozen: bool = False
    mute: bool = False
    _results: int = 0
    _said: bytes = bytes(6)

    def info(self, now_ms: int) -> bytes | None:
        """The frame when it is due in the 10 ms from now on."""
        if self.silent or now_ms % PERIOD_MS >= 10:
            return None
        if not self.frozen:
            self._results = (self._results + 1) & 0xFF
            kohm = min(self.resistance_kohm, MOST_KOHM) if self.raw is None else self.raw
            words = (kohm, self.status, self.vifc_status)
            self._said = b"".join(word.to_bytes(2, "little") for word in words)
        return self._said

    def answer(self, request: bytes) -> bytes | None:
        """IMD_Response to an IMD_Request, None when there is none."""
        if self.silent or self.mute or len(request) != 5:
            return None
        if request[0] != GET_R_ISO:
            return b"\xff\x00\x00" + request[:1] + b"\x00"
        return bytes((GET_R_ISO,)) + self._said[:2] + bytes((0, self._results))
