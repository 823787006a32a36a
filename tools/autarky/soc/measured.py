"""The measured cells that the report judges on, fits of them, and the tables that ship."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autarky.paths import FIRMWARE, ROOT
from autarky.soc import fit as fitting
from autarky.soc import fitted_table
from autarky.soc.traces import Trace, read_table, read_traces
from bess.estimate.chemistry import Chemistry

DATA = ROOT.parent / "shared" / "data"
ESTIMATE = FIRMWARE / "bess" / "estimate"
LG_AH = 2.78  # discharged at C/20 and 25 degC
_LFP_SINGLES = {
    "full_dmv": 35400, "full_tail_permille": 60, "empty_dmv": 28000, "low_dmv": 28000,
    "high_dmv": 36000, "error_dmv": 60, "error_cpct": 100,
    "load_error_dmv": 30, "error_span_cpct": 800,
}  # fmt: skip
_NMC_SINGLES = {
    "full_dmv": 41500, "full_tail_permille": 60, "empty_dmv": 30000, "low_dmv": 30000,
    "high_dmv": 42000, "error_dmv": 60, "error_cpct": 200,
    "load_error_dmv": 150, "error_span_cpct": 800,
}  # fmt: skip
_LFP_DOC = """LFP: rest voltage, hysteresis and resistances at 1 C of a graphite / iron phosphate cell.

Written by `make soc-tables`: fitted to one A123 26650 cell of 2.05 Ah at -15, 5, 25 and 45 degC
(G. Plett, ESC toolbox data), no cell maker's table; at -30 degC extrapolated. A large-format
cell has about three times its resistance for its size: the cabinet's parameter
resistance_permille carries that, and the filter learns the rest.
"""
_NMC_DOC = """NMC: rest voltage, hysteresis and resistances at 1 C of a graphite-silicon / NMC cell.

Written by `make soc-tables`: fitted to one LG 18650HG2 of 2.78 Ah at -10, 0 and 25 degC (Kollmeyer
et al., Mendeley 10.17632/cp3473x7xv.3), no cell maker's table; at -30 degC extrapolated.
"""


def a123() -> tuple[list[Trace], list[Trace]]:
    """(slow runs, UDDS runs) of the A123 cell; the slow file counts + in charge."""
    slow = read_traces(DATA / "a123_lfp_ocv.parquet", invert_current=True)
    return slow, read_traces(DATA / "a123_lfp_udds.parquet")


def lg() -> list[tuple[float, Trace]]:
    """(chamber degC, trace) of the LG cell, with its charge from the cycler's counter."""
    path = DATA / "lg_hg2_nmc.parquet"
    table = read_table(path)
    tests = table.column("test").to_numpy(zero_copy_only=False)
    times = table.column("time").to_numpy()
    counter = table.column("Ah").to_numpy()
    out = []
    for trace in read_traces(path, invert_current=True):
        name = trace.name.split("test=")[1].split()[0]
        mine = tests == name
        fresh = np.concatenate([[True], np.diff(times[mine]) > 0])
        soc = np.clip(1 + counter[mine][fresh] / LG_AH, 0, 1.05)
        chamber = round(float(np.median(trace.temperature_c)) / 5) * 5.0
        out.append((chamber, replace(trace, soc=soc, capacity_ah=LG_AH, name=name)))
    return out


def fitted(traces: list[Trace], nmc: bool = False, like: Chemistry | None = None) -> bytes:
    """Table of a fit, as bytes."""
    singles = _NMC_SINGLES if nmc else _LFP_SINGLES
    found = fitting.fit(traces, singles["full_dmv"] * 1e-4, 2.8 if nmc else 2.5)
    return fitted_table.table_of(found, [], singles, like).encode()


def write_tables() -> None:
    """Fit and write the two tables that the firmware ships."""
    slow, udds = a123()
    for name, doc, traces, nmc in (
        ("lfp", _LFP_DOC, slow + udds, False),
        ("nmc", _NMC_DOC, [trace for _, trace in lg()], True),
    ):
        text = fitted(traces, nmc).decode()
        path = ESTIMATE / f"{name}.py"
        path.write_text(f'"""{doc}"""\n\nTABLE = b"""\\\n{text}"""\n', encoding="utf-8")
        print(path.relative_to(ROOT))
