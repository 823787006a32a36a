from struct import pack, unpack_from

from bess.link.lss import REQUEST_ID, LssSlave

IDENTITY = (0x11223344, 0x215, 0x10000, 0x0A0B0C0D)


class Node:
    def __init__(self, node_id):
        self.node_id = node_id
        self.vendor_id, self.product_code, self.revision_number, self.serial_number = IDENTITY
        self.switched = None

    def adopt(self, node_id):
        self.node_id = node_id

    def switch_bit_rate(self, kbit_s, delay_ms):
        self.switched = (kbit_s, delay_ms)


class Keeper:
    kept = None
    good = True

    def keep_identity(self, node_id, kbit_s):
        self.kept = (node_id, kbit_s)
        return self.good


class Bench:
    def __init__(self, node_id=0):
        self.sent = []
        self.rest = True
        self.node = Node(node_id)
        self.keeper = Keeper()
        self.slave = LssSlave(self.node, self.keeper, self.send, self.at_rest, 500)

    def at_rest(self):
        return self.rest

    def send(self, can_id, data):
        assert can_id == 0x7E4
        self.sent.append(bytes(data))

    def ask(self, *data):
        self.sent = []
        self.slave.request(bytes(data) + bytes(8 - len(data)))
        return self.sent[0] if self.sent else None

    def ask_value(self, command, value):
        return self.ask(*pack("<BI", command, value))

    def scan(self):
        """Fastscan as a master does it; the identity found, or None."""
        if not self.ask(0x51, 0, 0, 0, 0, 128, 0, 0):
            return None
        found = []
        for part in range(4):
            value = 0
            for bit in range(31, -1, -1):
                following = (part + 1) % 4 if bit == 0 else part
                if not self.ask(*pack("<BIBBB", 0x51, value, bit, part, part)):
                    value |= 1 << bit
            if not self.ask(*pack("<BIBBB", 0x51, value, 0, part, following)):
                return None
            found.append(value)
        return tuple(found)


def test_fastscan_finds_the_whole_identity_and_selects():
    bench = Bench()
    assert bench.scan() == IDENTITY
    assert bench.slave.configuring


def test_an_id_takes_effect_when_the_master_leaves_and_is_kept_by_store():
    bench = Bench()
    bench.scan()
    assert bench.ask(0x11, 17)[1] == 0
    assert bench.node.node_id == 0
    assert bench.ask(0x17)[1] == 0
    assert bench.keeper.kept == (17, 500)
    bench.ask(0x04, 0)
    assert bench.node.node_id == 17
    assert bench.scan() is None


def test_a_configured_node_keeps_its_id_until_communication_is_reset():
    bench = Bench(5)
    assert bench.ask(0x4C) is None
    bench.ask(0x04, 1)
    assert bench.ask(0x11, 6)[1] == 0
    bench.ask(0x04, 0)
    assert bench.node.node_id == 5
    assert bench.slave.pending_id == 6


def test_wrong_ids_and_bit_rates_are_refused():
    bench = Bench(5)
    bench.ask(0x04, 1)
    for node_id in (0, 128, 200, 254):
        assert bench.ask(0x11, node_id)[1] == 1
    assert bench.ask(0x11, 255)[1] == 0
    assert bench.slave.pending_id == 0
    for index, good in ((0, True), (2, True), (3, True), (1, False), (8, False), (99, False)):
        assert bench.ask(0x13, 0, index)[1] == (0 if good else 1)
    assert bench.ask(0x13, 1, 2)[1] == 1
    bench.ask(0x15, 0x2C, 0x01)
    assert bench.node.switched == (250, 300)


def test_a_store_that_fails_says_so():
    bench = Bench(5)
    bench.ask(0x04, 1)
    bench.keeper.good = False
    assert bench.ask(0x17)[1] == 2


def test_selective_switch_needs_all_four_in_order():
    bench = Bench(5)
    for part in range(4):
        answer = bench.ask_value(0x40 + part, IDENTITY[part])
    assert answer[0] == 0x44
    assert bench.slave.configuring
    bench = Bench(5)
    for part in range(4):
        wrong = IDENTITY[part] + (1 if part == 2 else 0)
        answer = bench.ask_value(0x40 + part, wrong)
    assert answer is None
    assert not bench.slave.configuring
    bench.ask_value(0x40, IDENTITY[0])
    bench.ask_value(0x42, IDENTITY[2])
    assert bench.ask_value(0x43, IDENTITY[3]) is None


def test_identify_by_ranges():
    bench = Bench(5)
    bounds = (
        IDENTITY[0], IDENTITY[1], IDENTITY[2], IDENTITY[2] + 5, IDENTITY[3] - 1, IDENTITY[3],
    )  # fmt: skip
    for part in range(6):
        answer = bench.ask_value(0x46 + part, bounds[part])
    assert answer[0] == 0x4F
    outside = bounds[:5] + (IDENTITY[3] - 1,)
    for part in range(6):
        answer = bench.ask_value(0x46 + part, outside[part])
    assert answer is None


def test_inquiries_need_the_configuration_state():
    bench = Bench(5)
    assert bench.ask(0x5E) is None
    bench.ask(0x04, 1)
    assert bench.ask(0x5E)[1] == 5
    for part in range(4):
        answer = bench.ask(0x5A + part)
        assert unpack_from("<I", answer, 1)[0] == IDENTITY[part]


def test_unconfigured_says_so():
    bench = Bench()
    assert bench.ask(0x4C)[0] == 0x50
    bench.ask(0x04, 1)
    assert bench.ask(0x5E)[1] == 0xFF


def test_nothing_is_answered_while_power_may_flow():
    bench = Bench(5)
    bench.ask(0x04, 1)
    bench.rest = False
    assert bench.ask(0x11, 9) is None
    bench.rest = True
    assert bench.ask(0x5E) is None  # and the configuration state is over


def test_requests_come_by_the_identifier_of_the_standard():
    assert REQUEST_ID == 0x7E5


def test_what_is_no_request_is_not_answered():
    known = [0x04, 0x46, 0x4C, 0x51] + list(range(0x40, 0x44)) + list(range(0x46, 0x4C))
    for configuring in (0, 1):
        bench = Bench(5)
        if configuring:
            known += [0x11, 0x13, 0x15, 0x17] + list(range(0x5A, 0x5F))
        for command in range(256):
            if command not in known:
                bench.ask(0x04, configuring)
                assert bench.ask(command, 1, 2, 3) is None, command


def test_the_answers_byte_by_byte():
    bench = Bench()
    assert bench.ask(0x4C) == b"\x50" + bytes(7)
    assert bench.ask(0x51, 0, 0, 0, 0, 128, 0, 0) == b"\x4f" + bytes(7)
    bench.ask(0x04, 1)
    assert bench.ask(0x5A) == b"\x5a\x44\x33\x22\x11" + bytes(3)
    assert bench.ask(0x5E) == b"\x5e\xff" + bytes(6)
    assert bench.ask(0x11, 7) == b"\x11" + bytes(7)


def test_each_bit_rate_is_the_one_that_is_switched_to():
    for index, kbit_s in ((0, 1000), (2, 500), (3, 250)):
        bench = Bench(5)
        bench.ask(0x04, 1)
        bench.ask(0x13, 0, index)
        bench.ask(0x15, 0x10, 0x27)
        assert bench.node.switched == (kbit_s, 10000)


def test_the_first_and_the_last_node_id_are_taken():
    bench = Bench(5)
    bench.ask(0x04, 1)
    for node_id in (1, 127):
        assert bench.ask(0x11, node_id)[1] == 0
        assert bench.slave.pending_id == node_id


def test_a_node_that_is_left_configures_nothing():
    bench = Bench(5)
    bench.ask(0x04, 1)
    bench.ask(0x04, 0)
    assert bench.ask(0x5E) is None
    assert bench.ask(0x11, 9) is None
    assert bench.slave.pending_id == 5


def parts(bench, first, values, at=0):
    """The last answer to parts at.. of a selection (0x40) or an identification (0x46)."""
    answer = None
    for part in range(at, len(values)):
        answer = bench.ask_value(first + part, values[part])
    return answer


BOUNDS = (
    IDENTITY[0], IDENTITY[1], IDENTITY[2] - 1, IDENTITY[2], IDENTITY[3], IDENTITY[3] + 1,
)  # fmt: skip


def test_a_selection_or_identification_that_misses_its_first_part_selects_nothing():
    for first, values in ((0x40, IDENTITY), (0x46, BOUNDS)):
        for before in ("start", "whole", "wrong", "global"):
            bench = Bench(5)
            if before == "whole":
                assert parts(bench, first, values) is not None
                bench.ask(0x04, 0)
            elif before == "wrong":
                bench.ask_value(first, values[0] + 1)
            elif before == "global":
                bench.ask_value(first, values[0])
                bench.ask(0x04, 1)
                bench.ask(0x04, 0)
            assert parts(bench, first, values, 1) is None, before
            assert not bench.slave.configuring
            assert parts(bench, first, values) is not None


def test_each_bound_of_an_identification_counts():
    for part in range(6):
        wrong = list(BOUNDS)
        wrong[part] = BOUNDS[part] + (-2 if part in (3, 5) else 2)
        assert parts(Bench(5), 0x46, wrong) is None


def test_a_scan_begins_with_the_vendor_and_goes_where_it_is_sent():
    bench = Bench()
    assert bench.ask(*pack("<BIBBB", 0x51, IDENTITY[1], 0, 1, 1)) is None
    assert bench.ask(*pack("<BIBBB", 0x51, IDENTITY[0], 0, 0, 1)) is not None
    assert bench.ask(*pack("<BIBBB", 0x51, IDENTITY[1], 32, 1, 2)) is None
    assert bench.ask(*pack("<BIBBB", 0x51, IDENTITY[1], 0, 1, 4)) is None
    assert bench.ask(*pack("<BIBBB", 0x51, IDENTITY[1], 31, 1, 1)) is not None
    assert bench.ask(*pack("<BIBBB", 0x51, IDENTITY[1], 0, 1, 3)) is not None
    assert bench.ask(*pack("<BIBBB", 0x51, IDENTITY[3], 0, 3, 3)) is not None
    assert not bench.slave.configuring
    assert bench.ask(*pack("<BIBBB", 0x51, IDENTITY[3], 0, 3, 0)) is not None
    assert bench.slave.configuring
