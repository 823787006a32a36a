"""Self-tests of the controller: RAM canaries, program hash, stored parameters, clock, reset cause.

What a cabinet cannot know by itself at start stands in boards/README.md; here is what it can.
"""

from bess.measure import signals as s
from bess.port.interpreter import bind, const
from bess.port.ticks import ticks_diff

_CANARIES = const(8)
_LONGEST_TICK_MS = const(100)
_PATTERNS = (b"\x55" * 64, b"\xaa" * 64, bytes(64), b"\xff" * 64)


class SelfCheck:
    """`step_fast(now_ms)` judges the clock, `step_slow()` one slice of RAM and program.

    board: `program_intact()` (None: not finished, else True or False, one slice a call),
    `ram_intact()`, `reset_cause()`. `ready` is True once RAM and stored parameters were judged;
    the program's hash takes longer and trips when it differs.
    """

    def __init__(self, board, keeper, signals):
        self._board = board
        self._signals = signals
        self._last_ms = -1
        self._canaries = [bytearray(_PATTERNS[0]) for _ in range(_CANARIES)]
        self._slice = 0
        self._round = 0
        self._ram_bad = False
        self.ready = False
        bind(self, "step_fast")
        # born here: the fast task, which turns the key, may not make a tuple
        self._acknowledged = (s.PARAMETERS_CORRUPT, s.WATCHDOG_RESET, s.UNCLEAN_STOP, s.CLOCK)
        if keeper.damaged:
            signals.put(s.PARAMETERS_CORRUPT, 1)
        if board.reset_cause() == "watchdog":
            signals.put(s.WATCHDOG_RESET, 1)

    def operator_reset(self):
        """The operator has seen what stood at boot."""
        signals = self._signals
        for signal in self._acknowledged:
            signals.put(signal, 0)  # also where a restored latch never saw a sample

    def step_fast(self, now_ms):
        """The clock may neither stand still nor jump."""
        last_ms = self._last_ms
        self._last_ms = now_ms
        if last_ms >= 0:
            elapsed_ms = ticks_diff(now_ms, last_ms)
            if not 0 < elapsed_ms <= _LONGEST_TICK_MS and not self._signals.value[s.CLOCK]:
                self._signals.put(s.CLOCK, 1)

    def step_slow(self):
        """One canary written and read back, one slice of the program hashed."""
        signals = self._signals
        canary = self._canaries[self._slice]
        before = _PATTERNS[self._round]
        self._slice += 1
        if self._slice == _CANARIES:
            self._slice = 0
        if canary != before:
            self._ram_bad = True
        canary[:] = _PATTERNS[(self._round + 1) % 4]
        if self._slice == 0:
            self._round = (self._round + 1) % 4
        if not self._board.ram_intact():
            self._ram_bad = True
        signals.put(s.RAM_TEST, 1 if self._ram_bad else 0)
        intact = self._board.program_intact()
        if intact is not None:
            signals.put(s.PROGRAM_HASH, 0 if intact else 1)
        self.ready = not self._ram_bad
