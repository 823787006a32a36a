"""Why a cabinet refuses a package, in sentences: the host's side of bess.update.states.REFUSALS."""

from __future__ import annotations

from bess.update.states import REFUSALS

WHY = {
    "format": "it is no package of ours: make one with `autarky sign`",
    "unsigned": "it is unsigned: sign it with `autarky sign --signing-key`",
    "signature": "it was signed by another key than the one the cabinet was provisioned with, "
    "or was changed after it was signed",
    "board": "it is for other boards: `autarky sign --board` says for which it is made",
    "interpreter": "the cabinet's MicroPython is older than it needs: flash the official "
    "firmware by cable",
    "size": "its image does not fit the board",
    "older": "it is older than the cabinet's parameter program_oldest allows",
    "image": "its image was damaged on the way: send it again",
    "storage": "the cabinet cannot write its slot: look at its flash",
    "rollback": "the slot of the program that runs is damaged, so there would be no way back: "
    "flash the cabinet by cable",
    "key": "the cabinet was provisioned without an update key: `autarky provision` writes one "
    "(a virtual site takes the developer key that is there when it starts)",
}


def why(number: int) -> str:
    """Sentence of a refusal's number."""
    names = REFUSALS.decode().split()
    return WHY.get(names[number] if number < len(names) else "", f"refusal {number}")
