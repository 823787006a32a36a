"""Each kind of entry, by a table of the test's own: how it is found, read, written and refused."""

from struct import pack

from bess.link import abort
from bess.link.dictionary import Bytes, Dictionary, Entry, is_pdo_cob_id, parameter_kind
from bess.parameters import Parameters

TABLE = b"""\
0x0900.* first        u8  ro  -  first
0x1000   constant     u32 ro  -  =0x92
0x2E00.1 low          u8  rw  -  value|take
0x2E00.2 low_long     i8  ro  -  negative
0x2E00.7 high         u16 ro  -  value
0x2E01   plain        u16 rws -  value|take
0x2E02   free         u32 rwf -  value|take
0x2E03   secret       oct wof -  take
0x2E04   text         str ro  -  text
0x2E05   octets       oct rw  -  octets|take
0x2E06   bytes        dom ro  -  octets
0x2E07   stream       dom rw  -  stream|sink
0x2E08   computed     u16 ro  -  computed
0x2E09   signed       i32 ro  -  negative
0x2E0A   unknown      i16 ro  -  none
0x2E10.* long         u16 ro  -  long
0x2E20.* empty        u16 ro  -  empty
0x2E21.* some         i16 ro  -  some
"""


class Root:
    """What the table names."""

    def __init__(self):
        self.first = (7,)
        self.value = 0x21
        self.negative = -3
        self.none = -32768
        self.text = "abc"
        self.octets = b"\x01\x02"
        self.stream = Bytes(b"stream")
        self.sink = object()
        self.long = list(range(1100))
        self.empty = ()
        self.some = (5, None)
        self.taken = []
        self.answer = None

    def computed(self):
        return 0x1234

    def take(self, data):
        self.taken.append(data)
        return self.answer


class Pdo:
    """Stands for link.pdo: one PDO of each direction, one mapped piece."""

    def __init__(self):
        self.asked = []
        self.is_fixed = False

    def describe(self, index, sub):
        pieces = {(0x1A00, 0): ("u8", 1), (0x1A00, 1): ("u32", 5), (0x2181, 0): ("u8", 1),
                  (0x2181, 1): ("i16", None)}  # fmt: skip
        return pieces.get((index, sub))

    def cob_id(self, index):
        return 0x40000184

    def fixed(self, index, sub):
        self.asked.append((index, sub))
        return self.is_fixed


class Bench:
    def __init__(self):
        self.root = Root()
        self.parameters = Parameters()
        self.pdo = Pdo()
        self.told = []
        self.under_load = []
        self.dictionary = Dictionary(
            self.root, self.parameters, (TABLE,), self.pdo, self.may_write, self.changed
        )

    def may_write(self, under_load):
        self.under_load.append(under_load)
        return abort.ACCESS

    def changed(self, index, sub):
        self.told.append((index, sub))

    def entry(self, index, sub=0):
        return self.dictionary.lookup(index, sub)

    def read(self, index, sub=0):
        entry = self.entry(index, sub)
        if isinstance(entry, int):
            return entry
        source = self.dictionary.reader(entry)
        return source if isinstance(source, int) else source.read(0, source.size())

    def write(self, index, sub, data):
        return self.dictionary.write(self.entry(index, sub), data)


def test_a_new_entry_is_of_no_object_no_parameter_and_known():
    entry = Entry("dom", "ro")
    assert (entry.index, entry.sub, entry.low, entry.high) == (0, 0, 0, 0)
    assert (entry.size, entry.row, entry.source, entry.value) == (0, -1, None, None)
    assert entry.known is True
    assert [Entry(kind, "ro").size for kind in ("u8", "i16", "u32", "str")] == [1, 2, 4, 0]


def test_bytes_are_read_from_where_and_as_many_as_is_asked():
    source = Bytes(b"abcdef")
    assert source.size() == 6
    assert source.read(2, 3) == b"cde"
    assert source.read(4, 9) == b"ef"


def test_pdo_communication_objects_have_their_cob_id_in_sub_index_1():
    for index, true in (
        (0x13FF, False), (0x1400, True), (0x15FF, True), (0x1600, False), (0x17FF, False),
        (0x1800, True), (0x19FF, True), (0x1A00, False),
    ):  # fmt: skip
        assert is_pdo_cob_id(index, 1) == true, hex(index)
        assert not is_pdo_cob_id(index, 0)
        assert not is_pdo_cob_id(index, 2)


def test_a_parameter_is_as_wide_as_cia_301_has_it_and_ours_are_i32():
    for high, kind in ((1, "u8"), (255, "u8"), (256, "u16"), (65535, "u16"), (65536, "u32")):
        assert parameter_kind(0x1FFF, 0, high) == kind, high
        assert parameter_kind(0x2000, 0, high) == "i32"
    assert parameter_kind(0x1800, 1, 1) == "u32"
    assert parameter_kind(0x1800, 2, 255) == "u8"


def test_an_entry_tells_its_address_and_a_parameter_its_range():
    bench = Bench()
    entry = bench.entry(0x2002)
    assert (entry.index, entry.sub, entry.kind, entry.access) == (0x2002, 0, "i32", "rw")
    assert (entry.low, entry.high, entry.row) == (4, 54, 2)
    entry = bench.entry(0x1800, 3)
    assert (entry.index, entry.sub, entry.kind, entry.high) == (0x1800, 3, "u16", 65535)
    entry = bench.entry(0x2E00, 7)
    assert (entry.index, entry.sub, entry.kind, entry.access) == (0x2E00, 7, "u16", "ro")
    assert entry.row == -1


def test_the_first_row_and_the_last_are_found_and_nothing_beside_them():
    bench = Bench()
    assert bench.read(0x0900) == b"\x01"
    assert bench.read(0x0900, 1) == b"\x07"
    assert bench.read(0x1000) == pack("<I", 0x92)
    assert bench.read(0x2E21, 1) == pack("<h", 5)
    assert bench.read(0x2000) == pack("<i", 1)
    for index in (0, 0x08FF, 0x0FFF, 0x1001, 0x2DFF, 0x2E0B, 0x2E22, 0xFFFF):
        assert bench.read(index) == abort.NO_OBJECT, hex(index)
        assert bench.read(index, 1) == abort.NO_OBJECT, hex(index)


def test_sub_index_0_tells_the_highest_and_what_lies_between_is_none():
    bench = Bench()
    assert bench.read(0x2E00) == b"\x07"
    for sub in (3, 6, 8, 255):
        assert bench.read(0x2E00, sub) == abort.NO_SUB, sub
    for index in (0x1000, 0x2E01, 0x2000):
        assert bench.read(index, 1) == abort.NO_SUB, hex(index)


def test_a_mapped_piece_is_found_through_the_pdo():
    bench = Bench()
    assert bench.read(0x1A00) == b"\x01"
    assert bench.read(0x1A00, 1) == pack("<I", 5)
    assert bench.read(0x1A00, 2) == abort.NO_SUB
    assert bench.read(0x2181, 1) == abort.NO_DATA
    assert bench.read(0x2181, 2) == abort.NO_SUB
    assert bench.read(0x2182) == abort.NO_OBJECT


def test_a_long_array_takes_four_indices_of_254_and_no_fifth():
    bench = Bench()
    for number in range(4):
        index = 0x2E10 + number
        assert bench.read(index) == b"\xfe"
        assert bench.read(index, 1) == pack("<H", 254 * number)
        assert bench.read(index, 254) == pack("<H", 254 * number + 253)
        assert bench.read(index, 255) == abort.NO_SUB
    assert bench.read(0x2E14) == abort.NO_OBJECT
    assert bench.read(0x2E14, 1) == abort.NO_OBJECT


def test_a_short_array_takes_one_index_and_an_empty_one_says_so():
    bench = Bench()
    assert bench.read(0x2E20) == b"\x00"
    assert bench.read(0x2E20, 1) == abort.NO_SUB
    assert bench.read(0x2E21) == b"\x02"
    assert bench.read(0x2E21, 2) == abort.NO_DATA
    assert bench.read(0x2E21, 3) == abort.NO_SUB
    assert bench.read(0x0901) == abort.NO_OBJECT
    bench.root.long = list(range(300))
    assert bench.read(0x2E11) == bytes((46,))
    assert bench.read(0x2E11, 46) == pack("<H", 299)
    assert bench.read(0x2E11, 47) == abort.NO_SUB
    assert bench.read(0x2E12) == abort.NO_OBJECT


def test_each_kind_is_read_in_its_own_bytes():
    bench = Bench()
    for index, sub, data in (
        (0x2E00, 1, b"\x21"), (0x2E00, 2, b"\xfd"), (0x2E00, 7, b"\x21\x00"),
        (0x2E02, 0, b"\x21\x00\x00\x00"), (0x2E04, 0, b"abc"), (0x2E05, 0, b"\x01\x02"),
        (0x2E06, 0, b"\x01\x02"), (0x2E07, 0, b"stream"), (0x2E08, 0, b"\x34\x12"),
        (0x2E09, 0, b"\xfd\xff\xff\xff"),
    ):  # fmt: skip
        assert bench.read(index, sub) == data, hex(index)
    assert bench.read(0x2E03) == abort.WRITE_ONLY
    assert bench.read(0x2E0A) == abort.NO_DATA


def test_a_stream_is_read_where_it_stands():
    bench = Bench()
    assert bench.dictionary.reader(bench.entry(0x2E07)) is bench.root.stream


def test_who_may_write_follows_from_the_access_of_the_entry():
    bench = Bench()
    for index, sub, refusal, asked in (
        (0x2E00, 7, abort.READ_ONLY, []), (0x2E00, 1, abort.ACCESS, [False]),
        (0x2E01, 0, abort.ACCESS, [True]), (0x2E02, 0, abort.NONE, []),
        (0x2E03, 0, abort.NONE, []), (0x2002, 0, abort.ACCESS, [False]),
    ):  # fmt: skip
        bench.under_load = []
        assert bench.dictionary.may_write(bench.entry(index, sub)) == refusal, hex(index)
        assert bench.under_load == asked, hex(index)


def test_a_domain_is_written_to_what_stands_behind_the_bar():
    bench = Bench()
    assert bench.dictionary.sink(bench.entry(0x2E07)) is bench.root.sink


def test_an_entry_takes_its_own_size_and_octets_64():
    bench = Bench()
    assert bench.dictionary.longest(bench.entry(0x2E05)) == 64
    assert bench.dictionary.longest(bench.entry(0x2E01)) == 2
    assert bench.write(0x2E01, 0, b"\x01\x02\x03") == abort.TOO_LONG
    assert bench.write(0x2E01, 0, b"\x01") == abort.TOO_SHORT
    assert bench.root.taken == []
    assert bench.write(0x2E01, 0, b"\x01\x02") == abort.NONE
    assert bench.write(0x2E05, 0, b"\x05") == abort.NONE
    assert bench.write(0x2E03, 0, b"") == abort.NONE
    assert bench.root.taken == [0x0201, b"\x05", b""]
    bench.root.answer = abort.STATE
    assert bench.write(0x2E01, 0, b"\x01\x02") == abort.STATE
    assert bench.told == []


def test_a_parameter_is_taken_in_its_range_told_and_refused_beyond():
    bench = Bench()
    for value, refusal in ((4, 0), (54, 0), (3, abort.TOO_LOW), (55, abort.TOO_HIGH)):
        before = bench.parameters.get("cells_per_module")
        bench.told = []
        assert bench.write(0x2002, 0, pack("<i", value)) == refusal, value
        after = before if refusal else value
        assert bench.parameters.get("cells_per_module") == after
        assert bench.told == ([] if refusal else [(0x2002, 0)])
    assert bench.write(0x2002, 0, pack("<i", -1)) == abort.TOO_LOW
    assert bench.write(0x2000, 0, pack("<i", 2)) == abort.TOO_HIGH  # the table's first
    assert bench.write(0x1800, 2, b"\xf1") == abort.VALUE
    assert bench.told == []


def test_what_is_fixed_now_takes_only_its_own_value():
    bench = Bench()
    bench.pdo.is_fixed = True
    assert bench.write(0x1800, 3, b"\x07\x00") == abort.STATE
    assert bench.pdo.asked == [(0x1800, 3)]
    assert bench.write(0x1800, 3, b"\x00\x00") == abort.NONE


def test_a_cob_id_is_written_only_to_switch_its_pdo_on_or_off():
    bench = Bench()
    own = 0x40000184
    assert bench.read(0x1800, 1) == pack("<I", own)
    assert bench.write(0x1800, 1, pack("<I", own | 0x80000000)) == abort.NONE
    assert bench.parameters.get("tpdo1_enabled") == 0
    assert bench.told == [(0x1800, 1)]
    assert bench.read(0x1800, 1) == pack("<I", own | 0x80000000)
    assert bench.write(0x1800, 1, pack("<I", own)) == abort.NONE
    assert bench.parameters.get("tpdo1_enabled") == 1
    for wrong in (own + 1, own ^ 0x20000000, own ^ 0x40000000, 0xC0000185, 0):
        assert bench.write(0x1800, 1, pack("<I", wrong)) == abort.VALUE, hex(wrong)
    assert bench.parameters.get("tpdo1_enabled") == 1
