"""A rig's second board: time-stamps what the cabinet's controller commands, and tells it on CAN.

Copy it as main.py onto any stock MicroPython board with machine.CAN, with the pins of yours below,
each wired over an optocoupler to an output of the cabinet that switches seldom (`healthy` toggles
every tick: leave it out). A frame at each change, and every 100 ms: bits of bess.lines.OUTPUTS
(u32), us since this board started (u32, wraps after 71 minutes), both little-endian.
"""

import struct
import time

# output of the cabinet -> its bit, this board's pin, level of the pin while the output is on
PINS = (
    ("minus", 0, "X1", 0),
    ("plus", 1, "X2", 0),
    ("precharge", 2, "X3", 0),
    ("gate_enable", 3, "X4", 0),
)
CAN = 1
BIT_RATE = 500000
CAN_ID = 0x7F0
ALIVE_US = 100000


class Witness:
    """`look()` as often as possible: what it costs is how late a change is stamped.

    pins: (bit, object with value(), level while on); send: of (id, bytes); ticks_us and ticks_diff:
    those of `time`.
    """

    def __init__(self, pins, send, ticks_us, ticks_diff):
        self._pins = pins
        self._send = send
        self._ticks_us = ticks_us
        self._ticks_diff = ticks_diff
        self._before = ticks_us()
        self._now_us = 0
        self._told_us = -ALIVE_US
        self._outputs = -1

    def look(self):
        """Read the pins; tell a change, or that nothing changed for long."""
        outputs = 0
        for bit, pin, on in self._pins:
            if pin.value() == on:
                outputs |= 1 << bit
        ticks = self._ticks_us()  # wraps after some minutes: added up, it does not
        self._now_us += self._ticks_diff(ticks, self._before)
        self._before = ticks
        if outputs != self._outputs or self._now_us - self._told_us >= ALIVE_US:
            self._outputs = outputs
            self._told_us = self._now_us
            self._send(CAN_ID, struct.pack("<II", outputs, self._now_us & 0xFFFFFFFF))


def main():
    import machine

    can = machine.CAN(CAN, bitrate=BIT_RATE)
    pins = [
        (bit, machine.Pin(name, machine.Pin.IN, machine.Pin.PULL_UP), on)
        for _, bit, name, on in PINS
    ]
    witness = Witness(pins, can.send, time.ticks_us, time.ticks_diff)
    while True:
        witness.look()
        if can.state() == can.STATE_BUS_OFF:
            can.restart()


if __name__ == "__main__":
    main()
