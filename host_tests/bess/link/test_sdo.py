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
    for _ in range(15):
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
    for _ in range(9):
        if at >= len(data):
            break
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
    for _ in range(200):
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


def open_block_end(client):
    client.ask(head(0xC2, DOMAIN) + pack("<I", 7))
    client.ask(b"\x81" + bytes(7))


def open_give_block(client):
    client.ask(head(0xA0, DOMAIN) + b"\x7f")
    client.ask(b"\xa3")


def open_give_wait(client):
    open_give_block(client)
    client.run(20)


def open_give_end(client):
    open_give_wait(client)
    client.ask(b"\xa2\x0f\x7f")


# what opens a state, the one request that goes on with it
STATES = (
    (lambda client: None, None),
    (lambda client: client.ask(head(0x21, DOMAIN) + pack("<I", 14)), b"\x00"),
    (lambda client: client.ask(head(0x40, DOMAIN)), b"\x60"),
    (open_block_end, b"\xc1"),
    (lambda client: client.ask(head(0xA0, DOMAIN) + b"\x7f"), b"\xa3"),
    (open_give_block, None),
    (open_give_wait, b"\xa2\x0f\x7f"),
    (open_give_end, b"\xa1"),
)


def test_in_each_state_only_the_request_that_goes_on_with_it_is_taken():
    for opening, good in STATES:
        for request in (b"\x00", b"\x60", b"\xc1", b"\xa3", b"\xa2\x0f\x7f", b"\xa1", b"\xe0"):
            client = Client()
            opening(client)
            before = len(client.got)
            answer = client.ask(request)
            if request == good:
                assert len(client.got) == before or answer[0] != 0x80
                continue
            index = 0 if opening is STATES[0][0] else DOMAIN
            assert answer == head(0x80, index) + pack("<I", abort.COMMAND)
            assert client.server.idle


def test_an_idle_server_says_nothing_however_long():
    client = Client()
    assert client.server.idle
    client.run(5000)
    assert client.got == []


def test_up_to_four_bytes_are_expedited_and_five_are_not():
    client = Client()
    for length in (1, 2, 3, 4):
        client.dictionary.domain = bytes(range(1, length + 1))
        expected = head(0x43 | (4 - length) << 2, DOMAIN) + client.dictionary.domain
        assert client.ask(head(0x40, DOMAIN)) == expected + bytes(4 - length)
        assert client.server.idle
    client.dictionary.domain = bytes(5)
    assert client.ask(head(0x40, DOMAIN)) == head(0x41, DOMAIN) + pack("<I", 5)
    assert not client.server.idle


def test_the_segments_of_an_upload_bit_by_bit():
    client = Client()
    client.dictionary.domain = bytes(range(1, 17))
    assert client.ask(head(0x40, DOMAIN, 3)) == head(0x41, DOMAIN, 3) + pack("<I", 16)
    assert client.ask(b"\x6f") == b"\x00" + bytes(range(1, 8))  # low bits mean nothing
    assert client.ask(b"\x70") == b"\x10" + bytes(range(8, 15))
    assert client.ask(b"\x60") == b"\x0b\x0f\x10" + bytes(5)
    client.dictionary.domain = bytes(range(1, 8))
    client.ask(head(0x40, DOMAIN))
    assert client.ask(b"\x60") == b"\x01" + bytes(range(1, 8))
    client.ask(head(0x40, DOMAIN))
    assert code(client.ask(b"\x70")) == abort.TOGGLE


def test_the_segments_of_a_download_bit_by_bit():
    client = Client()
    assert client.ask(head(0x20, DOMAIN) + b"\x05\0\0\0") == head(0x60, DOMAIN) + bytes(4)
    assert client.ask(b"\x00abcdefg") == b"\x20" + bytes(7)  # size not told: what stands there
    assert client.ask(b"\x10hijklmn") == b"\x30" + bytes(7)
    assert client.ask(b"\x00opqrstu") == b"\x20" + bytes(7)
    assert not client.dictionary.out.ended
    assert client.ask(b"\x1dvXXXXXX") == b"\x30" + bytes(7)
    assert client.dictionary.out.data == b"abcdefghijklmnopqrstuv"
    assert client.dictionary.out.ended
    assert client.server.idle


def test_a_download_may_be_as_long_as_told_and_no_longer():
    for size, good in ((7, True), (6, False), (8, False)):
        client = Client()
        client.ask(head(0x21, DOMAIN) + pack("<I", size))
        assert (client.ask(b"\x01" + bytes(7))[0] == 0x20) == good
        assert client.dictionary.out.ended == good
        assert client.server.idle


def test_a_plain_entry_takes_its_size_and_nothing_else():
    client = Client()
    assert code(client.ask(head(0x23, 0x2000) + b"\1\2\3\4")) == abort.TOO_LONG
    assert code(client.ask(head(0x2F, 0x2000) + b"\1")) == abort.TOO_SHORT
    client.ask(head(0x20, 0x2000))
    assert code(client.ask(b"\x09\1\2\3")) == abort.TOO_LONG
    client.ask(head(0x20, 0x2000))
    assert code(client.ask(b"\x0d\1")) == abort.TOO_SHORT
    assert client.dictionary.value == b"\x34\x12"
    client.ask(head(0x20, 0x2000))
    assert client.ask(b"\x0b\x07\x08")[0] == 0x20
    assert client.dictionary.value == b"\x07\x08"


def test_a_plain_entry_that_is_too_long_is_refused_when_it_is_announced():
    client = Client()
    assert client.ask(head(0x21, 0x2000) + pack("<I", 3)) == head(0x80, 0x2000) + pack(
        "<I", abort.TOO_LONG
    )
    assert client.server.idle


def test_an_expedited_download_of_a_domain_takes_as_many_bytes_as_it_tells():
    client = Client()
    for command, data in ((0x23, b"\1\2\3\4"), (0x27, b"\1\2\3"), (0x2B, b"\1\2"), (0x2F, b"\1")):
        assert client.ask(head(command, DOMAIN) + b"\1\2\3\4") == head(0x60, DOMAIN) + bytes(4)
        assert client.dictionary.out.data == data
        assert client.dictionary.out.ended
    client.ask(head(0x22, DOMAIN) + b"\1\2\3\4")
    assert client.dictionary.out.data == b"\1\2\3\4"


def test_what_may_not_be_written_is_refused_at_the_start_midway_and_at_the_end():
    client = Client()
    dictionary = client.dictionary
    starts = (head(0x2B, 0x2000), head(0x21, DOMAIN) + pack("<I", 7), head(0xC2, DOMAIN))
    dictionary.refusal = abort.STATE
    for start in starts:
        assert code(client.ask(start)) == abort.STATE
        assert client.server.idle
    assert dictionary.value == b"\x34\x12"

    for refused in (b"\x00" + bytes(7), b"\x01" + bytes(7)):
        dictionary.refusal = abort.NONE
        client.ask(head(0x21, DOMAIN))
        dictionary.refusal = abort.STATE
        assert code(client.ask(refused)) == abort.STATE
        assert dictionary.out.data == b""
        assert not dictionary.out.ended

    dictionary.refusal = abort.NONE
    open_block_end(client)
    dictionary.refusal = abort.STATE
    assert code(client.ask(b"\xc1")) == abort.STATE
    assert dictionary.out.data == b""


def test_a_lock_between_the_last_byte_and_the_end_refuses_the_end():
    for opening, last in (
        (lambda client: client.ask(head(0x21, DOMAIN)), b"\x01" + bytes(7)),
        (open_block_end, b"\xc1"),
        (lambda client: None, head(0x2B, DOMAIN)),
    ):
        client = Client()
        opening(client)

        def lock(data, client=client):
            client.dictionary.refusal = abort.STATE
            return abort.NONE

        client.dictionary.out.write = lock
        assert code(client.ask(last)) == abort.STATE
        assert not client.dictionary.out.ended
        assert client.server.idle


def test_what_may_not_be_read_or_is_not_there_says_why():
    client = Client()
    client.dictionary.unreadable = abort.WRITE_ONLY
    for start in (head(0x40, DOMAIN), head(0xA0, DOMAIN) + b"\x7f"):
        assert client.ask(start) == head(0x80, DOMAIN) + pack("<I", abort.WRITE_ONLY)
    for command in (0x40, 0x2B, 0x21, 0xC2, 0xA0):
        answer = client.ask(head(command, 0x3000, 7) + b"\x7f")
        assert answer == head(0x80, 0x3000, 7) + pack("<I", abort.NO_OBJECT)


class Short(Bytes):
    def read(self, offset, count):
        return Bytes.read(self, offset, count - 1)


def test_a_source_that_gives_less_than_it_told_is_a_failure_in_any_upload():
    for length, then in ((3, None), (9, b"\x60")):
        client = Client()
        client.dictionary.reader = lambda entry, length=length: Short(bytes(length))
        answer = client.ask(head(0x40, DOMAIN))
        if then:
            answer = client.ask(then)
        assert code(answer) == abort.HARDWARE


def test_a_client_is_given_up_at_its_time_out_and_not_before():
    for opening, good in STATES[1:]:
        if good is None:
            continue
        client = Client()
        opening(client)
        told = len(client.got)
        client.server.step(client.now + 999)
        assert len(client.got) == told
        client.server.step(client.now + 1000)
        assert code(client.got[-1]) == abort.TIMED_OUT


def test_a_block_that_stops_short_is_acknowledged_after_150_ms():
    client = Client()
    client.ask(head(0xC2, DOMAIN) + pack("<I", 50))
    client.server.step(500)  # nothing came: nothing to acknowledge
    assert len(client.got) == 1
    client.now = 500
    for number in (1, 2, 4):
        client.ask(bytes((number,)) + bytes(7))
    client.server.step(649)
    assert len(client.got) == 1
    client.server.step(650)
    assert client.got[1:] == [b"\xa2\x02\x10" + bytes(5)]
    client.server.step(660)
    assert len(client.got) == 2


def test_the_frames_of_a_block_download_bit_by_bit():
    client = Client()
    opened = client.ask(head(0xC4, DOMAIN, 2) + b"\x01\0\0\0")  # the size is not told
    assert opened == head(0xA4, DOMAIN, 2) + b"\x10\0\0\0"
    data = bytes(range(1, 1 + 17 * 7 - 3))
    for number in range(16):
        answer = client.ask(bytes((number + 1,)) + data[7 * number : 7 * number + 7])
    assert answer == b"\xa2\x10\x10" + bytes(5)
    assert client.ask(b"\x81" + data[112:] + b"\xff\xff\xff") == b"\xa2\x01\x10" + bytes(5)
    crc = crc16(0, data, 0, len(data))
    assert client.ask(bytes((0xC1 | 3 << 2,)) + pack("<H", crc)) == b"\xa1" + bytes(7)
    assert client.dictionary.out.data == data
    assert client.server.idle


def test_a_block_whose_client_counts_no_crc_is_not_judged_by_one():
    client = Client()
    open_block_end(client)
    assert client.ask(b"\xc1\x12\x34")[0] == 0xA1
    client.ask(head(0xC6, DOMAIN) + pack("<I", 7))
    client.ask(b"\x81" + bytes(range(7)))
    assert code(client.ask(b"\xc1\x12\x34")) == abort.CRC
    assert not client.dictionary.out.ended


def test_a_block_takes_each_segment_once_and_in_order():
    client = Client()
    client.ask(head(0xC2, DOMAIN) + pack("<I", 14))
    for number, byte in ((1, b"a"), (1, b"b"), (3, b"c"), (0x82, b"d")):
        client.ask(bytes((number,)) + byte * 7)
    assert client.ask(b"\xc1")[0] == 0xA1
    assert client.dictionary.out.data == b"aaaaaaaddddddd"


def test_a_last_segment_that_came_out_of_order_ends_nothing():
    client = Client()
    client.ask(head(0xC2, DOMAIN) + pack("<I", 14))
    client.ask(b"\x01aaaaaaa")
    assert client.ask(b"\x83ccccccc")[:2] == b"\xa2\x01"
    assert client.ask(b"\x81bbbbbbb")[:2] == b"\xa2\x01"
    assert client.ask(b"\xc1")[0] == 0xA1
    assert client.dictionary.out.data == b"aaaaaaabbbbbbb"


def opened_block(size=None):
    client = Client()
    client.ask(head(0xC2 if size else 0xC0, DOMAIN) + pack("<I", size or 0))
    return client


def test_a_last_segment_of_the_block_before_that_comes_twice_answers_nothing():
    client = opened_block()
    for number in range(1, 17):
        client.ask(bytes((number,)) + bytes(7))
    answers = len(client.got)
    client.ask(b"\x10" + bytes(7))
    assert len(client.got) == answers
    for number in range(1, 17):
        client.ask(bytes((number,)) + bytes(7))
    assert client.got[answers:] == [b"\xa2\x10\x10" + bytes(5)]


def test_segments_after_an_early_acknowledgement_wait_for_the_first_of_a_new_block():
    client = opened_block()
    for number in (1, 2, 3):
        client.ask(bytes((number,)) + bytes(7))
    client.run(200)  # the client was slow
    assert client.got[-1][:2] == b"\xa2\x03"
    answers = len(client.got)
    for number in range(4, 17):
        client.ask(bytes((number,)) + bytes(7))
    for number in range(1, 17):
        client.ask(bytes((number,)) + bytes(7))
    assert client.got[answers:] == [b"\xa2\x10\x10" + bytes(5)]


def test_a_late_segment_neither_ends_nor_disturbs_a_transfer_that_is_complete():
    for late in (b"\x01", b"\x10", b"\x81", b"\x90"):
        client = opened_block(7)
        client.ask(b"\x81abcdefg")
        answers = len(client.got)
        assert client.server.request(late + bytes(7), 0) is True  # as cheap as any of a block
        assert len(client.got) == answers
        assert client.ask(b"\xc1")[0] == 0xA1
        assert client.dictionary.out.data == b"abcdefg"


def test_segments_still_under_way_when_a_block_is_given_up_answer_nothing():
    for end in (b"\x80" + bytes(7), b"\x11" + bytes(7)):
        client = opened_block()
        client.ask(b"\x01" + bytes(7))
        client.ask(end)
        answers = len(client.got)
        for number in (2, 3, 16, 0x81, 0x90):
            client.ask(bytes((number,)) + bytes(7))
        assert len(client.got) == answers
        assert client.server.idle
        assert code(client.ask(b"\x60")) == abort.COMMAND


def test_segments_still_under_way_when_the_end_of_a_block_is_refused_answer_nothing():
    client = Client()
    client.ask(head(0xC6, DOMAIN) + pack("<I", 7))
    client.ask(b"\x81abcdefg")
    assert code(client.ask(b"\xc1\x01\x02")) == abort.CRC
    answers = len(client.got)
    for number in (1, 16, 0x81, 0x90):
        client.ask(bytes((number,)) + bytes(7))
    assert len(client.got) == answers


def test_after_a_transfer_without_blocks_a_segment_is_answered_whatever_its_number():
    client = Client()
    client.ask(head(0x21, DOMAIN) + b"\x14")
    assert code(client.ask(b"\x10")) == abort.TOGGLE
    assert code(client.ask(b"\x01")) == abort.COMMAND


def test_a_client_that_gave_up_a_block_in_silence_may_begin_anew():
    for command in (0x40, 0xC2, 0xA0, 0x21):
        client = opened_block()
        client.ask(b"\x01" + bytes(7))
        answer = client.ask(head(command, DOMAIN) + b"\x10\0\0\0")
        assert answer[0] in (0x41, 0xA4, 0xC6, 0x60)


def test_a_block_is_as_long_as_told():
    for size, unused, answer in ((7, 0, 0xA1), (5, 2, 0xA1), (5, 1, 0x80), (5, 3, 0x80)):
        client = Client()
        client.ask(head(0xC2, DOMAIN) + pack("<I", size))
        client.ask(b"\x81abcdefg")
        assert client.ask(bytes((0xC1 | unused << 2,)))[0] == answer
        assert client.dictionary.out.ended == (answer == 0xA1)


def test_the_frames_of_a_block_upload_bit_by_bit():
    client = Client()
    data = client.dictionary.domain
    assert client.ask(head(0xA4, DOMAIN, 4) + b"\x0a") == head(0xC6, DOMAIN, 4) + pack("<I", 100)
    assert client.ask(b"\xa3") is None
    client.got = []
    client.run(10)
    expected = [bytes((n + 1,)) + data[7 * n : 7 * n + 7] for n in range(15)]
    expected[14] = b"\x8f\x62\x63" + bytes(5)
    assert client.got == expected[:8]  # the controller's queue is left to others
    client.run(10)
    assert client.got == expected[:10]
    client.run(10)
    assert len(client.got) == 10
    client.ask(b"\xa2\x0a\x7f")
    client.got = []
    client.run(30)
    last = [bytes((n + 1,)) + data[70 + 7 * n : 77 + 7 * n] for n in range(5)]
    last[4] = b"\x85\x62\x63" + bytes(5)
    assert client.got == last
    end = client.ask(b"\xa2\x05\x7f")
    assert end == bytes((0xC1 | 5 << 2,)) + pack("<H", crc16(0, data, 0, 100)) + bytes(5)
    assert client.ask(b"\xa1") is None
    assert client.server.idle


def test_a_block_upload_without_crc_tells_none():
    client = Client()
    open_give_wait(client)
    assert client.ask(b"\xa2\x0f\x7f") == bytes((0xC1 | 5 << 2,)) + bytes(7)


def test_a_block_upload_waits_for_a_full_controller_and_loses_no_segment():
    client = Client()
    client.ask(head(0xA4, DOMAIN) + b"\x7f")
    client.ask(b"\xa3")
    client.got = []
    client.full = True
    client.run(50)
    client.full = False
    client.run(20)
    assert [frame[0] & 0x7F for frame in client.got] == list(range(1, 16))
    data = client.dictionary.domain
    assert unpack_from("<H", client.ask(b"\xa2\x0f\x7f"), 1)[0] == crc16(0, data, 0, 100)


def test_sizes_of_blocks_end_at_127():
    client = Client()
    for size, good in ((0, False), (1, True), (127, True), (128, False)):
        answer = client.ask(head(0xA0, DOMAIN, 5) + bytes((size,)))
        assert answer[:4] == head(0xC6 if good else 0x80, DOMAIN, 5)
        open_give_wait(client)
        client.ask(bytes((0xA2, 1, size)))
        assert client.server.idle != good
        if not good:
            assert code(client.got[-1]) == abort.BLOCK_SIZE


def test_a_segment_number_of_a_block_is_1_to_16():
    for number, good in ((0, False), (1, True), (16, True), (17, False)):
        client = Client()
        client.ask(head(0xC2, DOMAIN))
        client.ask(bytes((number,)) + bytes(7))
        assert client.server.idle != good


def test_a_reset_of_communication_forgets_transfer_and_response():
    client = Client()
    client.full = True
    client.ask(head(0x40, DOMAIN))
    assert client.server.busy
    client.server.reset()
    assert client.server.idle
    client.full = False
    client.run(2000)
    assert client.got == []
    assert code(client.ask(b"\x60")) == abort.COMMAND


def test_a_full_controller_ends_no_transfer_before_the_response_is_out():
    client = Client()
    client.full = True
    client.ask(head(0x40, DOMAIN))
    client.run(900)
    client.full = False
    client.run(50)
    assert client.got == [head(0x41, DOMAIN) + pack("<I", 100)]
    assert client.ask(b"\x60")[0] == 0


def test_a_block_upload_whose_last_segment_is_even_and_full():
    client = Client()
    client.dictionary.domain = bytes(range(1, 99))
    open_give_wait(client)
    assert client.got[-1] == b"\x8e" + bytes(range(92, 99))
    assert client.ask(b"\xa2\x0e\x7f") == b"\xc1" + bytes(7)


def test_the_client_may_change_the_size_of_the_next_block():
    client = Client()
    client.ask(head(0xA0, DOMAIN) + b"\x05")
    client.ask(b"\xa3")
    client.run(10)
    client.ask(b"\xa2\x05\x03\x09")
    client.got = []
    client.run(30)
    assert [frame[0] for frame in client.got] == [1, 2, 3]
    assert client.got[0][1:] == bytes(range(35, 42))
