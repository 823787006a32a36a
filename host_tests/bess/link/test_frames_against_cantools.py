"""Random frames: the firmware's decoder and cantools with the generated DBC agree."""

from functools import cache

import cantools
import pytest
from cantools.database import Database
from hypothesis import given, settings
from hypothesis import strategies as st

from autarky.paths import GENERATED
from autarky.tables import FLAGS
from bess import objects
from bess.drivers.pcs_can import PCS_TABLE
from bess.link.frames import FrameCodec
from bess.table import rows

CASES = [
    (file, table, fields[1], suffix)
    for file, table, suffix in (("site", objects.PDO_TABLE, "_7"), ("pcs", PCS_TABLE, ""))
    for fields in rows(table)
    if fields[0] == "frame"
]


@cache
def database(file: str) -> Database:
    """Read where a test asks for it: every worker collects this file, one runs it."""
    return cantools.database.load_file(GENERATED / f"{file}.dbc")


@pytest.mark.parametrize(("file", "table", "name", "suffix"), CASES)
@settings(max_examples=300)
@given(data=st.binary(min_size=8, max_size=8))
def test_decoders_agree(file, table, name, suffix, data):
    codec = FrameCodec(table)
    codec.unpack(codec.frame(name), data)
    decoded = (
        database(file)
        .get_message_by_name(name + suffix)
        .decode(data, decode_choices=False, scaling=False)
    )
    decoded = dict(decoded)
    if name == "status":  # one byte for the firmware, a signal for each of its bits in the DBC
        decoded["flags"] = sum(decoded.pop(flag) << at for flag, at, _ in FLAGS)
    for signal, value in decoded.items():
        if signal not in ("e2e_crc", "e2e_counter"):
            assert codec.image[codec.slot(name, signal)] == value, signal


@pytest.mark.parametrize(("table", "name"), [(table, name) for _, table, name, _ in CASES])
@settings(max_examples=100)
@given(data=st.binary(min_size=8, max_size=8))
def test_packing_undoes_unpacking(table, name, data):
    codec = FrameCodec(table)
    number = codec.frame(name)
    codec.unpack(number, data)
    before = list(codec.image)
    out = bytearray(8)
    codec.pack(number, out)
    codec.unpack(number, out)
    assert list(codec.image) == before
