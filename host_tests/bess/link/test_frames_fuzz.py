"""A hundred thousand random frames: the firmware's decoder and cantools agree on each."""

import random

import cantools

from autarky.paths import GENERATED
from autarky.tables import FLAGS
from bess import objects
from bess.link.frames import FrameCodec
from bess.table import rows

FRAMES = 100_000


def test_decoder_and_dbc_agree_on_1e5_random_frames() -> None:
    database = cantools.database.load_file(GENERATED / "site.dbc")
    codec = FrameCodec(objects.PDO_TABLE)
    names = [fields[1] for fields in rows(objects.PDO_TABLE) if fields[0] == "frame"]
    cases = []
    flags = {name for name, _, _ in FLAGS}  # of one byte: test_frames_against_cantools.py
    for number, name in enumerate(names):
        message = database.get_message_by_name(f"{name}_9")
        slots = [
            (signal.name, codec.slot(name, signal.name))
            for signal in message.signals
            if not signal.name.startswith("e2e_") and signal.name not in flags
        ]
        cases.append((number, message, slots))
    rng = random.Random(5)
    for _ in range(FRAMES // len(cases) + 1):
        for number, message, slots in cases:
            data = rng.randbytes(8)
            codec.unpack(number, data)
            decoded = message.decode(data, decode_choices=False, scaling=False)
            for name, slot in slots:
                assert codec.image[slot] == decoded[name], (message.name, name, data.hex())
