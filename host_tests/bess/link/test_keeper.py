from struct import pack

from bess.link import abort
from bess.link.keeper import Keeper
from bess.parameters import Parameters
from bess.port.memory import MemoryRegion

SAVE = 0x65766173
LOAD = 0x64616F6C
PROVISIONED = {"cell_ov_1_dmv": 35900, "node_id": 3, "node_configured": 1, "can_kbit_s": 500}


class Region(MemoryRegion):
    """Refuses to be written, or read, while it is broken."""

    broken = False
    unreadable = False

    def write(self, offset, data):
        if self.broken:
            raise OSError(5)
        MemoryRegion.write(self, offset, data)

    def readinto(self, offset, buffer):
        if self.unreadable:
            raise OSError(5)
        MemoryRegion.readinto(self, offset, buffer)


class Bench:
    """A board that was provisioned, and what its storage brings back at each start."""

    def __init__(self, size=4096):
        self.region = Region(size)
        self.objections = ""
        self.start()

    def configure(self, parameters):
        for name, value in PROVISIONED.items():
            parameters.set(name, value)

    def objection(self):
        return self.objections

    def start(self):
        self.parameters = Parameters()
        self.configure(self.parameters)
        self.keeper = Keeper(self.parameters, self.region, self.configure, self.objection)
        assert self.keeper.damaged is False
        self.keeper.load()
        return self

    def values(self):
        return list(self.parameters.values)

    def get(self, *names):
        return [self.parameters.get(name) for name in names]

    def set(self, **values):
        for name, value in values.items():
            self.parameters.set(name, value)


def test_without_a_store_what_was_provisioned_stands():
    bench = Bench()
    assert bench.get("cell_ov_1_dmv", "node_id") == [35900, 3]
    assert bench.keeper.damaged is False


def test_what_was_stored_stands_at_the_next_start_and_what_was_not_does_not():
    bench = Bench()
    bench.set(cell_ov_1_dmv=35800, heartbeat_ms=700)
    assert bench.keeper.store(SAVE) == abort.NONE
    bench.set(cell_ov_1_dmv=35700)
    bench.start()
    assert bench.get("cell_ov_1_dmv", "heartbeat_ms") == [35800, 700]
    assert bench.keeper.damaged is False


def test_a_value_set_back_to_the_default_over_a_provisioned_one_is_kept():
    bench = Bench()
    default = Parameters().get("cell_ov_1_dmv")
    assert default != 35900
    bench.set(cell_ov_1_dmv=default)
    assert bench.keeper.store(SAVE) == abort.NONE
    assert bench.start().get("cell_ov_1_dmv") == [default]


def test_only_the_signatures_of_the_standard_store_and_restore():
    bench = Bench()
    bench.set(heartbeat_ms=700)
    for signature in (0, 1, SAVE - 1, SAVE + 1, LOAD):
        assert bench.keeper.store(signature) == abort.NOT_STORED
    for signature in (0, 1, LOAD - 1, LOAD + 1, SAVE):
        assert bench.keeper.restore(signature) == abort.NOT_STORED
    assert bench.region._data is None


def test_a_set_that_contradicts_itself_is_not_stored():
    bench = Bench()
    bench.objections = "a is 1, b is 2"
    bench.set(heartbeat_ms=700)
    assert bench.keeper.store(SAVE) == abort.INCOMPATIBLE
    assert bench.region._data is None
    bench.objections = ""
    assert bench.keeper.store(SAVE) == abort.NONE


def test_storage_that_fails_is_told_by_each_way_to_it():
    bench = Bench()
    bench.set(heartbeat_ms=700)
    before = bench.values()
    bench.region.broken = True
    assert bench.keeper.store(SAVE) == abort.HARDWARE
    assert bench.keeper.restore(LOAD) == abort.HARDWARE
    assert bench.keeper.keep_identity(9, 250) is False
    assert bench.values() == before
    bench.region.broken = False
    bench.region.unreadable = True
    assert bench.keeper.keep_identity(9, 250) is False
    assert bench.values() == before


def test_storage_that_cannot_be_read_at_the_start_is_damaged_and_leaves_what_was_provisioned():
    bench = Bench()
    bench.set(heartbeat_ms=700)
    assert bench.keeper.store(SAVE) == abort.NONE
    bench.region.unreadable = True
    assert bench.start().keeper.damaged is True
    assert bench.get("heartbeat_ms", "node_id") == [500, 3]
    bench.region.unreadable = False
    assert bench.start().keeper.damaged is False
    assert bench.get("heartbeat_ms") == [700]


def test_a_set_too_large_for_its_slot_is_told_and_changes_nothing():
    bench = Bench(size=60)
    bench.set(heartbeat_ms=700)
    assert bench.keeper.store(SAVE) == abort.NONE
    bench.set(cell_ov_1_dmv=35800, cell_ov_2_dmv=36000, node_id=9)
    assert bench.keeper.store(SAVE) == abort.HARDWARE
    assert bench.start().get("heartbeat_ms", "cell_ov_1_dmv", "node_id") == [700, 35900, 3]


def test_a_store_that_does_not_read_back_is_told():
    bench = Bench()
    bench.set(heartbeat_ms=700)
    bench.region.write = lambda offset, data: None
    assert bench.keeper.store(SAVE) == abort.HARDWARE
    assert bench.keeper.restore(LOAD) == abort.HARDWARE
    assert bench.keeper.keep_identity(9, 250) is False


def test_a_restore_acts_at_the_next_start_and_leaves_only_the_identity():
    bench = Bench()
    bench.set(cell_ov_1_dmv=35800, heartbeat_ms=700, node_id=9, can_kbit_s=250)
    assert bench.keeper.store(SAVE) == abort.NONE
    before = bench.values()
    assert bench.keeper.restore(LOAD) == abort.NONE
    assert bench.values() == before
    bench.start()
    assert bench.get("node_id", "node_configured", "can_kbit_s") == [9, 1, 250]
    bench.set(node_id=3, can_kbit_s=500)
    base = Parameters()
    bench.configure(base)
    assert bench.values() == list(base.values)


def test_a_restore_gives_a_node_without_an_id_none():
    """LSS took the id back; provisioned was one."""
    bench = Bench()
    bench.set(node_configured=0)
    assert bench.keeper.restore(LOAD) == abort.NONE
    assert bench.start().get("node_configured", "node_id") == [0, 3]


def test_the_identity_is_kept_without_what_a_session_wrote_and_did_not_store():
    bench = Bench()
    bench.set(heartbeat_ms=700)
    assert bench.keeper.store(SAVE) == abort.NONE
    bench.set(heartbeat_ms=800, cell_ov_1_dmv=35800)
    assert bench.keeper.keep_identity(9, 250) is True
    names = ("heartbeat_ms", "cell_ov_1_dmv", "node_id", "node_configured", "can_kbit_s")
    assert bench.get(*names) == [800, 35800, 9, 1, 250]
    assert bench.start().get(*names) == [700, 35900, 9, 1, 250]


def test_no_node_id_is_kept_as_none_configured_with_the_former_number():
    bench = Bench()
    assert bench.keeper.keep_identity(0, 250) is True
    names = ("node_id", "node_configured", "can_kbit_s")
    assert bench.get(*names) == [3, 0, 250]
    assert bench.start().get(*names) == [3, 0, 250]
    assert bench.keeper.keep_identity(1, 500) is True
    assert bench.start().get(*names) == [1, 1, 500]


def test_a_torn_store_and_a_record_that_fits_no_parameter_are_told_until_the_next_whole_one():
    bench = Bench()
    bench.set(heartbeat_ms=700)
    assert bench.keeper.store(SAVE) == abort.NONE
    bench.set(heartbeat_ms=800)
    assert bench.keeper.store(SAVE) == abort.NONE
    bench.region._data[4096 // 2 + 14] ^= 1
    bench.start()
    assert bench.keeper.damaged is True
    assert bench.get("heartbeat_ms") == [700]

    bench = Bench()
    good = pack("<HBi", 0x1017, 0, 700)
    bench.keeper._slots.save(pack("<HBi", 0x5FFF, 9, 1) + good)
    bench.start()
    assert bench.keeper.damaged is True
    assert bench.get("heartbeat_ms") == [700]
    assert bench.keeper.store(SAVE) == abort.NONE
    assert bench.start().keeper.damaged is False
