"""Where things lie in the source tree, for the tools that build and start the firmware."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
UNIX_BOARD = ROOT / "boards" / "unix"
BUILD = ROOT / ".build"
GENERATED = ROOT / "tools" / "autarky" / "generated"


def load_module(path: Path, name: str) -> ModuleType:
    """Import one file under a name of our own, without touching sys.path."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: autarky's commands run from a complete checkout (`make setup`, "
            "then .venv/bin/autarky); installed elsewhere it is python-can's interface alone"
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


wire = load_module(UNIX_BOARD / "wire.py", "autarky_wire")
