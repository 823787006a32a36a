"""Insulation monitor iso165C on the cabinet bus, after its manual."""

from __future__ import annotations

from dataclasses import dataclass

INFO_ID = 0x037
PERIOD_MS = 1000


@dataclass
class Iso165c:
    """Sends IMD_Info once a second; `status` bits as D_IMC_STATUS."""

    resistance_kohm: int = 2000
    status: int = 0
    silent: bool = False

    def info(self, now_ms: int) -> bytes | None:
        """The frame when it is due in the 10 ms from now on."""
        if self.silent or now_ms % PERIOD_MS >= 10:
            return None
        low = min(self.resistance_kohm, 50000).to_bytes(2, "little")
        return low + self.status.to_bytes(2, "little") + b"\0\0"
