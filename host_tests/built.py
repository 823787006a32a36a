"""A cabinet on a board without plants, and what is called on its parts."""

from autarky.sil.inline import InlineFirmware
from bess.protect.event_log import CLEARED, RAISED

DEVICES = 15

SETTINGS = "node_id=2\nnode_configured=1"


def built(change=None, settings=SETTINGS):
    """A cabinet on a board without plants; change(devices) before it is built anew."""
    firmware = InlineFirmware(settings, DEVICES)
    if change is not None:
        change(firmware.devices)
        firmware.app = firmware._build()
    return firmware.app


class Calls(list):
    """Names and arguments in the order of the calls; `on` puts itself in a method's place."""

    def on(self, owner, name, result=None, note=None):
        self_ = self

        def call(*arguments):
            self_.append((note or name, *arguments))
            return result

        setattr(owner, name, call)


def logged(app):
    """(kind, item, level, value, limit) of what waits in the log, and a fault's string before."""
    log, found = app.log, []
    at = log._tail
    while at != log._head:
        i = at * 4
        what = log._pending[i + 1]
        string = (what >> 24,) if what & 0xFF in (RAISED, CLEARED) else ()
        fields = what & 0xFF, what >> 8 & 0xFF, what >> 16 & 0xFF, *log._pending[i + 2 : i + 4]
        found.append(string + fields)
        at = (at + 1) % 64
    return found
