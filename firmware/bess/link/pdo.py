"""Process data objects: static mapping by table, transmission types, timers, E2E protection.

The frames of the table are numbered in its order: received ones are RPDO 1.., sent ones
TPDO 1... Parameters give what CiA 301 lets a master set: enabled, transmission type,
inhibit time, event timer, SYNC start value.
"""

from array import array

from bess.link.e2e import OK, Checker, Sender, data_ids
from bess.port.interpreter import const
from bess.port.native import leaves as native_leaves
from bess.port.ticks import held, hold_all, ticks_diff
from bess.table import rows

_RPDO = const(0x1400)
_RPDO_MAPPING = const(0x1600)
_TPDO = const(0x1800)
_TPDO_MAPPING = const(0x1A00)
IMAGE = const(0x2180)  # one record a frame: the mapped pieces
_SYNC_TYPES = const(240)
_EVENT_TYPES = const(254)
_NEVER = const(-1)
_LOOK_MS = const(50)  # how often event timers are looked at
_NO_REMOTE = const(0x40000000)


class Pdos:
    """All PDOs of a node on a CanPort.

    `configure(node_id)` takes identifiers and parameters; `receive` judges a frame, `sync` and
    `transmit` send what is due. `heard_ms[frame]` tells when the last good one came (-1 never),
    `checkers[frame]` counts what was refused. `stream` is a frame number whose timer
    `hurry` shortens to `hurry_ms`; `fill(frame)` is called before it is packed.
    """

    def __init__(self, port, codec, table, parameters, leaves=native_leaves):
        self._port = port
        self._codec = codec
        self._table = table
        self._parameters = parameters
        self._leaves = leaves
        self._frame = bytearray(8)
        self._base = array("H")
        self._ids = array("H")
        self._received = bytearray()
        self._protected = bytearray()
        self._number = bytearray()  # 0-based among the received or the sent ones
        self._listening = bytearray()  # the received ones
        counts = [0, 0]
        for fields in rows(table):
            if fields[0] != "frame":
                continue
            received = 1 if fields[3] == "rx" else 0
            if received:
                self._listening.append(len(self._base))
            self._base.append(int(fields[2], 0))
            self._ids.append(0)
            self._received.append(received)
            self._protected.append(1 if fields[4] == "e2e" else 0)
            self._number.append(counts[received])
            counts[received] += 1
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
        self._looked_ms = _NEVER
        self.stream = _NEVER
        self.hurry = False
        self.hurry_ms = parameters.get("fast_stream_ms")
        self.fill = None

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
            self._enabled[frame] = get(name + "_enabled")
            self._kind[frame] = get(name + "_type")
            if not self._received[frame]:
                self._inhibit_ms[frame] = (get(name + "_inhibit_100us") + 9) // 10
                self._event_ms[frame] = get(name + "_event_ms")
                self._sync_start[frame] = get(name + "_sync_start")

    def start(self):
        """The node became operational: timers and SYNC counts begin."""
        for frame in range(self.count):
            self._sent_ms[frame] = _NEVER
            self._sync_left[frame] = self._kind[frame]
            self._waiting_start[frame] = 1 if self._sync_start[frame] else 0
        self._looked_ms = _NEVER

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
        self._send(frame, now_ms)

    def transmit(self, now_ms):
        """Send the PDOs whose event timer has passed."""
        stream = self.stream
        if self.hurry and self._enabled[stream]:
            sent_ms = self._sent_ms[stream]
            if sent_ms == _NEVER or ticks_diff(now_ms, sent_ms) >= self.hurry_ms:
                self._send(stream, now_ms)
        looked_ms = self._looked_ms
        if looked_ms != _NEVER and ticks_diff(now_ms, looked_ms) < _LOOK_MS:
            return
        self._looked_ms = now_ms
        frame = 0
        for kind in self._kind:
            event_ms = self._event_ms[frame]
            if kind >= _EVENT_TYPES and event_ms and self._enabled[frame]:
                sent_ms = self._sent_ms[frame]
                wait_ms = max(event_ms, self._inhibit_ms[frame])
                if sent_ms == _NEVER or ticks_diff(now_ms, sent_ms) >= wait_ms:
                    self._send(frame, now_ms)
            frame += 1

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        hold_all(self.heard_ms, now_ms)
        hold_all(self._sent_ms, now_ms)
        self._looked_ms = held(now_ms, self._looked_ms)

    def _send(self, frame, now_ms):
        out = self._frame
        if frame == self.stream:
            self.fill(frame)
        self._codec.pack(frame, out)
        sender = self.senders[frame]
        if sender is not None:
            sender.protect(out)
        self._port.send(self._ids[frame], out)
        self._sent_ms[frame] = now_ms

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

    def allows(self, index, sub, value):
        """Whether a transmission type is one that exists here."""
        if sub != 2 or self._frame_at(index, _RPDO, _TPDO) == _NEVER:
            return True
        return 1 <= value <= _SYNC_TYPES or value >= _EVENT_TYPES

    def describe(self, index, sub):
        """(kind, value) of a mapping object or a mapped piece, or None."""
        frame = self._frame_at(index, _RPDO_MAPPING, _TPDO_MAPPING)
        if frame != _NEVER:
            parts = self.pieces(frame)
            if sub == 0:
                return "u8", len(parts)
            if sub > len(parts):
                return None
            return "u32", (IMAGE + frame) << 16 | sub << 8 | parts[sub - 1][1]
        frame = index - IMAGE
        if not 0 <= frame < self.count:
            return None
        parts = self.pieces(frame)
        if sub == 0:
            return "u8", len(parts)
        if sub > len(parts):
            return None
        byte, bits, signed, _ = parts[sub - 1]
        return ("i" if signed else "u") + str(bits), self._piece(frame, byte, bits, signed)

    def _piece(self, frame, byte, bits, signed):
        packed = bytearray(8)
        self._codec.pack(frame, packed)
        value = 0
        for i in range(bits // 8):
            value |= packed[byte + i] << 8 * i
        if signed and value >> (bits - 1):
            value -= 1 << bits
        return value

    def pieces(self, frame):
        """What is mapped, in order: (first byte, bits, signed, name); bit fields as their byte."""
        found = []
        number = _NEVER
        for fields in rows(self._table):
            if fields[0] == "frame":
                number += 1
                if number == frame and fields[4] == "e2e":
                    found.append((0, 8, False, "e2e_crc"))
            elif number == frame:
                start, bits = int(fields[2]), int(fields[3])
                if bits >= 8:
                    found.append((start // 8, bits, fields[4] == "i", fields[1]))
                elif not found or found[-1][0] != start // 8:
                    found.append((start // 8, 8, False, fields[1] + "_byte"))
        return found
