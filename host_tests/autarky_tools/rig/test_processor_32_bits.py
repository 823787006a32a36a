"""What is sent to a board, in MicroPython of 32 bits as `make test-32` unpacks it: the same log."""

import json
import os
import pty
import subprocess
import tty
from pathlib import Path

import pytest
import serial

from autarky.arm import debian
from autarky.build import folder, package
from autarky.rig import on_board, processor
from autarky.rig.cable import Cable
from autarky.sil.site import CanLog, SiteConfig, VirtualSite

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (debian.FOLDER / "qemu").exists(), reason="`make test-32` fetches the interpreters"
    ),
]
HEAP = 800  # KB, with the image in it: that interpreter has no ROMFS


@pytest.mark.parametrize("number", [0, 1], ids=["i386", "armhf"])
def test_a_cabinet_of_32_bits_ticks_without_allocation_of_ours(tmp_path: Path, number: int) -> None:
    made = package.make(None, ["PYBD_SF6"])  # machine code of its own processor on armhf
    folder.fresh(tmp_path / "root", made, "")
    script = tmp_path / "script.py"
    call = f"begin({str(tmp_path / 'root')!r}, '', 0, {processor.ROOM})"
    script.write_text(f"{Path(on_board.__file__).read_text()}\n{call}\n")
    start = debian.interpreters()[number].start[:-3]  # without its heap and its script
    outer, inner = pty.openpty()
    tty.setraw(inner)
    cable = Cable(serial.Serial(os.ttyname(inner), timeout=0.1), 600.0)
    process = subprocess.Popen(
        [*start, "-X", f"heapsize={HEAP}K", str(script)], stdin=outer, stdout=outer, stderr=outer
    )
    measures, facts = processor.Measures(), {}

    def connect(_: int, settings: str, devices: int) -> processor.ProcessorFirmware:
        firmware = processor.ProcessorFirmware(cable, "cabinet 2", tmp_path / "state", measures)
        record = cable.receive()
        if record.kind != on_board.FACTS:
            firmware.serve(record)
        facts.update(json.loads(cable.content(record.a)))
        firmware.begin(settings, devices, False)
        return firmware

    def log_of(board) -> str:
        log = CanLog(None)
        with VirtualSite(SiteConfig(cabinets=1, board=board), log) as site:
            site.coordinator.target_w = 60_000.0
            site.run_for(5.0)
        return log.sha256()

    try:
        assert log_of(connect) == log_of(None)
    finally:
        process.kill()
        process.wait()
        cable.close()
        os.close(inner)
        os.close(outer)
    # TICK and DONE pass with the heap locked: an allocation there would have ended the firmware
    assert facts["own_heap_bytes"] - len(made.image) < 24_000
    assert max(measures.heap_bytes) - len(made.image) < 190_000
