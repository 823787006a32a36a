"""One update: a package into the spare slot, then every check, a slice at a time.

Nothing that is received changes what runs: only `activate()` writes the record, and only
after signature, hash as read back, board, interpreter, version and size were found good, and the
confirmed slot whole, which a roll-back needs.
"""

from binascii import crc32

from bess.link import abort
from bess.port.interpreter import const
from bess.update.lms import SIGNATURE_BYTES, LmsVerifier
from bess.update.states import (
    BOARD,
    CHECKING,
    EMPTY,
    FORMAT,
    IMAGE,
    INTERPRETER,
    KEY,
    OLDER,
    RECEIVING,
    REFUSED,
    ROLLBACK,
    SIGNATURE,
    SIZE,
    STORAGE,
    UNSIGNED,
    VERIFIED,
)

_CHUNK = const(2048)
_HASHES_A_STEP = const(4)


def objection(manifest, number, board, interpreter, oldest):
    """Why a manifest (str by name) does not suit this board, 0 when it does."""
    if manifest.get("format") != "1":
        return FORMAT
    if board not in manifest.get("boards", "").split(","):
        return BOARD
    try:
        wanted = [int(part) for part in manifest["interpreter"].split(".")]
    except (KeyError, ValueError):
        return FORMAT
    if list(interpreter[: len(wanted)]) < wanted:
        return INTERPRETER
    return OLDER if number < oldest else 0


class Update:
    """`begin`, `write`, `end` fill the spare slot; then `step()` until VERIFIED or REFUSED."""

    def __init__(self, board, slots, oldest):
        self._board = board
        self._slots = slots
        self._slot = slots.spare
        self._region = slots.regions[slots.spare]
        self._oldest = oldest
        self._buffer = b""
        self._package = None
        self._former = slots.package(slots.active)
        self._signature = None
        self._image = None
        self.received = 0
        self.crc = 0
        self.refusal = 0
        self.state = EMPTY

    def begin(self, size):
        if size > self._region.size:
            return abort.TOO_LONG
        self._slots.claim()  # stored before the slot changes: nothing may start from it
        self._region.erase()
        self.state = RECEIVING
        return abort.NONE

    def write(self, data):
        if self.state != RECEIVING:
            return abort.STATE
        self._buffer += data
        return self._flush() if len(self._buffer) >= _CHUNK else abort.NONE

    def _flush(self):
        data = self._buffer
        self._buffer = b""
        if self.received + len(data) > self._region.size:
            return abort.TOO_LONG
        self._region.write(self.received, data)
        self.received += len(data)
        self.crc = crc32(data, self.crc)
        return abort.NONE

    def end(self):
        refusal = self._flush()
        if not refusal:
            self.state = CHECKING
        return refusal

    def read(self, offset, count):
        part = bytearray(count)
        self._region.readinto(offset, part)
        return part

    def step(self):
        """One slice: the manifest, then some hashes of the signature, then 4 KiB of the image."""
        try:
            refusal = self._check()
        except (OSError, MemoryError):
            refusal = STORAGE
        if refusal:
            self.refusal = refusal
            self.state = REFUSED

    def _check(self):
        if self._package is None:
            return self._check_manifest()
        if not self._signature.step(_HASHES_A_STEP):
            return 0
        if not self._signature.good:
            return SIGNATURE
        if self._image is None:
            self._image = self._package.hasher()
        digest = self._image.step()
        if digest is None:
            return 0
        former = self._former
        if digest != self._package.sha256:
            return ROLLBACK if self._package is former else IMAGE
        if self._package is former:
            self.state = VERIFIED
            return 0
        if not former.manifest:
            return ROLLBACK
        self._package = former  # is there a way back, should the trial fail?
        self._image = former.hasher()
        return 0

    def _check_manifest(self):
        board = self._board
        self._package = package = self._slots.package(self._slot)
        if not package.text:
            return FORMAT
        if not package.manifest or package.image_at + package.size != self.received:
            return SIZE
        if package.size > board.program_bytes:
            return SIZE
        if not package.signature_bytes:
            return UNSIGNED
        if package.signature_bytes != SIGNATURE_BYTES:
            return SIGNATURE
        if not board.update_key:
            return KEY
        self._signature = LmsVerifier(board.update_key, package.text, package.signature())
        manifest = package.manifest
        return objection(manifest, package.number, board.name, board.interpreter, self._oldest)

    def activate(self):
        """Have the next start try it. Raises OSError when the record cannot be written."""
        self._slots.activate()
