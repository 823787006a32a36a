"""Verifies LMS signatures (RFC 8554) a few hashes at a time, so that no tick waits for it.

Only LMS_SHA256_M32_H10 with LMOTS_SHA256_N32_W4: what `autarky sign` makes. Software that
signs so does not conform to NIST SP 800-208 by itself, which wants a hardware module.
"""

from hashlib import sha256
from struct import pack

from bess.port.interpreter import const

_LMS_TYPE = const(6)  # SHA256_M32_H10
_LMOTS_TYPE = const(3)  # SHA256_N32_W4
_N = const(32)
_CHAINS = const(67)  # 64 of the hash's nibbles and three of their checksum
_HEIGHT = const(10)
_Y_AT = const(40)  # q, LMOTS type, C
_TYPE_AT = const(2184)  # behind the chains
_PATH_AT = const(2188)
PUBLIC_KEY_BYTES = const(56)  # LMS type, LMOTS type, I, root
SIGNATURE_BYTES = const(2508)


class LmsVerifier:
    """`step(hashes)` until it returns True, then `good` tells. All three arguments are bytes.

    Anything of another length or type is never good. At most 67 * 15 + 12 hashes in all.
    """

    def __init__(self, public_key, message, signature):
        self.good = False
        self._chain = _CHAINS
        self._signature = memoryview(signature)
        self._left = 0
        sizes = len(public_key) == PUBLIC_KEY_BYTES and len(signature) == SIGNATURE_BYTES
        if not sizes or public_key[:8] != pack(">II", _LMS_TYPE, _LMOTS_TYPE):
            return
        leaf = int.from_bytes(signature[:4], "big")
        types = signature[4:8] + signature[_TYPE_AT:_PATH_AT]
        if leaf >> _HEIGHT or types != pack(">II", _LMOTS_TYPE, _LMS_TYPE):
            return
        self._node = leaf | 1 << _HEIGHT
        self._identity = identity = public_key[8:24]
        self._root = public_key[24:]
        head = identity + signature[:4]
        hashed = sha256(head + b"\x81\x81" + signature[8:_Y_AT])
        hashed.update(message)
        digest = hashed.digest()
        checksum = 0
        for byte in digest:
            checksum += 30 - (byte >> 4) - (byte & 15)
        self._digits = digest + pack(">H", checksum << 4)
        self._ends = sha256(head + b"\x80\x80")
        self._block = bytearray(head + bytes(3 + _N))  # i, j, and what is hashed on
        self._chain = -1
        self._next_chain()

    def _next_chain(self):
        self._chain = chain = self._chain + 1
        if chain == _CHAINS:
            return
        digit = self._digits[chain >> 1]
        digit = digit & 15 if chain & 1 else digit >> 4
        self._left = 15 - digit
        block = self._block
        block[21] = chain  # of two bytes the lower one
        block[22] = digit
        at = _Y_AT + _N * chain
        block[23:] = self._signature[at : at + _N]

    def step(self, hashes):
        """Up to `hashes` links of the chains; True once there is nothing left to do."""
        while self._chain < _CHAINS:
            block = self._block
            while self._left and hashes:
                block[23:] = sha256(block).digest()
                block[22] += 1
                self._left -= 1
                hashes -= 1
            if self._left:
                return False
            self._ends.update(block[23:])
            self._next_chain()
            if self._chain == _CHAINS:
                self._climb()
        return True

    def _climb(self):
        """From the leaf up to the root of the tree."""
        node = self._node
        value = sha256(self._identity + pack(">IH", node, 0x8282) + self._ends.digest()).digest()
        at = _PATH_AT
        while node > 1:
            sibling = bytes(self._signature[at : at + _N])
            at += _N
            pair = sibling + value if node & 1 else value + sibling
            node >>= 1
            value = sha256(self._identity + pack(">IH", node, 0x8383) + pair).digest()
        self.good = value == self._root
