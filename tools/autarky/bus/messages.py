"""A frame of the virtual buses as python-can has it, and back.

There an identifier is one word, as in Linux's can_frame, with EXTENDED and REMOTE in its upper
bits; a remote frame has data of its length, all 0, or none.
"""

from __future__ import annotations

from typing import Any

import can

from autarky.bus.records import EXTENDED, REMOTE

_EXTENDED_ID, _STANDARD_ID = 0x1FFFFFFF, 0x7FF


def message_of(can_id: int, data: bytes, **more: Any) -> can.Message:
    """more: what else can.Message takes (timestamp, channel, is_rx, ...)."""
    extended, remote = bool(can_id & EXTENDED), bool(can_id & REMOTE)
    return can.Message(
        arbitration_id=can_id & (_EXTENDED_ID if extended else _STANDARD_ID),
        is_extended_id=extended, is_remote_frame=remote, dlc=len(data),
        data=None if remote else data, **more,
    )  # fmt: skip


def identifier_of(message: can.Message) -> int:
    """With its flags."""
    flags = EXTENDED if message.is_extended_id else 0
    return message.arbitration_id | flags | (REMOTE if message.is_remote_frame else 0)
