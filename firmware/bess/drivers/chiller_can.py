"""A smart chiller on the cabinet bus: a small published protocol (source of chiller.dbc).

A set by the contract in cooling.py: the unit pumps, heats and cools by itself, told a mode and
what its outlet should have. Once a second a frame each way, protected like those of the site bus
(E2E profile 2). What the unit owes: without a good command for 10 s it only pumps; a
compressor at least 180 s on and 180 s off; no heat without flow by its own switch.
"""

from bess.link.e2e import OK, Checker, Sender, data_ids
from bess.link.frames import FrameCodec
from bess.port.interpreter import bind, const
from bess.port.native import leaves as native_leaves
from bess.port.ticks import held, ticks_diff

CHILLER_TABLE = b"""\
frame chiller_command 0x220 rx    e2e
field mode           12  4 u 1     -
field outlet         16 16 i 0.1   degC
field dryer          32  1 u 1     -
field reserved       40 24 u 1     -
frame chiller_status 0x1A0 event e2e
field state          12  4 u 1     -
field outlet         16 16 i 0.1   degC
field inlet          32 16 i 0.1   degC
field pump           48  1 u 1     -
field heater         49  1 u 1     -
field compressor     50  1 u 1     -
field flow           51  1 u 1     -
field fault          56  8 u 1     -
"""

COMMAND_ID = const(0x220)
STATUS_ID = const(0x1A0)
# E2E lists of node 0: 2 and 3 are the PCS's
_COMMAND_KIND = const(0)
_STATUS_KIND = const(1)
_NODE = const(0)

# mode and state
OFF = const(0)
PUMP = const(1)
COOL = const(2)
HEAT = const(3)
AUTOMATIC = const(4)
# bits of its fault
COMPRESSOR_FAULT = const(1)
PUMP_FAULT = const(2)
HEATER_FAULT = const(4)
SENSOR_FAULT = const(8)
LEVEL_FAULT = const(16)

_FRESH_MS = const(5000)  # five frames


def command_ids():
    return data_ids(_COMMAND_KIND, _NODE)


def status_ids():
    return data_ids(_STATUS_KIND, _NODE)


class ChillerCan:
    """drivers.cooling tells what it does. `outlet_dc`, `inlet_dc`: the unit's own water, 0.1 degC,
    as it said last; `status_ms` when that was, -1 before the first.
    """

    ids = (STATUS_ID,)
    filters = ((STATUS_ID, 0x7FF, 0),)

    def __init__(self, board, port, leaves=native_leaves):
        self._port = port
        self._codec = FrameCodec(CHILLER_TABLE, leaves)
        self._image = self._codec.image
        self._command = self._codec.frame("chiller_command")
        self._status = self._codec.frame("chiller_status")
        # first fields of the frames; the others follow in the order of the table
        self._mode = self._codec.slot("chiller_command", "mode")
        self._state = self._codec.slot("chiller_status", "state")
        self._sender = Sender(command_ids(), leaves)
        self._checker = Checker(status_ids(), 3, 2, leaves)
        self._frame = bytearray(8)
        self._pumping = self._heats = self._cools = 0
        self._flow = self._heater = 0
        self._now_ms = 0
        self._begun_ms = -1
        self.fault_bits = 0
        self.outlet_dc = 0
        self.inlet_dc = 0
        self.status_ms = -1
        bind(self, "receive")

    def pump(self, on):
        self._pumping = on

    def heater(self, on):
        self._heats = on

    def chiller(self, on):
        self._cools = on

    def dry(self, on):
        self._image[self._mode + 2] = on

    def feed(self, on):
        """The unit has its own."""

    def drive(self, permille, outlet_dc):
        self._image[self._mode + 1] = outlet_dc

    def step(self, now_ms):
        """Send the command, which holds the unit to it."""
        self._now_ms = now_ms
        if self._begun_ms < 0:
            self._begun_ms = now_ms
        mode = PUMP if self._pumping else OFF
        if self._pumping and self._heats:
            mode = HEAT
        elif self._pumping and self._cools:
            mode = COOL
        self._image[self._mode] = mode
        self._codec.pack(self._command, self._frame)
        self._sender.protect(self._frame)
        self._port.send(COMMAND_ID, self._frame)

    def receive(self, can_id, data, length, now_ms):
        """Take a frame of the cabinet bus with one of `ids`."""
        if self._checker.check(data, length) != OK:
            return
        self._codec.unpack(self._status, data)
        image = self._image
        at = self._state
        self.outlet_dc = image[at + 1]
        self.inlet_dc = image[at + 2]
        self._heater = image[at + 4]
        self._flow = image[at + 6]
        self.fault_bits = image[at + 7]
        self.status_ms = now_ms

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self.status_ms = held(now_ms, self.status_ms)
        self._begun_ms = held(now_ms, self._begun_ms)

    def age_ms(self):
        since_ms = self.status_ms if self.status_ms >= 0 else self._begun_ms
        return ticks_diff(self._now_ms, since_ms) if since_ms >= 0 else 0

    def _fresh(self):
        return self.status_ms >= 0 and ticks_diff(self._now_ms, self.status_ms) <= _FRESH_MS

    def flowing(self):
        return 1 if self._flow and self._fresh() else 0

    def heating(self):
        return self._heater if self._fresh() else self._heats

    def compressor_well(self):
        return 0 if self.fault_bits & COMPRESSOR_FAULT else 1
