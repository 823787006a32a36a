"""The PCS on the cabinet bus: a small published protocol (source of pcs.dbc).

A family by the contract in pcs.py; the states on the bus are its own. Frames are protected like
those of the site bus (E2E profile 2). The gate release line is separate hardware: without it the
PCS blocks its gates whatever the bus says.
"""

from bess.drivers.pcs import OFF
from bess.link.e2e import OK, Checker, Sender, data_ids
from bess.link.frames import FrameCodec
from bess.port.interpreter import bind, const
from bess.port.native import leaves as native_leaves
from bess.port.ticks import held, ticks_diff

PCS_TABLE = b"""\
frame pcs_command   0x210 rx    e2e
field request        12  4 u 1     -
field active_power   16 16 i 10    W
field reactive_power 32 16 i 10    var
field reserved       48 16 u 1     -
frame pcs_status    0x190 event e2e
field state          12  4 u 1     -
field active_power   16 16 i 10    W
field dc_voltage     32 16 u 0.1   V
field fault          48  8 u 1     -
field temperature    56  8 i 1     degC
"""

COMMAND_ID = const(0x210)
STATUS_ID = const(0x190)
# E2E lists of no site node's: those begin at node 1, and lists of two nodes differ at every counter
_COMMAND_KIND = const(2)
_STATUS_KIND = const(3)
_NODE = const(0)
_PERIOD_MS = const(20)
_STREAK_MAX = const(250)

# request
STOP = const(0)
FOLLOW = const(1)


def command_ids():
    return data_ids(_COMMAND_KIND, _NODE)


def status_ids():
    return data_ids(_STATUS_KIND, _NODE)


class PcsCan:
    """drivers.pcs tells what it does; its command is sent every 20 ms, in steps of 10 W."""

    ids = (STATUS_ID,)
    filters = ((STATUS_ID, 0x7FF, 0),)

    def __init__(self, port, leaves=native_leaves):
        self._port = port
        self._codec = FrameCodec(PCS_TABLE, leaves)
        self._image = self._codec.image
        self._command = self._codec.frame("pcs_command")
        self._status = self._codec.frame("pcs_status")
        # first fields of the frames; the others follow in the order of the table
        self._request = self._codec.slot("pcs_command", "request")
        self._state = self._codec.slot("pcs_status", "state")
        self._sender = Sender(command_ids(), leaves)
        self._checker = Checker(status_ids(), 3, 2, leaves)
        self._frame = bytearray(8)
        self._sent_ms = -1
        self.state = OFF
        self.power_actual_w = 0
        self.dc_voltage_dv = 0
        self.fault = 0
        self.temperature_dc = 0
        self.crc_streak = 0
        self.status_ms = -1
        bind(self, "receive", "transmit")

    def start(self):
        self._image[self._request] = FOLLOW

    def stop(self):
        self._image[self._request] = STOP

    def set(self, power_w, reactive_var):
        # truncated toward zero: the PCS never gets more than was allowed
        image = self._image
        at = self._request
        image[at + 1] = power_w // 10 if power_w >= 0 else -(-power_w // 10)
        image[at + 2] = reactive_var // 10 if reactive_var >= 0 else -(-reactive_var // 10)

    def receive(self, can_id, data, length, now_ms):
        """Take a frame of the cabinet bus; True when it was the PCS's."""
        if can_id != STATUS_ID:
            return False
        if self._checker.check(data, length) == OK:
            self._codec.unpack(self._status, data)
            image = self._image
            at = self._state
            self.state = image[at]
            self.power_actual_w = image[at + 1] * 10
            self.dc_voltage_dv = image[at + 2]
            self.fault = image[at + 3]
            self.temperature_dc = image[at + 4] * 10
            self.crc_streak = 0
            self.status_ms = now_ms
        elif self.crc_streak < _STREAK_MAX:
            self.crc_streak += 1
        return True

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self.status_ms = held(now_ms, self.status_ms)

    def transmit(self, now_ms):
        """Send the command when it is due."""
        if self._sent_ms >= 0 and ticks_diff(now_ms, self._sent_ms) < _PERIOD_MS:
            return
        self._codec.pack(self._command, self._frame)
        self._sender.protect(self._frame)
        self._port.send(COMMAND_ID, self._frame)
        self._sent_ms = now_ms
