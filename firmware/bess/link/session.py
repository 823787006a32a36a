"""Who may write: a session unlocked by HMAC-SHA256 over a nonce, locked again by time.

The client reads the nonce, answers HMAC-SHA256(key, nonce), and may write for five
minutes. Wrong answers cost doubling delays, over restarts too: anybody on the bus may ask for one.
A reset locks, since a session lives in RAM.
"""

from hashlib import sha256

from bess.link import abort
from bess.port.interpreter import const
from bess.port.ticks import held, ticks_diff

NONCE_BYTES = const(16)
_BLOCK = const(64)
_LONGEST_DOUBLINGS = const(12)  # 4096 s


def hmac_sha256(key, message):
    """RFC 2104 with SHA-256; key of at most 64 bytes."""
    key = key + bytes(_BLOCK - len(key))
    inner = sha256(bytes([b ^ 0x36 for b in key]) + message).digest()
    return sha256(bytes([b ^ 0x5C for b in key]) + inner).digest()


def same(a, b):
    """Compare in a time that does not depend on where they differ."""
    differing = len(a) ^ len(b)
    for i in range(min(len(a), len(b))):
        differing |= a[i] ^ b[i]
    return differing == 0


class Session:
    """`unlocked` (0 or 1); `step(now_ms)` once a tick or seldom. random(n) gives n bytes.

    key: b"" for a board that lost or never got it: no answer is right then. wrong: wrong answers
    in a row before the start, whose delay begins anew; note(wrong) keeps their number.
    """

    def __init__(self, key, random, session_ms, wrong, note):
        self._key = key
        self._random = random
        self._session_ms = session_ms
        self._nonce = b""
        self._now_ms = 0
        self._unlocked_ms = 0
        self._failed_ms = -1  # the first step
        self._wrong = wrong
        self._note = note
        self._waiting = wrong > 0
        self.unlocked = 0

    def step(self, now_ms):
        self._now_ms = now_ms
        if self._failed_ms < 0:
            self._failed_ms = now_ms
        if self._waiting and ticks_diff(now_ms, self._failed_ms) >= self._delay_s() * 1000:
            self._waiting = False
        if self.unlocked and ticks_diff(now_ms, self._unlocked_ms) >= self._session_ms:
            self.unlocked = 0

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._unlocked_ms = held(now_ms, self._unlocked_ms)
        self._failed_ms = held(now_ms, self._failed_ms)

    def _delay_s(self):
        """1, 2, 4 .. 4096 s after so many wrong answers."""
        return 1 << min(self._wrong - 1, _LONGEST_DOUBLINGS)

    def nonce(self):
        """A fresh nonce; only the newest one can be answered, and only once."""
        self._nonce = self._random(NONCE_BYTES)
        return self._nonce

    def answer(self, data):
        """Take HMAC-SHA256(key, nonce); returns an abort code."""
        if self.wait_s() or not self._nonce or not self._key:
            return abort.STATE
        expected = hmac_sha256(self._key, self._nonce)
        self._nonce = b""
        if not same(expected, data):
            self._wrong = min(self._wrong + 1, _LONGEST_DOUBLINGS + 1)
            self._note(self._wrong)
            self._failed_ms = self._now_ms
            self._waiting = True
            return abort.ACCESS
        self._wrong = 0
        self._note(0)
        self.unlocked = 1
        self._unlocked_ms = self._now_ms
        return abort.NONE

    def lock(self, value):
        """A write of 0 locks; nothing else can be written here."""
        if value:
            return abort.VALUE
        self.unlocked = 0
        return abort.NONE

    def left_s(self):
        """Seconds until the session ends by itself."""
        if not self.unlocked:
            return 0
        return (self._session_ms - ticks_diff(self._now_ms, self._unlocked_ms)) // 1000

    def wait_s(self):
        """Seconds until the next answer is taken, after a wrong one."""
        if not self._waiting:
            return 0
        if self._failed_ms < 0:
            return self._delay_s()
        left_ms = self._delay_s() * 1000 - ticks_diff(self._now_ms, self._failed_ms)
        return (left_ms + 999) // 1000
