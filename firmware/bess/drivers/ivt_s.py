"""Isabellenhuette IVT-S: string current and three voltages over CAN.

Result frames 0x521..0x524 as the data sheet gives them: byte 0 the channel, byte 1 low
nibble a counter and high nibble the state, bytes 2..5 int32, big-endian. The sensor is
mounted so that its positive current is discharge: the sign of the house.
U1 = string behind the fuse, U2 = DC link (outside both contactors), U3 = plus side of
the string measured behind the minus contactor, for the weld check.
"""

from array import array

from bess.port.interpreter import const
from bess.port.ticks import hold_all

COMMAND_ID = const(0x411)
RESPONSE_ID = const(0x511)
RESULT_ID = const(0x521)
CURRENT = const(0)
U1 = const(1)
U2 = const(2)
U3 = const(3)
_CHANNELS = const(4)
_LARGEST = const(2000000)  # mA, mV
_HIGH = const(31)  # its high word and some

FILTERS = ((0x520, 0x7F8, 0), (RESPONSE_ID, 0x7FF, 0))

# byte 1, high nibble: over-current comparator, this result wrong, any result wrong, system error
_THIS_WRONG = const(0x20)
_SYSTEM_ERROR = const(0x80)

# SET_MODE stop, cyclic period of each channel (big-endian ms), SET_MODE run
_CURRENT_PERIOD_MS = const(10)
_VOLTAGE_PERIOD_MS = const(50)
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

    A result with its error bit set, a wrong channel byte or a repeated counter does not
    count as fresh.
    """

    def __init__(self, port):
        self._port = port
        self.value = array("i", bytes(4 * _CHANNELS))
        self.count = array("i", bytes(4 * _CHANNELS))
        self.at_ms = array("i", bytes(4 * _CHANNELS))
        self._counter = bytearray(b"\xff" * _CHANNELS)
        self.errors = 0
        self._setup_step = 0

    def configure(self):
        """Send one step of the set-up; True when all of it is sent. Repeat once a tick."""
        if self._setup_step < len(_SETUP):
            if self._port.send(COMMAND_ID, _SETUP[self._setup_step]):
                self._setup_step += 1
        return self._setup_step == len(_SETUP)

    def restart(self):
        """Configure again, after a sensor that went silent."""
        self._setup_step = 0

    def receive(self, can_id, data, length, now_ms):
        """Take a frame of the cabinet bus; True when it was the sensor's."""
        channel = can_id - RESULT_ID
        if channel < 0 or channel >= _CHANNELS:
            return can_id == RESPONSE_ID
        state = data[1]
        if length < 6 or data[0] != channel or state & (_THIS_WRONG | _SYSTEM_ERROR):
            self.errors = (self.errors + 1) & 0x1FFFFFFF
            return True
        counter = state & 0x0F
        if counter == self._counter[channel]:
            self.errors = (self.errors + 1) & 0x1FFFFFFF
            return True
        self._counter[channel] = counter
        high = data[2] << 8 | data[3]
        if high & 0x8000:
            high -= 0x10000
        # beyond +-2 kA or kV the exact value says no more; keeps every product a small int
        if high >= _HIGH:
            value = _LARGEST
        elif high < -_HIGH:
            value = -_LARGEST
        else:
            value = high << 16 | data[4] << 8 | data[5]
        self.value[channel] = min(max(value, -_LARGEST), _LARGEST)
        count = self.count[channel] + 1
        self.count[channel] = count if count < 0x3FFFFFFF else 1
        self.at_ms[channel] = now_ms
        return True

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        hold_all(self.at_ms, now_ms)
