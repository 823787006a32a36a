"""LMS in the firmware against pyhsslms, whole and in steps, and every byte of it spoilt."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhsslms.pyhsslms import (
    LmotsPrivateKey,
    LmsPrivateKey,
    lmots_sha256_n32_w4,
    lms_sha256_m32_h10,
)

from bess.update.lms import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, LmsVerifier


@functools.cache
def key() -> LmsPrivateKey:
    return LmsPrivateKey(lms_sha256_m32_h10, lmots_sha256_n32_w4, SEED=bytes(32), I=bytes(16))


@functools.cache
def public() -> bytes:
    return key().publicKey().serialize()


def signed(message: bytes, leaf: int = 0) -> bytes:
    """With a leaf that is fresh each time, which nobody but a test may do."""
    signer = key()
    signer.q = leaf
    signer.ots_priv[leaf] = LmotsPrivateKey(
        I=signer.I, q=leaf.to_bytes(4, "big"), SEED=signer.SEED, lmots_type=lmots_sha256_n32_w4
    )
    return signer.sign(message)


def good(public_key: bytes, message: bytes, signature: bytes, hashes: int = 4) -> bool:
    verifier = LmsVerifier(public_key, message, signature)
    for _ in range(67 * 15 + 2):
        if verifier.step(hashes):
            return verifier.good
    raise AssertionError("it does not end")


@pytest.mark.parametrize("leaf", [0, 1, 2, 511, 512, 1022, 1023])
@pytest.mark.parametrize("message", [b"", b"a", b"manifest\n" * 60])
def test_what_pyhsslms_signs_is_good(leaf: int, message: bytes) -> None:
    signature = signed(message, leaf)
    assert len(signature) == SIGNATURE_BYTES
    assert len(public()) == PUBLIC_KEY_BYTES
    assert good(public(), message, signature)
    assert not good(public(), message + b"x", signature)


@pytest.mark.parametrize("hashes", [1, 2, 7, 1000])
def test_the_size_of_a_step_does_not_matter(hashes: int) -> None:
    signature = signed(b"step by step")
    assert good(public(), b"step by step", signature, hashes)
    assert not good(public(), b"step by ste", signature, hashes)


def test_no_step_makes_more_hashes_than_it_was_allowed(monkeypatch) -> None:
    from bess.update import lms

    count = [0]
    real = lms.sha256

    def counting(data=b""):
        count[0] += 1
        return real(data)

    signature = signed(b"count")
    verifier = LmsVerifier(public(), b"count", signature)
    monkeypatch.setattr(lms, "sha256", counting)
    most = 0
    while True:
        before = count[0]
        done = verifier.step(4)
        if done:
            assert count[0] - before <= 4 + 11  # the last step climbs the tree of height 10
            break
        most = max(most, count[0] - before)
    assert most == 4
    assert verifier.good


@given(st.integers(0, SIGNATURE_BYTES - 1), st.integers(0, 7))
def test_a_flipped_bit_of_the_signature_is_found(at: int, bit: int) -> None:
    spoilt = bytearray(signed(b"flip"))
    spoilt[at] ^= 1 << bit
    assert not good(public(), b"flip", bytes(spoilt), 1000)


@given(st.integers(0, PUBLIC_KEY_BYTES - 1), st.integers(0, 7))
def test_another_public_key_is_no_key(at: int, bit: int) -> None:
    other = bytearray(public())
    other[at] ^= 1 << bit
    assert not good(bytes(other), b"key", signed(b"key"), 1000)


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + b"\0", lambda s: b""])
def test_another_length_is_never_good(change) -> None:
    assert not good(public(), b"x", change(signed(b"x")))
    assert not good(change(public()), b"x", signed(b"x"))


@given(st.binary(min_size=SIGNATURE_BYTES, max_size=SIGNATURE_BYTES))
def test_noise_is_never_good(noise: bytes) -> None:
    head = signed(b"n")
    shaped = noise[:4] + head[4:8] + noise[8:2184] + head[2184:2188] + noise[2188:]
    for signature in (noise, shaped, bytes(3) + b"\1" + shaped[4:]):
        assert not good(public(), b"n", signature, 1000)
