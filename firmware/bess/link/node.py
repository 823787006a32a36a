"""The cabinet's CANopen node: NMT, boot-up, heartbeat, SYNC, PDOs, EMCY (CiA 301).

Knows nothing of batteries: frames and fields come as a table (frames.py), `app` writes
and reads the image. Every received identifier has one row in the dispatch below; a
frame that fits none changes only a counter.
"""

from array import array

from bess.link.e2e import OK, Checker, Sender, data_ids
from bess.port.interpreter import const
from bess.port.ticks import ticks_diff
from bess.table import rows

BOOT_UP = const(0)
STOPPED = const(4)
OPERATIONAL = const(5)
PRE_OPERATIONAL = const(127)

_NMT = const(0x000)
_SYNC = const(0x080)
_EMCY = const(0x080)
_HEARTBEAT = const(0x700)
_EMCY_QUEUE = const(16)
_RX_PER_TICK = const(24)  # bounds the work of a tick under a babbling node
_NO_TIME = const(-1)
_EVENT_MS = const(50)  # how often event timers are looked at

# NMT commands, CiA 301 table 30
_START = const(1)
_STOP = const(2)
_ENTER_PRE_OPERATIONAL = const(128)
_RESET_NODE = const(129)
_RESET_COMMUNICATION = const(130)

_ON_SYNC = const(-1)
_RECEIVED = const(-2)


def acceptance_filters(node_id, table):
    """Filters of machine.CAN.set_filters for NMT, SYNC and the received PDOs of a node."""
    filters = [(_NMT, 0x7FF, 0), (_SYNC, 0x7FF, 0), (_HEARTBEAT + node_id, 0x7FF, 0)]
    for fields in rows(table):
        if fields[0] == "frame" and fields[3] == "rx":
            filters.append((int(fields[2], 0) + node_id, 0x7FF, 0))
    return filters


class Node:
    """One CANopen device on a CanPort.

    `poll(now_ms)` reads and answers, `transmit(now_ms)` sends what is due. A frame that
    passed its checks stands in the codec's image; `received_ms(frame)` tells when, and
    `checkers[frame]` counts what was refused. `stop_requested` is set by NMT stop and
    resets, for the application to end its work in order.
    """

    def __init__(self, port, codec, table, node_id, configured, heartbeat_ms, event_ms,
                 step_max, resync):  # fmt: skip
        self._port = port
        self._codec = codec
        self.node_id = node_id
        self._configured = configured
        self._heartbeat_ms = heartbeat_ms
        self.state = BOOT_UP
        self.stop_requested = False
        self.reset_requested = False
        self.sync_count = 0
        self.unknown_frames = 0
        self.duplicate_id = False
        self._booted = False
        self.sync_pending = False
        self._heartbeat_at_ms = _NO_TIME
        self._looked_ms = _NO_TIME
        self._beat = bytearray(1)
        self._frame = bytearray(8)
        self._ids = array("H")
        self._transmission = array("h")
        self._sent_ms = array("i")
        self.senders = []
        self.checkers = []
        number = 0
        for fields in rows(table):
            if fields[0] != "frame":
                continue
            received = fields[3] == "rx"
            protected = fields[4] == "e2e"
            ids = data_ids(number, node_id)
            self._ids.append(int(fields[2], 0) + node_id)
            if received:
                self._transmission.append(_RECEIVED)
            else:
                self._transmission.append(_ON_SYNC if fields[3] == "sync" else event_ms)
            self._sent_ms.append(_NO_TIME)
            self.senders.append(Sender(ids) if protected and not received else None)
            self.checkers.append(Checker(ids, step_max, resync) if protected and received else None)
            number += 1
        self._emcy = bytearray(8 * _EMCY_QUEUE)
        self._emcy_head = 0
        self._emcy_tail = 0
        self.emcy_lost = 0

    def poll(self, now_ms):
        """Work through what was received; at most 24 frames a call."""
        port = self._port
        budget = _RX_PER_TICK
        while budget and port.receive():
            budget -= 1
            if not self._configured:
                self.unknown_frames += 1
                continue
            self._dispatch(port.rx_id, port.rx_data, port.rx_length, now_ms)

    def received_ms(self, frame):
        """When the last good one of a received frame came, or -1."""
        return self._sent_ms[frame]

    def _dispatch(self, can_id, data, length, now_ms):
        if can_id == _NMT:
            if length == 2 and (data[1] == 0 or data[1] == self.node_id):
                self._command(data[0])
            return
        if can_id == _SYNC:
            self.sync_count += 1
            self.sync_pending = True
            return
        if can_id == _HEARTBEAT + self.node_id:
            self.duplicate_id = True
            return
        frame = 0
        for known in self._ids:
            if known == can_id and self._transmission[frame] == _RECEIVED:
                if self.state == OPERATIONAL:
                    checker = self.checkers[frame]
                    if checker is None or checker.check(data, length) == OK:
                        self._codec.unpack(frame, data)
                        self._sent_ms[frame] = now_ms
                return
            frame += 1
        self.unknown_frames += 1

    def _command(self, command):
        if command == _START:
            self.state = OPERATIONAL
            self.stop_requested = False
        elif command == _STOP:
            self.state = STOPPED
            self.stop_requested = True
        elif command == _ENTER_PRE_OPERATIONAL:
            self.state = PRE_OPERATIONAL
        elif command == _RESET_NODE or command == _RESET_COMMUNICATION:
            self.stop_requested = True
            self.reset_requested = True

    def restart_communication(self):
        """Boot up again, as reset node and reset communication ask; never under load."""
        self.reset_requested = False
        self.stop_requested = False
        self._booted = False
        self.state = BOOT_UP

    def transmit(self, now_ms):
        """Boot-up, heartbeat, queued EMCY and the PDOs that are due."""
        if not self._configured:
            return  # CiA 305: without a node id a device says nothing
        if not self._booted:
            if not self._send_state(BOOT_UP, now_ms):
                return
            self._booted = True
            self.state = PRE_OPERATIONAL
        elif ticks_diff(now_ms, self._heartbeat_at_ms) >= self._heartbeat_ms:
            self._send_state(self.state, now_ms)
        if self.state == STOPPED:
            self.sync_pending = False
            return
        self._send_emcy()
        if self.state != OPERATIONAL:
            self.sync_pending = False
            return
        sync = self.sync_pending
        self.sync_pending = False
        looked_ms = self._looked_ms
        if not sync and looked_ms != _NO_TIME and ticks_diff(now_ms, looked_ms) < _EVENT_MS:
            return
        self._looked_ms = now_ms
        frame = 0
        for transmission in self._transmission:
            if transmission == _ON_SYNC:
                if sync:
                    self._send_pdo(frame, now_ms)
            elif transmission != _RECEIVED:
                sent_ms = self._sent_ms[frame]
                if sent_ms == _NO_TIME or ticks_diff(now_ms, sent_ms) >= transmission:
                    self._send_pdo(frame, now_ms)
            frame += 1

    def _send_state(self, state, now_ms):
        self._beat[0] = state
        self._heartbeat_at_ms = now_ms
        return self._port.send(_HEARTBEAT + self.node_id, self._beat)

    def _send_pdo(self, frame, now_ms):
        out = self._frame
        self._codec.pack(frame, out)
        sender = self.senders[frame]
        if sender is not None:
            sender.protect(out)
        self._port.send(self._ids[frame], out)
        self._sent_ms[frame] = now_ms

    def emergency(self, code, register, item, level):
        """Queue an EMCY: error code, error register (0x1001), fault id and level."""
        following = (self._emcy_head + 1) % _EMCY_QUEUE
        if following == self._emcy_tail:
            self.emcy_lost += 1
            return
        at = self._emcy_head * 8
        queue = self._emcy
        queue[at] = code & 0xFF
        queue[at + 1] = code >> 8
        queue[at + 2] = register
        queue[at + 3] = item
        queue[at + 4] = level
        queue[at + 5] = queue[at + 6] = queue[at + 7] = 0
        self._emcy_head = following

    def _send_emcy(self):
        out = self._frame
        while self._emcy_tail != self._emcy_head:
            at = self._emcy_tail * 8
            i = 0
            while i < 8:
                out[i] = self._emcy[at + i]
                i += 1
            if not self._port.send(_EMCY + self.node_id, out):
                return
            self._emcy_tail = (self._emcy_tail + 1) % _EMCY_QUEUE
