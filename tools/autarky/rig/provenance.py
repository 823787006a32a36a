"""What a report must say of where its numbers come from."""

from __future__ import annotations

import platform
import subprocess
from hashlib import sha256

from autarky.build import package
from autarky.paths import ROOT
from autarky.rig.description import Rig


def provenance(rig: Rig) -> dict[str, str]:
    """name -> text: revision, image, machine, calibration dates of the instruments."""
    names = [rig.board.name] if rig.board else None
    found = {
        "revision": _revision(),
        "image": sha256(package.make(None, names).image).hexdigest(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    found |= {f"calibrated: {name}": str(day) for name, day in sorted(rig.calibrated.items())}
    return found


def _revision() -> str:
    """Of the checkout, with + where it was changed since; "unknown" without git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+"],
            cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
