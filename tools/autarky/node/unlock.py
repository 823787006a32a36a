"""Opens a cabinet's session for writing: HMAC-SHA256 over its nonce (0x2F00)."""

from __future__ import annotations

import hashlib
import hmac

import canopen

SESSION = 0x2F00
NONCE, ANSWER, UNLOCKED = 1, 2, 3


def unlock(node: canopen.RemoteNode, key: bytes) -> None:
    """Answer the nonce with the device key; raises canopen.SdoAbortedError when it is refused."""
    nonce = node.sdo.upload(SESSION, NONCE)
    node.sdo.download(SESSION, ANSWER, hmac.new(key, nonce, hashlib.sha256).digest())


def lock(node: canopen.RemoteNode) -> None:
    """End the session."""
    node.sdo.download(SESSION, UNLOCKED, b"\0")
