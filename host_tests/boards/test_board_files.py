"""Every board.py builds the whole cabinet on a `machine` that has only what its port has."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from kit import stub_machine
from kit.spi_chips import ExpanderChip, FramChip

from autarky.build.boards import all_boards
from autarky.build.folder import provision_bytes
from autarky.paths import FIRMWARE, ROOT, load_module
from bess import lines
from bess.app import Cabinet
from bess.parameters import Parameters
from bess.protect.history import provision
from bess.table import rows

BOARDS = [board for board in all_boards() if board.port != "unix"]
NAMES = [board.name for board in BOARDS]


@pytest.fixture(params=BOARDS, ids=NAMES)
def bench(request, monkeypatch, tmp_path):
    """A fake chip of a board, its board.py loaded upon it, provisioned."""
    board = request.param
    made = stub_machine.Bench()
    machine = stub_machine.make(board.port, made)
    monkeypatch.setitem(sys.modules, "machine", machine)
    for name in ("ticks_us", "ticks_diff", "sleep_us", "ticks_ms", "ticks_add"):
        monkeypatch.setattr(time, name, lambda *a: 0, raising=False)
    module = load_module(board.folder / "board.py", f"board_{board.name}")
    start = load_module(FIRMWARE / "main.py", "autarky_firmware_main").Start()
    start.root = str(tmp_path)
    (tmp_path / "provision.bin").write_bytes(provision_bytes("@serial=7\n@fram=1\nnode_id=9\n"))
    pins = {fields[1]: fields[2] for fields in rows(module.PINS) if fields[0] == "cs"}
    fram = made.chips[pins["fram"]] = FramChip()
    expander = None
    if "expander" in pins:
        expander = made.chips[pins["expander"]] = ExpanderChip()
    return SimpleNamespace(
        board=board, chip=made, module=module, start=start, fram=fram, expander=expander,
        machine=machine,
    )  # fmt: skip


def cabinet_of(bench) -> tuple:
    provision(bench.module.backup_memory())
    here = bench.module.Board([], bench.start)
    parameters = Parameters()
    here.configure(parameters)
    return here, Cabinet(here, parameters)


def test_the_whole_cabinet_is_built_and_ticks(bench) -> None:
    here, cabinet = cabinet_of(bench)
    assert here.name == bench.board.name
    assert cabinet.node.node_id == 9
    for now_ms in range(0, 3000, 10):
        cabinet.step(now_ms)
    assert cabinet.scheduler.stopped == 0
    site = bench.chip.controllers[0]
    assert (0x709, b"\0") in site.sent  # boot-up, then heartbeats
    assert cabinet.modes.self_test_result() == "failed"  # no front end answers on this bench
    for name in ("minus", "plus", "precharge", "gate_enable", "heater", "chiller"):
        pin = {f[1]: f[2] for f in rows(bench.module.PINS) if f[0] == "out"}[name]
        assert bench.chip.levels[pin] == 0, name


def test_outputs_are_safe_before_anything_else_is_made(bench) -> None:
    bench.module.Board([], bench.start)
    outs = [fields[2] for fields in rows(bench.module.PINS) if fields[0] == "out"]
    made = [pin for pin in bench.chip.order if pin in outs or not pin.startswith("EN_")]
    assert made[: len(outs)] == outs
    assert [f[1] for f in rows(bench.module.PINS) if f[0] == "out"] == lines.names(lines.OUTPUTS)


def test_a_broken_wire_is_the_dangerous_state(bench) -> None:
    here = bench.module.Board([], bench.start)
    for name in ("hvil", "estop", "door", "smoke", "gas", "enable_ok", "slot0", "slot4"):
        assert here.inputs[name].value() == 0, name


def test_sixteen_slots_or_as_many_as_parameters_allow(bench) -> None:
    here = bench.module.Board([], bench.start)
    for slot in range(16):
        assert here.inputs[f"slot{slot}"].value() == 0
    if bench.expander is not None:
        bench.expander.pulled_down = 1 << 11
        assert [here.inputs[f"slot{i}"].value() for i in range(16)] == [
            int(i == 11) for i in range(16)
        ]
        bench.expander.reset()  # its supply blinked: set up anew, and absent until then
        assert [here.inputs[f"slot{i}"].value() for i in range(16)] == [0] * 16
        assert here.inputs["slot11"].value() == 1


class Ticking:
    """Instead of a cabinet: closes an output, asks for a restart or fails after some ticks."""

    restart = False

    def __init__(self, here, end) -> None:
        self.here, self.end = here, end
        self.times: list[int] = []

    def step(self, now_ms: int) -> None:
        self.times.append(now_ms)
        self.here.outputs["plus"].value(1)
        self.here.drive.duty(700)
        self.here.watchdog.feed()
        if len(self.times) == 5:
            self.end(self)


def test_the_loop_ticks_every_10_ms_and_ends_with_all_outputs_safe(bench, monkeypatch) -> None:
    clock = iter(range(0, 10_000, 3))
    monkeypatch.setattr(time, "ticks_ms", lambda: next(clock))
    monkeypatch.setattr(time, "ticks_diff", lambda a, b: a - b)
    monkeypatch.setattr(time, "ticks_add", lambda a, b: a + b)
    out, into = os.pipe()
    with os.fdopen(out) as stdin, os.fdopen(into, "w"):
        monkeypatch.setattr(sys, "stdin", stdin)
        here = bench.module.Board([], bench.start)

        def restart(cabinet) -> None:
            cabinet.restart = True

        cabinet = Ticking(here, restart)
        assert here.run(lambda: cabinet) == 64
        assert [b - a for a, b in zip(cabinet.times, cabinet.times[1:])] == pytest.approx(
            [10] * 4, abs=3
        )
        assert bench.chip.feeds == 5

        def fail(cabinet) -> None:
            raise RuntimeError("a defect of the firmware")

        with pytest.raises(RuntimeError):
            here.run(lambda: Ticking(here, fail))
    outs = [fields[2] for fields in rows(bench.module.PINS) if fields[0] == "out"]
    assert all(bench.chip.levels[pin] == 0 for pin in outs)
    assert set(bench.chip.duties.values()) == {0}


def test_the_drive_stands_still_at_first_and_turns_as_it_is_told(bench) -> None:
    here = bench.module.Board([], bench.start)
    (pin,) = [fields[2] for fields in rows(bench.module.PINS) if fields[0] == "pwm"]
    assert bench.chip.duties == {pin: 0}
    for permille, duty in ((1000, 65535), (500, 32767), (1, 65), (0, 0)):
        here.drive.duty(permille)
        assert bench.chip.duties == {pin: duty}


def test_fans_and_coolant_share_a_pin_and_edges_are_counted_there(bench, monkeypatch) -> None:
    monkeypatch.setattr(time, "ticks_ms", lambda: 0)
    here = bench.module.Board([], bench.start)
    pins = {f[1]: f[2] for f in rows(bench.module.PINS) if f[0] in ("in", "tacho")}
    assert pins["fan_speed"] == pins["coolant_flow"]
    edge = bench.chip.edges[pins["fan_speed"]]
    for _ in range(50):
        edge(None)
    monkeypatch.setattr(here.analog["fan_speed"], "_ticks_ms", lambda: 1000)
    assert here.analog["fan_speed"].read_u16() == 32768  # 50 of 100 in a second
    assert here.inputs["coolant_flow"].value() == 0


def test_processor_in_the_loop_knows_each_board_s_clock() -> None:
    for board in BOARDS:
        said = re.findall(r"machine\.freq\((\d+)\)", (board.folder / "board.py").read_text())
        assert [board.hertz] == [int(hertz) for hertz in said or ["0"]], board.name


def test_no_pin_is_used_twice() -> None:
    for board in BOARDS:
        table = load_module_table(board.folder)
        used: dict[str, str] = {}
        buses: dict[str, str] = {}
        for kind, name, text in table:
            if kind in ("spi", "can"):
                number, _, pins = text.partition(":")
                if buses.setdefault(kind + number, pins) != pins:
                    raise AssertionError(f"{board.name}: bus {number} has two sets of pins")
                continue
            if kind == "tacho" and used.get(text) == "coolant_flow":
                continue  # one of the two is fitted
            assert text not in used, f"{board.name}: {text} is {used[text]} and {name}"
            used[text] = name
        bus_pins = [pin for pins in set(buses.values()) for pin in pins.split(",")]
        assert len(bus_pins) == len(set(bus_pins)), board.name
        assert not set(bus_pins) & set(used), board.name


@pytest.mark.parametrize("board", BOARDS, ids=NAMES)
def test_board_toml_and_board_py_agree(board) -> None:
    table = load_module_table(board.folder)
    assert sum(kind == "can" for kind, _, _ in table) <= board.can_controllers
    text = (board.folder / "board.py").read_text()
    assert f"program_bytes = {board.rom_bytes}\n" in text
    assert f'name = "{board.name}"\n' in text
    assert ("def slots(self)" in text) == (board.update == "cable")
    assert board.heap_budget_bytes < board.heap_bytes
    assert board.build == board.name
    assert board.rom in ("partition", "heap")


def load_module_table(folder: Path) -> list[tuple[str, str, str]]:
    text = (folder / "board.py").read_text()
    table = text[text.index('b"""\\') + 5 : text.index('"""\n\n', text.index('b"""'))]
    return [tuple(line.split()) for line in table.splitlines() if line]  # pyright: ignore


@pytest.mark.parametrize("port", sorted({board.port for board in BOARDS}))
def test_the_type_checker_accepts_them_with_the_stubs_of_their_port(port: str, tmp_path) -> None:
    config = tmp_path / "pyrightconfig.json"
    config.write_text(
        json.dumps(
            {
                "include": [str(b.folder / "board.py") for b in BOARDS if b.port == port],
                "stubPath": str(stub_machine.STUBS / port),
                "extraPaths": [str(FIRMWARE)],
                "typeCheckingMode": "standard",
                "reportMissingModuleSource": False,
                "reportAttributeAccessIssue": "error",
            }
        )
    )
    command = [str(ROOT / ".venv/bin/basedpyright"), "--project", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 errors" in done.stdout


def test_the_fake_module_refuses_what_the_port_does_not_have() -> None:
    machine = stub_machine.make("stm32", stub_machine.Bench())
    with pytest.raises(TypeError, match="WDT"):
        machine.WDT(0, 8000)
    with pytest.raises(AttributeError):
        machine.Pin("A1").toggle()
    with pytest.raises(AttributeError):
        _ = machine.TouchPad
