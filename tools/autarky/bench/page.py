"""The table that `autarky bench` prints."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

_GOALS = {"1": 20.0, "2": 20.0, "32": 2.5}


def _print_segment(table: Table, segment: dict[str, float]) -> None:
    table.add_row("32 cabinets, bus load measured / computed %",
                  f"{100 * segment['load_measured']:.1f} / {100 * segment['load_computed']:.1f}",
                  "<= 50, within 2")  # fmt: skip
    table.add_row("command round trip ms, p50 / p99 / worst",
                  f"{segment['round_trip_ms_p50']:.1f} / {segment['round_trip_ms_p99']:.1f} / "
                  f"{segment['round_trip_ms_worst']:.1f}", "")  # fmt: skip
    table.add_row("200 KiB block download meanwhile, s",
                  f"{segment['download_s']:.1f}", "")  # fmt: skip


def print_bench(console: Console, result: dict[str, Any]) -> None:
    """The figures of run_bench() as a table with their goals."""
    table = Table(title="bench", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("goal", justify="right")
    for count, factor in result["realtime_factor"].items():
        goal = f">= {_GOALS[count]}" if count in _GOALS else ""
        table.add_row(f"{count} cabinets, times real time", f"{factor:.1f}", goal)
    table.add_row("state of the cabinet measured below", result["state"], "run")
    for name, value in (result["instructions"] or {}).items():
        table.add_row(f"x86 instructions, {name}", f"{value:,.0f}", "")
    for name, value in (result["arm"] or {}).items():
        table.add_row(f"ARM instructions, {name.replace('_', ' ')}", f"{value:,.0f}", "")
    table.add_row("allocated in fast + scan, bytes", str(result["alloc_bytes"]["fast"]), "0")
    table.add_row("allocated in cells, bytes", str(result["alloc_bytes"]["cells"]), "0")
    boot = result["heap_after_boot_bytes"]
    table.add_row("heap after boot, KiB (64 bit)", f"{boot / 1024:.1f}", "")
    table.add_row("cell scan, over bytecode", f"{result['scan_over_bytecode']:.3f}", "")
    over_c = result["scan_over_c"]
    table.add_row("cell scan, over C -O2", "no gcc" if over_c is None else f"{over_c:.1f}", "<= 4")
    bus = result["bus"]
    table.add_row("virtual bus, frames/s", f"{bus['frames_per_s']:,.0f}", "")
    segment = result["segment"]
    if segment is not None:
        _print_segment(table, segment)
    table.add_row("TCP round trip us, p50 / p99",
                  f"{bus['rtt_us_p50']:.0f} / {bus['rtt_us_p99']:.0f}", "")  # fmt: skip
    checked = result["verification"]
    table.add_row("verifying a package, steps of 4 hashes", str(checked["steps"]), "")
    for name in ("instructions", "instructions_per_step"):
        value = checked[name]
        shown = "not measured" if value is None else f"{value:,.0f}"
        table.add_row(f"verifying a package, x86 {name.replace('_', ' ')}", shown, "")
    table.add_row("heap of an update, bytes (64 bit)", f"{checked['heap_bytes']:,}", "")
    for board in result["boards"]:
        table.add_row(f"{board['board']}, image bytes", f"{board['image_bytes']:,}",
                      f"<= {board['rom_bytes']:,}")  # fmt: skip
        table.add_row(f"{board['board']}, heap KiB (32 bit)", f"{board['heap_bytes'] / 1024:.1f}",
                      f"<= {board['budget_bytes'] // 1024}")  # fmt: skip
    console.print(table)
