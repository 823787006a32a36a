"""Keeps parameters over a loss of power: 0x1010, 0x1011, and the identity that LSS gives.

Stored is what differs from the values the board was provisioned with, in two framed slots.
"""

from array import array

from bess.link import abort
from bess.parameters import Parameters
from bess.port.interpreter import const
from bess.port.storage import SlotStore

_SAVE = const(0x65766173)  # "save", CiA 301 clause 7.5.2.13
_LOAD = const(0x64616F6C)  # "load"


class Keeper:
    """`load()` at boot; then `store` and `restore` as 0x1010:1 and 0x1011:1 are written.

    configure(parameters) sets what the board was provisioned with, over the defaults;
    objection() is a sentence where the set contradicts itself, "" where it may be stored.
    `damaged` is True when a stored record was torn or fits no parameter, the values then being
    those of the last whole store, or when storage could not be read. A restore takes effect at
    the next start.
    """

    def __init__(self, parameters, region, configure, objection):
        self._parameters = parameters
        self._configure = configure
        self._objection = objection
        self._slots = SlotStore(region)
        self.damaged = False

    def load(self):
        """Take what was stored, over what the board was provisioned with."""
        try:
            stored = self._slots.load()
        except OSError:
            self.damaged = True
            return
        self.damaged = self._slots.damaged
        if stored is not None and self._parameters.restore(stored):
            self.damaged = True

    def _base(self):
        """Values that the board was provisioned with; made when asked for, to save RAM."""
        provisioned = Parameters()
        self._configure(provisioned)
        return provisioned.values

    def _save(self):
        try:
            return self._slots.save(self._parameters.dump(self._base()))
        except (OSError, ValueError):
            return False

    def store(self, signature):
        """0x1010:1: all parameters, for the signature "save"; not while they contradict."""
        if signature != _SAVE:
            return abort.NOT_STORED
        if self._objection():
            return abort.INCOMPATIBLE
        return abort.NONE if self._save() else abort.HARDWARE

    def restore(self, signature):
        """0x1011:1: provisioned values from the next start on, node id and bit rate excepted."""
        if signature != _LOAD:
            return abort.NOT_STORED
        present = array("i", self._parameters.values)
        values = self._parameters.values
        base = self._base()
        for row in range(len(values)):
            values[row] = base[row]
        for name in ("node_id", "node_configured", "can_kbit_s"):
            row = self._parameters.row(name)
            values[row] = present[row]
        good = self._save()
        for row in range(len(values)):
            values[row] = present[row]
        return abort.NONE if good else abort.HARDWARE

    def keep_identity(self, node_id, kbit_s):
        """Store only the node id (0: none) and the bit rate; True when it is safe."""
        parameters = self._parameters
        present = array("i", parameters.values)
        try:
            stored = self._slots.load() or b""
        except OSError:
            return False
        base = self._base()
        for row in range(len(present)):  # what a session wrote and did not store stays unstored
            parameters.values[row] = base[row]
        parameters.restore(stored)
        self._set_identity(node_id, kbit_s)
        good = self._save()
        for row in range(len(present)):
            parameters.values[row] = present[row]
        if good:
            self._set_identity(node_id, kbit_s)
        return good

    def _set_identity(self, node_id, kbit_s):
        parameters = self._parameters
        if node_id:
            parameters.set("node_id", node_id)
        parameters.set("node_configured", 1 if node_id else 0)
        parameters.set("can_kbit_s", kbit_s)
