"""A board without FRAM wears its flash for ten years: erases of each block, counted over a day."""

import re
import subprocess
from pathlib import Path

import pytest

from autarky.build import image
from autarky.paths import FIRMWARE

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).with_name("flash_wear.py")
ENDURANCE = 100_000  # erases of a sector, at least: Winbond W25Q16JV and its like
TEN_YEARS_D = 3653
A_DAY = ENDURANCE // TEN_YEARS_D  # 27 of the block that wears most


def test_no_block_is_erased_more_often_than_ten_years_allow() -> None:
    command = [
        image.tool("micropython"), "-X", "heapsize=8M", str(PROGRAM), str(FIRMWARE),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {
        name: [int(n) for n in numbers]
        for name, *numbers in re.findall(
            r"^(.+): sessions (\d+) erases (\d+) most (\d+) programmed (\d+)$", done.stdout, re.M
        )
    }
    for name, sessions in (("quiet", 96), ("usual", 96), ("worst", 96 + 2 * 24)):
        seen, erases, most, _ = found[name]
        assert 0 < seen <= sessions, done.stdout
        assert erases <= 12 * seen, done.stdout
        assert most <= A_DAY, done.stdout
    assert int(re.findall(r"^free (\d+)$", done.stdout, re.M)[0]) < 150
    # the measure sees the wear that this is about: what writing at once would cost
    assert found["at once, 10 min"][1] > 600
