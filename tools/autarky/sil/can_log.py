"""candump text of the site's buses, hashed as it is written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO

from autarky.bus.bus import Sent
from autarky.bus.timing import REMOTE


class CanLog:
    """Into a file, or nowhere; `sha256` of all that was written so far."""

    def __init__(self, path: Path | None) -> None:
        self._file: IO[str] | None = path.open("w", encoding="ascii") if path else None
        self._hash = hashlib.sha256()
        self.frames = 0

    def write(self, channel: str, sent: list[Sent]) -> None:
        lines = []
        for end_us, can_id, data, _, _ in sent:
            identifier = f"{can_id & 0x1FFFFFFF:08X}" if can_id >> 31 else f"{can_id & 0x7FF:03X}"
            # a remote frame asks for a length and carries no data
            body = f"R{len(data) or ''}" if can_id & REMOTE else data.hex().upper()
            lines.append(f"({end_us / 1e6:.6f}) {channel} {identifier}#{body}\n")
        text = "".join(lines)
        self._hash.update(text.encode())
        self.frames += len(sent)
        if self._file is not None:
            self._file.write(text)

    def sha256(self) -> str:
        return self._hash.hexdigest()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
