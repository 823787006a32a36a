from binascii import hexlify

from bess.link import abort
from bess.link.session import Session, hmac_sha256, same

KEY = b"k" * 32


class Noise:
    def __init__(self):
        self.count = 0

    def draw(self, size):
        self.count += 1
        return bytes([self.count] * size)


def build(kept=None):
    """A session as after a start; kept: list whose last element outlives a restart."""
    kept = [0] if kept is None else kept
    return Session(KEY, Noise().draw, 300000, kept[-1], kept.append)


def open_it(session):
    return session.answer(hmac_sha256(KEY, session.nonce()))


def test_hmac_is_rfc_4231_s_second_case():
    digest = hmac_sha256(b"Jefe", b"what do ya want for nothing?")
    expected = b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hexlify(digest) == expected


def test_comparison_sees_every_difference():
    assert same(b"abc", b"abc")
    assert not same(b"abc", b"abd")
    assert not same(b"abc", b"ab")
    assert not same(b"", b"a")


def test_the_right_answer_unlocks_for_five_minutes():
    session = build()
    session.step(1000)
    assert open_it(session) == abort.NONE
    assert session.unlocked
    assert session.left_s() == 300
    session.step(300990)
    assert session.unlocked
    session.step(301000)
    assert not session.unlocked
    assert session.left_s() == 0


def test_a_nonce_serves_once_and_only_the_newest():
    session = build()
    old = hmac_sha256(KEY, session.nonce())
    session.nonce()
    assert session.answer(old) == abort.ACCESS
    session.step(5000)
    assert session.answer(b"") == abort.STATE  # no nonce is waiting


def test_wrong_answers_cost_doubling_delays():
    session = build()
    now = 0
    for delay in (1, 2, 4, 8):
        session.nonce()
        assert session.answer(bytes(32)) == abort.ACCESS
        assert session.wait_s() == delay
        session.step(now + delay * 1000 - 10)
        assert open_it(session) == abort.STATE
        now += delay * 1000
        session.step(now)
        assert session.wait_s() == 0
    assert open_it(session) == abort.NONE
    session.lock(0)
    session.nonce()
    session.answer(bytes(32))
    assert session.wait_s() == 1  # a right answer forgave the others


def test_only_zero_locks():
    session = build()
    open_it(session)
    assert session.lock(1) == abort.VALUE
    assert session.unlocked
    assert session.lock(0) == abort.NONE
    assert not session.unlocked


def test_without_a_key_no_answer_is_right() -> None:
    """A board that lost what was provisioned must not open to the answer of an empty key."""
    session = Session(b"", Noise().draw, 300000, 0, [].append)
    for key in (b"", bytes(32), bytes(64)):
        nonce = session.nonce()
        assert session.answer(hmac_sha256(key, nonce)) == abort.STATE
        assert not session.unlocked


def test_a_restart_forgives_no_wrong_answer() -> None:
    """Each start begins the delay of the last wrong answer anew: 8 s after four of them."""
    kept = [0]
    now = 0
    session = build(kept)
    for delay in (1, 2, 4, 8):
        session.nonce()
        assert session.answer(bytes(32)) == abort.ACCESS
        now += delay * 1000
        session.step(now)
    for _ in range(3):
        session = build(kept)
        assert session.wait_s() == 8
        assert open_it(session) == abort.STATE
        session.step(500)
        session.step(8490)
        assert session.wait_s() == 1
        assert open_it(session) == abort.STATE
    session.step(8500)
    assert open_it(session) == abort.NONE
    session = build(kept)
    assert session.wait_s() == 0
    assert open_it(session) == abort.NONE


def test_the_delay_ends_its_doubling_at_4096_s() -> None:
    kept = [30]
    session = build(kept)
    assert session.wait_s() == 4096
    session.step(0)
    session.step(4096 * 1000)
    session.nonce()
    session.answer(bytes(32))
    assert kept[-1] == 13
    assert session.wait_s() == 4096


def test_a_nonce_has_16_bytes_and_what_unlocks_is_told_as_1_with_the_seconds_left() -> None:
    session = build()
    assert len(session.nonce()) == 16
    session.step(1000)
    assert open_it(session) == abort.NONE
    assert session.unlocked == 1
    session.step(11000)
    assert session.left_s() == 290


def test_one_wrong_answer_before_a_restart_waits_as_well() -> None:
    session = build([1])
    assert session.wait_s() == 1
    assert open_it(session) == abort.STATE


def test_the_seconds_to_wait_fall_from_a_start_at_0_and_end_with_the_last_millisecond() -> None:
    session = build([4])
    for now_ms, wait_s in ((0, 8), (1, 8), (4000, 4), (7001, 1), (7999, 1), (8000, 0)):
        session.step(now_ms)
        assert session.wait_s() == wait_s
