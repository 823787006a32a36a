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
        try:
            slot = slots.choose()
        except OSError:
            self._say("the choice of the slot cannot be written")
            slot = slots.active
        on_trial = slot != slots.active
        if unconfirmed:
            self._say("slot %d was not confirmed: rolled back" % slots.failed)
        package = self._place(slot)
        if package is not None:
            self.rolled_back = bool(unconfirmed)
            return slot, package
        if on_trial:
            slots.give_up()
            self.rolled_back = True
        other = slots.active if on_trial else slots.spare
        package = self._place(other)
        if package is not None and other != slots.active:
            slots.install(other)
        return None if package is None else (other, package)

    def _place(self, slot):
        """The slot's package once its image stands in rom, else None."""
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
                self._say("writing failed: error %d" % error.errno)
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
