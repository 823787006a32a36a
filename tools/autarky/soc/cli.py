"""`autarky fit` and `autarky soc evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from autarky.errors import clear_errors

app = typer.Typer(
    help="State of charge: the firmware's estimator on measured traces.",
    no_args_is_help=True, rich_markup_mode=None,
)  # fmt: skip

_Select = Annotated[
    list[str] | None, typer.Option(help="Only rows with COLUMN=VALUE, e.g. T_test=25; repeat.")
]
_Invert = Annotated[
    bool, typer.Option("--invert-current", help="The file counts + in charge; we + in discharge.")
]


def _pairs(select: list[str] | None) -> dict[str, str]:
    pairs = {}
    for item in select or []:
        name, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"--select {item}: write it as COLUMN=VALUE")
        pairs[name] = value
    return pairs


@app.command()
def evaluate(
    data: Annotated[Path, typer.Argument(help="Parquet or CSV with time, current, voltage, soc.")],
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
    invert_current: _Invert = False,
    seed: Annotated[int, typer.Option(help="Of the noise.", min=0)] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Where the picture goes; default beside the JSON or here.")
    ] = None,
) -> None:
    """Run the firmware's estimator over a trace and compare it with the trace's own reference.

    Columns: time s, current A (+ = discharge), voltage V, soc or soc_ref 0..1; optional temp,
    T_test or T_amb in degC, Q_ref in Ah. Scored after one hour, above 5 % of charge.

    Examples:

      autarky soc evaluate cell.parquet --chemistry lfp --start-error -20

      autarky soc evaluate udds.parquet --select T_test=25 --gain 0.5 --offset 0.2 --noise-mv 1

      autarky soc evaluate cell.csv --chemistry my.table --runtime micropython --json soc.json
    """
    with clear_errors():
        from rich.console import Console
        from rich.progress import track

        from autarky.soc import evaluate as evaluation
        from autarky.soc.chemistry import table_text
        from autarky.soc.traces import capacity_from, read_traces

        console = Console()
        table = table_text(chemistry)
        for name, value in (("--capacity-ah", capacity_ah), ("--full-scale-a", full_scale_a)):
            if value is not None and value <= 0:
                raise ValueError(f"{name} {value}: it must be above 0")
        if not 0.1 <= resistance_scale <= 20:
            raise ValueError(f"--resistance-scale {resistance_scale}: allowed are 0.1..20")
        if json_file is not None and not json_file.resolve().parent.is_dir():
            raise ValueError(f"--json {json_file}: its folder does not exist")
        traces = read_traces(data, _pairs(select), temperature, invert_current)
        errors = evaluation.Errors(
            start_error, gain, offset, noise_mv, full_scale_a, start_sigma, seed
        )
        results = []
        for trace in track(traces, "evaluating", console=console, transient=True):
            results.append(
                evaluation.evaluate(
                    trace, table, capacity_ah or capacity_from(trace), errors, precision, runtime,
                    resistance_scale, count_instructions=not results,
                )
            )  # fmt: skip
        scores = [result.scores() for result in results]
        picture = plot or (json_file.with_suffix(".png") if json_file else Path("soc.png"))
        evaluation.plot(results, picture)
        _show(console, scores)
        console.print(f"picture: {picture}", highlight=False)
        if json_file is not None:
            json_file.write_text(json.dumps(_summary(scores), indent=2) + "\n", encoding="utf-8")


_WORST = ("rmse_pct", "max_pct", "hours_to_3_pct")


def _summary(scores: list[dict]) -> dict:
    """One trace: its scores. Several: the worst of each, and all of them under `traces`."""
    if len(scores) == 1:
        return scores[0]
    summary: dict = {"runtime": scores[0]["runtime"], "precision": scores[0]["precision"]}
    for key in _WORST:
        values = [score[key] for score in scores]
        summary[key] = None if None in values else max(values)
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
    if any(score["rmse_pct"] is None for score in scores):
        console.print("- : nothing to score, the trace has no sample after 1 h above 5 %")


def fit_command(
    data: Annotated[list[Path], typer.Argument(help="Parquet or CSV: time, current, voltage.")],
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
    invert_current: _Invert = False,
    plot: Annotated[Path | None, typer.Option(help="Picture; default beside the table.")] = None,
) -> None:
    """Fit a chemistry table to measured runs of one cell, with a picture of what it misses.

    Columns: time s, current A (+ = discharge), voltage V, temp or T_test or T_amb degC; soc where
    known (else a run must start full or empty). Slow runs both ways give the rest voltage,
    dynamic runs at a sample a second the resistances. A table of rest voltages alone (SOC_OCV,
    OCV_charge, OCV_discharge) takes resistances and hysteresis from --like.

    Examples:

      autarky fit ocv.parquet udds.parquet --like lfp --out my.table

      autarky fit udds.parquet --leave-out 25 --out without25.table

      autarky fit ocv.csv.gz --like lfp --out my.table
    """
    with clear_errors():
        from rich.console import Console

        from autarky.soc import fit as fitting
        from autarky.soc.chemistry import load, table_text
        from autarky.soc.traces import read_table, read_traces

        console = Console()
        family = load(like)
        if not out.resolve().parent.is_dir():
            raise ValueError(f"--out {out}: its folder does not exist")
        if len(data) == 1 and "SOC_OCV" in read_table(data[0]).column_names:
            text = fitting.curve_table(data[0], table_text(like), like)
            out.write_text(text, encoding="utf-8")
            console.print(f"table: {out} (resistances and hysteresis of {like})", highlight=False)
            return
        traces = [
            trace
            for path in data
            for trace in read_traces(path, _pairs(select), temperature, invert_current)
            if not any(abs(trace.temperature_c.mean() - t) < 3 for t in leave_out or [])
        ]
        values = family.values
        result = fitting.fit(
            traces, values["full_dmv"] * 1e-4, values["empty_dmv"] * 1e-4 - 0.3, capacity_ah,
            lambda line: console.print(line, highlight=False),
        )  # fmt: skip
        origin = [f"fitted to {', '.join(path.name for path in data)} by `autarky fit`"]
        out.write_text(
            fitting.table_of(result, origin, fitting.singles_of(values), family), encoding="utf-8"
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
