"""The dictionary and its transfers, by the unmodified PyPI client over the `autarky` interface."""

import binascii
import io
import random
import struct
import time
from collections.abc import Iterator

import canopen
import pytest
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


@pytest.mark.parametrize("size", [1, 7, 8, 111, 112, 113, 8 * 1024])
def test_block_transfer_both_ways_with_crc(unlocked, size: int) -> None:
    data = random.Random(size).randbytes(size)
    with unlocked.sdo.open(PROGRAM, 1, "wb", size=size, block_transfer=True) as out:
        out.write(data)
    assert unlocked.sdo[0x1F56][1].raw == binascii.crc32(data)
    with unlocked.sdo.open(PROGRAM, 1, "rb", block_transfer=True) as source:
        assert source.read() == data


@pytest.mark.parametrize("size", [5, 7, 14, 512])
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
    from autarky.node.names import names, variables

    repeated = ("number_of_entries",)
    kept = [
        v.name for v in variables()
        if v.name not in repeated and not v.name.startswith("mapping_")
    ]  # fmt: skip
    assert len(kept) == len(set(kept)) == len(names())
