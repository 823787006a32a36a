"""Block transfers of the SDO server (CiA 301, clause 7.2.4): many segments for one answer.

A CRC over all bytes is checked, or told, at the end.
"""

from struct import pack_into, unpack_from

from bess.link import abort
from bess.port.interpreter import const
from bess.port.ticks import ticks_diff

_SEGMENTS = const(16)  # in a block of a download
_LONGEST = const(127)  # block of an upload that a client may ask for
_SEGMENTS_A_STEP = const(8)  # of an upload: leaves the controller's queue to the PDOs
_GAP_MS = const(150)  # a block that stopped short is acknowledged as far as it came
_BYTES = const(7)
_LAST = const(0x80)  # in the byte of a segment's number

_OFF = const(0)
_GET = const(1)  # download
_GET_END = const(2)
_GIVE_START = const(3)  # upload
_GIVE = const(4)
_GIVE_WAIT = const(5)  # for the acknowledgement of a block
_GIVE_END = const(6)
_GAVE_UP = const(7)  # as off, but segments of the block that was given up still come
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


class BlockTransfer:
    """One at a time, in either direction: `download` and `upload` take the client's commands,
    `segment` a segment, `step` goes on alone. Each answers with an abort code or none.

    server: SdoServer, for the object behind the transfer and for responses.
    """

    def __init__(self, server):
        self._server = server
        self._state = _OFF
        self._held = bytearray(_BYTES)  # newest whole segment: how much of it counts comes later
        self._holding = False
        self._block = 0  # segments of the present block of an upload
        self._sequence = 0  # number of the newest segment in its block
        self._heard = False  # a segment came since the last acknowledgement
        self._last = False
        self._with_crc = False
        self._crc = 0
        self._crc_at = 0
        self._at = 0  # upload: first byte of the present block

    @property
    def sending(self):
        """Segments go out: nothing is awaited of the client."""
        return self._state == _GIVE

    def stop(self, complete):
        """No transfer is open any more: it is complete, or given up."""
        getting = self._state == _GET or self._state == _GET_END
        self._state = _GAVE_UP if getting and not complete else _OFF

    def claims(self, head):
        """A frame with this first byte is a segment, if perhaps a late one."""
        number = head & 0x7F
        state = self._state
        if state == _GET:
            # a client that gave up asks anew: as numbers of segments these are above a block's 16
            return head != 0x80 and (number <= _SEGMENTS or head >> 5 not in _REQUESTS)
        return 1 <= number <= _SEGMENTS and (state == _GET_END or state == _GAVE_UP)

    def step(self, now_ms):
        """Send segments of an upload, acknowledge a block of a download that stopped short."""
        if self._state == _GIVE:
            return self._send(now_ms)
        if self._state == _GET and self._heard:
            if ticks_diff(now_ms, self._server.since_ms) >= _GAP_MS:
                self._acknowledge()
        return abort.NONE

    def download(self, data):
        """Open a download, or end it."""
        command = data[0]
        server = self._server
        if command & 1:
            return self._end_download(data)
        refusal = server.open_sink(data, unpack_from("<I", data, 4)[0] if command & 2 else 0)
        if refusal:
            return refusal
        self._with_crc = command & 4 != 0
        self._crc = 0
        self._holding = False
        self._sequence = 0
        self._heard = False
        self._last = False
        self._state = _GET
        server.reply[4] = _SEGMENTS
        server.answer(0xA4)
        return abort.NONE

    def segment(self, data):
        """Take a segment of a download."""
        if self._state != _GET:
            return abort.NONE  # late or sent twice: its block is complete or given up
        number = data[0] & 0x7F
        if number == 0 or number > _SEGMENTS:
            return abort.SEQUENCE
        if number == self._sequence + 1:
            refusal = self._flush(_BYTES)
            if refusal:
                return refusal
            for i in range(_BYTES):
                self._held[i] = data[1 + i]
            self._holding = True
            self._sequence = number
            self._last = data[0] & _LAST != 0
        self._heard = True
        # before the first segment, an end is one of the block before, late or sent twice: an
        # answer to it would be taken for this block's. Silence answers where the first was lost.
        if self._sequence and (number == _SEGMENTS or data[0] & _LAST):
            self._acknowledge()
        return abort.NONE

    def _acknowledge(self):
        reply = self._server.begin_reply(0xA2)
        reply[1] = self._sequence
        reply[2] = _SEGMENTS
        self._sequence = 0
        self._heard = False
        if self._last:
            self._state = _GET_END
        self._server.respond()

    def _flush(self, count):
        """Give the held segment's first bytes to the sink."""
        if not self._holding:
            return abort.NONE
        self._crc = crc16(self._crc, self._held, 0, count)
        return self._server.put(self._held, 0, count)

    def _end_download(self, data):
        if self._state != _GET_END:
            return abort.COMMAND
        server = self._server
        refusal = self._flush(_BYTES - (data[0] >> 2 & 7))
        if not refusal:
            damaged = self._with_crc and unpack_from("<H", data, 1)[0] != self._crc
            refusal = server.finish(damaged)
        if refusal:
            return refusal
        server.begin_reply(0xA1)
        server.respond()
        return abort.NONE

    def upload(self, data):
        """Open an upload, begin it, take the acknowledgement of a block, or end it."""
        step = data[0] & 3
        state = self._state
        if step == 0:
            return self._open_upload(data)
        if step == 2 and state == _GIVE_WAIT:
            return self._acknowledged(data)
        if step == 3 and state == _GIVE_START:
            self._begin_block()
        elif step == 1 and state == _GIVE_END:
            self._server.close(True)  # the client has it all
        else:
            return abort.COMMAND
        return abort.NONE

    def _open_upload(self, data):
        server = self._server
        if not 1 <= data[4] <= _LONGEST:
            server.name(data)
            return abort.BLOCK_SIZE
        refusal = server.open_source(data)
        if refusal:
            return refusal
        self._with_crc = data[0] & 4 != 0
        self._crc = 0
        self._crc_at = 0
        self._at = 0
        self._block = data[4]
        self._state = _GIVE_START
        pack_into("<I", server.reply, 4, server.size)
        server.answer(0xC6)
        return abort.NONE

    def _begin_block(self):
        self._sequence = 0
        self._state = _GIVE

    def _send(self, now_ms):
        server = self._server
        for _ in range(_SEGMENTS_A_STEP):
            at = self._at + self._sequence * _BYTES
            count = min(server.size - at, _BYTES)
            last = at + count >= server.size
            reply = server.begin_reply(self._sequence + 1 | (_LAST if last else 0))
            if not server.read(at, count, 1):
                return abort.HARDWARE
            if not server.send(reply):
                return abort.NONE  # the controller is full: the next step sends it
            if at == self._crc_at:  # a repeated segment does not count twice
                self._crc = crc16(self._crc, reply, 1, count)
                self._crc_at += count
            self._sequence += 1
            if last or self._sequence == self._block:
                server.since_ms = now_ms
                self._state = _GIVE_WAIT
                break
        return abort.NONE

    def _acknowledged(self, data):
        taken = data[1]
        if taken > self._sequence:
            return abort.SEQUENCE
        if not 1 <= data[2] <= _LONGEST:
            return abort.BLOCK_SIZE
        server = self._server
        size = server.size
        self._at = min(self._at + taken * _BYTES, size)
        self._block = data[2]
        if taken < self._sequence or self._at < size:
            self._begin_block()
            return abort.NONE
        unused = -size % _BYTES  # bytes of the last segment
        reply = server.begin_reply(0xC1 | unused << 2)
        pack_into("<H", reply, 1, self._crc if self._with_crc else 0)
        self._state = _GIVE_END
        server.respond()
        return abort.NONE
