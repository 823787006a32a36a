"""Signing keys: LMS with 1024 one-time signatures, whose state is spent before it is used.

LMS (RFC 8554) is forged by whoever sees one leaf used twice. The key file therefore counts, and
the count is on disk before a signature leaves this module. Never copy a key file, and never
restore it from a backup.
"""

from __future__ import annotations

import fcntl
import json
import os
from functools import lru_cache
from pathlib import Path

from pyhsslms.pyhsslms import (
    LmotsPrivateKey,
    LmsPrivateKey,
    LmsPublicKey,
    lmots_sha256_n32_w4,
    lms_sha256_m32_h10,
)

from autarky.errors import AutarkyError
from autarky.paths import ROOT

SIGNATURES = 1024
DEVELOPER_KEY = ROOT / ".keys" / "developer.json"
_KIND = "autarky signing key, LMS_SHA256_M32_H10 W4"


class SigningKeyError(AutarkyError):
    """A key cannot be used; the message says why and what to do."""


@lru_cache(maxsize=2)
def _tree(seed: bytes, identity: bytes) -> LmsPrivateKey:
    """The key's 1024 leaves and what stands above them: a second of hashing."""
    return LmsPrivateKey(lms_sha256_m32_h10, lmots_sha256_n32_w4, SEED=seed, I=identity)


def _signed(seed: bytes, identity: bytes, leaf: int, message: bytes) -> bytes:
    tree = _tree(seed, identity)
    tree.q = leaf  # which leaves are spent is known to the file alone
    tree.ots_priv[leaf] = LmotsPrivateKey(
        I=identity, q=leaf.to_bytes(4), SEED=seed, lmots_type=lmots_sha256_n32_w4
    )
    return tree.sign(message)


def _home(path: Path) -> Path:
    """The file itself, not a link to it. Raises SigningKeyError for one with several names."""
    path = Path(path).resolve()
    if path.exists() and path.stat().st_nlink > 1:
        raise SigningKeyError(f"{path} has several names (hard links): a leaf could be used twice")
    return path


def _write(path: Path, values: dict[str, str | int]) -> None:
    unfinished = path.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(values, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> dict[str, str | int]:
    path = _home(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["kind"] != _KIND or len(bytes.fromhex(values["seed"])) != 32:
            raise ValueError("another kind of key")
        if len(bytes.fromhex(values["identity"])) != 16 or not 0 <= values["next"] <= SIGNATURES:
            raise ValueError("its numbers are out of range")
        if len(bytes.fromhex(values["public"])) != 56:
            raise ValueError("its public key has another length")
        home = str(values["home"])
    except FileNotFoundError:
        raise SigningKeyError(
            f"{path}: no signing key is there; `autarky sign --new-key {path}` makes one"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SigningKeyError(f"{path} is no signing key of ours: {error}") from None
    if home != str(path):
        raise SigningKeyError(
            f"{path} was made at {home}: a copy must not sign, both would use the same leaves. "
            'If the other one is gone for ever, write the new place into its line "home"'
        )
    return values


def create(path: Path) -> bytes:
    """Make a key; returns the public key, 56 bytes. Raises SigningKeyError if there is one."""
    path = _home(path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = _tree(os.urandom(32), os.urandom(16))
    try:  # two at once: only one makes it
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise SigningKeyError(
            f"{path}: a key is there already; its signatures would be lost"
        ) from None
    public_key = key.publicKey().serialize()
    _write(
        path,
        {
            "kind": _KIND, "seed": key.SEED.hex(), "identity": key.I.hex(), "next": 0,
            "public": public_key.hex(), "home": str(path),
        },
    )  # fmt: skip
    return public_key


def public(path: Path) -> bytes:
    """Public key of a key file, 56 bytes."""
    return bytes.fromhex(str(_read(path)["public"]))


def left(path: Path) -> int:
    """Signatures that a key file can still make."""
    return SIGNATURES - int(_read(path)["next"])


def sign(path: Path, message: bytes) -> bytes:
    """One signature of 2508 bytes; its leaf is spent on disk before it is made."""
    path = _home(path)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        values = _read(path)
        leaf = int(values["next"])
        if leaf >= SIGNATURES:
            raise SigningKeyError(
                f"{path} has made all its {SIGNATURES} signatures: make a new key, and provision "
                "the cabinets with it by cable"
            )
        _write(path, {**values, "next": leaf + 1})
        seed, identity = (bytes.fromhex(str(values[name])) for name in ("seed", "identity"))
        signature = _signed(seed, identity, leaf, message)
    if not verify(bytes.fromhex(str(values["public"])), message, signature):
        raise SigningKeyError(f"{path}: its public key does not belong to it")
    return signature


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is the key's, judged by pyhsslms."""
    try:
        return LmsPublicKey.deserialize(public_key).verify(message, signature)
    except (ValueError, IndexError, TypeError):
        return False
