"""A node with PDOs, a port of lists, and servers that only remember."""

from bess import objects
from bess.link.frames import FrameCodec
from bess.link.node import Node
from bess.link.pdo import Pdos
from bess.parameters import Parameters

NODE_ID = 5


class Port:
    """A CanPort with a list in and a list out."""

    def __init__(self):
        self.waiting = []
        self.sent = []
        self.full = False
        self.rx_id = self.rx_length = 0
        self.rx_data = bytearray(8)
        self.filters = ()

    def set_filters(self, filters):
        self.filters = filters

    def receive(self):
        if not self.waiting:
            return False
        self.rx_id, data = self.waiting.pop(0)
        self.rx_length = len(data)
        self.rx_data = bytearray(data) + bytearray(8 - len(data))
        return True

    def send(self, can_id, data):
        if self.full:
            return False
        self.sent.append((can_id, bytes(data)))
        return True


class Idle:
    """SDO and LSS servers that only remember what they got."""

    busy = False
    idle = True

    def __init__(self):
        self.seen = []
        self.pending_id = NODE_ID

    def request(self, data, now_ms=0):
        self.seen.append(bytes(data))

    def reset(self):
        self.seen.append("reset")


def build(configured=True):
    port = Port()
    codec = FrameCodec(objects.PDO_TABLE)
    parameters = Parameters()
    parameters.set("node_id", NODE_ID)
    parameters.set("node_configured", 1 if configured else 0)
    pdo = Pdos(port, codec, objects.PDO_TABLE, parameters)
    pdo.stream = codec.frame("cell_stream")
    pdo.report = codec.frame("status")
    pdo.fill = lambda frame: None
    node = Node(port, pdo, parameters, (0, 1, 2, 3))
    node.sdo = Idle()
    node.lss = Idle()
    return node, port, codec


def run(node, port, start_ms, end_ms):
    for now in range(start_ms, end_ms, 10):
        node.poll(now)
        node.transmit(now)
    sent, port.sent = port.sent, []
    return sent


def started():
    node, port, codec = build()
    run(node, port, 0, 10)
    port.waiting.append((0, bytes((1, 0))))
    run(node, port, 10, 20)
    return node, port, codec
