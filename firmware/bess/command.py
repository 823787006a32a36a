"""What the site asks of the cabinet: its cyclic command, and what an operator writes besides."""

from bess import modes
from bess.link import abort
from bess.measure import signals as s
from bess.port.interpreter import bind
from bess.port.ticks import ticks_diff

_NEVER = -2  # no stamp of a frame: those are -1 before the first


class Command:
    """`take(now_ms)` each fast tick hands the newest command to the modes; the rest are writes
    to the dictionary, which answer with an abort code.

    node: link.node.Node; codec: FrameCodec of the site bus.
    """

    def __init__(self, node, codec, machine, program, journal, preheat, signals, parameters):
        self._node = node
        self._pdo = node.pdo
        self._modes = machine
        self._program = program
        self._journal = journal
        self._signals = signals
        self._image = codec.image
        self._frame = codec.frame("command")
        self._mode_request = codec.slot("command", "mode_request")
        self._power_request = codec.slot("command", "active_power")
        self._fast_stream = codec.slot("command", "fast_stream")
        self._preheat = preheat
        self._schedule_frame = codec.frame("schedule")
        self._schedule = codec.slot("schedule", "purpose")
        self._announced_ms = _NEVER
        self._silence_ms = parameters.get("command_silent_2_ms")
        self._heard_ms = _NEVER
        machine.hold = program.on_trial  # no power before somebody said yes to it
        bind(self, "take", "checker")

    def checker(self):
        """Judge of the commands, with its counters."""
        return self._pdo.checkers[self._frame]

    def take(self, now_ms):
        """What is asked now; of a silent coordinator nothing new."""
        machine = self._modes
        machine.stop_requested = self._node.stop_requested()
        heard_ms = self._pdo.heard_ms[self._frame]
        if heard_ms != self._heard_ms:
            self._heard_ms = heard_ms
            self._hear(heard_ms >= 0)
        # before the first command there is nothing to fall silent: the contactors are open
        age_ms = ticks_diff(now_ms, heard_ms) if heard_ms >= 0 else 0
        self._signals.put(s.COMMAND_AGE, age_ms)
        silent = age_ms >= self._silence_ms
        if silent != machine.silent:
            machine.silent = silent
            self._hear(heard_ms >= 0)
            if silent:
                self.checker().restart()

    def _hear(self, heard):
        """A new command, or one that has grown old."""
        image = self._image
        machine = self._modes
        machine.request = image[self._mode_request] if heard else 0
        machine.request_w = image[self._power_request] * 100
        self._pdo.hurry = heard and not machine.silent and image[self._fast_stream] != 0

    def announce(self):
        """Once a second: what the coordinator says of its next wish goes to control.preheat."""
        heard_ms = self._pdo.heard_ms[self._schedule_frame]
        if heard_ms >= 0 and heard_ms != self._announced_ms:
            self._announced_ms = heard_ms
            image = self._image
            at = self._schedule
            self._preheat.announce(image[at], image[at + 2] * 10, image[at + 1] != 0, image[at + 3])

    def request_reset(self, value):
        """0x2310: an unlocked operator asks for what the reset key does."""
        if value != 1:
            return abort.VALUE
        self._modes.request_reset()
        return abort.NONE

    def hold(self, value):
        """0x2421: 1 stops the cabinet in order and keeps it in standby while the session lasts."""
        if value > 1:
            return abort.VALUE
        if self._program.on_trial:
            return abort.STATE
        self._modes.hold = value == 1
        return abort.NONE

    def ask_removal(self, value):
        """0x2430: 1 asks that modules may be drawn, which the coordinator grants; 0 no more."""
        if value > 1:
            return abort.VALUE
        self._modes.removal.ask(value == 1)
        return abort.NONE

    def confirm(self, value):
        """0x2422: 1 keeps the program on trial; only what passed its self-test can be kept."""
        if value != 1:
            return abort.VALUE
        if not self._program.on_trial or self._modes.state != modes.STANDBY:
            return abort.STATE
        self._program.confirm()
        self._modes.hold = False
        self._journal.confirmed()
        return abort.NONE
