"""The program area of 0x1F50 (CiA 302-3): takes a package, verifies it, starts it on trial.

What a download needs is loaded when one begins (update.update); all that stays in RAM before is
this face of it.
"""

from bess.link import abort
from bess.port.interpreter import const
from bess.update.states import CHECKING, EMPTY, RECEIVING, REFUSED, VERIFIED

# 0x1F51, what a master may ask for
_START = const(1)
_CLEAR = const(3)
# 0x1F57, CiA 302-3: bit 0 in progress, error code above; our refusal in the upper half
_IN_PROGRESS = const(1)
_NO_VALID_PROGRAM = const(1 << 1)
_DATA_ERROR = const(3 << 1)


class ProgramStore:
    """Sink (begin, write, end) and source (size, read) of 0x1F50, and what 0x1F51.. ask for.

    board: `name`, `interpreter` (major, minor), `program_bytes` (largest image), `update_key`
    (public key, b"" for none), `slot`, `sha256` and `on_trial` of the running program, `slots()`
    (None where there are none); oldest: version number below which nothing is taken.
    `starting` asks for a start of the package that was activated.
    """

    def __init__(self, board, oldest, confirm_ms):
        self._board = board
        self._oldest = oldest
        self._update = None
        self._confirm_ticks = confirm_ms // 10
        self.on_trial = board.on_trial
        self.slot = board.slot
        self.sha256 = board.sha256
        self.starting = False

    @property
    def state(self):
        return self._update.state if self._update else EMPTY

    @property
    def crc(self):
        """CRC-32 of the package that was received, 0 for none."""
        return self._update.crc if self.state > RECEIVING else 0

    @property
    def status(self):
        state = self.state
        if state == RECEIVING or state == CHECKING:
            return _IN_PROGRESS
        if state == REFUSED:
            return _DATA_ERROR | self._update.refusal << 16
        return 0 if state == VERIFIED else _NO_VALID_PROGRAM

    def begin(self, size):
        from bess.update.update import Update

        self._update = None
        slots = self._board.slots()
        if slots is None or self.on_trial:
            return abort.STATE  # the spare slot holds what a roll-back needs
        self._update = Update(self._board, slots, self._oldest)
        return self._update.begin(size)

    def write(self, data):
        return self._update.write(data)

    def end(self):
        return self._update.end()

    def size(self):
        return self._update.received if self.state > RECEIVING else 0

    def read(self, offset, count):
        return self._update.read(offset, count) if self.state > RECEIVING else b""

    def step(self, now_ms):
        """One slice of a verification, for a task of its own; takes no time from now_ms."""
        update = self._update
        if update is not None and update.state == CHECKING:
            update.step()

    def expired(self, uptime_ticks):
        """The program on trial was not confirmed in its time."""
        return self.on_trial and uptime_ticks >= self._confirm_ticks

    def control(self, command):
        """0x1F51: 1 starts the verified package, once, on trial; 3 forgets what was received."""
        if command == _CLEAR:
            self._update = None
            return abort.NONE
        if command != _START:
            return abort.VALUE
        if self.state != VERIFIED:
            return abort.STATE
        self._update.activate()
        self.starting = True
        return abort.NONE

    def confirm(self):
        """Keep the program that is on trial."""
        self._board.slots().confirm()
        self.on_trial = False
