"""The second board of a rig: what it stamps and tells, on the host and inside real MicroPython."""

import struct
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from kit import stub_machine

from autarky.build import image
from autarky.paths import ROOT, load_module
from bess import lines

WITNESS = load_module(ROOT / "boards" / "rigs" / "witness.py", "autarky_witness")
PERIOD = 1 << 30  # of MicroPython's ticks_us


class Clock:
    def __init__(self, start: int) -> None:
        self.us = start

    def ticks_us(self) -> int:
        return self.us % PERIOD

    @staticmethod
    def ticks_diff(later: int, earlier: int) -> int:
        return (later - earlier + PERIOD // 2) % PERIOD - PERIOD // 2


@pytest.fixture
def bench() -> SimpleNamespace:
    """minus (on at 0) and precharge (on at 1), shortly before the clock wraps."""
    clock, sent = Clock(PERIOD - 150_000), []
    minus, precharge = SimpleNamespace(level=1), SimpleNamespace(level=0)
    pins = [
        (bit, SimpleNamespace(value=lambda pin=pin: pin.level), on)
        for bit, pin, on in ((0, minus, 0), (2, precharge, 1))
    ]
    witness = WITNESS.Witness(
        pins, lambda can_id, data: sent.append((can_id, *struct.unpack("<II", data))),
        clock.ticks_us, clock.ticks_diff,
    )  # fmt: skip
    return SimpleNamespace(
        clock=clock, sent=sent, minus=minus, precharge=precharge, witness=witness
    )


def test_a_change_is_told_at_once_with_its_time_over_the_wrap_of_the_clock(bench) -> None:
    for us in range(0, 300_000, 1000):
        bench.clock.us = PERIOD - 150_000 + us
        bench.minus.level = 0 if us >= 120_000 else 1
        bench.precharge.level = 1 if 160_000 <= us < 190_000 else 0
        bench.witness.look()
    changes = [row for row, before in zip(bench.sent[1:], bench.sent) if row[1] != before[1]]
    assert changes == [(0x7F0, 1, 120_000), (0x7F0, 5, 160_000), (0x7F0, 1, 190_000)]
    stamps = [stamp for _, _, stamp in bench.sent]
    assert stamps == sorted(stamps)


def test_it_says_that_it_lives(bench) -> None:
    for us in range(0, 450_001, 50_000):
        bench.clock.us = PERIOD - 150_000 + us
        bench.witness.look()
    assert bench.sent == [(0x7F0, 0, us) for us in range(0, 400_001, 100_000)]


def test_its_bits_are_those_of_the_cabinet_s_outputs() -> None:
    names = lines.names(lines.OUTPUTS)
    assert [names[bit] for _, bit, _, _ in WITNESS.PINS] == [name for name, *_ in WITNESS.PINS]


def test_on_a_chip_it_reads_its_pins_and_restarts_its_controller(monkeypatch) -> None:
    chip = stub_machine.Bench()
    machine = stub_machine.make("stm32", chip)
    monkeypatch.setitem(sys.modules, "machine", machine)
    looks = iter(range(3))

    def ticks_us() -> int:
        look = next(looks)  # StopIteration ends main
        if not look:
            chip.controllers[0].now = machine.CAN.STATE_BUS_OFF
            chip.levels["X1"] = 0
        return 1000 * look

    monkeypatch.setattr(time, "ticks_us", ticks_us, raising=False)
    monkeypatch.setattr(time, "ticks_diff", Clock.ticks_diff, raising=False)
    with pytest.raises(StopIteration):
        WITNESS.main()
    (can,) = chip.controllers
    assert can.bitrate == 500_000
    assert [(can_id, struct.unpack("<II", data)[0]) for can_id, data in can.sent] == [(0x7F0, 1)]
    assert can.now != machine.CAN.STATE_BUS_OFF
    assert all(pin in chip.modes for _, _, pin, _ in WITNESS.PINS)


def test_it_runs_in_micropython() -> None:
    script = """
import sys, struct
sys.path.insert(0, sys.argv[1])
import witness, time
class Pin:
    level = 1
    def value(self):
        return self.level
sent = []
pin = Pin()
def send(can_id, data):
    sent.append((can_id, struct.unpack("<II", data)))
w = witness.Witness([(0, pin, 0)], send, time.ticks_us, time.ticks_diff)
w.look()
pin.level = 0
w.look()
print([(i, o) for i, (o, us) in sent], sent[0][1][1] <= sent[1][1][1] < 1000000)
"""
    done = subprocess.run(
        [image.tool("micropython"), "-c", script, str(ROOT / "boards" / "rigs")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[(2032, 0), (2032, 1)] True"
