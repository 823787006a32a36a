"""What differs between MicroPython and CPython, in one place."""

from struct import pack_into


def bind(owner, *names):
    """Keep methods in the instance, for those that are called every tick.

    Found there, a call costs half: else the instance's own names are searched in vain first, and
    then the class. Such a class has no property: with one, storing any attribute searches the
    class too, at nine times the cost (findings/micropython_property_slows_stores.sh).
    """
    for name in names:
        setattr(owner, name, getattr(owner, name))


try:
    from micropython import const, heap_lock, heap_unlock
    from micropython import kbd_intr as keyboard_interrupt

    MICROPYTHON = True

    def copy8(target, at, source):
        """Copy up to 8 bytes into target[at:at+8], zeros behind; a slice would allocate."""
        pack_into("8s", target, at, source)
except ImportError:
    MICROPYTHON = False

    def const(value):
        return value

    def heap_lock():
        """CPython cannot lock its heap; MicroPython runs prove the absence of allocation."""

    def heap_unlock():
        return 0

    def keyboard_interrupt(character):
        """CPython's Ctrl-C stays what it is."""

    def copy8(target, at, source):
        pack_into("8s", target, at, bytes(source))
