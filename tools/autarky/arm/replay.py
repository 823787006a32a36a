"""Runs inside any interpreter: replays a record and keeps the SHA-256 of every DONE.

usage: micropython|python replay.py FOLDER RECORD OUT [TICK]

FOLDER: the image's compiled files, or the firmware's source tree. RECORD: the text of the
ANSWER, its length before it (u16), then TICKs (boards/unix/wire.py). OUT gets 32 bytes for each
TICK, or the bytes of one DONE when TICK is its number. Needs no socket: the WebAssembly port
has none.
"""

import sys
from hashlib import sha256

MICROPYTHON = sys.implementation.name == "micropython"


class Nothing:
    """A module that an interpreter lacks and nobody calls here."""


class Stream:
    """The link's stream, played from a file; what is written is noted, without allocation."""

    def __init__(self, file):
        self._file = file
        self.done = b""
        self.done_size = 0
        self.spi = b""
        self.spi_size = 0

    def read_into(self, buffer, size):
        if not size:
            return True
        if MICROPYTHON:
            return self._file.readinto(buffer, size) == size
        return self._file.readinto(memoryview(buffer).cast("B")[:size]) == size

    def write(self, buffer, size):
        if buffer is self.spi:
            self.spi_size = size
        else:
            self.done = buffer
            self.done_size = size
            self.spi_size = 0
        return True

    def written(self):
        """The bytes of the newest DONE."""
        return bytes(self.done)[: self.done_size] + bytes(self.spi)[: self.spi_size]


def prepare(folder):
    """Only the firmware's own modules can be imported from now on."""
    for name in ("socket", "machine"):
        try:
            __import__(name)
        except ImportError:
            sys.modules[name] = Nothing()
    sys.path.insert(0, folder)
    import main

    if folder[-9:] == "/firmware":
        main.pin_path(folder)
    else:
        native = "x64" if (getattr(sys.implementation, "_mpy", 0) >> 10 & 15) == 2 else "armv7m"
        sys.path[:] = [folder, folder + "/native/" + native, folder + "/boards/unix"]
    return main


class Replay:
    """`run(count)` goes on by so many TICKs; False at the end of the record."""

    def __init__(self, folder, record, out, tick=-1):
        start = prepare(folder).Start()
        import board
        from bess.app import Cabinet
        from bess.modes import NAMES
        from bess.parameters import Parameters
        from bess.port import interpreter

        if MICROPYTHON and not interpreter.MICROPYTHON:
            raise ImportError(
                "this interpreter has no micropython.heap_lock: it would prove nothing"
            )
        file = open(record, "rb")
        head = file.read(4)
        settings = file.read(head[0] | head[1] << 8).decode()
        self._tick = board.tick
        self._stream = Stream(file)
        self._link = board.Link(self._stream, head[2] | head[3] << 8)
        self._stream.spi = self._link.spi
        self._devices = board.Devices(self._link, False, settings, start)
        self._cabinet_class, self._parameters_class = Cabinet, Parameters
        self._out = open(out, "wb")
        self._wanted = tick
        self.ticks = 0
        self.states = []  # names, in the order of their first time
        self._state_names = NAMES.decode().split()
        self._build()

    def _build(self):
        parameters = self._parameters_class()
        self._devices.configure(parameters)
        self.cabinet = self._cabinet_class(self._devices, parameters)

    def run(self, count):
        cabinet = self.cabinet
        while count:
            count -= 1
            try:
                self._tick(self._link, cabinet.step)
            except EOFError:
                self._out.close()
                return False
            self._devices.keep_backup()
            done = self._stream.written()
            if self._wanted < 0:
                self._out.write(sha256(done).digest())
            elif self._wanted == self.ticks:
                self._out.write(done)
            state = self._state_names[cabinet.modes.state]
            if state not in self.states:
                self.states.append(state)
            if cabinet.restart:
                self._devices.reset()
                self._build()
                cabinet = self.cabinet
            self.ticks += 1
        return True

    def report(self):
        scheduler = self.cabinet.scheduler
        dead = [name for i, name in enumerate(scheduler.names) if scheduler._dead[i]]
        print("ticks", self.ticks)
        print("states", " ".join(self.states))
        print("dead", " ".join(dead))


def main(arguments):
    tick = int(arguments[3]) if len(arguments) > 3 else -1
    replay = Replay(arguments[0], arguments[1], arguments[2], tick)
    while replay.run(100):
        pass
    replay.report()


if __name__ == "__main__":
    main(sys.argv[1:])
