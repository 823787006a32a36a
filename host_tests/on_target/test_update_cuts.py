"""update_cuts.py inside MicroPython, with packages that were really signed."""

import random
import re
import subprocess
from pathlib import Path

import pytest

from autarky.build import image, keys, package
from autarky.paths import FIRMWARE

PROGRAM = Path(__file__).with_name("update_cuts.py")


@pytest.mark.parametrize(
    ("size", "block", "blocks", "shares", "least"),
    [(9000, 1024, 96, "0,1,3,4", 80), (100_000, 4096, 128, "2", 150)],
    ids=["small, four kinds of cut", "half as large as ours"],
)
def test_power_cut_in_every_write_of_an_update_leaves_a_whole_image(
    tmp_path: Path, key: Path, size: int, block: int, blocks: int, shares: str, least: int
) -> None:
    files = []
    for number, version in enumerate(("1.0.0", "1.1.0")):
        content = random.Random(number).randbytes(size + 700 * number)
        made = package.wrap(content, version, ["unix"], "1.29", key)
        files.append(tmp_path / f"{version}.package")
        files[-1].write_bytes(made.data)
    command = [
        image.tool("micropython"), "-X", "heapsize=24M", str(PROGRAM), str(FIRMWARE),
        *map(str, files), keys.public(key).hex(), str(block), str(blocks),
        str(-(-size // 4096) * 4096 + 4096), shares,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines.count("confirmed: new") == len(shares.split(","))
    for phase, wanted in (
        ("download and record", least), ("first start, on trial", 6), ("roll-back", 6),
        ("confirmation", 1),
    ):  # fmt: skip
        cuts = [int(re.findall(r"\d+", line)[0]) for line in lines if line.startswith(phase)]
        assert len(cuts) == len(shares.split(","))
        assert min(cuts) >= wanted, lines
