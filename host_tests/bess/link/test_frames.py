from bess import objects
from bess.link.frames import FrameCodec

FRAMES = ("command", "status", "power", "energy", "cells", "temperatures")


def test_pack_then_unpack_gives_the_image_back():
    codec = FrameCodec(objects.PDO_TABLE)
    out = bytearray(8)
    codec.image[codec.slot("power", "dc_current")] = -1234
    codec.image[codec.slot("power", "dc_voltage")] = 7680
    codec.image[codec.slot("power", "state")] = 4
    codec.pack(codec.frame("power"), out)
    assert out == bytes((0, 0x40, 0x00, 0x1E, 0x2E, 0xFB, 0, 0))
    for i in range(len(codec.image)):
        codec.image[i] = 0
    codec.unpack(codec.frame("power"), out)
    assert codec.image[codec.slot("power", "dc_current")] == -1234
    assert codec.image[codec.slot("power", "dc_voltage")] == 7680
    assert codec.image[codec.slot("power", "state")] == 4


def test_values_are_clipped_to_their_field_and_never_wrap():
    codec = FrameCodec(objects.PDO_TABLE)
    out = bytearray(8)
    slot = codec.slot("status", "charge_limit")
    for value, expected in ((70000, 0xFFFF), (-5, 0)):
        codec.image[slot] = value
        codec.pack(codec.frame("status"), out)
        assert out[2] | out[3] << 8 == expected
    slot = codec.slot("temperatures", "temp_min")
    codec.image[slot] = -300
    codec.pack(codec.frame("temperatures"), out)
    assert out[0] == 0x80


def test_fields_of_a_frame_do_not_overlap():
    codec = FrameCodec(objects.PDO_TABLE)
    out = bytearray(8)
    for name in FRAMES:
        number = codec.frame(name)
        first, end = codec._first[number], codec._first[number + 1]
        used = 0
        for slot in range(first, end):
            for other in range(first, end):
                codec.image[other] = 0
            codec.image[slot] = -1 if codec._fields[4 * slot + 3] else 0x7FFFFFFF
            codec.pack(number, out)
            bits = 0
            for byte in reversed(out):
                bits = bits << 8 | byte
            assert used & bits == 0, name
            used |= bits


def test_unknown_names_are_refused():
    codec = FrameCodec(objects.PDO_TABLE)
    for call in (lambda: codec.frame("x"), lambda: codec.slot("status", "x")):
        try:
            call()
        except KeyError:
            continue
        raise AssertionError("not refused")
