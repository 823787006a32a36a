"""Block download: its frames, what was lost or comes late, its end."""

from struct import pack

from rigs.sdo_client import DOMAIN, Client, code, head, open_block_end

from bess.link import abort
from bess.link.sdo_block import crc16


def test_crc_of_the_standard_s_check_string():
    """CRC-16/XMODEM: 123456789 gives 0x31C3."""
    data = b"123456789"
    assert crc16(0, data, 0, len(data)) == 0x31C3


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


def test_only_segments_of_a_block_are_cheap():
    client = Client()
    assert not client.server.request(head(0xC2, DOMAIN) + pack("<I", 50), 0)
    assert client.server.request(b"\x01" + bytes(7), 0)
    assert not client.server.request(b"\x80" + bytes(7), 0)
    assert not client.server.request(head(0x40, DOMAIN) + bytes(4), 0)


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


def test_a_segment_number_of_a_block_is_1_to_16():
    for number, good in ((0, False), (1, True), (16, True), (17, False)):
        client = Client()
        client.ask(head(0xC2, DOMAIN))
        client.ask(bytes((number,)) + bytes(7))
        assert client.server.idle != good


def test_what_ends_a_block_download_in_order_ends_its_segments_too():
    """Only those of a block that was given up are passed over."""

    def anew(client):
        assert client.ask(head(0x40, 0x2000))[0] == 0x4B

    def unknown(client):
        assert code(client.ask(head(0x40, 0x9999))) == abort.NO_OBJECT

    for opening, then in (
        (lambda client: client.ask(head(0xC2, DOMAIN)), lambda client: client.server.reset()),
        (lambda client: client.ask(head(0xC2, DOMAIN)), anew),
        (lambda client: client.ask(head(0xC2, DOMAIN)), unknown),
        (open_block_end, lambda client: client.ask(b"\xc1")),
    ):
        client = Client()
        opening(client)
        then(client)
        assert client.server.idle
        assert code(client.ask(b"\x01" + bytes(7))) == abort.COMMAND
