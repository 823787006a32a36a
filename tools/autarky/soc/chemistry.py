"""Chemistry tables on the host: the firmware's own, and files that `autarky fit` wrote."""

from __future__ import annotations

from pathlib import Path

from autarky.paths import FIRMWARE
from bess.estimate.chemistry import Chemistry

BUILT_IN = ("lfp", "nmc")
_OPENING = 'TABLE = b"""\\\n'


def table_text(name: str) -> bytes:
    """Text of a built-in table, or of a file: a table as such, or a module that holds one.

    Raises ValueError when there is none or it is not whole.
    """
    path = FIRMWARE / "bess" / "estimate" / f"{name}.py" if name in BUILT_IN else Path(name)
    if not path.is_file():
        raise ValueError(
            f"chemistry {name}: neither one of {', '.join(BUILT_IN)} nor a file of `autarky fit`"
        )
    text = path.read_text(encoding="utf-8")
    if _OPENING in text:
        text = text.split(_OPENING, 1)[1].split('"""', 1)[0]
    try:
        Chemistry(text.encode())
    except (ValueError, IndexError, OverflowError) as error:
        raise ValueError(f"chemistry {name}: not a whole chemistry table ({error})") from None
    return text.encode()


def load(name: str) -> Chemistry:
    """The chemistry of a name or file. Raises ValueError."""
    return Chemistry(table_text(name))
