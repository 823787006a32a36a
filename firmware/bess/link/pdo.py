"""Process data objects: static mapping by table, transmission types, timers, E2E protection.

The frames of the table are numbered in its order: received ones are RPDO 1.., sent ones
TPDO 1... Parameters give what CiA 301 lets a master set: enabled, transmission type,
inhibit time, event timer, SYNC start value.
"""

from array import array

from bess.link.e2e import OK, Checker, Sender, data_ids
from bess.port.interpreter import bind, const
from bess.port.native import leaves as native_leaves
from bess.port.ticks import TICK_MS, hold_all, ticks_diff
from bess.table import rows

_RPDO = const(0x1400)
_RPDO_MAPPING = const(0x1600)
_TPDO = const(0x1800)
_TPDO_MAPPING = const(0x1A00)
IMAGE = const(0x2180)  # one record a frame: the mapped pieces
_SYNC_TYPES = const(240)
_EVENT_TYPES = const(254)
_NEVER = const(-1)
# sub-indices of a communication object
_INHIBIT = const(3)
_SYNC_START = const(6)
_FAR_MS = const(0x08000000)  # no timer runs: 1.5 days, less than a stamp is held
_PIECE = const(3)  # first byte, bits, signed
_NO_REMOTE = const(0x40000000)


class Pdos:
    """All PDOs of a node on a CanPort.

    `configure(node_id)` takes identifiers and parameters; `receive` judges a frame, `sync` and
    `transmit` send what is due. `heard_ms[frame]` tells when the last good one came (-1 never),
    `checkers[frame]` counts what was refused. `stream` is a frame number whose timer
    `hurry` shortens to `hurry_ms`; `fill(frame)` is called before it is packed. A sent frame goes
    out only while `tell(frame, True)` stands: nothing is said before it was measured. `report` is
    the frame that a master judges the node by, set before the first `configure`; `report_id` is its
    identifier (-1: none), `mute` tells that its settings keep it back.
    `tried`, `taken`: frames given to the controller, and those that it took, wrapping.
    """

    def __init__(self, port, codec, table, parameters, leaves=native_leaves):
        self._port = port
        self._codec = codec
        self._parameters = parameters
        self._leaves = leaves
        self._frame = bytearray(8)
        self._base = array("H")
        self._ids = array("H")
        self._received = bytearray()
        self._protected = bytearray()
        self._number = bytearray()  # 0-based among the received or the sent ones
        self._listening = bytearray()  # the received ones
        self._first = bytearray()  # first mapped piece of each frame, and the end
        self._pieces = bytearray()
        counts = [0, 0]
        for fields in rows(table):
            if fields[0] != "frame":
                self._map(int(fields[2]), int(fields[3]), fields[4] == "i")
                continue
            self._first.append(len(self._pieces) // _PIECE)
            if fields[4] == "e2e":
                self._map(0, 8, False)
            received = 1 if fields[3] == "rx" else 0
            if received:
                self._listening.append(len(self._base))
            self._base.append(int(fields[2], 0))
            self._ids.append(0)
            self._received.append(received)
            self._protected.append(1 if fields[4] == "e2e" else 0)
            self._number.append(counts[received])
            counts[received] += 1
        self._first.append(len(self._pieces) // _PIECE)
        count = len(self._base)
        self.count = count
        self._enabled = bytearray(count)
        self._kind = bytearray(count)
        self._inhibit_ms = array("i", bytes(4 * count))
        self._event_ms = array("i", bytes(4 * count))
        self._sync_start = bytearray(count)
        self._sync_left = bytearray(count)
        self._waiting_start = bytearray(count)
        self.heard_ms = array("i", bytes(4 * count))
        self._sent_ms = array("i", bytes(4 * count))
        self.senders = [None] * count
        self.checkers = [None] * count
        self._known = bytearray(b"\x01" * count)
        self._wait_ms = array("i", bytes(4 * count))  # by time to the next one, 0 never
        self._hurried = False
        self._looked_ms = _NEVER
        self._quiet_ms = 0  # for so long after the last look no timer passes; 0: look
        self.tried = 0
        self.taken = 0
        self.stream = _NEVER
        self.report = _NEVER
        self.report_id = _NEVER
        self.mute = False
        self.hurry = False
        self.hurry_ms = parameters.get("fast_stream_ms")
        self.fill = None
        bind(self, "receive", "sync", "_sync_one", "transmit", "_send", "give", "tell")

    def _map(self, start, bits, signed):
        """One more piece of the newest frame; bit fields of one byte are that byte."""
        byte = start // 8
        first = self._first[-1] * _PIECE
        if bits < 8 and len(self._pieces) > first and self._pieces[-_PIECE] == byte:
            return
        self._pieces.append(byte)
        self._pieces.append(max(bits, 8))
        self._pieces.append(1 if signed and bits >= 8 else 0)

    def tell(self, frame, known):
        """The content of a sent frame is known, or not any more."""
        if known and not self._known[frame]:
            self._quiet_ms = 0
        self._known[frame] = 1 if known else 0

    def configure(self, node_id):
        """Take a node id (0 = none yet): identifiers, E2E partners and parameters anew."""
        step_max = self._parameters.get("command_counter_step_max")
        resync = self._parameters.get("command_resync_frames")
        for frame in range(self.count):
            self._ids[frame] = self._base[frame] + node_id
            self.heard_ms[frame] = _NEVER
            if self._protected[frame]:
                ids = data_ids(frame, node_id)
                if self._received[frame]:
                    self.checkers[frame] = Checker(ids, step_max, resync, self._leaves)
                else:
                    self.senders[frame] = Sender(ids, self._leaves)
        self.load()
        self.start()

    def load(self):
        """Take the communication parameters, as after one of them was written."""
        for frame in range(self.count):
            name = ("rpdo" if self._received[frame] else "tpdo") + str(self._number[frame] + 1)
            get = self._parameters.get
            enabled, kind = get(name + "_enabled"), get(name + "_type")
            anew = enabled != self._enabled[frame] or kind != self._kind[frame]
            self._enabled[frame] = enabled
            self._kind[frame] = kind
            if not self._received[frame]:
                self._inhibit_ms[frame] = (get(name + "_inhibit_100us") + 9) // 10
                self._event_ms[frame] = get(name + "_event_ms")
                self._sync_start[frame] = get(name + "_sync_start")
            if anew:
                self._begin(frame)
            self._wait_ms[frame] = self._wait_of(frame)
        self._quiet_ms = 0
        report = self.report
        if report != _NEVER:
            self.report_id = self._ids[report]
            sent = self._kind[report] <= _SYNC_TYPES or self._event_ms[report] != 0
            self.mute = not (self._enabled[report] and sent)

    def start(self):
        """The node became operational: timers and SYNC counts begin."""
        for frame in range(self.count):
            self._begin(frame)
        self._quiet_ms = 0

    def _begin(self, frame):
        self._sent_ms[frame] = _NEVER
        self._sync_left[frame] = self._kind[frame]
        self._waiting_start[frame] = 1 if self._sync_start[frame] else 0

    def filters(self, node_id):
        """Acceptance filters of what is received."""
        found = []
        for frame in range(self.count):
            if self._received[frame]:
                found.append((self._base[frame] + node_id, 0x7FF, 0))
        return found

    def receive(self, can_id, data, length, now_ms):
        """Take a frame if it is a received PDO; True when it was one."""
        ids = self._ids
        for frame in self._listening:
            if ids[frame] == can_id:
                if self._enabled[frame]:
                    checker = self.checkers[frame]
                    if checker is None or checker.check(data, length) == OK:
                        self._codec.unpack(frame, data)
                        self.heard_ms[frame] = now_ms
                return True
        return False

    def sync(self, counter, now_ms):
        """A SYNC came (counter 0: without one): send what it is for."""
        frame = 0
        for kind in self._kind:
            if kind <= _SYNC_TYPES and self._enabled[frame] and not self._received[frame]:
                self._sync_one(frame, kind, counter, now_ms)
            frame += 1

    def _sync_one(self, frame, kind, counter, now_ms):
        if self._waiting_start[frame]:
            if counter and counter != self._sync_start[frame]:
                return
            self._waiting_start[frame] = 0
            self._sync_left[frame] = 1
        left = self._sync_left[frame] - 1
        if left > 0:
            self._sync_left[frame] = left
            return
        self._sync_left[frame] = kind
        if self._known[frame]:
            self._send(frame, now_ms)

    def transmit(self, now_ms):
        """Send the PDOs whose event timer has passed; they are looked at when one can have."""
        if self.hurry != self._hurried:
            self._hurried = self.hurry
            self._wait_ms[self.stream] = self._wait_of(self.stream)
        elif self._quiet_ms and ticks_diff(now_ms, self._looked_ms) < self._quiet_ms:
            return
        self._looked_ms = now_ms
        quiet_ms = _FAR_MS
        frame = 0
        for wait_ms in self._wait_ms:
            if wait_ms and self._known[frame]:
                sent_ms = self._sent_ms[frame]
                left_ms = wait_ms - ticks_diff(now_ms, sent_ms) if sent_ms != _NEVER else 0
                if left_ms <= 0:
                    self._send(frame, now_ms)
                    left_ms = wait_ms
                quiet_ms = min(quiet_ms, left_ms)
            frame += 1
        self._quiet_ms = quiet_ms

    def _wait_of(self, frame):
        """From one transmission to the next by time, 0 where no timer sends the frame.

        The event timer is the longest time between two (CiA 301 7.5.2.37), so the last tick that
        is not beyond it sends; the inhibit time is the shortest, and is rounded up.
        """
        if self._received[frame] or not self._enabled[frame]:
            return 0
        event_ms = self._event_ms[frame] if self._kind[frame] >= _EVENT_TYPES else 0
        if self._hurried and frame == self.stream:
            event_ms = min(event_ms, self.hurry_ms) if event_ms else self.hurry_ms
        if not event_ms:
            return 0
        return max(event_ms - TICK_MS + 1, self._inhibit_ms[frame], 1)

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        hold_all(self.heard_ms, now_ms)
        hold_all(self._sent_ms, now_ms)
        self._quiet_ms = 0

    def _send(self, frame, now_ms):
        out = self._frame
        if frame == self.stream:
            self.fill(frame)
        self._codec.pack(frame, out)
        sender = self.senders[frame]
        if sender is not None:
            sender.protect(out)
        self.give(self._ids[frame], out)
        self._sent_ms[frame] = now_ms

    def give(self, can_id, data):
        """Hand a frame to the controller and count; False when it did not take it."""
        self.tried = (self.tried + 1) & 0x1FFFFFFF
        taken = self._port.send(can_id, data)
        if taken:
            self.taken = (self.taken + 1) & 0x1FFFFFFF
        return taken

    def _frame_at(self, index, received_base, sent_base):
        """Frame whose object stands at an index, or -1."""
        for frame in range(self.count):
            base = received_base if self._received[frame] else sent_base
            if index == base + self._number[frame]:
                return frame
        return _NEVER

    def cob_id(self, index):
        """COB-ID of the PDO whose communication object this is, remote frames never allowed."""
        frame = self._frame_at(index, _RPDO, _TPDO)
        return self._ids[frame] | _NO_REMOTE

    def fixed(self, index, sub):
        """What may not change while the PDO exists: inhibit time, SYNC start value (7.5.2.37)."""
        if sub != _INHIBIT and sub != _SYNC_START:
            return False
        frame = self._frame_at(index, _RPDO, _TPDO)
        return frame != _NEVER and self._enabled[frame] != 0

    def describe(self, index, sub):
        """(kind, value) of a mapping object or a mapped piece, or None; value None: not known."""
        frame = self._frame_at(index, _RPDO_MAPPING, _TPDO_MAPPING)
        mapping = frame != _NEVER
        if not mapping:
            frame = index - IMAGE
            if not 0 <= frame < self.count:
                return None
        first = self._first[frame]
        if sub == 0:
            return "u8", self._first[frame + 1] - first
        if sub > self._first[frame + 1] - first:
            return None
        at = (first + sub - 1) * _PIECE
        byte, bits, signed = self._pieces[at], self._pieces[at + 1], self._pieces[at + 2]
        if mapping:
            return "u32", (IMAGE + frame) << 16 | sub << 8 | bits
        value = self._piece(frame, byte, bits, signed) if self._known[frame] else None
        return ("i" if signed else "u") + str(bits), value

    def _piece(self, frame, byte, bits, signed):
        packed = bytearray(8)
        self._codec.pack(frame, packed)
        value = 0
        for i in range(bits // 8):
            value |= packed[byte + i] << 8 * i
        if signed and value >> (bits - 1):
            value -= 1 << bits
        return value
