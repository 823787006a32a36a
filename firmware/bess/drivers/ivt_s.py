"""Isabellenhuette IVT-S: string current and three voltages over CAN.

Result frames 0x521..0x524 as the data sheet gives them: byte 0 the channel, byte 1 low
nibble a counter and high nibble the state, bytes 2..5 int32, big-endian. The sensor is
mounted so that its positive current is discharge: the sign of the house.
U1 = string behind the fuse, U2 = DC link (outside both contactors), U3 = plus side of
the string measured behind the minus contactor, for the weld check.
"""

from array import array

from bess.port.interpreter import bind, const
from bess.port.native import leaves as native_leaves
from bess.port.ticks import hold_all, ticks_diff

COMMAND_ID = const(0x411)
RESPONSE_ID = const(0x511)
RESULT_ID = const(0x521)
CURRENT = const(0)
U1 = const(1)
U2 = const(2)
U3 = const(3)
_CHANNELS = const(4)
_ROWS = const(8)

# SET_MODE stop, cyclic period of each channel (big-endian ms), SET_MODE run; each is answered by
# its first byte | 0x80, the mode it took, and for a channel the period
_PERIOD_MS = (10, 50, 50, 50)
_MODE = const(0xB4)
_ALIVE = const(0xBF)  # after its start
_CHANNEL = const(0xA0)
_STEPS = const(6)
_ANSWERED = const(0x3F)  # all steps
_ANSWER_MS = const(50)
_TRIES = const(3)
_UNKNOWN = const(0xFF)
_FIT = const(8)  # a mean period off by an eighth is another one: 20 ms for 10, 60 ms for 50
_SETUP = (
    b"\x34\x00\x01\x00\x00\x00\x00\x00",
    b"\x20\x02\x00\x0a\x00\x00\x00\x00",
    b"\x21\x02\x00\x32\x00\x00\x00\x00",
    b"\x22\x02\x00\x32\x00\x00\x00\x00",
    b"\x23\x02\x00\x32\x00\x00\x00\x00",
    b"\x34\x01\x01\x00\x00\x00\x00\x00",
)


class IvtS:
    """Newest result of each channel: `value` (mA, mV), `count` of fresh ones, `at_ms`.

    Byte 1, high nibble: over-current comparator, this result wrong, any result wrong, system error.
    A result with its error bit set, a wrong channel byte or a repeated counter does not
    count as fresh. `lost_permille`: results of the worst channel that the counters show as lost
    in the last second, of those sent; -1 when none came (their age tells).
    """

    ids = (RESULT_ID, RESULT_ID + 1, RESULT_ID + 2, RESULT_ID + 3, RESPONSE_ID)
    filters = ((0x520, 0x7F8, 0), (RESPONSE_ID, 0x7FF, 0))

    def __init__(self, port, leaves=native_leaves):
        self._port = port
        self._take = leaves.take_result
        self._results = array("i", bytes(4 * _ROWS * _CHANNELS))  # rows of leaves.take_result
        results = memoryview(self._results)
        rows = [results[at : at + _CHANNELS] for at in range(0, _ROWS * _CHANNELS, _CHANNELS)]
        self.value, self.count, self.at_ms, self._counter = rows[:4]
        # of this window, by the counters: periods from the first frame heard to the last, and
        # how many of their frames could not be used
        self._first_ms, self._last_ms, self._sent, self._lost = rows[4:]
        self._forget_counters()
        self._window_whole = False
        self.lost_permille = -1
        self.errors = 0
        self._step = 0
        self._step_ms = 0
        self._answers = 0
        self._tries = _TRIES
        bind(self, "configure", "receive")

    def configure(self, now_ms):
        """Send what is left of the set-up, a step each tick; again while it is not answered."""
        step = self._step
        if step < _STEPS:
            if self._port.send(COMMAND_ID, _SETUP[step]):
                self._step = step + 1
                self._step_ms = now_ms
        elif (
            self._tries
            and self._answers != _ANSWERED
            and ticks_diff(now_ms, self._step_ms) >= _ANSWER_MS
        ):
            self._begin(self._tries - 1)

    def _begin(self, tries):
        """The sensor measures nothing for some 50 ms now: never without a reason."""
        self._tries = tries
        self._step = 0
        self._answers = 0
        self._window_whole = False

    def verify(self):
        """Once a second: are the periods those of the set-up, and how much got lost?

        Frames are counted by the sensor's counters, so that lost ones count for the period as
        well. A sensor that came late, dipped, was swapped or heard only part of its set-up
        sends at other periods, whatever else it said.
        """
        fits = True
        worst = -1
        channel = _CHANNELS
        while channel:
            channel -= 1
            sent = self._sent[channel]
            off_ms = ticks_diff(self._last_ms[channel], self._first_ms[channel])
            off_ms = abs(off_ms - sent * _PERIOD_MS[channel])
            if not sent or off_ms > sent * _PERIOD_MS[channel] // _FIT:
                fits = False
            if sent:
                worst = max(worst, self._lost[channel] * 1000 // sent)
            self._first_ms[channel] = self._last_ms[channel]
            self._sent[channel] = 0
            self._lost[channel] = 0
        self.lost_permille = worst
        if self._window_whole and not fits:
            self._begin(_TRIES)
        self._window_whole = self._step == _STEPS

    def _forget_counters(self):
        channel = _CHANNELS
        while channel:
            channel -= 1
            self._counter[channel] = _UNKNOWN

    def _answer(self, data, length):
        """Take a frame on RESPONSE_ID."""
        kind = data[0] if length else 0  # what an empty frame leaves there is an old one's
        if kind == _ALIVE:
            self._forget_counters()
            self._begin(_TRIES)
        elif length < 4:
            self.errors = (self.errors + 1) & 0x1FFFFFFF
        elif kind == _MODE:
            self._answers |= 0x20 if data[1] & 1 else 0x01
        elif _CHANNEL <= kind < _CHANNEL + _CHANNELS:
            step = kind - _CHANNEL + 1
            asked = _SETUP[step]
            if data[1] == asked[1] and data[2] == asked[2] and data[3] == asked[3]:
                self._answers |= 1 << step
        else:
            # 0xFF: a command was refused; the answer that stays away brings it again
            self.errors = (self.errors + 1) & 0x1FFFFFFF

    def receive(self, can_id, data, length, now_ms):
        """Take a frame with one of `ids`."""
        if can_id == RESPONSE_ID:
            self._answer(data, length)
            return
        channel = can_id - RESULT_ID
        if length < 6 or data[0] != channel or self._take(data, channel, now_ms, self._results):
            self.errors = (self.errors + 1) & 0x1FFFFFFF

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        hold_all(self.at_ms, now_ms)
