"""Writes what follows from the firmware's tables: DBC, EDS, faults, safety page, pin tables.

`make generate` runs it; a test fails when a committed file is stale.
"""

from __future__ import annotations

from pathlib import Path

from autarky.generate.dbc import chiller_dbc, pcs_dbc, site_dbc
from autarky.generate.eds import cabinet_eds
from autarky.generate.pages import board_pages
from autarky.generate.safety import faults_md, safety_md
from autarky.paths import FIRMWARE, GENERATED, ROOT
from autarky.tables import free_places

KIT = ROOT / "host_tests" / "kit" / "README.md"
_FREE, _END = "<!-- free places -->", "<!-- end -->"
_PROTECT = FIRMWARE / "bess" / "protect"


def _kit_page() -> str:
    """The kit's page with what is free in the tables between its two marks."""
    before, _, rest = KIT.read_text(encoding="utf-8").partition(_FREE)
    after = rest.partition(_END)[2]
    return f"{before}{_FREE}\n{free_places()}\n{_END}{after}"


def outputs() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    return {
        GENERATED / "site.dbc": site_dbc(),
        GENERATED / "pcs.dbc": pcs_dbc(),
        GENERATED / "chiller.dbc": chiller_dbc(),
        GENERATED / "cabinet.eds": cabinet_eds(),
        _PROTECT / "FAULTS.md": faults_md(),
        _PROTECT / "SAFETY.md": safety_md(),
        KIT: _kit_page(),
        **board_pages(),
    }


def main() -> None:
    """Write all generated files."""
    for path, text in outputs().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
