"""Generated files are fresh; staleness is noticed; the DBC tells the truth about the bus."""

import cantools
import pytest

from autarky.bus.load import cyclic_load
from autarky.bus.timing import frame_bits
from autarky.generate import GENERATED, outputs
from bess import objects
from bess.table import rows


@pytest.mark.parametrize("path", list(outputs()), ids=lambda p: p.name)
def test_generated_file_is_fresh(path) -> None:
    assert path.read_text(encoding="utf-8") == outputs()[path], "run `make generate`"


def test_a_stale_file_would_be_noticed(monkeypatch) -> None:
    monkeypatch.setattr(
        objects, "PDO_TABLE", objects.PDO_TABLE.replace(b"cell_min_index", b"cell_low_index")
    )
    for path, text in outputs().items():
        if path.name in ("site.dbc", "cabinet.eds"):
            assert path.read_text(encoding="utf-8") != text, path


def test_dbc_has_every_frame_of_every_node() -> None:
    database = cantools.database.load_file(GENERATED / "site.dbc")
    for fields in rows(objects.PDO_TABLE):
        if fields[0] == "frame":
            for node_id in (2, 33):
                message = database.get_message_by_frame_id(int(fields[2], 0) + node_id)
                assert message.name == f"{fields[1]}_{node_id}"
                assert message.length == 8


def test_cyclic_load_of_32_cabinets_stays_under_half() -> None:
    """Worst case by the table: 135 bits a frame at 500 kbit/s, four fast streams among them."""
    load = cyclic_load(cabinets=32, fast_streams=4, bits=135)
    assert 0.40 < load <= 0.50
    assert cyclic_load(cabinets=32, fast_streams=0, bits=135) < 0.42
    assert frame_bits(0x180, bytes(8)) <= 135
