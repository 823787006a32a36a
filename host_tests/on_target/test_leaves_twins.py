"""Machine code and bytecode of every leaf give the same bits, inside MicroPython."""

import ast
import random
import subprocess
from pathlib import Path

import pytest
from patience import PATIENCE_S

from autarky.build import image
from autarky.paths import FIRMWARE

PROGRAM = Path(__file__).with_name("leaves_twins.py")


def names(path: Path) -> set[str]:
    return {n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)}


def test_every_leaf_has_its_twin_and_is_compared() -> None:
    compared = PROGRAM.read_text()
    for part in ("", "_fast", "_ntc"):
        plain = names(FIRMWARE / "bess" / "port" / f"leaves{part}.py")
        assert names(FIRMWARE / "native" / f"leaves{part}_viper.py") == plain
        for name in plain:
            assert f"def case_{name}(" in compared, name


@pytest.mark.parametrize("seed", range(3))
def test_twins_agree(seed: int) -> None:
    command = [
        image.tool("micropython"), str(PROGRAM), str(FIRMWARE), str(FIRMWARE / "native"),
        str(random.Random(seed).randrange(1 << 30)),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("agreed")
