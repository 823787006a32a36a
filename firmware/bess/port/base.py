"""What every board has in common: provisioned identity, slots, the running program's hash."""

import sys
from binascii import unhexlify

from bess.port.hasher import Hasher
from bess.port.storage import provisioned


class BoardBase:
    """Attributes: `serial_number`, `device_key` (b"": no session can be opened), `update_key`
    (b"": no update is taken), `slot`, `on_trial`, `rolled_back`, `sha256` of the running program,
    `interpreter` (major, minor).

    start: main.Start; settings: lines NAME=VALUE, those that were provisioned go over them.
    """

    # what a package's manifest is judged by; CPython only runs tests
    micropython = sys.implementation.name == "micropython"
    interpreter = sys.implementation.version[:2] if micropython else (1, 29)

    def __init__(self, start, settings=""):
        self._root = start.root
        self.slot = start.slot
        self.on_trial = start.on_trial
        self.rolled_back = start.rolled_back
        self.sha256 = start.sha256
        self.serial_number = 0
        self.device_key = b""
        self.update_key = b""
        self._parameters = []
        if self._root:
            settings += "\n" + provisioned(self._root)
        for line in settings.split("\n"):
            name, _, value = line.partition("=")
            if name:
                self.take(name, value)
        image = start.image
        self._program = Hasher(lambda offset, count: image[offset : offset + count], len(image))

    def take(self, name, value):
        """One line of the settings. Raises ValueError when its value is none."""
        if name == "@serial":
            self.serial_number = int(value)
        elif name == "@key":
            self.device_key = unhexlify(value)
        elif name == "@update_key":
            self.update_key = unhexlify(value)
        elif name[0] != "@":
            self._parameters.append((name, int(value)))

    def configure(self, parameters):
        """Set what was provisioned; KeyError or ValueError when one is wrong."""
        for name, value in self._parameters:
            parameters.set(name, value)

    def program_intact(self):
        """Hash one slice: None, or at the end of a round whether it is the program that started."""
        digest = self._program.step()
        if digest is None:
            return None
        self._program.restart()
        return not self.sha256 or digest == self.sha256  # from the source tree: nothing to compare

    def slots(self):
        """Both program slots, None where nothing was flashed."""
        if not self._root:
            return None
        from bess.port.slots import open_slots

        return open_slots(self._root)
