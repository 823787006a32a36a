"""PDOs by a table of the tests' own: two received frames, and six that are sent."""

from bess.link.frames import FrameCodec
from bess.link.pdo import Pdos

NODE_ID = 9
TABLE = b"""\
frame order   0x200 rx    e2e
field mode     12  3 u 1 -
field power    16 16 i 1 W
frame remark  0x300 rx    plain
field number    0 16 u 1 -
frame status  0x180 sync  e2e
field state    12  3 u 1 -
field power    16 16 i 1 W
frame energy  0x280 event plain
field charge    0 16 u 1 -
field change   16  8 i 1 -
field strings  24  4 u 1 -
field wanted   28  1 i 1 -
field far      32  4 u 1 -
field near     40  4 u 1 -
field wide     48 16 i 1 -
frame stream  0x380 event plain
field first     0 16 u 1 -
frame lone    0x480 event plain
field small     0  4 u 1 -
"""
ORDER, REMARK, STATUS, ENERGY, STREAM, LONE = range(6)


class Values:
    """Parameters by name: what CiA 301 lets a master set of each PDO."""

    def __init__(self):
        self.values = {
            "fast_stream_ms": 10, "command_counter_step_max": 3, "command_resync_frames": 5,
            "rpdo1_enabled": 1, "rpdo1_type": 255, "rpdo2_enabled": 1, "rpdo2_type": 255,
        }  # fmt: skip
        for number, kind in ((1, 1), (2, 255), (3, 255), (4, 255)):
            name = f"tpdo{number}_"
            self.values[name + "enabled"] = 1
            self.values[name + "type"] = kind
            self.values[name + "inhibit_100us"] = 0
            self.values[name + "event_ms"] = 0
            self.values[name + "sync_start"] = 0

    def get(self, name):
        return self.values[name]


class Port:
    def __init__(self):
        self.sent = []
        self.full = False

    def send(self, can_id, data):
        if not self.full:
            self.sent.append((can_id, bytes(data)))
        return not self.full


class Bench:
    def __init__(self, node_id=NODE_ID, **values):
        self.parameters = Values()
        self.parameters.values.update(values)
        self.port = Port()
        self.codec = FrameCodec(TABLE)
        self.pdo = Pdos(self.port, self.codec, TABLE, self.parameters)
        self.pdo.report = STATUS
        self.pdo.stream = STREAM
        self.filled = []
        self.pdo.fill = self.filled.append
        self.pdo.configure(node_id)

    def set(self, **values):
        self.parameters.values.update(values)
        self.pdo.load()

    def sent(self):
        found, self.port.sent = [can_id for can_id, _ in self.port.sent], []
        return found

    def ticks(self, start_ms, end_ms):
        """(time, identifier) of all that is sent by time."""
        found = []
        for now_ms in range(start_ms, end_ms, 10):
            self.pdo.transmit(now_ms)
            found += [(now_ms, can_id) for can_id in self.sent()]
        return found

    def syncs(self, *counters):
        """For each SYNC, what it sent."""
        found = []
        for counter in counters:
            self.pdo.sync(counter, 0)
            found.append(self.sent())
        return found

    def image(self, frame, field):
        return self.codec.image[self.codec.slot(frame, field)]

    def set_image(self, frame, field, value):
        self.codec.image[self.codec.slot(frame, field)] = value
