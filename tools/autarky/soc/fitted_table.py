"""A chemistry table as text: of a fit, or of a curve of rest voltages alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autarky.soc.fit import Fit
from autarky.soc.runs import REVERSALS
from autarky.soc.traces import Floats, TraceError, read_table
from bess.estimate.cell_model import KELVIN
from bess.estimate.chemistry import Chemistry

_COLDEST_C, _WARMEST_C = -30.0, 55.0
# a curve alone: the gap and the drops are another cell's, and its charge axis unproved
_CURVE_ONLY = {
    "error_dmv": 150, "error_cpct": 300, "load_error_dmv": 150,
    "error_span_cpct": 2400,
}  # fmt: skip


def resistance_rows(result: Fit, like: Chemistry | None) -> list[tuple[float, Floats]]:
    """(degC, volts at 1 C of ohmic, transfer, diffusion) from -30 to 55 degC.

    Beyond the fitted temperatures: with three or more, the curve of the logarithm over 1/T goes on
    (only towards cold, and no steeper than 12 % a kelvin); else as `like` changes there.
    """
    at = np.array(result.temperatures_c)
    values = np.stack([result.ohmic, result.transfer, result.diffusion], axis=1)
    rows = list(zip(at.tolist(), values, strict=True))
    if len(at) >= 3 and at[0] > _COLDEST_C:
        inverse = 1 / (at[:3] + KELVIN)
        cold = []
        for column in values.T:
            curve = np.polyfit(inverse - inverse[0], np.log(column[:3]), 2)
            step = 1 / (_COLDEST_C + KELVIN) - inverse[0]
            rise = np.polyval(curve, step) - np.log(column[0])
            cold.append(np.exp(np.clip(rise, 0, 0.12 * (at[0] - _COLDEST_C))) * column[0])
        rows.insert(0, (_COLDEST_C, np.array(cold)))
    elif like is not None and at[0] > _COLDEST_C:
        rows.insert(0, (_COLDEST_C, values[0] * _change(like, float(at[0]), _COLDEST_C)))
    if at[-1] < _WARMEST_C and like is not None and len(at) < 2:
        rows.append((_WARMEST_C, values[-1] * _change(like, float(at[-1]), _WARMEST_C)))
    if len(rows) < 2:
        raise TraceError(
            "one temperature only: name the family it belongs to (--like lfp or nmc), whose "
            "change with temperature is taken over"
        )
    return rows


def _change(like: Chemistry, from_c: float, to_c: float) -> Floats:
    table = np.array(like.resistance).reshape(-1, 4)
    logs = np.log(table[:, 1:])
    there = [np.interp([from_c * 10, to_c * 10], table[:, 0], column) for column in logs.T]
    return np.array([np.exp(to - start) for start, to in there])


def table_of(
    result: Fit, origin: list[str], singles: dict[str, int], like: Chemistry | None
) -> str:
    """The chemistry table as text, with where it came from."""
    lines = [f"# {line}" for line in origin]
    for name, value in singles.items():
        lines.append(f"{name} {value}")
    lines += [
        f"fast_tau_s {round(result.fast_s)}",
        f"slow_tau_s {round(result.slow_s)}",
        f"empty_growth_permille {round(1000 * result.growth)}",
        f"reversals {REVERSALS}",
        "# 0.1 degC; 10 uV at 1 C: ohmic, charge transfer, diffusion",
    ]
    for celsius, values in resistance_rows(result, like):
        numbers = " ".join(str(max(round(1e5 * v), 1)) for v in values)
        lines.append(f"temperature {round(10 * celsius)} {numbers}")
    lines.append("# %, rest voltage and half hysteresis gap 0.1 mV, entropy 10 uV/K")
    for percent in range(101):
        lines.append(
            f"soc {percent} {round(1e4 * result.ocv_v[percent])} "
            f"{round(1e4 * result.gap_v[percent])} "
            f"{round(np.clip(1e5 * result.entropy_v_k[percent], -127, 127))}"
        )
    return "\n".join(lines) + "\n"


def singles_of(values: dict[str, int]) -> dict[str, int]:
    """The numbers of a family that a fit takes over; the rest it finds."""
    found = ("fast_tau_s", "slow_tau_s", "empty_growth_permille", "reversals")
    return {name: value for name, value in values.items() if name not in found}


def curve_table(path: Path, family: bytes, name: str) -> str:
    """A table with the mean rest voltage of SOC_OCV, OCV_charge and OCV_discharge, else a family's.

    Such curves are measured at an unknown current, which widens their gap: the family's is kept.
    Raises TraceError.
    """
    table = read_table(path)
    missing = {"SOC_OCV", "OCV_charge", "OCV_discharge"} - set(table.column_names)
    if missing:
        raise TraceError(
            f"{path}: no column {', '.join(sorted(missing))} beside SOC_OCV: a table of rest "
            "voltages has both branches"
        )
    percent, up, down = (
        table.column(column).to_numpy().astype(float)
        for column in ("SOC_OCV", "OCV_charge", "OCV_discharge")
    )
    if percent.min() > 5 or percent.max() < 95 or (np.diff(percent) <= 0).any():
        raise TraceError(f"{path}: SOC_OCV must rise from 0 to 100 %")
    mean_dmv = np.interp(np.arange(101), percent, (up + down) / 2) * 1e4
    origin = f"# rest voltage of {path.name}, all else of {name}"
    lines = [origin]
    for line in family.decode().splitlines():
        fields = line.split()
        if fields[:1] == ["soc"]:
            lines.append(f"soc {fields[1]} {round(mean_dmv[int(fields[1])])} {fields[3]} 0")
        elif fields[:1] and fields[0] in _CURVE_ONLY:
            lines.append(f"{fields[0]} {_CURVE_ONLY[fields[0]]}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
