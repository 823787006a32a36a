"""Expedited and segmented transfers, and what may not be written."""

from struct import pack, unpack_from

from rigs.sdo_client import DOMAIN, Client, code, head, open_block_end

from bess.link import abort


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
