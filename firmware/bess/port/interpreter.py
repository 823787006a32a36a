"""What differs between MicroPython and CPython, in one place."""

try:
    from micropython import const, heap_lock, heap_unlock

    MICROPYTHON = True
except ImportError:
    MICROPYTHON = False

    def const(value):
        return value

    def heap_lock():
        """CPython cannot lock its heap; MicroPython runs prove the absence of allocation."""

    def heap_unlock():
        return 0
