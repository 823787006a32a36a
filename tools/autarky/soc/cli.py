"""`autarky fit` and `autarky soc evaluate`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarky.errors import check_target, clear_errors, write_target

if TYPE_CHECKING:
    from autarky.soc.traces import Trace

app = typer.Typer(
    help="State of charge: the firmware's estimator on measured traces.",
    no_args_is_help=True, rich_markup_mode=None,
)  # fmt: skip

_Select = Annotated[
    list[str] | None, typer.Option(help="Only rows with COLUMN=VALUE, e.g. T_test=25; repeat.")
]
_Invert = Annotated[
    bool | None,
    typer.Option(
        "--invert-current/--no-invert-current",
        help="The file counts + in charge, or in discharge as we do; else found from its data.",
    ),
]
_Columns = Annotated[
    list[str] | None,
    typer.Option(
        help="Which column is what, where names do not tell: time=NAME,current=NAME:mA,"
        "voltage=NAME:mV,temperature=NAME:K,soc=NAME:%; repeat."
    ),
]
_ROLE = re.compile(r",(?=\w+=)")  # a name may hold commas


def _pairs(option: str, items: list[str] | None) -> dict[str, str]:
    pairs = {}
    for item in items or []:
        name, equals, value = item.partition("=")
        if not equals or not value:
            raise ValueError(f"{option} {item}: write it as NAME=VALUE")
        pairs[name.strip()] = value.strip()
    return pairs


def _names(items: list[str] | None) -> dict[str, str]:
    return _pairs("--columns", [part for item in items or [] for part in _ROLE.split(item)])


def _say(console, traces: list[Trace]) -> None:
    """What reading found out, each once."""
    for note in dict.fromkeys(note for trace in traces for note in trace.notes):
        console.print(f"note: {note}", highlight=False, markup=False)


@app.command()
def evaluate(
    data: Annotated[Path, typer.Argument(help="A file with time, current, voltage, soc.")],
    chemistry: Annotated[
        str, typer.Option(help="lfp, nmc, or a file that `autarky fit` wrote.")
    ] = "lfp",
    start_error: Annotated[float, typer.Option(help="Wrong start, % of charge, + or -.")] = 0.0,
    start_sigma: Annotated[
        float | None,
        typer.Option(help="What the estimator is told of its start, %; 1, or 10 with an error."),
    ] = None,
    gain: Annotated[float, typer.Option(help="Error of the current sensor's gain, %.")] = 0.0,
    offset: Annotated[float, typer.Option(help="Its offset, % of full scale.")] = 0.0,
    noise_mv: Annotated[float, typer.Option(help="White noise of voltage, rms mV.", min=0)] = 0.0,
    precision: Annotated[
        str, typer.Option(help="double, or single: every operation in 32 bits, as on small boards.")
    ] = "double",
    runtime: Annotated[str, typer.Option(help="cpython, or micropython: the same, inside.")] = (
        "cpython"
    ),
    capacity_ah: Annotated[
        float | None, typer.Option(help="Capacity; else from Q_ref or the reference charge.", min=0)
    ] = None,
    full_scale_a: Annotated[
        float | None, typer.Option(help="Of the current sensor; else 1 C.", min=0)
    ] = None,
    resistance_scale: Annotated[
        float, typer.Option(help="Resistance of the cell against the table's, to begin with.")
    ] = 1.0,
    temperature: Annotated[
        float | None, typer.Option(help="degC, where the data has no column; else 25.")
    ] = None,
    select: _Select = None,
    columns: _Columns = None,
    invert_current: _Invert = None,
    seed: Annotated[int, typer.Option(help="Of the noise.", min=0)] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here; - is stdout.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Where the picture goes; default beside the JSON or here.")
    ] = None,
) -> None:
    """Run the firmware's estimator over a trace and compare it with the trace's own reference.

    Parquet, CSV (any separator, decimal comma, a row of units), Excel, MATLAB. Columns: time,
    current, voltage, soc 0..1; optional temperature, Q_ref in Ah; units s, A, V, degC or as the
    file names them. Scored after one hour, above 5 % of charge. At a hole in time the estimator
    starts anew.

    Examples:

      autarky soc evaluate lfp_1p2ah_flatzone_25c.parquet --chemistry lfp --start-error -20

      autarky soc evaluate a123_lfp_udds.parquet --select T_test=25 --gain 0.5 --noise-mv 1

      autarky soc evaluate cell.csv --columns "time=t:h,current=I:mA,voltage=U,soc=SOC:%"

      autarky soc evaluate cell.csv --chemistry my.table --runtime micropython --json soc.json
    """
    with clear_errors():
        from rich.console import Console
        from rich.progress import track

        from autarky.soc import evaluate as evaluation
        from autarky.soc.chemistry import table_text
        from autarky.soc.traces import capacity_from, read_traces

        console = Console(stderr=str(json_file) == "-")
        table = table_text(chemistry)
        for name, value in (("--capacity-ah", capacity_ah), ("--full-scale-a", full_scale_a)):
            if value is not None and value <= 0:
                raise ValueError(f"{name} {value}: it must be above 0")
        if not 0.1 <= resistance_scale <= 20:
            raise ValueError(f"--resistance-scale {resistance_scale}: allowed are 0.1..20")
        beside = json_file if json_file is not None and str(json_file) != "-" else Path("soc")
        picture = plot or beside.with_suffix(".png")
        check_target("--json", json_file)
        check_target("--plot", picture)
        whole = read_traces(
            data, _pairs("--select", select), temperature, invert_current, _names(columns)
        )
        _say(console, whole)
        capacities = [capacity_ah or capacity_from(trace) for trace in whole]
        traces = [
            (part, ah)
            for trace, ah in zip(whole, capacities, strict=True)
            for part in trace.parts()
        ]
        errors = evaluation.Errors(
            start_error, gain, offset, noise_mv, full_scale_a, start_sigma, seed
        )
        results = []
        for trace, ah in track(traces, "evaluating", console=console, transient=True):
            results.append(
                evaluation.evaluate(
                    trace, table, ah, errors, precision, runtime, resistance_scale,
                    count_instructions=not results,
                )
            )  # fmt: skip
        scores = [{**r.scores(), "notes": list(r.trace.notes)} for r in results]
        evaluation.plot(results, picture)
        _show(console, scores)
        console.print(f"picture: {picture}", highlight=False)
        write_target(json_file, json.dumps(_summary(scores), indent=2) + "\n")


_WORST = ("rmse_pct", "max_pct", "hours_to_3_pct")


def _summary(scores: list[dict]) -> dict:
    """One trace: its scores. Several: the worst of each, and all of them under `traces`.

    Those with nothing to score, such as a short part between holes, are not the worst.
    """
    if len(scores) == 1:
        return scores[0]
    summary: dict = {"runtime": scores[0]["runtime"], "precision": scores[0]["precision"]}
    scored = [score for score in scores if score["rmse_pct"] is not None]
    for key in _WORST:
        values = [score[key] for score in scored]
        summary[key] = None if None in values else max(values, default=None)
    inside = [s["inside_3_sigma_pct"] for s in scores if s["inside_3_sigma_pct"] is not None]
    summary["inside_3_sigma_pct"] = min(inside) if inside else None
    summary["traces"] = scores
    return summary


def _show(console, scores: list[dict]) -> None:
    from rich.table import Table

    table = Table(title="charge, estimate against reference", title_justify="left")
    columns = (
        ("trace", "trace"), ("RMSE %", "rmse_pct"), ("max %", "max_pct"),
        ("to 3 % h", "hours_to_3_pct"), ("in 3 sigma %", "inside_3_sigma_pct"),
        ("3 sigma %", "mean_3_sigma_pct"),
    )  # fmt: skip
    for title, _ in columns:
        table.add_column(title, justify="left" if title == "trace" else "right")
    for score in scores:
        table.add_row(*["-" if score[key] is None else f"{score[key]}" for _, key in columns])
    console.print(table)
    garbage, instructions = (
        scores[0][key] for key in ("garbage_bytes_per_step", "instructions_per_step")
    )
    counted = "not counted, no valgrind" if instructions is None else f"{instructions:,.0f}"
    console.print(
        f"a step inside MicroPython: {garbage:,} bytes of garbage, x86 instructions {counted}",
        highlight=False,
    )
    slice_, step = (scores[0][f"arm_instructions_{key}"] for key in ("largest_slice", "per_step"))
    console.print(
        "on 32-bit ARM (Debian's build, 1.4 to 1.6 times a Cortex-M7's): "
        + (
            "not counted, run `make test-32` once to fetch its interpreter"
            if slice_ is None
            else f"{step:,} instructions, the largest slice {slice_:,}"
        ),
        highlight=False,
    )
    if any(score["rmse_pct"] is None for score in scores):
        console.print("- : nothing to score, the trace has no sample after 1 h above 5 %")


def fit_command(
    data: Annotated[list[Path], typer.Argument(help="Files with time, current, voltage.")],
    out: Annotated[Path, typer.Option(help="The chemistry table to write.")] = Path("cell.table"),
    like: Annotated[
        str, typer.Option(help="Family: voltages of full and empty, and what data leave open.")
    ] = "lfp",
    capacity_ah: Annotated[
        float | None, typer.Option(help="Capacity of the cell; else from the data.", min=0)
    ] = None,
    leave_out: Annotated[
        list[float] | None, typer.Option(help="Do not use runs at this degC; repeat.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="degC, where the data has no column; else 25.")
    ] = None,
    select: _Select = None,
    columns: _Columns = None,
    invert_current: _Invert = None,
    charge_positive: Annotated[
        list[Path] | None,
        typer.Option(help="This one of the files counts + in charge, as --invert-current; repeat."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture; default beside the table.")] = None,
) -> None:
    """Fit a chemistry table to measured runs of one cell, with a picture of what it misses.

    Files and columns as `autarky soc evaluate` reads them; soc where known (else a run must start
    full or empty). Slow runs both ways give the rest voltage, dynamic runs at a sample a second
    the resistances. A table of rest voltages alone (SOC_OCV, OCV_charge, OCV_discharge) takes
    resistances and hysteresis from --like.

    Examples:

      autarky fit a123_lfp_ocv.parquet a123_lfp_udds.parquet --like lfp --out my.table

      autarky fit a123_lfp_udds.parquet --leave-out 25 --out without25.table

      autarky fit lfp_1p2ah_ocv.csv.gz --like lfp --out my.table

      autarky fit slow.csv fast.csv --charge-positive slow.csv --columns "time=t:h,voltage=U:mV"
    """
    with clear_errors():
        from rich.console import Console

        from autarky.soc import fit as fitting
        from autarky.soc import fitted_table
        from autarky.soc.chemistry import load, table_text
        from autarky.soc.traces import read_table, read_traces

        console = Console()
        family = load(like)
        check_target("--out", out)
        if len(data) == 1 and "SOC_OCV" in read_table(data[0]).column_names:
            text = fitted_table.curve_table(data[0], table_text(like), like)
            out.write_text(text, encoding="utf-8")
            console.print(f"table: {out} (resistances and hysteresis of {like})", highlight=False)
            return
        stray = [str(path) for path in charge_positive or [] if path not in data]
        if stray:
            raise ValueError(f"--charge-positive {stray[0]}: it is none of the files to fit")
        chosen, names = _pairs("--select", select), _names(columns)
        traces = [
            trace
            for path in data
            for trace in read_traces(
                path, chosen, temperature,
                True if path in (charge_positive or []) else invert_current, names,
            )
            if not any(abs(trace.temperature_c.mean() - t) < 3 for t in leave_out or [])
        ]  # fmt: skip
        _say(console, traces)
        traces = [part for trace in traces for part in trace.parts()]
        values = family.values
        result = fitting.fit(
            traces, values["full_dmv"] * 1e-4, values["empty_dmv"] * 1e-4 - 0.3, capacity_ah,
            lambda line: console.print(line, highlight=False),
        )  # fmt: skip
        origin = [f"fitted to {', '.join(path.name for path in data)} by `autarky fit`"]
        out.write_text(
            fitted_table.table_of(result, origin, fitted_table.singles_of(values), family),
            encoding="utf-8",
        )
        picture = plot or out.with_suffix(".png")
        fitting.plot(result, picture)
        console.print(
            f"rms {result.rms_mv:.1f} mV between 5 and 97 % of charge at "
            f"{', '.join(f'{t:g}' for t in result.temperatures_c)} degC, "
            f"capacity {result.capacity_ah:.3f} Ah",
            highlight=False,
        )
        console.print(f"table: {out}\npicture: {picture}", highlight=False)
