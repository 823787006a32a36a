"""A client of the SDO server, with a dictionary of two entries."""

from struct import pack, unpack_from

from bess.link import abort
from bess.link.dictionary import Bytes, Entry
from bess.link.sdo import SdoServer

DOMAIN = 0x2001


class Sink:
    def __init__(self):
        self.data = b""
        self.ended = False
        self.refuse_at = -1

    def begin(self, size):
        self.data = b""
        self.ended = False
        return abort.TOO_LONG if size > 1000 else abort.NONE

    def write(self, data):
        self.data += data
        if 0 <= self.refuse_at <= len(self.data):
            return abort.HARDWARE
        return abort.NONE

    def end(self):
        self.ended = True
        return abort.NONE


class Dictionary:
    """0x2000 is a u16, DOMAIN a domain of 100 bytes."""

    def __init__(self):
        self.value = b"\x34\x12"
        self.domain = bytes(range(100))
        self.out = Sink()
        self.unreadable = abort.NONE
        self.refusal = abort.NONE

    def lookup(self, index, sub):
        if index == DOMAIN:
            return Entry("dom", "rw")
        return Entry("u16", "rw") if index == 0x2000 else abort.NO_OBJECT

    def reader(self, entry):
        return self.unreadable or Bytes(self.domain if entry.kind == "dom" else self.value)

    def may_write(self, entry):
        return self.refusal

    def sink(self, entry):
        return self.out

    def longest(self, entry):
        return entry.size

    def write(self, entry, data):
        if len(data) != entry.size:
            return abort.TOO_SHORT
        self.value = bytes(data)
        return abort.NONE


class Client:
    def __init__(self):
        self.got = []
        self.full = False
        self.dictionary = Dictionary()
        self.server = SdoServer(self.send, self.dictionary, 1000)
        self.now = 0

    def send(self, data):
        if self.full:
            return False
        self.got.append(bytes(data))
        return True

    def ask(self, data):
        """One request; the newest response or None."""
        before = len(self.got)
        self.server.request(data + bytes(8 - len(data)), self.now)
        return self.got[-1] if len(self.got) > before else None

    def run(self, ms):
        for _ in range(ms // 10):
            self.now += 10
            self.server.step(self.now)


def head(command, index, sub=0):
    return pack("<BHB", command, index, sub)


def code(response):
    assert response[0] == 0x80
    return unpack_from("<I", response, 4)[0]


def open_block_end(client):
    client.ask(head(0xC2, DOMAIN) + pack("<I", 7))
    client.ask(b"\x81" + bytes(7))


def open_give_block(client):
    client.ask(head(0xA0, DOMAIN) + b"\x7f")
    client.ask(b"\xa3")


def open_give_wait(client):
    open_give_block(client)
    client.run(20)
