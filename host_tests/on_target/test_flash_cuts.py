"""Storage on a board's NOR flash: littlefs under a power cut at every byte and every erase."""

import re
import subprocess
from pathlib import Path

from patience import PATIENCE_S

from autarky.build import image
from autarky.paths import FIRMWARE

PROGRAM = Path(__file__).with_name("flash_cuts.py")


def test_log_and_parameters_survive_a_cut_at_every_byte_and_every_block_erase() -> None:
    command = [
        image.tool("micropython"), "-X", "heapsize=4M", str(PROGRAM), str(FIRMWARE),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("whole"), done.stdout
    counts = [(int(a), int(b)) for a, b in re.findall(r"cuts (\d+) erases (\d+)", done.stdout)]
    assert len(counts) == 5
    assert all(cuts > 50 and erases > 0 for cuts, erases in counts)
