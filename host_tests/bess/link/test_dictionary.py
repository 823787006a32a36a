from struct import pack, unpack
from types import SimpleNamespace

from bess import objects
from bess.link import abort, communication
from bess.link.dictionary import Dictionary
from bess.link.emcy import Emergencies
from bess.link.frames import FrameCodec
from bess.link.pdo import Pdos
from bess.parameters import Parameters

ROOT_TABLE = b"""\
0x2900 flagged     u16 ro - value?flag
0x2901 plain       u16 ro - value
0x2902.* elements  i16 ro - values?known
0x2903.* all       i16 ro - values?flag
0x2904 temperature i16 ro - temperature
0x2905 of_string   u16 ro - .meter.value?.meter.known
0x2906.* of_cells  u16 ro - .cells
"""


class Root:
    """What the tables name, as the application has it."""

    def __init__(self):
        self.node = self
        self.emcy = Emergencies(None)
        self.value = 0
        self.flag = False
        self.values = (0, 5)
        self.temperature = -32768
        self.string = SimpleNamespace(
            meter=SimpleNamespace(value=7, known=False), cells=lambda: [8, 9]
        )

    def known(self, element):
        return element == 1


class Bench:
    def __init__(self, node_id=5):
        self.root = Root()
        self.parameters = Parameters()
        codec = FrameCodec(objects.PDO_TABLE)
        self.pdo = Pdos(None, codec, objects.PDO_TABLE, self.parameters)
        self.pdo.configure(node_id)
        tables = (communication.TABLE, ROOT_TABLE)
        self.dictionary = Dictionary(
            self.root, self.parameters, tables, self.pdo, self.may_write, self.changed
        )

    def may_write(self, under_load):
        return abort.NONE

    def changed(self, index, sub):
        self.pdo.load()

    def read(self, index, sub=0):
        """The bytes, or the abort code."""
        entry = self.dictionary.lookup(index, sub)
        if isinstance(entry, int):
            return entry
        source = self.dictionary.reader(entry)
        return source if isinstance(source, int) else source.read(0, source.size())

    def write(self, index, sub, value):
        entry = self.dictionary.lookup(index, sub)
        layout = {1: "<B", 2: "<H", 4: "<I"}[entry.size]
        return self.dictionary.write(entry, pack(layout, value))


def test_the_error_history_has_no_data_beyond_its_count():
    bench = Bench()
    assert bench.read(0x1003) == b"\x00"
    for sub in range(1, 17):
        assert bench.read(0x1003, sub) == abort.NO_DATA
    assert bench.read(0x1003, 17) == abort.NO_SUB
    for count in range(1, 20):
        bench.root.emcy.put(0x3210 + count, 5, 19, 3)
        assert bench.read(0x1003) == bytes((min(count, 16),))
        for sub in range(1, 17):
            if sub <= count:
                code = unpack("<I", bench.read(0x1003, sub))[0] & 0xFFFF
                assert code == 0x3210 + count - sub + 1
            else:
                assert bench.read(0x1003, sub) == abort.NO_DATA
    assert bench.write(0x1003, 0, 0) == abort.NONE
    assert bench.read(0x1003, 1) == abort.NO_DATA


def test_reserved_values_of_cia_301_are_refused():
    bench = Bench()
    assert bench.write(0x1019, 0, 1) == abort.VALUE
    for value in (0, 2, 240):
        assert bench.write(0x1019, 0, value) == abort.NONE
    for value in (241, 255):
        assert bench.write(0x1019, 0, value) == abort.TOO_HIGH
    for pdo in range(6):
        for value in (241, 250, 253):
            assert bench.write(0x1800 + pdo, 2, value) == abort.VALUE
        for value in (1, 240, 254, 255):
            assert bench.write(0x1800 + pdo, 2, value) == abort.NONE
        assert bench.write(0x1800 + pdo, 2, 0) == abort.TOO_LOW


def test_reserved_values_are_refused_by_every_other_way_too():
    parameters = Parameters()
    for name, value in (("sync_counter_overflow", 1), ("tpdo2_type", 245)):
        refused = ""
        try:
            parameters.set(name, value)
        except ValueError as error:
            refused = str(error)
        assert name in refused
    assert parameters.restore(pack("<HBi", 0x1019, 0, 1)) == 1
    assert parameters.restore(pack("<HBi", 0x1801, 2, 253)) == 1
    assert parameters.restore(pack("<HBi", 0x1019, 0, 10)) == 0


def test_a_heartbeat_time_of_0_is_taken():
    bench = Bench()
    assert bench.write(0x1017, 0, 0) == abort.NONE
    assert bench.write(0x1017, 0, 5000) == abort.NONE
    assert bench.write(0x1017, 0, 5001) == abort.TOO_HIGH


def test_inhibit_time_and_sync_start_are_fixed_while_the_pdo_exists():
    bench = Bench()
    for pdo in range(6):
        index = 0x1800 + pdo
        cob_id = unpack("<I", bench.read(index, 1))[0]
        for sub in (3, 6):
            present = bench.read(index, sub)
            assert bench.write(index, sub, 7) == abort.STATE
            assert bench.read(index, sub) == present
            assert bench.write(index, sub, present[0]) == abort.NONE  # changes nothing
        assert bench.write(index, 5, 500) == abort.NONE
        assert bench.write(index, 1, cob_id | 0x80000000) == abort.NONE
        for sub in (3, 6):
            assert bench.write(index, sub, 7) == abort.NONE
        assert bench.write(index, 1, cob_id) == abort.NONE
        assert bench.write(index, 3, 8) == abort.STATE


def test_a_cob_id_without_the_bit_for_no_remote_frames_is_refused():
    """We answer no remote frames; of a neighbour's id no bit may stand in for bit 30."""
    for node_id in (2, 3):  # an even identifier and an odd one
        bench = Bench(node_id)
        for pdo in range(6):
            cob_id = unpack("<I", bench.read(0x1800 + pdo, 1))[0]
            assert cob_id & 0x40000000
            assert bench.write(0x1800 + pdo, 1, cob_id & ~0x40000000) == abort.VALUE
            assert bench.write(0x1800 + pdo, 1, cob_id) == abort.NONE


def test_what_was_not_measured_is_no_data():
    bench = Bench()
    assert bench.read(0x2900) == abort.NO_DATA
    assert bench.read(0x2901) == b"\x00\x00"
    bench.root.flag = True
    assert bench.read(0x2900) == b"\x00\x00"


def test_each_element_of_an_array_is_known_by_itself_or_all_at_once():
    bench = Bench()
    assert bench.read(0x2902) == b"\x02"
    assert bench.read(0x2902, 1) == abort.NO_DATA
    assert bench.read(0x2902, 2) == b"\x05\x00"
    assert bench.read(0x2902, 3) == abort.NO_SUB
    assert bench.read(0x2903, 2) == abort.NO_DATA
    bench.root.flag = True
    assert bench.read(0x2903, 1) == b"\x00\x00"


def test_a_temperature_without_a_reading_is_no_data():
    bench = Bench()
    assert bench.read(0x2904) == abort.NO_DATA
    bench.root.temperature = -90
    assert unpack("<h", bench.read(0x2904))[0] == -90


def test_a_mapped_piece_is_no_data_while_its_frame_is_not_known():
    bench = Bench()
    number = 1  # frames are numbered with the command first
    assert bench.read(0x2180 + number, 1) == b"\x00"
    bench.pdo.tell(number, False)
    assert bench.read(0x2180 + number, 1) == abort.NO_DATA
    assert bench.read(0x1A00, 1) == pack("<I", 0x21810108)


def test_the_mapping_says_what_the_frames_hold():
    """Bytes of every frame, in order and without a gap beyond the reserved ones."""
    bench = Bench()
    for frame in range(bench.pdo.count):
        received = frame == 0 or frame == bench.pdo.count - 1
        base = (0x1600 if frame == 0 else 0x1601 - frame) if received else 0x1A00 - 1
        count = bench.read(base + frame)[0]
        assert bench.read(0x2180 + frame) == bytes((count,))
        bits = 0
        for sub in range(1, count + 1):
            entry = unpack("<I", bench.read(base + frame, sub))[0]
            assert entry >> 8 == (0x2180 + frame) << 8 | sub
            assert len(bench.read(0x2180 + frame, sub)) * 8 == entry & 0xFF
            bits += entry & 0xFF
        assert 56 <= bits <= 64
        assert bench.read(base + frame, count + 1) == abort.NO_SUB
        assert bench.read(0x2180 + frame, count + 1) == abort.NO_SUB


def test_the_very_first_object_has_no_sub_index_and_says_so():
    bench = Bench()
    assert bench.read(0x1000) == b"\x00\x00\x00\x00"
    assert bench.read(0x1000, 1) == abort.NO_SUB
    assert bench.read(0x0FFF, 1) == abort.NO_OBJECT


def test_a_path_that_begins_with_a_dot_is_of_the_root_s_string():
    bench = Bench()
    assert bench.read(0x2905) == abort.NO_DATA
    bench.root.string.meter.known = True
    assert bench.read(0x2905) == b"\7\0"
    assert (bench.read(0x2906), bench.read(0x2906, 2)) == (b"\2", b"\x09\0")
