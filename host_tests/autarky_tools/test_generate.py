"""Generated files are fresh; staleness is noticed; the DBC tells the truth about the bus."""

import cantools
import pytest

from autarky.bus.timing import frame_bits
from autarky.generate import GENERATED, outputs
from bess import objects
from bess.link.node import Node
from bess.parameters import Parameters
from bess.table import rows


@pytest.mark.parametrize("path", list(outputs()), ids=lambda p: p.name)
def test_generated_file_is_fresh(path) -> None:
    assert path.read_text(encoding="utf-8") == outputs()[path], "run `make generate`"


def test_a_stale_file_would_be_noticed(monkeypatch) -> None:
    changed = objects.PDO_TABLE.replace(b"field soc             0 16 u 0.01  %", b"")
    assert changed != objects.PDO_TABLE
    monkeypatch.setattr(objects, "PDO_TABLE", changed)
    site = GENERATED / "site.dbc"
    assert site.read_text(encoding="utf-8") != outputs()[site]


def test_dbc_has_every_frame_of_every_node() -> None:
    database = cantools.database.load_file(GENERATED / "site.dbc")
    for fields in rows(objects.PDO_TABLE):
        if fields[0] == "frame":
            for node_id in (2, 33):
                message = database.get_message_by_frame_id(int(fields[2], 0) + node_id)
                assert message.name == f"{fields[1]}_{node_id}"
                assert message.length == 8


def test_cyclic_load_of_32_cabinets_stays_under_half() -> None:
    """Worst case by the table: 135 bits a frame at 500 kbit/s."""
    parameters = Parameters()
    per_second = 0.0
    for fields in rows(objects.PDO_TABLE):
        if fields[0] == "frame":
            event = 1000 / parameters.get("energy_pdo_ms")
            per_second += {"rx": 10.0, "sync": 10.0, "event": event}[fields[3]]
    per_second += 1000 / parameters.get("heartbeat_ms")
    load = (32 * per_second * 135 + 10 * 60 + 2 * 60) / 500_000
    assert load <= 0.50
    assert frame_bits(0x180, bytes(8)) <= 135
    assert Node is not None
