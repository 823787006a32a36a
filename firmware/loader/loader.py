"""Chooses the program that runs: the confirmed slot, or once the one on trial.

Lives in the board's file system beside its slots and is never changed in the field. What
runs is a copy: before each start the copy's SHA-256 is compared with the slot's manifest, and it
is written anew when it differs; so power may go at any write. Signatures were verified
by the program that took the package; whoever can write this file system could replace this
file as well.
"""

import os

from bess.port.hasher import Hasher
from bess.port.slots import open_slots, whole

_COPIES = 2  # tries to write the copy


class Loader:
    """`prepare()` returns (slot, package) whose image stands whole in `rom`, or None.

    root: folder of the slots; rom: of rom.py; say(text): one line for whoever listens.
    """

    def __init__(self, root, rom, say):
        self._root = root
        self._rom = rom
        self._say = say
        self.slots = open_slots(root)
        self.rolled_back = False

    @property
    def in_service(self):
        """Somebody works on the board by cable: nothing starts by itself."""
        return "service" in os.listdir(self._root)

    def prepare(self):
        slots = self.slots
        unconfirmed = slots.trial < 2 and slots.started
        slot = self._stored(slots.choose, slots.active)
        if unconfirmed:
            self._say("slot %d was not confirmed: rolled back" % slots.failed)
            self.rolled_back = True
        package = self._place(slot)
        if package is None and slot != slots.active:
            self._stored(slots.give_up, None)
            self.rolled_back = True
            slot = slots.active
            package = self._place(slot)
        if package is None and slots.spare_good:
            slot = slots.spare  # confirmed before: nothing else may start without a trial
            package = self._place(slot)
            if package is not None:
                self._stored(slots.fall_back, None)
        return None if package is None else (slot, package)

    def _stored(self, change, otherwise):
        """A change of the record, which is no reason to stand still when it cannot be written."""
        try:
            return change()
        except OSError:
            self._say("the choice of the slot cannot be written")
            return otherwise

    def _place(self, slot):
        """The slot's package once its image stands in rom, else None."""
        try:
            return self._placed(slot)
        except (OSError, ValueError, MemoryError) as error:
            self._say("slot %d cannot be read: %s" % (slot, error))
            return None

    def _placed(self, slot):
        package = self.slots.package(slot)
        if not package.manifest:
            self._say("slot %d holds no package" % slot)
            return None
        if package.size > self._rom.size:
            self._say("the image of slot %d does not fit" % slot)
            return None
        if self._copied(package):
            return package
        if whole(package.hasher()) != package.sha256:
            self._say("the image of slot %d is damaged" % slot)
            return None
        for _ in range(_COPIES):
            self._say("writing version %s from slot %d" % (package.manifest["version"], slot))
            try:
                self._rom.erase(package.size)
                package.copy(self._rom.write)
                self._rom.complete()
            except OSError as error:
                self._say("writing failed: %s" % error)
                continue
            if self._copied(package):
                return package
        self._say("the copy of slot %d does not read back" % slot)
        return None

    def _copied(self, package):
        view = self._rom.view()
        if len(view) < package.size:
            return False
        copy = Hasher(lambda offset, count: view[offset : offset + count], package.size)
        return whole(copy) == package.sha256
