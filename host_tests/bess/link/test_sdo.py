from struct import pack, unpack_from

from bess.link import abort
from bess.link.dictionary import Bytes, Entry
from bess.link.sdo import SdoServer, crc16

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

    def lookup(self, index, sub):
        if index == DOMAIN:
            return Entry("dom", "rw")
        return Entry("u16", "rw") if index == 0x2000 else abort.NO_OBJECT

    def reader(self, entry):
        return Bytes(self.domain if entry.kind == "dom" else self.value)

    def may_write(self, entry):
        return abort.NONE

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


def test_crc_of_the_standard_s_check_string():
    """CRC-16/XMODEM: 123456789 gives 0x31C3."""
    data = b"123456789"
    assert crc16(0, data, 0, len(data)) == 0x31C3


def test_expedited_both_ways():
    client = Client()
    assert client.ask(head(0x40, 0x2000)) == head(0x4B, 0x2000) + b"\x34\x12\0\0"
    assert client.ask(head(0x2B, 0x2000) + b"\x78\x56") == head(0x60, 0x2000) + bytes(4)
    assert client.dictionary.value == b"\x78\x56"


def test_expedited_without_a_size_takes_the_entry_s():
    client = Client()
    assert client.ask(head(0x22, 0x2000) + b"\x01\x02\x03\x04")[0] == 0x60
    assert client.dictionary.value == b"\x01\x02"


def test_segmented_download_checks_toggle_and_size():
    client = Client()
    assert client.ask(head(0x21, 0x2000) + pack("<I", 2))[0] == 0x60
    assert client.ask(b"\x0b\x11\x22")[0] == 0x20
    assert client.dictionary.value == b"\x11\x22"
    client.ask(head(0x21, DOMAIN) + pack("<I", 14))
    assert code(client.ask(b"\x10" + bytes(7))) == abort.TOGGLE
    client.ask(head(0x21, DOMAIN) + pack("<I", 14))
    assert code(client.ask(b"\x01" + bytes(7))) == abort.TOO_SHORT
    client.ask(head(0x21, DOMAIN) + pack("<I", 3))
    assert code(client.ask(b"\x01" + bytes(7))) == abort.TOO_LONG
    assert code(client.ask(head(0x21, DOMAIN) + pack("<I", 5000))) == abort.TOO_LONG
    assert code(client.ask(head(0x21, 0x2000) + pack("<I", 1))) == abort.TOO_SHORT


def test_a_refused_transfer_is_over():
    client = Client()
    client.ask(head(0x41, 0x9999))
    assert code(client.got[-1]) == abort.NO_OBJECT
    assert code(client.ask(b"\x60")) == abort.COMMAND
    assert client.server.idle


def test_segmented_upload_of_a_domain():
    client = Client()
    assert unpack_from("<I", client.ask(head(0x40, DOMAIN)), 4)[0] == 100
    data = b""
    toggle = 0
    while True:
        answer = client.ask(bytes((0x60 | toggle,)))
        assert answer[0] & 0x10 == toggle
        data += answer[1 : 8 - (answer[0] >> 1 & 7)]
        toggle ^= 0x10
        if answer[0] & 1:
            break
    assert data == client.dictionary.domain
    assert client.server.idle


def block(client, data, size=None, crc=None, lose=()):
    """A block download as a client does it; returns the last response."""
    client.ask(head(0xC6, DOMAIN) + pack("<I", len(data) if size is None else size))
    assert client.got[-1][0] == 0xA4
    assert client.got[-1][4] == 16
    at = 0
    lost = list(lose)
    while at < len(data):
        segments = [data[i : i + 7] for i in range(at, min(at + 16 * 7, len(data)), 7)]
        for number, segment in enumerate(segments):
            last = at + 7 * (number + 1) >= len(data)
            if number in lost:
                lost.remove(number)
                continue
            client.ask(bytes((number + 1 | (0x80 if last else 0),)) + segment)
        if client.got[-1][0] != 0xA2:
            client.run(200)
        answer = client.got[-1]
        assert answer[0] == 0xA2, answer
        client.got.append(b"\0" * 8)
        at += 7 * answer[1]
    unused = (7 - len(data) % 7) % 7
    value = crc16(0, data, 0, len(data)) if crc is None else crc
    return client.ask(bytes((0xC1 | unused << 2,)) + pack("<H", value))


def test_block_download():
    client = Client()
    for size in (1, 7, 8, 111, 112, 113, 300):
        data = bytes([i & 0xFF for i in range(size)])
        assert block(client, data)[0] == 0xA1
        assert client.dictionary.out.data == data
        assert client.dictionary.out.ended


def test_lost_segments_are_sent_again():
    client = Client()
    data = bytes([i & 0xFF for i in range(300)])
    for lost in (0, 5, 15):
        assert block(client, data, lose=(lost,))[0] == 0xA1
        assert client.dictionary.out.data == data


def test_block_refusals():
    client = Client()
    data = bytes(range(50))
    assert code(block(client, data, crc=0x1234)) == abort.CRC
    assert code(block(client, data, size=60)) == abort.TOO_SHORT
    client.ask(head(0xC2, DOMAIN) + pack("<I", 50))
    assert code(client.ask(b"\x11" + bytes(7))) == abort.SEQUENCE
    client.ask(head(0xC2, DOMAIN) + pack("<I", 3))
    client.ask(b"\x01" + bytes(7))
    assert code(client.ask(b"\x82" + bytes(7))) == abort.TOO_LONG
    assert code(client.ask(b"\xc1")) == abort.COMMAND
    client.dictionary.out.refuse_at = 7
    client.ask(head(0xC2, DOMAIN) + pack("<I", 50))
    client.ask(b"\x01" + bytes(7))
    assert code(client.ask(b"\x02" + bytes(7))) == abort.HARDWARE


def read_block(client, size=127, lose_at=-1):
    """A block upload; a client that misses segment `lose_at` of its first block once."""
    answer = client.ask(head(0xA4, DOMAIN) + bytes((size,)))
    assert answer[0] == 0xC6
    total = unpack_from("<I", answer, 4)[0]
    data = b""
    client.got = []
    client.ask(b"\xa3")
    while True:
        client.run(500)
        taken = 0
        last = False
        for frame in client.got:
            if frame[0] & 0x7F == taken + 1 and taken != lose_at:
                taken += 1
                data += frame[1:]
                last = frame[0] & 0x80 != 0
        lose_at = -1
        client.got = []
        end = client.ask(bytes((0xA2, taken, size)))
        if last:
            break
        client.got = []
    unused = end[0] >> 2 & 7
    data = data[: len(data) - unused]
    assert len(data) == total
    assert unpack_from("<H", end, 1)[0] == crc16(0, data, 0, len(data))
    client.ask(b"\xa1")
    assert client.server.idle
    return data


def test_block_upload():
    client = Client()
    for length in (1, 7, 8, 111, 112, 113, 999):
        client.dictionary.domain = bytes([i & 0xFF for i in range(length)])
        for size in (1, 5, 16, 127):
            assert read_block(client, size) == client.dictionary.domain


def test_block_upload_repeats_what_was_lost():
    client = Client()
    for lost in (0, 3, 13):
        assert read_block(client, 20, lose_at=lost) == client.dictionary.domain


def test_block_upload_refuses_wrong_sizes_and_numbers():
    client = Client()
    assert code(client.ask(head(0xA0, DOMAIN) + b"\x00")) == abort.BLOCK_SIZE
    assert code(client.ask(head(0xA0, DOMAIN) + b"\x80")) == abort.BLOCK_SIZE
    client.ask(head(0xA0, DOMAIN) + b"\x04")
    client.ask(b"\xa3")
    client.run(20)
    assert code(client.ask(b"\xa2\x09\x04")) == abort.SEQUENCE


def test_a_client_that_stays_away_is_given_up():
    client = Client()
    for start in (head(0x40, DOMAIN), head(0x21, DOMAIN), head(0xC2, DOMAIN) + b"\x32"):
        client.ask(start)
        client.run(990)
        assert not client.server.idle
        client.run(20)
        assert code(client.got[-1]) == abort.TIMED_OUT
        assert client.server.idle


def test_a_full_controller_delays_the_response_and_holds_further_requests():
    client = Client()
    client.full = True
    assert client.ask(head(0x40, 0x2000)) is None
    assert client.server.busy
    client.full = False
    client.run(10)
    assert client.got == [head(0x4B, 0x2000) + b"\x34\x12\0\0"]
    assert client.server.idle


def test_an_abort_from_the_client_ends_the_transfer():
    client = Client()
    for start in (head(0x40, DOMAIN), head(0x21, DOMAIN), head(0xC2, DOMAIN)):
        client.ask(start)
        assert client.ask(b"\x80") is None
        assert client.server.idle


class Failing:
    """A source, or a sink, that raises."""

    def __init__(self, error):
        self.error = error

    def size(self):
        return 20

    def read(self, offset, count):
        raise self.error

    def begin(self, size):
        raise self.error


def told(client, call, *arguments):
    """What the server let through, None for nothing."""
    try:
        call(*arguments)
    except Exception as error:
        return error
    return None


def test_what_an_object_raises_is_answered_and_told_and_the_server_goes_on():
    wrong = AttributeError("planted")
    for error, answer, told_ in (
        (wrong, abort.GENERAL, wrong),
        (MemoryError(), abort.OUT_OF_MEMORY, MemoryError),
        (OSError(5), abort.HARDWARE, None),
    ):
        for start, then in (
            (head(0x40, DOMAIN), b"\x60"),
            (head(0x21, DOMAIN), None),
            (head(0xC2, DOMAIN), None),
            (head(0xA0, DOMAIN) + b"\x7f", b"\xa3"),
        ):
            client = Client()
            failing = Failing(error)
            client.dictionary.reader = lambda entry, failing=failing: failing
            client.dictionary.sink = lambda entry, failing=failing: failing
            found = told(client, client.ask, start)
            if then is not None:
                found = told(client, client.ask, then) or told(client, client.run, 10)
            assert found is told_ or isinstance(found, told_)
            assert code(client.got[-1]) == answer
            assert client.server.idle
            client.dictionary = Dictionary()
            client.server._dictionary = client.dictionary
            assert client.ask(head(0x40, 0x2000))[0] == 0x4B


def test_an_empty_domain_is_no_data_by_every_kind_of_upload():
    client = Client()
    client.dictionary.domain = b""
    assert code(client.ask(head(0x40, DOMAIN))) == abort.NO_DATA
    assert code(client.ask(head(0xA0, DOMAIN) + b"\x7f")) == abort.NO_DATA
    assert client.server.idle


def test_a_source_that_shrinks_while_it_is_read_aborts():
    client = Client()
    for start in (head(0x40, DOMAIN), head(0xA0, DOMAIN) + b"\x7f"):
        client.dictionary.domain = bytes(range(100))
        client.ask(start)
        client.server._source = Bytes(b"")
        client.ask(b"\x60" if start[0] == 0x40 else b"\xa3")
        client.run(10)
        assert code(client.got[-1]) == abort.HARDWARE


def test_only_segments_of_a_block_are_cheap():
    client = Client()
    assert not client.server.request(head(0xC2, DOMAIN) + pack("<I", 50), 0)
    assert client.server.request(b"\x01" + bytes(7), 0)
    assert not client.server.request(b"\x80" + bytes(7), 0)
    assert not client.server.request(head(0x40, DOMAIN) + bytes(4), 0)
