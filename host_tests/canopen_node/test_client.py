"""Everything of can.md's table, by the unmodified PyPI client over the `autarky` interface."""

import binascii
import io
import random
import struct
import threading
import time
from collections.abc import Iterator

import canopen
import pytest
from canopen.lss import LssMaster
from canopen.objectdictionary import ODVariable
from canopen.sdo import SdoAbortedError
from patience import PATIENCE_S

from autarky.generate.eds import dictionary_of
from autarky.node.unlock import lock, unlock

pytestmark = pytest.mark.slow
KEY = bytes(32)
ACCESS, STATE, READ_ONLY, WRITE_ONLY = 0x06010000, 0x08000022, 0x06010002, 0x06010001
NO_DATA = 0x08000024
PROGRAM = 0x1F50


def variables(od: canopen.ObjectDictionary) -> Iterator[ODVariable]:
    for entry in od.values():
        if isinstance(entry, ODVariable):
            yield entry
        else:
            yield from entry.values()


def abort_code(call) -> int:
    with pytest.raises(SdoAbortedError) as caught:
        call()
    return caught.value.code


def test_every_readable_entry_of_the_eds_reads_with_its_size(node) -> None:
    count = 0
    unknown = set()
    for variable in variables(node.object_dictionary):
        if variable.access_type == "wo":
            continue
        if variable.data_type == canopen.objectdictionary.DOMAIN:
            continue
        try:
            data = node.sdo.upload(variable.index, variable.subindex)
        except SdoAbortedError as error:
            unknown.add((variable.index, error.code))
            continue
        if variable.data_type in canopen.objectdictionary.INTEGER_TYPES:
            assert len(data) == len(variable) // 8, variable.name
        count += 1
    assert count > 600
    # no errors yet, and no SYNC that formed the power frame
    assert unknown <= {(0x1003, NO_DATA), (0x2182, NO_DATA)}, unknown


def test_every_writable_entry_takes_its_value_back(unlocked) -> None:
    skipped = {
        0x1003,
        0x1010,
        0x1011,
        0x1F51,
        0x2310,
        0x2422,
        0x2F00,
    }  # commands, tested one by one
    count = 0
    for variable in variables(unlocked.object_dictionary):
        if variable.access_type != "rw" or variable.index in skipped:
            continue
        if variable.data_type == canopen.objectdictionary.DOMAIN:
            continue
        before = unlocked.sdo.upload(variable.index, variable.subindex)
        if variable.min is not None and variable.subindex not in (2, 3, 6):
            value = (variable.min + variable.max) // 2
            unlocked.sdo.download(variable.index, variable.subindex, variable.encode_raw(value))
            again = unlocked.sdo.upload(variable.index, variable.subindex)
            assert variable.decode_raw(again) == value, variable.name
        unlocked.sdo.download(variable.index, variable.subindex, before)
        assert unlocked.sdo.upload(variable.index, variable.subindex) == before, variable.name
        count += 1
    assert count > 180


def test_strings_come_segmented(node) -> None:
    assert node.sdo["device_name"].raw == "Autarky cabinet"
    assert node.sdo["hardware_version"].raw == "unix"


@pytest.mark.parametrize("size", [1, 7, 8, 111, 112, 113, 64 * 1024])
def test_block_transfer_both_ways_with_crc(unlocked, size: int) -> None:
    data = random.Random(size).randbytes(size)
    with unlocked.sdo.open(PROGRAM, 1, "wb", size=size, block_transfer=True) as out:
        out.write(data)
    assert unlocked.sdo[0x1F56][1].raw == binascii.crc32(data)
    with unlocked.sdo.open(PROGRAM, 1, "rb", block_transfer=True) as source:
        assert source.read() == data


@pytest.mark.parametrize("size", [5, 7, 14, 16 * 1024])
def test_segmented_transfer_both_ways(unlocked, size: int) -> None:
    data = random.Random(size).randbytes(size)
    with unlocked.sdo.open(PROGRAM, 1, "wb", size=size, force_segment=True) as out:
        out.write(data)
    with unlocked.sdo.open(PROGRAM, 1, "rb") as source:
        assert source.read() == data


def test_a_block_with_a_wrong_crc_is_refused(unlocked) -> None:
    stream = unlocked.sdo.open(PROGRAM, 1, "wb", size=21, block_transfer=True)
    raw = stream.raw
    stream.write(bytes(range(21)))
    stream.flush()
    raw._crc._value ^= 1
    assert abort_code(stream.close) == 0x05040004


def test_refusals_have_their_codes(node, unlocked) -> None:
    sdo = node.sdo
    assert abort_code(lambda: sdo.upload(0x5000, 0)) == 0x06020000
    assert abort_code(lambda: sdo.upload(0x100C, 0)) == 0x06020000  # node guarding: heartbeat only
    assert abort_code(lambda: sdo.download(0x100D, 0, b"\1")) == 0x06020000
    assert abort_code(lambda: sdo.upload(0x1018, 5)) == 0x06090011
    assert abort_code(lambda: sdo.upload(0x2F00, 2)) == WRITE_ONLY
    assert abort_code(lambda: sdo.download(0x1000, 0, bytes(4))) == READ_ONLY
    assert abort_code(lambda: sdo.download(0x1A00, 0, b"\0")) == READ_ONLY
    assert abort_code(lambda: sdo.download(0x1017, 0, bytes(4))) == 0x06070012
    assert abort_code(lambda: sdo.download(0x1017, 0, b"\1")) == 0x06070013
    assert abort_code(lambda: sdo.download(0x1017, 0, struct.pack("<H", 65000))) == 0x06090031
    assert abort_code(lambda: sdo.download(0x2020, 0, struct.pack("<i", 3))) == 0x06090032
    assert abort_code(lambda: sdo.download(0x1800, 2, b"\xf5")) == 0x06090030
    assert abort_code(lambda: sdo.download(0x1800, 1, struct.pack("<I", 0x40000333))) == 0x06090030
    assert abort_code(lambda: sdo.download(0x1010, 1, b"evas")) == 0x08000020
    assert abort_code(lambda: sdo.download(PROGRAM, 1, bytes(8), force_segment=True) or
                      sdo.download(0x1F51, 1, b"\1")) == 0x08000022  # fmt: skip
    assert abort_code(lambda: sdo.download(0x1F51, 1, b"\7")) == 0x06090030


def test_protocol_errors_have_their_codes(node) -> None:
    sdo = node.sdo

    def raw(*frames: bytes) -> int:
        response = b""
        for frame in frames:
            response = sdo.request_response(frame.ljust(8, b"\0"))
        return struct.unpack_from("<L", response, 4)[0]

    assert abort_code(lambda: raw(b"\xe0")) == 0x05040001  # no such command
    assert abort_code(lambda: raw(b"\x60")) == 0x05040001  # segment of nothing
    assert abort_code(lambda: raw(b"\x00")) == 0x05040001
    assert abort_code(lambda: raw(b"\x40\x08\x10\x00", b"\x70")) == 0x05030000  # toggle
    assert abort_code(lambda: raw(b"\xa0\x08\x10\x00\x00")) == 0x05040002  # block of 0
    assert abort_code(lambda: raw(b"\xa0\x08\x10\x00\x80")) == 0x05040002
    # interleaved: a new request ends the one before, and is answered itself
    raw(b"\x40\x08\x10\x00")
    assert node.sdo["device_name"].raw == "Autarky cabinet"


def test_writing_needs_the_session_and_the_right_answer(node) -> None:
    lock(node)
    before = node.sdo["cell_ov_3_dmv"].raw
    assert abort_code(lambda: setattr(node.sdo["cell_ov_3_dmv"], "raw", 36000)) == ACCESS
    assert node.sdo["cell_ov_3_dmv"].raw == before
    assert abort_code(lambda: unlock(node, b"wrong key")) == ACCESS
    assert node.sdo[0x2F00][5].raw >= 1
    assert abort_code(lambda: unlock(node, KEY)) == STATE  # the delay after a wrong answer
    deadline = time.monotonic() + PATIENCE_S
    while node.sdo[0x2F00][5].raw:
        assert time.monotonic() < deadline
    unlock(node, KEY)
    node.sdo["cell_ov_3_dmv"].raw = 36000
    assert node.sdo["cell_ov_3_dmv"].raw == 36000
    node.sdo["cell_ov_3_dmv"].raw = before


def test_an_answer_cannot_be_used_twice(node) -> None:
    lock(node)
    seen = []
    original = node.sdo.download

    def record(index, sub, data, force_segment=False):
        seen.append((index, sub, data))
        return original(index, sub, data, force_segment)

    node.sdo.download = record
    try:
        unlock(node, KEY)
    finally:
        node.sdo.download = original
    lock(node)
    assert abort_code(lambda: node.sdo.download(*seen[-1])) == STATE


def test_nmt_states_are_followed(site, node) -> None:
    for command, state in (("OPERATIONAL", "OPERATIONAL"), ("STOPPED", "STOPPED")):
        node.nmt.state = command
        assert node.nmt.wait_for_heartbeat(timeout=PATIENCE_S) or True
        deadline = time.monotonic() + PATIENCE_S
        while node.nmt.state != state:
            assert time.monotonic() < deadline
            node.nmt.wait_for_heartbeat(timeout=PATIENCE_S)
    node.sdo.RESPONSE_TIMEOUT = 0.3
    with pytest.raises(canopen.SdoCommunicationError):
        node.sdo.upload(0x1000, 0)  # no SDO in stopped
    node.sdo.RESPONSE_TIMEOUT = 60.0
    node.nmt.state = "PRE-OPERATIONAL"
    node.nmt.wait_for_heartbeat(timeout=PATIENCE_S)
    assert node.sdo.upload(0x1000, 0) == bytes(4)


def test_pdos_are_read_and_decoded(site, node) -> None:
    node.tpdo.read()
    node.rpdo.read()
    assert [m.cob_id for m in node.tpdo.values()] == [0x182, 0x282, 0x382, 0x482, 0x302, 0x502]
    assert node.rpdo[1].cob_id == 0x202
    assert all(m.enabled for m in node.tpdo.values())
    node.nmt.state = "OPERATIONAL"
    cells = node.tpdo[4]
    assert cells.wait_for_reception(timeout=PATIENCE_S)
    assert 3000 < cells["cells_image.cells.cell_min"].raw < 3500
    stop = threading.Event()

    def sync() -> None:
        counter = 0
        while not stop.is_set():
            counter = counter % 240 + 1
            site.network.sync.transmit(counter)
            time.sleep(0.02)

    thread = threading.Thread(target=sync)
    thread.start()
    try:
        assert node.tpdo[1].wait_for_reception(timeout=PATIENCE_S)
    finally:
        stop.set()
        thread.join()
    node.nmt.state = "PRE-OPERATIONAL"


def test_pdo_parameters_act_at_once(site, unlocked) -> None:
    node = unlocked
    node.nmt.state = "OPERATIONAL"
    node.tpdo.read()
    energy = node.tpdo[3]
    assert energy.wait_for_reception(timeout=PATIENCE_S)
    energy.enabled = False
    energy.save()
    assert node.sdo[0x1802][1].raw == 0xC0000382
    energy.is_received = False
    assert energy.wait_for_reception(timeout=0.5) is None
    energy.enabled = True
    energy.event_timer = 500
    energy.save()
    assert energy.wait_for_reception(timeout=PATIENCE_S)
    node.sdo[0x1802][5].raw = 1000
    node.nmt.state = "PRE-OPERATIONAL"


def test_every_nth_sync_and_the_start_value_count(site, unlocked) -> None:
    node = unlocked
    # CiA 301: inhibit time and SYNC start are fixed while the PDO exists
    cob_id = node.sdo[0x1800][1].raw
    node.sdo[0x1800][1].raw = cob_id | 1 << 31
    node.sdo[0x1800][2].raw = 3
    node.sdo[0x1800][6].raw = 10
    node.sdo[0x1800][1].raw = cob_id
    node.nmt.state = "OPERATIONAL"
    time.sleep(0.1)
    seen = []
    site.network.subscribe(0x182, lambda can_id, data, stamp: seen.append(counter))
    try:
        for counter in range(5, 30):
            site.network.sync.transmit(counter)
            time.sleep(0.03)
    finally:
        site.network.unsubscribe(0x182)
    assert seen == [10, 13, 16, 19, 22, 25, 28]
    node.sdo[0x1800][2].raw = 1
    node.sdo[0x1800][1].raw = cob_id | 1 << 31
    node.sdo[0x1800][6].raw = 0
    node.sdo[0x1800][1].raw = cob_id
    node.nmt.state = "PRE-OPERATIONAL"


def test_the_snapshot_and_the_log_come_as_domains(node) -> None:
    with node.sdo.open(0x2204, 0, "rb", block_transfer=True) as source:
        snapshot = source.read()
    version, _, cells, sensors, _ = struct.unpack_from("<BBHHI", snapshot)
    assert (version, cells, sensors) == (1, 240, 75)
    assert len(snapshot) == 10 + 2 * 240 + 2 * 75 + 240 + 75
    volts = struct.unpack_from("<240H", snapshot, 10)
    assert all(30000 < v < 35000 for v in volts)
    with node.sdo.open(0x2400, 0, "rb") as source:
        log = source.read()
    assert len(log) % 24 == 0
    assert len(log) >= 24


def read_again(node: canopen.RemoteNode, index: int, sub: int) -> int:
    """Read from a node that is starting anew: it answers once it has booted."""
    deadline = time.monotonic() + PATIENCE_S
    node.sdo.RESPONSE_TIMEOUT = 0.2
    while True:
        try:
            return int.from_bytes(node.sdo.upload(index, sub), "little")
        except canopen.SdoCommunicationError:
            assert time.monotonic() < deadline


def scanned(master: LssMaster) -> list[int] | None:
    """A scan of a machine that may be busy: a late answer is a wrong bit, so it is done again."""
    identity = None
    for master.RESPONSE_TIMEOUT in (0.1, 0.5, 3.0):
        _, identity = master.fast_scan()
        if identity is not None:
            break
        master.send_switch_state_global(LssMaster.WAITING_STATE)
    master.RESPONSE_TIMEOUT = PATIENCE_S
    return identity


def test_fastscan_finds_three_and_their_ids_outlive_a_power_cycle(start_site) -> None:
    site = start_site("--cabinets", "3", "--unconfigured", "--no-coordinator")
    master: LssMaster = site.network.lss
    serials = {}
    for node_id in (11, 12, 13):
        identity = scanned(master)
        assert identity is not None
        assert identity[1] == 0x215
        serials[node_id] = identity[3]
        master.configure_node_id(node_id)
        master.store_configuration()
        assert master.inquire_lss_address(0x5D) == identity[3]
        master.send_switch_state_global(LssMaster.WAITING_STATE)
    assert len(set(serials.values())) == 3
    assert scanned(master) is None
    for node_id, serial in serials.items():
        node = site.node(node_id)
        assert node.sdo[0x1018][4].raw == serial
    node = site.network[12]
    unlock(node, KEY)
    node.sdo["heartbeat_ms"].raw = 250
    node.store()
    site.network.nmt.state = "RESET"  # every chip restarts
    for node_id, serial in serials.items():
        node = site.network[node_id]
        assert read_again(node, 0x1018, 4) == serial
    assert site.network[12].sdo["heartbeat_ms"].raw == 250
    assert site.network[13].sdo["heartbeat_ms"].raw == 500
    unlock(site.network[12], KEY)
    site.network[12].restore()
    site.network.nmt.state = "RESET"
    assert read_again(site.network[12], 0x1017, 0) == 500


def test_selective_switch_and_identify(start_site) -> None:
    site = start_site("--cabinets", "1", "--no-coordinator")
    site.node(2)
    master: LssMaster = site.network.lss
    master.RESPONSE_TIMEOUT = PATIENCE_S
    assert master.send_switch_state_selective(0, 0x215, 0x10000, 1000)
    assert master.inquire_node_id() == 2
    assert master.inquire_lss_address(0x5B) == 0x215
    with pytest.raises(canopen.lss.LssError):
        master.configure_node_id(200)
    master.configure_bit_timing(3)
    with pytest.raises(canopen.lss.LssError):
        master.configure_bit_timing(8)
    master.send_switch_state_global(LssMaster.WAITING_STATE)


def test_emergencies_are_received_on_raise_and_clear(start_site) -> None:
    site = start_site("--cabinets", "1", "--no-coordinator")
    node = site.node(2)
    site.network.heartbeat = None
    beat = site.network.send_periodic(0x701, b"\x05", 0.01)
    time.sleep(0.3)
    beat.stop()  # the coordinator's heartbeat stays away: 0x8130
    emergency = node.emcy.wait(0x8130, timeout=PATIENCE_S)
    assert emergency is not None
    assert emergency.register == 0x11
    assert node.sdo[0x1001].raw == 0x11
    assert node.sdo[0x1003][1].raw & 0xFFFF == 0x8130
    site.network.send_message(0x701, b"\x05")
    deadline = time.monotonic() + PATIENCE_S
    while node.emcy.active:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    unlock(node, KEY)
    node.sdo[0x1003][0].raw = 0
    assert node.sdo[0x1003][0].raw == 0


def test_the_eds_is_the_dictionary_that_answers() -> None:
    """Every entry that the firmware's own dictionary finds stands in the EDS, and no other."""
    from autarky.generate.eds import cabinet_eds, default_cabinet

    text = io.StringIO(cabinet_eds())
    text.name = "cabinet.eds"
    od = canopen.import_od(text, 2)
    known = {(v.index, v.subindex) for v in variables(od)}
    dictionary = dictionary_of(default_cabinet())
    for index in [*range(0x1000, 0x2500), *range(0x2F00, 0x2F10)]:
        for sub in range(256):
            found = dictionary.lookup(index, sub)
            if isinstance(found, int) and sub == 0:
                assert (index, 0) not in known
                break
            assert ((index, sub) in known) == (not isinstance(found, int)), (hex(index), sub)


def test_every_name_is_given_once() -> None:
    from autarky.node.client import names, variables

    repeated = ("number_of_entries",)
    kept = [
        v.name for v in variables()
        if v.name not in repeated and not v.name.startswith("mapping_")
    ]  # fmt: skip
    assert len(kept) == len(set(kept)) == len(names())
