"""The cabinet's CANopen node (CiA 301): NMT, boot-up, heartbeat both ways, SYNC, dispatch.

Knows nothing of batteries. The fast task calls `poll` and `transmit`; both allocate
nothing. SDO and LSS requests are only put aside there, for `service`, which runs in a
task of its own: a storm of them never delays the fast path.
"""

from bess.link import lss as lss_ids
from bess.link.emcy import Emergencies
from bess.port.interpreter import bind, const, copy8
from bess.port.ticks import TICK_MS, held, ticks_diff

BOOT_UP = const(0)
STOPPED = const(4)
OPERATIONAL = const(5)
PRE_OPERATIONAL = const(127)

_NMT = const(0x000)
_SYNC = const(0x080)
_EMCY = const(0x080)
_SDO_REQUEST = const(0x600)
_SDO_RESPONSE = const(0x580)
_HEARTBEAT = const(0x700)
_RX_PER_TICK = const(16)  # bounds the work of a tick under a babbling node
# what the service task does in a tick: a whole block of a download, or two other requests
_SERVICE_PER_TICK = const(20)
_REQUEST_COST = const(10)
_RING = const(32)
_NO_TIME = const(-1)

# NMT commands, CiA 301 table 30
_START = const(1)
_STOP = const(2)
_ENTER_PRE_OPERATIONAL = const(128)
_RESET_NODE = const(129)
_RESET_COMMUNICATION = const(130)

# 0x1029, communication error
_TO_PRE_OPERATIONAL = const(0)
_TO_STOPPED = const(2)

# three frames with our own identifier within this time mean two nodes with one id: two periods of
# the slowest heartbeat that 0x1017 takes (5000 ms), and a fifth for its producer's clock
_DUPLICATE_COUNT = const(3)
_DUPLICATE_MS = const(12000)
_UNHEARD_MS = const(1000)  # nothing was taken for so long: nobody hears us


class Node:
    """One CANopen device on a CanPort.

    pdo: link.pdo.Pdos. identity: (vendor, product, revision, serial). `sdo` and `lss` are
    set once, before the first tick. `reset_communication` and `reset_node` ask for what may be
    done once the application has ended its work in order (`stop_requested`). `guard_lost`: the
    node whose heartbeat we consume has fallen silent. `duplicate_id`: another node spoke with
    our id; we then are silent, without an id. `unheard`: the controller takes nothing any more.
    """

    def __init__(self, port, pdo, parameters, identity):
        self._port = port
        self.pdo = pdo
        self._parameters = parameters
        self.vendor_id, self.product_code, self.revision_number, self.serial_number = identity
        self.emcy = Emergencies(port)
        self.sdo = None
        self.lss = None
        self.node_id = 0
        self.state = BOOT_UP
        self.reset_communication = False
        self.reset_node = False
        self.unheard = False
        self.guard_lost = False
        self.duplicate_id = False
        self.sync_count = 0
        self.sync_pending = False
        self._sync_counter = 0
        self.unknown_frames = 0
        self.service_lost = 0
        self.booted = False
        self._heartbeat_at_ms = _NO_TIME
        # identifiers of this node id and times of the parameters, ready to compare: see `load`
        self.sdo_request_id = self.sdo_response_id = self.emergency_cob_id = 0
        self._own_beat_id = self._own_report_id = self._guard_beat_id = 0
        self._heartbeat_ms = self._guarded_ms = self._consumer = 0
        self._refused_ms = _NO_TIME  # since when the controller has taken nothing
        self._guard_heard_ms = _NO_TIME
        self._error_behaviour = 1
        self._own_heard = self._own_heard_ms = 0
        self._beat = bytearray(1)
        self._ring = bytearray(_RING * 8)
        self._ring_kind = bytearray(_RING)  # 1: LSS, 0: SDO
        self._ring_head = 0
        self._ring_tail = 0
        self._next_kbit_s = 0
        self._switch_delay_ms = self._switch_at_ms = 0
        self._switched = False
        self.adopt(parameters.get("node_id") if parameters.get("node_configured") else 0)
        bind(self, "poll", "_dispatch", "transmit", "service", "mute", "stop_requested")

    def adopt(self, node_id):
        """Be the node of this id from now on (0: none, silent but for LSS); boots up anew."""
        self.node_id = node_id
        self.pdo.configure(node_id)
        self.load()
        self.booted = False
        self.state = BOOT_UP
        self.forget_guard()
        self._own_heard = 0
        self.reset_communication = False
        if node_id:
            self.duplicate_id = False
        if self.sdo is not None:
            self.sdo.reset()

    def mute(self):
        """The cabinet cannot say how it is: whoever cannot report must carry no power."""
        return not self.node_id or self._next_kbit_s != 0 or self.unheard or self.pdo.mute

    def stop_requested(self):
        """The application is to end its work in order, for as long as one cause stands."""
        return (
            self.state != OPERATIONAL or self.reset_node or self.reset_communication
            or self.duplicate_id or not self.node_id or self._next_kbit_s != 0 or self.unheard
            or self.pdo.mute
        )  # fmt: skip

    def forget_guard(self):
        """As after a write of 0x1016: wait for the first heartbeat."""
        self._guard_heard_ms = _NO_TIME
        self.guard_lost = False

    def load(self):
        """Take the communication parameters, as after one of them was written."""
        get = self._parameters.get
        self._heartbeat_ms = get("heartbeat_ms")
        consumer = get("heartbeat_consumer")
        if consumer != self._consumer:
            self._consumer = consumer
            self.forget_guard()
        guarded_id = consumer >> 16 & 0x7F
        self.sdo_request_id = _SDO_REQUEST + self.node_id
        self.sdo_response_id = _SDO_RESPONSE + self.node_id
        self.emergency_cob_id = _EMCY + self.node_id
        self._own_beat_id = _HEARTBEAT + self.node_id
        self._guard_beat_id = _HEARTBEAT + guarded_id
        # CiA 301 7.5.2.14: unused without a node; and nobody watches over himself
        self._guarded_ms = consumer & 0xFFFF if guarded_id not in (0, self.node_id) else 0
        self._error_behaviour = get("communication_error_behaviour")
        self.pdo.load()
        self._own_report_id = self.pdo.report_id
        filters = [(lss_ids.REQUEST_ID, 0x7FF, 0)]
        if self.node_id:
            filters += [(_NMT, 0x7FF, 0), (_SYNC, 0x7FF, 0)]
            filters.append((self.sdo_request_id, 0x7FF, 0))
            filters.append((_HEARTBEAT + self.node_id, 0x7FF, 0))
            if self._own_report_id > 0:
                filters.append((self._own_report_id, 0x7FF, 0))
            if self._guarded_ms:
                filters.append((self._guard_beat_id, 0x7FF, 0))
            filters += self.pdo.filters(self.node_id)
        self._port.set_filters(filters)

    def poll(self, now_ms):
        """Work through what was received; at most 16 frames a call."""
        port = self._port
        budget = _RX_PER_TICK
        while budget and port.receive():
            budget -= 1
            if port.rx_id == lss_ids.REQUEST_ID:
                if port.rx_length == 8 and not self._next_kbit_s:
                    self._put_aside(1, port.rx_data)
            elif self.node_id:
                self._dispatch(port.rx_id, port.rx_data, port.rx_length, now_ms)
        if self._guarded_ms and self._guard_heard_ms != _NO_TIME and not self.guard_lost:
            if ticks_diff(now_ms, self._guard_heard_ms) >= self._guarded_ms:
                self._lose_guard()

    def _dispatch(self, can_id, data, length, now_ms):
        if can_id == self.sdo_request_id:
            gone = self.state == STOPPED or self.reset_node or self.reset_communication
            if length == 8 and self.booted and not gone and not self._next_kbit_s:
                self._put_aside(0, data)
        elif self.state == OPERATIONAL and self.pdo.receive(can_id, data, length, now_ms):
            pass
        elif can_id == _SYNC:
            if length <= 1:
                self.sync_count = (self.sync_count + 1) & 0x1FFFFFFF
                self.sync_pending = True
                self._sync_counter = data[0] if length else 0
        elif can_id == _NMT:
            if length == 2 and (data[1] == 0 or data[1] == self.node_id):
                self._command(data[0])
        elif can_id == self._own_beat_id:
            if length == 1 and data[0] & 0x7F in (BOOT_UP, STOPPED, OPERATIONAL, PRE_OPERATIONAL):
                self._own_identifier(now_ms)
        elif can_id == self._own_report_id:
            if length == 8:
                self._own_identifier(now_ms)  # also of a node that sends no heartbeat
        elif can_id == self._guard_beat_id:
            # the boot-up message is none, and starts no supervision
            if length == 1 and data[0] & 0x7F in (STOPPED, OPERATIONAL, PRE_OPERATIONAL):
                self._guard_heard_ms = now_ms
                self.guard_lost = False
        else:
            self.unknown_frames = (self.unknown_frames + 1) & 0x1FFFFFFF

    def _put_aside(self, kind, data):
        head = self._ring_head
        following = (head + 1) % _RING
        if following == self._ring_tail:
            self.service_lost = (self.service_lost + 1) & 0x1FFFFFFF
            return
        copy8(self._ring, head << 3, data)
        self._ring_kind[head] = kind
        self._ring_head = following

    def _own_identifier(self, now_ms):
        """Somebody speaks with our id; a stray frame is not yet a second node."""
        if self._own_heard and ticks_diff(now_ms, self._own_heard_ms) >= _DUPLICATE_MS:
            self._own_heard = 0
        if not self._own_heard:
            self._own_heard_ms = now_ms
        self._own_heard += 1
        if self._own_heard >= _DUPLICATE_COUNT:
            self.duplicate_id = True

    def _lose_guard(self):
        self.guard_lost = True
        if self._error_behaviour == _TO_PRE_OPERATIONAL and self.state == OPERATIONAL:
            self.state = PRE_OPERATIONAL
        elif self._error_behaviour == _TO_STOPPED:
            self.state = STOPPED

    def _command(self, command):
        if not self.booted:
            return
        if command == _RESET_NODE:
            self.reset_node = True
        elif command == _RESET_COMMUNICATION:
            self.reset_communication = True
        elif self.reset_node or self.reset_communication:
            return  # as good as done: it only waits until no power flows
        elif command == _START:
            if self.state != OPERATIONAL:
                self.pdo.start()
            self.state = OPERATIONAL
        elif command == _STOP:
            self.state = STOPPED
        elif command == _ENTER_PRE_OPERATIONAL:
            self.state = PRE_OPERATIONAL

    def transmit(self, now_ms):
        """Boot-up, heartbeat, queued EMCY and the PDOs that are due."""
        if not self.node_id or self._next_kbit_s:
            return  # CiA 305: without a node id, and around a change of bit rate, not a word
        pdo = self.pdo
        tried, taken = pdo.tried, pdo.taken
        beat_ms = self._heartbeat_ms
        if not self.booted:
            if not self._send_state(BOOT_UP, now_ms):
                return
            self.booted = True
            self.state = PRE_OPERATIONAL
        elif beat_ms and ticks_diff(now_ms, self._heartbeat_at_ms) > beat_ms - TICK_MS:
            self._send_state(self.state, now_ms)
        state = self.state
        if state != STOPPED:
            self.emcy.transmit(self.node_id)
            if state == OPERATIONAL:
                if self.sync_pending:
                    pdo.sync(self._sync_counter, now_ms)
                pdo.transmit(now_ms)
        self.sync_pending = False
        if pdo.tried != tried or self._refused_ms != _NO_TIME:
            self._judge_heard(now_ms, pdo.taken != taken)

    def _judge_heard(self, now_ms, taken):
        """Something was given to the controller, or the last was refused; taken: not now."""
        if taken:
            self._refused_ms = _NO_TIME
        elif self._refused_ms == _NO_TIME:
            self._refused_ms = now_ms
        since_ms = self._refused_ms
        self.unheard = since_ms != _NO_TIME and ticks_diff(now_ms, since_ms) >= _UNHEARD_MS

    def _send_state(self, state, now_ms):
        self._beat[0] = state
        self._heartbeat_at_ms = now_ms
        return self.pdo.give(_HEARTBEAT + self.node_id, self._beat)

    def service(self, now_ms):
        """SDO and LSS: bounded work for a task that may allocate.

        What a request raises goes through, and costs that request: it has left the ring by then.
        """
        if self._next_kbit_s:
            self._step_bit_rate(now_ms)
            return
        budget = _SERVICE_PER_TICK
        sdo = self.sdo
        while budget > 0 and self._ring_tail != self._ring_head and not sdo.busy:
            tail = self._ring_tail
            self._ring_tail = (tail + 1) % _RING
            data = self._ring[tail << 3 : (tail + 1) << 3]
            cheap = False
            if self._ring_kind[tail]:
                self.lss.request(data)
            elif self.node_id:
                cheap = sdo.request(data, now_ms)
            budget -= 1 if cheap else _REQUEST_COST
        if not sdo.idle:
            sdo.step(now_ms)

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._guard_heard_ms = held(now_ms, self._guard_heard_ms)
        self._own_heard_ms = held(now_ms, self._own_heard_ms)
        self._heartbeat_at_ms = held(now_ms, self._heartbeat_at_ms)
        self._refused_ms = held(now_ms, self._refused_ms)

    def switch_bit_rate(self, kbit_s, delay_ms):
        """Another bit rate after a delay, silent for as long again (CiA 305)."""
        self._next_kbit_s = kbit_s
        self._switch_delay_ms = delay_ms
        self._switch_at_ms = _NO_TIME
        self._switched = False
        self._ring_tail = self._ring_head  # what waits was for the old one

    def _step_bit_rate(self, now_ms):
        if self._switch_at_ms == _NO_TIME:
            self._switch_at_ms = now_ms
        if ticks_diff(now_ms, self._switch_at_ms) < self._switch_delay_ms:
            return
        if not self._switched:
            self._port.set_bit_rate(self._next_kbit_s)
            self._switched = True
            self._switch_at_ms = now_ms
        else:
            self._next_kbit_s = 0

    def reset(self):
        """Reset of communication, once no power flows: the id that LSS gave takes effect."""
        self.adopt(self.lss.pending_id)

    def give_up_id(self):
        """Two nodes with one id: be silent, and wait for LSS."""
        self.lss.forget_id()
        self.adopt(0)
