"""The SDO server: refusals, time-outs, failures of what it serves, and the order of requests."""

from struct import pack

from rigs.sdo_client import (
    DOMAIN,
    Client,
    Dictionary,
    code,
    head,
    open_block_end,
    open_give_block,
    open_give_wait,
)

from bess.link import abort
from bess.link.dictionary import Bytes


def test_a_refused_transfer_is_over():
    client = Client()
    client.ask(head(0x41, 0x9999))
    assert code(client.got[-1]) == abort.NO_OBJECT
    assert code(client.ask(b"\x60")) == abort.COMMAND
    assert client.server.idle


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
