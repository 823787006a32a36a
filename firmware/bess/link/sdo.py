"""SDO server (CiA 301, clause 7.2.4): expedited, segmented and block transfers with CRC.

One channel, one transfer at a time: a new initiate request ends the one before. Works on
frames handed over by the service task; nothing here runs in the fast path.
"""

from struct import pack_into, unpack_from

from bess.link import abort
from bess.port.interpreter import const
from bess.port.ticks import ticks_diff

BLOCK_SEGMENTS = const(16)
_SEGMENTS_A_STEP = const(8)  # of a block upload: leaves the controller's queue to the PDOs
_GAP_MS = const(150)  # a block that stopped short is acknowledged as far as it came
_BYTES = const(7)

_IDLE = const(0)
_GET = const(1)  # segmented download
_GIVE = const(2)  # segmented upload
_GET_BLOCK = const(3)
_GET_BLOCK_END = const(4)
_GIVE_BLOCK_START = const(5)
_GIVE_BLOCK = const(6)
_GIVE_BLOCK_WAIT = const(7)
_GIVE_BLOCK_END = const(8)
_ENDED_BLOCK = const(9)  # as idle, but segments of the block that was given up still come
_REQUESTS = b"\x01\x02\x05\x06"  # client command specifiers that can begin a transfer


def crc16(crc, data, start, count):
    """Go on with a CRC over data[start:start + count]: polynomial 1021h, CiA 301 7.2.4.3.16.

    A byte at a time without a table, which would cost half a kilobyte.
    """
    for i in range(start, start + count):
        crc = (crc >> 8 | crc << 8 & 0xFF00) ^ data[i]
        crc ^= crc >> 4 & 0x000F
        crc ^= crc << 12 & 0xF000
        crc ^= crc << 5 & 0x1FE0
    return crc


class _Collector:
    """Sink of a plain entry: gathers the bytes, writes them at the end."""

    def __init__(self, dictionary, entry):
        self._dictionary = dictionary
        self._entry = entry
        self._longest = dictionary.longest(entry)
        self._data = b""

    def begin(self, size):
        if size > self._longest:
            return abort.TOO_LONG
        if self._entry.size and size and size < self._entry.size:
            return abort.TOO_SHORT
        return abort.NONE

    def write(self, data):
        self._data += bytes(data)
        return abort.TOO_LONG if len(self._data) > self._longest else abort.NONE

    def end(self):
        return self._dictionary.write(self._entry, self._data)


class SdoServer:
    """`request(data, now_ms)` takes one frame of eight bytes, `step(now_ms)` goes on alone.

    send(data): queues a response, False when the controller is full; the response then
    waits and `busy` tells that no further request may be given.
    """

    def __init__(self, send, dictionary, timeout_ms):
        self._send = send
        self._dictionary = dictionary
        self._timeout_ms = timeout_ms
        self._reply = bytearray(8)
        self.busy = False
        self._state = _IDLE
        self._since_ms = 0
        self._index = 0
        self._sub = 0
        self._toggle = 0
        self._size = 0  # announced, 0 = unknown
        self._done = 0  # bytes taken or given
        self._source = None
        self._sink = None
        self._entry = None
        self._held = bytearray(_BYTES)  # newest whole segment: how much of it counts comes later
        self._holding = False
        self._block = 0  # segments of the present block
        self._sequence = 0
        self._heard = False  # a segment came since the last acknowledgement
        self._last = False
        self._with_crc = False
        self._crc = 0
        self._crc_at = 0
        self._at = 0  # upload: first byte of the present block
        self._handlers = (  # by the client command specifier, the three high bits of byte 0
            self._download_segment, self._download, self._upload, self._upload_segment,
            self._aborted, self._block_upload, self._block_download, self._unknown,
        )  # fmt: skip

    @property
    def idle(self):
        return (self._state == _IDLE or self._state == _ENDED_BLOCK) and not self.busy

    def reset(self):
        """Forget the transfer, as a reset of communication does."""
        self._state = _IDLE
        self.busy = False
        self._source = self._sink = None

    def request(self, data, now_ms):
        """Work on one request; True for a segment of a block, which costs little."""
        self._since_ms = now_ms
        state = self._state
        number = data[0] & 0x7F
        if 1 <= number <= BLOCK_SEGMENTS and (state == _GET_BLOCK_END or state == _ENDED_BLOCK):
            return True  # late or sent twice: its block is complete or given up
        # a client that gave up asks anew: as numbers of segments these are above a block's 16
        anew = number > BLOCK_SEGMENTS and data[0] >> 5 in _REQUESTS
        segment = state == _GET_BLOCK and data[0] != 0x80 and not anew
        self._guard(self._block_segment if segment else self._handlers[data[0] >> 5], data)
        return segment

    def _guard(self, work, argument):
        """Do it; what it raises is answered, and raised again unless it was storage.

        The client has its answer then, and the caller of `request` or `step` the cause.
        """
        try:
            refusal = work(argument)
        except OSError:  # storage behind an object failed
            refusal = abort.HARDWARE
        except MemoryError:
            self._refuse(abort.OUT_OF_MEMORY)
            raise
        except Exception:
            self._refuse(abort.GENERAL)
            raise
        if refusal:
            self._refuse(refusal)

    def step(self, now_ms):
        """Repeat a response that found no place, send block segments, watch the time."""
        if self.busy:
            self._respond()
        if self.busy or self.idle:
            return
        if self._state == _GIVE_BLOCK:
            self._guard(self._send_segments, now_ms)
            return
        silent_ms = ticks_diff(now_ms, self._since_ms)
        if silent_ms >= self._timeout_ms:
            self._refuse(abort.TIMED_OUT)
        elif self._state == _GET_BLOCK and self._heard and silent_ms >= _GAP_MS:
            self._acknowledge_block()

    def _respond(self):
        self.busy = not self._send(self._reply)

    def _answer(self, command):
        """Send the reply with index and sub-index; bytes 4..7 as they stand."""
        pack_into("<BHB", self._reply, 0, command, self._index, self._sub)
        self._respond()

    def _clear_reply(self):
        pack_into("<II", self._reply, 0, 0, 0)

    def _end(self):
        block = self._state == _GET_BLOCK or self._state == _GET_BLOCK_END
        self._state = _ENDED_BLOCK if block else _IDLE
        self._source = self._sink = None

    def _refuse(self, code):
        self._end()
        pack_into("<BHBI", self._reply, 0, 0x80, self._index, self._sub, code)
        self._respond()

    def _unknown(self, data):
        return abort.COMMAND

    def _aborted(self, data):
        self._end()
        return abort.NONE

    def _address(self, data):
        """Take index and sub-index; returns the entry or an abort code."""
        self._index, self._sub = unpack_from("<HB", data, 1)
        self._clear_reply()
        self._state = _IDLE
        return self._dictionary.lookup(self._index, self._sub)

    def _open_source(self, data):
        entry = self._address(data)
        if isinstance(entry, int):
            return entry
        source = self._dictionary.reader(entry)
        if isinstance(source, int):
            return source
        size = source.size()
        if not size:
            return abort.NO_DATA
        self._source = source
        self._size = size
        self._done = 0
        self._toggle = 0
        return abort.NONE

    def _open_sink(self, data, size):
        entry = self._address(data)
        if isinstance(entry, int):
            return entry
        refusal = self._dictionary.may_write(entry)
        if refusal:
            return refusal
        domain = entry.kind == "dom"
        sink = self._dictionary.sink(entry) if domain else _Collector(self._dictionary, entry)
        refusal = sink.begin(size)
        if refusal:
            return refusal
        self._sink = sink
        self._entry = entry
        self._size = size
        self._done = 0
        self._toggle = 0
        self._holding = False
        return abort.NONE

    def _put(self, data):
        """Give bytes to the sink, if a write is still allowed: a transfer may last."""
        return self._dictionary.may_write(self._entry) or self._sink.write(data)

    def _finish(self):
        return self._dictionary.may_write(self._entry) or self._sink.end()

    # upload

    def _upload(self, data):
        refusal = self._open_source(data)
        if refusal:
            return refusal
        size = self._size
        if size <= 4:
            value = self._source.read(0, size)
            if len(value) != size:
                return abort.HARDWARE
            for i in range(size):
                self._reply[4 + i] = value[i]
            self._source = None
            self._answer(0x43 | (4 - size) << 2)
            return abort.NONE
        pack_into("<I", self._reply, 4, size)
        self._state = _GIVE
        self._answer(0x41)
        return abort.NONE

    def _upload_segment(self, data):
        if self._state != _GIVE:
            return abort.COMMAND
        if data[0] & 0x10 != self._toggle:
            return abort.TOGGLE
        count = min(self._size - self._done, _BYTES)
        part = self._source.read(self._done, count)
        if len(part) != count:
            return abort.HARDWARE
        self._done += count
        last = self._done == self._size
        self._clear_reply()
        self._reply[0] = self._toggle | (_BYTES - count) << 1 | (1 if last else 0)
        for i in range(count):
            self._reply[1 + i] = part[i]
        self._toggle ^= 0x10
        if last:
            self._state = _IDLE
            self._source = None
        self._respond()
        return abort.NONE

    # download

    def _download(self, data):
        command = data[0]
        if command & 2:  # expedited
            size = 4 - (command >> 2 & 3) if command & 1 else 0
            refusal = self._open_sink(data, size)
            if refusal:
                return refusal
            count = size or self._entry.size or 4
            refusal = self._put(bytes(data[4 : 4 + count])) or self._finish()
            self._sink = None
            if refusal:
                return refusal
            self._answer(0x60)
            return abort.NONE
        size = unpack_from("<I", data, 4)[0] if command & 1 else 0
        refusal = self._open_sink(data, size)
        if refusal:
            return refusal
        self._state = _GET
        self._answer(0x60)
        return abort.NONE

    def _download_segment(self, data):
        if self._state != _GET:
            return abort.COMMAND
        command = data[0]
        if command & 0x10 != self._toggle:
            return abort.TOGGLE
        count = _BYTES - (command >> 1 & 7)
        self._done += count
        if self._size and self._done > self._size:
            return abort.TOO_LONG
        refusal = self._put(bytes(data[1 : 1 + count]))
        if refusal:
            return refusal
        if command & 1:
            if self._size and self._done < self._size:
                return abort.TOO_SHORT
            refusal = self._finish()
            if refusal:
                return refusal
            self._state = _IDLE
            self._sink = None
        self._clear_reply()
        self._reply[0] = 0x20 | self._toggle
        self._toggle ^= 0x10
        self._respond()
        return abort.NONE

    # block download

    def _block_download(self, data):
        command = data[0]
        if command & 1:
            return self._block_download_end(data)
        size = unpack_from("<I", data, 4)[0] if command & 2 else 0
        refusal = self._open_sink(data, size)
        if refusal:
            return refusal
        self._with_crc = command & 4 != 0
        self._crc = 0
        self._block = BLOCK_SEGMENTS
        self._sequence = 0
        self._heard = False
        self._last = False
        self._state = _GET_BLOCK
        self._reply[4] = BLOCK_SEGMENTS
        self._answer(0xA4)
        return abort.NONE

    def _block_segment(self, data):
        number = data[0] & 0x7F
        if number == 0 or number > self._block:
            return abort.SEQUENCE
        if number == self._sequence + 1:
            refusal = self._flush(_BYTES)
            if refusal:
                return refusal
            for i in range(_BYTES):
                self._held[i] = data[1 + i]
            self._holding = True
            self._sequence = number
            self._last = data[0] & 0x80 != 0
        self._heard = True
        # before the first segment, an end is one of the block before, late or sent twice: an
        # answer to it would be taken for this block's. Silence answers where the first was lost.
        if self._sequence and (number == self._block or data[0] & 0x80):
            self._acknowledge_block()
        return abort.NONE

    def _acknowledge_block(self):
        self._clear_reply()
        self._reply[0] = 0xA2
        self._reply[1] = self._sequence
        self._reply[2] = BLOCK_SEGMENTS
        self._sequence = 0
        self._heard = False
        if self._last:
            self._state = _GET_BLOCK_END
        self._respond()

    def _flush(self, count):
        """Give the held segment's first bytes to the sink."""
        if not self._holding:
            return abort.NONE
        self._done += count
        if self._size and self._done > self._size:
            return abort.TOO_LONG
        self._crc = crc16(self._crc, self._held, 0, count)
        return self._put(bytes(self._held[:count]))

    def _block_download_end(self, data):
        if self._state != _GET_BLOCK_END:
            return abort.COMMAND
        refusal = self._flush(_BYTES - (data[0] >> 2 & 7))
        if refusal:
            return refusal
        if self._size and self._done < self._size:
            return abort.TOO_SHORT
        if self._with_crc and unpack_from("<H", data, 1)[0] != self._crc:
            return abort.CRC
        refusal = self._finish()
        if refusal:
            return refusal
        self._state = _IDLE
        self._sink = None
        self._clear_reply()
        self._reply[0] = 0xA1
        self._respond()
        return abort.NONE

    # block upload

    def _block_upload(self, data):
        step = data[0] & 3
        if step == 0:
            return self._block_upload_open(data)
        if step == 3 and self._state == _GIVE_BLOCK_START:
            self._begin_block()
            return abort.NONE
        if step == 2 and self._state == _GIVE_BLOCK_WAIT:
            return self._block_upload_acknowledged(data)
        if step == 1 and self._state == _GIVE_BLOCK_END:
            self._state = _IDLE
            self._source = None
            return abort.NONE
        return abort.COMMAND

    def _block_upload_open(self, data):
        if not 1 <= data[4] <= 127:
            self._index, self._sub = unpack_from("<HB", data, 1)
            return abort.BLOCK_SIZE
        refusal = self._open_source(data)
        if refusal:
            return refusal
        self._with_crc = data[0] & 4 != 0
        self._crc = 0
        self._crc_at = 0
        self._at = 0
        self._block = data[4]
        pack_into("<I", self._reply, 4, self._size)
        self._state = _GIVE_BLOCK_START
        self._answer(0xC6)
        return abort.NONE

    def _begin_block(self):
        self._sequence = 0
        self._state = _GIVE_BLOCK

    def _send_segments(self, now_ms):
        reply = self._reply
        for _ in range(_SEGMENTS_A_STEP):
            at = self._at + self._sequence * _BYTES
            count = min(self._size - at, _BYTES)
            part = self._source.read(at, count)
            if len(part) != count:
                return abort.HARDWARE
            self._clear_reply()
            last = at + count >= self._size
            reply[0] = self._sequence + 1 | (0x80 if last else 0)
            for i in range(count):
                reply[1 + i] = part[i]
            if not self._send(reply):
                return abort.NONE  # the controller is full: the next step sends it
            if at == self._crc_at:  # a repeated segment does not count twice
                self._crc = crc16(self._crc, part, 0, count)
                self._crc_at += count
            self._sequence += 1
            if last or self._sequence == self._block:
                self._since_ms = now_ms
                self._state = _GIVE_BLOCK_WAIT
                break
        return abort.NONE

    def _block_upload_acknowledged(self, data):
        taken = data[1]
        if taken > self._sequence:
            return abort.SEQUENCE
        if not 1 <= data[2] <= 127:
            return abort.BLOCK_SIZE
        self._at = min(self._at + taken * _BYTES, self._size)
        whole = taken == self._sequence
        self._block = data[2]
        if whole and self._at >= self._size:
            unused = (_BYTES - self._size % _BYTES) % _BYTES if self._size else _BYTES
            self._clear_reply()
            self._reply[0] = 0xC1 | unused << 2
            pack_into("<H", self._reply, 1, self._crc if self._with_crc else 0)
            self._state = _GIVE_BLOCK_END
            self._respond()
        else:
            self._begin_block()
        return abort.NONE
