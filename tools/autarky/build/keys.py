"""Signing keys: LMS with 1024 one-time signatures, whose state is spent before it is used.

LMS (RFC 8554) is forged by whoever sees one leaf used twice. The key file therefore counts, and
the count is on disk before a signature leaves this module. Never copy a key file, and never
restore it from a backup.

Beside a key file, KEY.leaves keeps the public halves of its leaves, which take a second of hashing.
It holds no secret, counts nothing, and is made anew when it is missing or is not this key's.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path

from pyhsslms.pyhsslms import (
    LmotsPrivateKey,
    LmotsPublicKey,
    LmsPrivateKey,
    LmsPublicKey,
    lmots_sha256_n32_w4,
    lms_sha256_m32_h10,
)

from autarky.errors import AutarkyError
from autarky.paths import ROOT

SIGNATURES = 1024
_HASH_BYTES = 32
DEVELOPER_KEY = ROOT / ".keys" / "developer.json"
_KIND = "autarky signing key, LMS_SHA256_M32_H10 W4"


class SigningKeyError(AutarkyError):
    """A key cannot be used; the message says why and what to do."""


class _Tree(LmsPrivateKey):
    """A key's leaves and what stands above them, grown from `leaves` where these are known."""

    def __init__(self, seed: bytes, identity: bytes, leaves: bytes = b"") -> None:
        if not leaves:
            super().__init__(lms_sha256_m32_h10, lmots_sha256_n32_w4, SEED=seed, I=identity)
            return
        self.lms_type, self.lmots_type = lms_sha256_m32_h10, lmots_sha256_n32_w4
        self.SEED, self.I = seed, identity
        self.ots_priv = [self._leaf(number) for number in range(SIGNATURES)]
        self.ots_pub = [
            LmotsPublicKey(identity, leaf.q, leaves[at : at + _HASH_BYTES], self.lmots_type)
            for leaf, at in zip(self.ots_priv, range(0, len(leaves), _HASH_BYTES), strict=True)
        ]
        self._nodes = {}
        self.pub = self._T(1)

    def _leaf(self, number: int) -> LmotsPrivateKey:
        return LmotsPrivateKey(
            I=self.I, q=number.to_bytes(4), SEED=self.SEED, lmots_type=lmots_sha256_n32_w4
        )

    @property
    def leaves(self) -> bytes:
        return b"".join(leaf.K for leaf in self.ots_pub)

    def signed(self, number: int, message: bytes) -> bytes:
        self.q = number  # which leaves are spent is known to the file alone
        self.ots_priv[number] = self._leaf(number)
        return self.sign(message)


def _leaves(path: Path) -> Path:
    return path.with_name(path.name + ".leaves")


def _tree(path: Path, values: dict[str, str | int]) -> _Tree:
    """A key's tree; its leaves are kept beside it, for their hashing takes a second."""
    seed, identity, public_key = (
        bytes.fromhex(str(values[name])) for name in ("seed", "identity", "public")
    )
    kept = _leaves(path)
    try:
        leaves = kept.read_bytes()
    except OSError:
        leaves = b""
    if len(leaves) == SIGNATURES * _HASH_BYTES:
        tree = _Tree(seed, identity, leaves)
        if tree.publicKey().serialize() == public_key:
            return tree
    tree = _Tree(seed, identity)
    with contextlib.suppress(OSError):  # kept for speed alone
        _replace(kept, tree.leaves)
    return tree


def _home(path: Path) -> Path:
    """The file itself, not a link to it. Raises SigningKeyError for one with several names."""
    path = Path(path).resolve()
    if path.exists() and path.stat().st_nlink > 1:
        raise SigningKeyError(f"{path} has several names (hard links): a leaf could be used twice")
    return path


def _write(path: Path, values: dict[str, str | int]) -> None:
    _replace(path, f"{json.dumps(values, indent=1)}\n".encode())


def _replace(path: Path, content: bytes) -> None:
    """The file has its former content or the new one, whatever happens; for its owner alone."""
    unfinished = path.with_suffix(path.suffix + ".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
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
    key = _Tree(os.urandom(32), os.urandom(16))
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
    _replace(_leaves(path), key.leaves)
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
        signature = _tree(path, values).signed(leaf, message)
    if not verify(bytes.fromhex(str(values["public"])), message, signature):
        raise SigningKeyError(f"{path}: its public key does not belong to it")
    return signature


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is the key's, judged by pyhsslms."""
    try:
        return LmsPublicKey.deserialize(public_key).verify(message, signature)
    except (ValueError, IndexError, TypeError):
        return False
