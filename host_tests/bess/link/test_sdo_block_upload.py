"""Block upload: its frames, its sizes, what was lost, a full controller."""

from struct import pack, unpack_from

from rigs.sdo_client import DOMAIN, Client, code, head, open_give_wait

from bess.link import abort
from bess.link.sdo_block import crc16


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


def test_a_block_upload_waits_for_room_however_long():
    client = Client()
    client.ask(head(0xA0, DOMAIN) + b"\x7f")
    client.ask(b"\xa3")
    client.full = True
    client.run(5000)
    client.full = False
    client.got = []
    client.run(10)
    assert [frame[0] for frame in client.got] == list(range(1, 9))


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
