"""Speed of fans by the pulses of their tacho output (open collector, pulled up on the board)."""

from bess.port.interpreter import const
from bess.port.ticks import ticks_diff

_WINDOW_MS = const(500)
_MINUTE_MS = const(60000)
_FULL = const(65536)
_EDGES = const(0xFFFF)  # of the counter: eight minutes of rated speed
_SMALL_MAX = const(0x3FFFFFFF)  # 31-bit boards: beyond it a product would allocate


class Tacho:
    """`read_u16()` as of machine.ADC: the share of rated speed.

    pin: of the shape of machine.Pin; edge: its IRQ_FALLING; ticks_ms: time.ticks_ms. rated_rpm and
    pulses: of the fan's data sheet, pulses a turn.
    """

    def __init__(self, pin, edge, ticks_ms, rated_rpm, pulses):
        self._ticks_ms = ticks_ms
        self._scale = _MINUTE_MS * _FULL // (rated_rpm * pulses)  # shares by edges a millisecond
        self._most = _SMALL_MAX // self._scale
        self._edges = 0  # written by the interrupt alone
        self._read = 0  # edges and time at the start of the window
        self._since_ms = ticks_ms()
        self._share = 0
        pin.irq(handler=self._count, trigger=edge, hard=True)

    def _count(self, pin):
        """In the interrupt, where nothing may allocate: a small integer, an attribute there was."""
        self._edges = (self._edges + 1) & _EDGES

    def read_u16(self):
        """65536 of rated speed, at most 65535, in the last window of half a second or longer.

        Read it once a second: longer windows are counted too low from 16 s at rated speed on.
        """
        now_ms = self._ticks_ms()
        elapsed_ms = ticks_diff(now_ms, self._since_ms)
        if elapsed_ms >= _WINDOW_MS:
            edges = self._edges
            counted = min((edges - self._read) & _EDGES, self._most)
            self._share = min(counted * self._scale // elapsed_ms, _FULL - 1)
            self._read = edges
            self._since_ms = now_ms
        return self._share
