"""Two slots for program packages and the record of which one runs: shared with the loader.

A package: magic, u16 manifest length, u16 signature length, the manifest (lines `name value`),
its signature, the ROMFS image. A slot is a region with `erase()`; what counts is the record,
two framed slots of five bytes, written last: a power cut at any write leaves the old or the
new choice, and each of them names a package that was whole before.
"""

from bess.port.hasher import Hasher
from bess.port.storage import FileRegion, SlotStore

MAGIC = b"AUTARKY\n"
HEAD_BYTES = 12
MANIFEST_MAX = 1024
_CHUNK = 4096
NONE = 255
SLOT_BYTES = 524288
RECORD_BYTES = 64


def open_slots(root):
    """The slots of a board whose file system is at `root`."""
    regions = [FileRegion("%s/slot%d.bin" % (root, slot), SLOT_BYTES) for slot in (0, 1)]
    return Slots(FileRegion(root + "/slots.bin", RECORD_BYTES), regions)


def whole(hasher):
    """All slices of a Hasher at once, for who has the time; its digest."""
    digest = None
    while digest is None:
        digest = hasher.step()
    return digest


def version_number(text):
    """major.minor.patch as one integer that grows with it. Raises ValueError."""
    number = 0
    parts = text.split(".")
    if len(parts) != 3:
        raise ValueError("a version is MAJOR.MINOR.PATCH")
    for part in parts:
        value = int(part)
        if not 0 <= value < 1000:
            raise ValueError("a part of a version is 0..999")
        number = number * 1000 + value
    return number


class Package:
    """Head of the package in a region: `manifest` (str by name, empty: none there), `text`
    (its bytes), `signature_at`, `signature_bytes`, `image_at`, `size`."""

    def __init__(self, region):
        self._region = region
        self.manifest = {}
        self.text = b""
        self.size = 0
        head = bytearray(HEAD_BYTES)
        region.readinto(0, head)
        length = head[8] | head[9] << 8
        if head[:8] != MAGIC or length > MANIFEST_MAX:
            return
        self.signature_bytes = head[10] | head[11] << 8
        self.signature_at = HEAD_BYTES + length
        self.image_at = self.signature_at + self.signature_bytes
        text = bytearray(length)
        region.readinto(HEAD_BYTES, text)
        try:
            found = {}
            for line in bytes(text).decode().split("\n"):
                name, _, value = line.partition(" ")
                if name:
                    found[name] = value
            self.size = int(found["size"])
            self.number = version_number(found["version"])
            self.sha256 = found["sha256"]
        except (KeyError, ValueError):
            return
        self.text = bytes(text)
        if self.size > 0 and self.image_at + self.size <= region.size:
            self.manifest = found

    def signature(self):
        data = bytearray(self.signature_bytes)
        self._region.readinto(self.signature_at, data)
        return bytes(data)

    def hasher(self):
        """Hasher of the image as it stands in the slot."""
        return Hasher(self._read, self.size)

    def _read(self, offset, count):
        data = bytearray(count)
        self._region.readinto(self.image_at + offset, data)
        return data

    def copy(self, write):
        """Hand the image over by write(offset, bytes), 4 KiB at a time."""
        for offset in range(0, self.size, _CHUNK):
            write(offset, self._read(offset, min(_CHUNK, self.size - offset)))


class Slots:
    """`active` (confirmed slot), `trial` (slot on trial or NONE), `started`, `failed`, and
    `spare_good`: 1 while the other slot holds a package that was confirmed before.

    regions: the two slots; record: region of the choice. Every change is stored at once;
    OSError when that fails, and then nothing has changed.
    """

    def __init__(self, record, regions):
        self._store = SlotStore(record)
        self.regions = regions
        stored = self._store.load()
        if stored is None or len(stored) != 5 or stored[0] > 1:
            stored = bytes((0, NONE, 0, NONE, 0))
        self._take(stored)

    def _take(self, state):
        self.active, self.trial, self.started, self.failed, self.spare_good = state

    def _save(self, *state):
        if not self._store.save(bytes(state)):
            raise OSError(5)  # EIO
        self._take(state)

    @property
    def spare(self):
        """The slot that nothing runs from."""
        return 1 - self.active

    def package(self, slot):
        return Package(self.regions[slot])

    def claim(self):
        """The spare slot is about to be written: nothing may start from it."""
        if self.spare_good or self.trial <= 1:
            self._save(self.active, NONE, 0, self.trial, 0)

    def activate(self):
        """The spare slot is whole and verified: the next start tries it, once."""
        self._save(self.active, self.spare, 0, NONE, 0)

    def choose(self):
        """What the loader does first at a start: the slot to run. A trial has one start."""
        if self.trial > 1:
            return self.active
        if self.started:
            self.give_up()
            return self.active
        self._save(self.active, self.trial, 1, NONE, 0)
        return self.trial

    def give_up(self):
        """The slot on trial failed; the confirmed one stays."""
        self._save(self.active, NONE, 0, self.trial, 0)

    def confirm(self):
        """The slot on trial is good: it is the confirmed one from now on. OSError without one."""
        if self.trial > 1:
            raise OSError(5)
        self._save(self.trial, NONE, 0, NONE, 1)

    def install(self, slot):
        """A slot that was written whole by cable, confirmed without a trial."""
        self._save(slot, NONE, 0, NONE, 0)

    def fall_back(self):
        """The confirmed slot is damaged: the one that was confirmed before it serves again."""
        self._save(self.spare, NONE, 0, NONE, 0)
