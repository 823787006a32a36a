"""Generated files are fresh; staleness is noticed; the DBC tells the truth about the bus."""

import importlib
import subprocess
import sys
from types import SimpleNamespace

import cantools
import pytest

from autarky.bench.load import cyclic_load
from autarky.bus.timing import frame_bits
from autarky.errors import AutarkyError
from autarky.generate.outputs import outputs
from autarky.generate.pages import pins
from autarky.paths import GENERATED, ROOT
from autarky.tables import FLAGS, TableError, check, free_places
from bess import modes, objects, telemetry
from bess.protect.fault_table import TABLE
from bess.table import rows


def test_generated_files_are_fresh() -> None:
    made = outputs()
    stale = [str(path) for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run `make generate`"


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
        modes=nothing(state=0, hold=0, silent=given["silent"], removal=nothing(asked=False)),
        thermal=nothing(mode=given["thermal"]),
    )  # fmt: skip
    string = nothing(
        meter=nothing(string_mv=0, current_ma=0, power_w=0),
        contactors=nothing(closed=given["closed"]),
    )
    told = telemetry.Telemetry.__new__(telemetry.Telemetry)
    told._string = string
    told._cabinet, told._image, told._status, told._power = cabinet, [0] * 16, 0, 8
    told._pdo, told._power_frame, told.power_known = nothing(tell=lambda *a: None), 0, True
    told.publish_status()
    return told._image[5]


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
        shown = emergency.decode(b"\x10\x32\0\x13\3\x10\0\0")
        assert [str(shown[name]) for name in ("error_code", "fault_id", "level", "string")] == [
            "cell_ov", "cell_ov", "trip", "16",
        ]  # fmt: skip
        beat = database.get_message_by_name(f"heartbeat_{node_id}")
        assert str(beat.decode(b"\x7f")["nmt_state"]) == "pre_operational"
        command = database.get_message_by_name(f"command_{node_id}")
        assert str(command.decode(b"\0\x20" + bytes(6))["mode_request"]) == "run"


def test_each_fault_has_an_emcy_code_and_an_id_of_its_own() -> None:
    faults = list(rows(TABLE))
    assert len({fields[9] for fields in faults}) == len(faults)
    assert len({fields[0] for fields in faults}) == len(faults)


def broken(table: str, right: str, wrong: str) -> str:
    """What `autarky generate` ends with when one table reads otherwise; it has written nothing."""
    module, _, name = table.rpartition(".")
    code = (
        "import sys\n"
        f"import {module} as module\n"
        f"name, right, wrong = {name!r}, {right.encode()!r}, {wrong.encode()!r}\n"
        "text = getattr(module, name)\n"
        "assert right in text\n"
        "setattr(module, name, text.replace(right, wrong, 1))\n"
        "from autarky.cli import main\n"
        "sys.argv = ['autarky', 'generate']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


FAULTS, PDOS = "bess.protect.fault_table.TABLE", "bess.objects.PDO_TABLE"


@pytest.mark.parametrize(
    ("table", "right", "wrong", "sentence"),
    [
        (FAULTS, "9001 - -", "9001 -", "it has 11 columns, 12 are wanted in the row `2 hvil"),
        (FAULTS, "9001", "9000", "its EMCY code belongs to another row already"),
        (FAULTS, "9001", "nine", "EMCY code 'nine' is no number"),
        (FAULTS, " 2 hvil", " 1 hvil", "its id belongs to another row already"),
        (
            FAULTS,
            "hvil_open",
            "hvil_shut",
            "no signal of bess/measure/signals.py is named 'hvil_shut'",
        ),
        (FAULTS, " 2 hvil ", " 2 loop ", "no case provokes the fault loop: give it one in tools/"),
        (PDOS, "12  4 u 1     -", "12  4 u 1", "it has 6 columns, 7 are wanted"),
        (PDOS, "12  4 u", "12 99 u", "number of bits 99 is not within 1..52"),
        ("bess.parameters.TABLE", " 0x105DC ", " many ", "default 'many' is no number"),
    ],
)
def test_a_broken_table_ends_generate_in_a_sentence(table, right, wrong, sentence) -> None:
    assert sentence in broken(table, right, wrong)


PARAMETERS = "bess.parameters.TABLE"


@pytest.mark.parametrize(
    ("table", "right", "wrong", "sentence"),
    [
        (FAULTS, "hvil_open         over", "hvil_open above", "'above' is neither over nor under"),
        (FAULTS, "cell_ov          cell_max", "cell_high cell_max",
         "parameters.py has no row cell_high_1_dmv in the row `19 cell_high"),
        (FAULTS, "FF13 -", "FF13 soon",
         "parameters.py has no row soon_recover_ms in the row `44"),
        (FAULTS, "123 charge ", "125 charge ", "levels '125' are not of 1, 2, 3, 4, S"),
        (FAULTS, "123 charge ", "123 up ", "direction 'up' is not charge, discharge or both"),
        (FAULTS, "9001 - -", "9001 - site", "scope 'site' is neither string nor -"),
        (FAULTS, "4221 - string", "4221 - -",
         "its signal temp_min is judged in the other scope already in the row `26"),
        (PDOS, "frame command", "frames command", "'frames' is neither frame nor field"),
        (PDOS, "12  3 u", "12  3 x", "sign 'x' is neither u nor i"),
        (PARAMETERS, "0x2000 string_count", "0x2000 string_count 1 #",
         "index, name, default, minimum and maximum are wanted"),
        (PARAMETERS, " string_count ", " node_id ", "its name belongs to another row already"),
    ],
)  # fmt: skip
def test_a_row_is_refused_with_what_is_wrong_in_it(
    monkeypatch, table: str, right: str, wrong: str, sentence: str
) -> None:
    module, _, name = table.rpartition(".")
    text = getattr(importlib.import_module(module), name)
    assert right.encode() in text
    monkeypatch.setattr(table, text.replace(right.encode(), wrong.encode(), 1))
    with pytest.raises(TableError) as refused:
        check()
    assert sentence in str(refused.value)


def test_a_board_file_without_its_pins_is_refused(tmp_path) -> None:
    (tmp_path / "board.py").write_text("PINS = []\n")
    with pytest.raises(AutarkyError, match="has no PINS table"):
        pins(tmp_path / "board.py")


def test_what_the_kit_calls_free_is_taken_by_no_row() -> None:
    free = free_places()
    assert free in (ROOT / "host_tests/kit/README.md").read_text(encoding="utf-8")
    assert "119..127" in free
    text = free.partition("\n")[0]
    for fields in rows(TABLE):
        assert f" {fields[0]}," not in f"{text},"


def test_the_kit_tells_how_many_tests_are_inherited() -> None:
    contract = (ROOT / "host_tests/kit/contract.py").read_text(encoding="utf-8")
    page = (ROOT / "host_tests/kit/README.md").read_text(encoding="utf-8")
    assert f"{contract.count('    def test_')} tests are inherited" in page
