"""SDO server (CiA 301, clause 7.2.4): expedited, segmented and block transfers with CRC.

One channel, one transfer at a time: a new initiate request ends the one before. Works on
frames handed over by the service task; nothing here runs in the fast path.
"""

from struct import pack_into, unpack_from

from bess.link import abort
from bess.link.sdo_block import BlockTransfer
from bess.port.interpreter import const
from bess.port.ticks import ticks_diff

_BYTES = const(7)

_IDLE = const(0)  # or a block transfer
_GET = const(1)  # segmented download
_GIVE = const(2)  # segmented upload


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
    waits and `busy` tells that no further request may be given. The other methods are those of
    a transfer, sdo_block.BlockTransfer's too: its object and its responses.
    """

    def __init__(self, send, dictionary, timeout_ms):
        self.send = send
        self._dictionary = dictionary
        self._timeout_ms = timeout_ms
        self._block = block = BlockTransfer(self)
        self.reply = bytearray(8)
        self.busy = False
        self._state = _IDLE
        self.since_ms = 0  # when the client was last heard, or a block went out
        self._index = 0
        self._sub = 0
        self._toggle = 0
        self.size = 0  # announced, 0 = unknown
        self._done = 0  # bytes taken or given
        self._source = None
        self._sink = None
        self._entry = None
        self._handlers = (  # by the client command specifier, the three high bits of byte 0
            self._download_segment, self._download, self._upload, self._upload_segment,
            self._aborted, block.upload, block.download, self._unknown,
        )  # fmt: skip

    @property
    def idle(self):
        return self._source is None and self._sink is None and not self.busy

    def reset(self):
        """Forget the transfer, as a reset of communication does."""
        self.close(True)
        self.busy = False

    def request(self, data, now_ms):
        """Work on one request; True for a segment of a block, which costs little."""
        self.since_ms = now_ms
        block = self._block
        segment = block.claims(data[0])
        self._guard(block.segment if segment else self._handlers[data[0] >> 5], data)
        return segment

    def _guard(self, work, argument):
        """Do it; what it raises is answered, and raised again unless it was storage.

        The client has its answer then, and the caller of `request` or `step` the cause.
        """
        try:
            refusal = work(argument)
        except OSError:  # storage behind an object failed
            refusal = abort.HARDWARE
        except Exception as error:
            short = isinstance(error, MemoryError)
            self._refuse(abort.OUT_OF_MEMORY if short else abort.GENERAL)
            raise
        if refusal:
            self._refuse(refusal)

    def step(self, now_ms):
        """Repeat a response that found no place, send block segments, watch the time."""
        if self.busy:
            self.respond()
        if self.busy or self.idle:
            return
        block = self._block
        if ticks_diff(now_ms, self.since_ms) >= self._timeout_ms and not block.sending:
            self._refuse(abort.TIMED_OUT)
        else:
            self._guard(block.step, now_ms)

    def _unknown(self, data):
        return abort.COMMAND

    def _aborted(self, data):
        self.close(False)
        return abort.NONE

    def _upload(self, data):
        refusal = self.open_source(data)
        if refusal:
            return refusal
        size = self.size
        if size > 4:
            pack_into("<I", self.reply, 4, size)
            self._state = _GIVE
            self.answer(0x41)
            return abort.NONE
        if not self.read(0, size, 4):
            return abort.HARDWARE
        self.close(True)  # four bytes are all
        self.answer(0x43 | (4 - size) << 2)
        return abort.NONE

    def _upload_segment(self, data):
        if self._state != _GIVE:
            return abort.COMMAND
        if data[0] & 0x10 != self._toggle:
            return abort.TOGGLE
        done = self._done
        count = min(self.size - done, _BYTES)
        last = done + count == self.size
        self.begin_reply(self._toggle | (_BYTES - count) << 1 | (1 if last else 0))
        if not self.read(done, count, 1):
            return abort.HARDWARE
        self._done = done + count
        self._toggle ^= 0x10
        if last:
            self.close(True)  # nothing is asked after it
        self.respond()
        return abort.NONE

    def _download(self, data):
        command = data[0]
        if command & 2:
            return self._download_expedited(data)
        refusal = self.open_sink(data, unpack_from("<I", data, 4)[0] if command & 1 else 0)
        if refusal:
            return refusal
        self._state = _GET
        self.answer(0x60)
        return abort.NONE

    def _download_expedited(self, data):
        command = data[0]
        size = 4 - (command >> 2 & 3) if command & 1 else 0
        refusal = self.open_sink(data, size)
        if refusal:
            return refusal
        refusal = self.put(data, 4, size or self._entry.size or 4) or self.finish(False)
        if refusal:
            return refusal
        self.answer(0x60)
        return abort.NONE

    def _download_segment(self, data):
        if self._state != _GET:
            return abort.COMMAND
        command = data[0]
        if command & 0x10 != self._toggle:
            return abort.TOGGLE
        refusal = self.put(data, 1, _BYTES - (command >> 1 & 7))
        if not refusal and command & 1:
            refusal = self.finish(False)
        if refusal:
            return refusal
        self.begin_reply(0x20 | self._toggle)
        self._toggle ^= 0x10
        self.respond()
        return abort.NONE

    def name(self, data):
        """Take index and sub-index of a request: a response names them."""
        self._index, self._sub = unpack_from("<HB", data, 1)

    def _lookup(self, data):
        """A new transfer begins: the entry that it asks for, or an abort code."""
        self.close(True)
        self.name(data)
        self.begin_reply(0)
        self._done = 0
        self._toggle = 0
        return self._dictionary.lookup(self._index, self._sub)

    def open_source(self, data):
        """Find what the request asks to read."""
        entry = self._lookup(data)
        if isinstance(entry, int):
            return entry
        source = self._dictionary.reader(entry)
        if isinstance(source, int):
            return source
        self.size = source.size()
        if not self.size:
            return abort.NO_DATA
        self._source = source
        return abort.NONE

    def read(self, offset, count, at):
        """Bytes of the source into the reply; False when it gives fewer than it told."""
        part = self._source.read(offset, count)
        if len(part) != count:
            return False
        for i in range(count):
            self.reply[at + i] = part[i]
        return True

    def open_sink(self, data, size):
        """Find what the request asks to write; size 0: not told."""
        entry = self._lookup(data)
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
        self.size = size
        return abort.NONE

    def put(self, data, start, count):
        """Give bytes to the sink, if a write is still allowed: a transfer may last."""
        self._done += count
        if self.size and self._done > self.size:
            return abort.TOO_LONG
        refusal = self._dictionary.may_write(self._entry)
        return refusal or self._sink.write(bytes(data[start : start + count]))

    def finish(self, damaged):
        """All bytes came: have the sink take them. damaged: a check over them says so."""
        if self.size and self._done < self.size:
            return abort.TOO_SHORT
        if damaged:
            return abort.CRC
        refusal = self._dictionary.may_write(self._entry) or self._sink.end()
        if not refusal:
            self.close(True)
        return refusal

    def close(self, complete):
        """The transfer is over, complete or given up."""
        self._block.stop(complete)
        self._state = _IDLE
        self._source = self._sink = None

    def begin_reply(self, command):
        """An empty reply with that command; returns it."""
        pack_into("<II", self.reply, 0, command, 0)
        return self.reply

    def answer(self, command):
        """Send the reply with index and sub-index; bytes 4..7 as they stand."""
        pack_into("<BHB", self.reply, 0, command, self._index, self._sub)
        self.respond()

    def respond(self):
        """Send the reply as it stands, now or as soon as there is room."""
        self.busy = not self.send(self.reply)

    def _refuse(self, code):
        self.close(False)
        pack_into("<BHBI", self.reply, 0, 0x80, self._index, self._sub, code)
        self.respond()
