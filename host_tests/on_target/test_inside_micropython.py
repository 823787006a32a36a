"""The firmware tests that need no CPython library run again inside real MicroPython."""

import ast
import subprocess
from functools import cache
from pathlib import Path

import pytest
from patience import PATIENCE_S

from autarky.build import image
from autarky.paths import FIRMWARE, ROOT

HOST_TESTS = ROOT / "host_tests"
TESTS = HOST_TESTS / "bess"
RUNNER = Path(__file__).with_name("runner.py")
PORTABLE = {"bess", "array", "binascii", "os", "struct", "sys", "leaves_viper"}


@cache  # several tests share a rig
def is_portable(path: Path) -> bool:
    """Imports nothing but the firmware, what MicroPython has, and rigs that are portable too."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            package, _, module = name.partition(".")
            if package == "rigs":
                if not is_portable(HOST_TESTS / "rigs" / f"{module}.py"):
                    return False
            elif package not in PORTABLE:
                return False
    return True


MODULES = [path for path in sorted(TESTS.rglob("test_*.py")) if is_portable(path)]


def run_inside(paths: list[Path]) -> subprocess.CompletedProcess[str]:
    folders = [str(FIRMWARE), str(FIRMWARE / "native"), *{str(p.parent) for p in paths}]
    folders.append(str(HOST_TESTS))  # last: its folders have names of packages
    command = [image.tool("micropython"), str(RUNNER), *folders, "--", *[p.stem for p in paths]]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def test_most_firmware_tests_are_portable() -> None:
    assert len(MODULES) >= 8


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_module_passes_inside_micropython(path: Path) -> None:
    done = run_inside([path])
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failed" in done.stdout.replace("passed, 0", "passed, 0")


def test_a_planted_failure_is_reported(tmp_path: Path) -> None:
    planted = tmp_path / "test_planted.py"
    planted.write_text("def test_wrong():\n    assert 1 == 2\n")
    done = run_inside([planted])
    assert done.returncode == 1
    assert "FAILED test_planted test_wrong" in done.stdout


def test_a_planted_allocation_is_caught(tmp_path: Path) -> None:
    """The scheduler's heap lock makes an allocating task a dead one, inside MicroPython."""
    planted = tmp_path / "test_planted.py"
    planted.write_text(
        "from bess.scheduler import Scheduler\n"
        "class Clock:\n"
        "    def ticks_us(self): return 0\n"
        "    def ticks_us_diff(self, a, b): return 0\n"
        "class Dog:\n"
        "    feeds = 0\n"
        "    def feed(self): self.feeds += 1\n"
        "def allocate(now_ms): return [now_ms]\n"
        "def test_it():\n"
        "    deaths = []\n"
        "    s = Scheduler(Clock(), Dog(), deaths.append)\n"
        "    s.add('bad', allocate, 1, 0, 1000, True)\n"
        "    s.step(0)\n"
        "    assert s.allocated and s.stopped\n"
    )
    done = run_inside([planted])
    assert done.returncode == 0, done.stdout + done.stderr
