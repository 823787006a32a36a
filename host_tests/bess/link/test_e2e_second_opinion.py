"""E2E profile 2 against the PyPI package autosar-e2e."""

import e2e
from hypothesis import given
from hypothesis import strategies as st

from bess.link.e2e import OK, Checker, Sender


@given(
    payload=st.binary(min_size=6, max_size=6),
    high=st.integers(0, 15),
    ids=st.binary(min_size=16, max_size=16),
    count=st.integers(1, 20),
)
def test_our_frames_pass_their_check_and_theirs_ours(payload, high, ids, count):
    sender = Sender(ids)
    checker = Checker(ids, 3, 1)
    theirs = bytearray(bytes((0, high << 4)) + payload)
    theirs[1] |= 15
    for _ in range(count):
        ours = bytearray(bytes((0, high << 4)) + payload)
        sender.protect(ours)
        assert e2e.p02.e2e_p02_check(bytes(ours), ids)
        e2e.p02.e2e_p02_protect(theirs, ids, increment_counter=True)
        assert theirs == ours
        assert checker.check(theirs, 8) == OK
