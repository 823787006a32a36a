"""Generated files are fresh; staleness is noticed; the DBC tells the truth about the bus."""

from types import SimpleNamespace

import cantools
import pytest

from autarky.bus.load import cyclic_load
from autarky.bus.timing import frame_bits
from autarky.generate import FLAGS, GENERATED, outputs
from bess import modes, objects, telemetry
from bess.protect.fault_table import TABLE
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


def published_flags(**what: int) -> int:
    """The byte of flags that the firmware's telemetry publishes of a cabinet."""
    given = {"level": 0, "charge": 0, "discharge": 0, "silent": 0, "closed": 0, "thermal": 0} | what
    nothing = SimpleNamespace
    cabinet = nothing(
        protection=nothing(
            worst_fault=0, worst_level=given["level"], charge_blocked=given["charge"],
            discharge_blocked=given["discharge"],
        ),
        limits=nothing(charge_w=0, discharge_w=0),
        meter=nothing(string_mv=0, current_ma=0, power_w=0),
        modes=nothing(state=0, hold=0, silent=given["silent"]),
        contactors=nothing(closed=given["closed"]), thermal=nothing(mode=given["thermal"]),
    )  # fmt: skip
    told = telemetry.Telemetry.__new__(telemetry.Telemetry)
    told._cabinet, told._image, told._status, told._power = cabinet, [0] * 16, 0, 8
    told._pdo, told._power_frame, told.power_known = nothing(tell=lambda *a: None), 0, True
    told.publish_status()
    return told._image[4]


def test_each_flag_of_the_dbc_is_the_bit_that_the_firmware_sets() -> None:
    message = cantools.database.load_file(GENERATED / "site.dbc").get_message_by_name("status_2")
    ours = ("level", "charge", "discharge", "silent", "closed", "thermal")
    for one, (name, _, _) in zip(ours, FLAGS, strict=True):
        for value in (0, 1):
            flags = published_flags(**{one: value})
            decoded = message.decode(bytes((0,) * 7 + (flags,)), decode_choices=False)
            assert {flag for flag, _, _ in FLAGS if decoded[flag]} == ({name} if value else set())


def test_dbc_names_states_modes_levels_and_faults() -> None:
    database = cantools.database.load_file(GENERATED / "site.dbc")
    for node_id in (2, 33):
        status = database.get_message_by_name(f"status_{node_id}")
        shown = status.decode(b"\0\x50\0\0\0\0\x13\x4b")
        assert str(shown["state"]) == modes.NAMES.decode().split()[5]
        assert str(shown["worst_fault"]) == "cell_ov"
        assert str(shown["level"]) == "trip"
        assert str(shown["contactors_closed"]) == "yes"
        emergency = database.get_message_by_name(f"emergency_{node_id}")
        shown = emergency.decode(b"\x10\x32\0\x13\3\0\0\0")
        assert [str(shown[name]) for name in ("error_code", "fault_id", "level")] == [
            "cell_ov", "cell_ov", "trip",
        ]  # fmt: skip
        beat = database.get_message_by_name(f"heartbeat_{node_id}")
        assert str(beat.decode(b"\x7f")["nmt_state"]) == "pre_operational"
        command = database.get_message_by_name(f"command_{node_id}")
        assert str(command.decode(b"\0\x20" + bytes(6))["mode_request"]) == "run"


def test_each_fault_has_an_emcy_code_and_an_id_of_its_own() -> None:
    faults = list(rows(TABLE))
    assert len({fields[9] for fields in faults}) == len(faults)
    assert len({fields[0] for fields in faults}) == len(faults)
