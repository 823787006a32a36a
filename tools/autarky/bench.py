"""`autarky bench`: what the virtual site and the firmware cost, as ratios of one run."""

from __future__ import annotations

import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from autarky.bus.bus import Bus
from autarky.errors import AutarkyError
from autarky.flash import heap, image, keys, package
from autarky.paths import UNIX_BOARD
from autarky.sil.firmware import Firmware
from autarky.sil.segment import measure_segment
from autarky.sil.site import SiteConfig, VirtualSite

_CABINETS = (1, 2, 4, 32)
_QUICK_CABINETS = (1, 2)
_GOALS = {"1": 20.0, "2": 20.0, "32": 2.5}
_VERIFY_PROBE = Path(package.__file__).with_name("verify_probe.py")
_INSTRUCTION_TICKS = (400, 800)  # the recorded cabinet is in RUN before the first
_TASKS = ("fast", "storm", "scan", "cells", "slow", "estimate", "service", "requests")
_SCAN_C = """
#include <stdint.h>
#include <stdio.h>
#include <time.h>
__attribute__((noinline)) void scan(const uint16_t *v, const uint8_t *f, int n, int32_t *o) {
  int32_t lo = 0xFFFF, li = 0, hi = -1, hx = 0, sum = 0, used = 0;
  for (int i = 0; i < n; i++) if (f[i]) {
    int32_t x = v[i]; sum += x; used++;
    if (x < lo) { lo = x; li = i; }
    if (x > hi) { hi = x; hx = i; }
  }
  o[0] = lo; o[1] = li; o[2] = hi; o[3] = hx; o[4] = sum; o[5] = used;
}
int main(void) {
  uint16_t v[] = {VALUES}; int n = sizeof v / sizeof *v;
  uint8_t f[sizeof v / sizeof *v]; int32_t o[6];
  for (int i = 0; i < n; i++) f[i] = 1;
  struct timespec a, b; const int rounds = 2000000;
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (int r = 0; r < rounds; r++) { scan(v, f, n, o); __asm__ volatile("" ::: "memory"); }
  clock_gettime(CLOCK_MONOTONIC, &b);
  printf("%f\\n", ((b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) / 1e3) / rounds);
}
"""


class BenchError(AutarkyError):
    """A figure could not be measured as it claims; the message says which."""


def run_bench(console: Console, seconds: float, quick: bool = False) -> dict[str, Any]:
    """Measure everything; prints a table and returns the figures for JSON.

    quick: only what takes seconds: no callgrind, no 32 cabinets, no board's heap; these are
    absent or None in the result, and the table says so.
    """
    valgrind = None if quick else shutil.which("valgrind")
    result: dict[str, Any] = {"realtime_factor": {}}
    with tempfile.TemporaryDirectory(prefix="autarky-bench-") as name:
        folder = Path(name)
        for count in _QUICK_CABINETS if quick else _CABINETS:
            console.print(f"{count} cabinets, {seconds:.0f} s ...", highlight=False)
            result["realtime_factor"][str(count)] = _realtime_factor(count, seconds)
        console.print("instructions, memory, scan ...", highlight=False)
        record = _record(folder / "ticks.bin")
        result.update(_memory(record))
        result["instructions"] = _instructions(record, folder, valgrind)
        result.update(_scan(record, folder))
        console.print("bus ...", highlight=False)
        result["bus"] = _bus()
        result["segment"] = None
        if not quick:
            console.print("32 cabinets with a download of 200 KiB ...", highlight=False)
            result["segment"] = measure_segment()
        console.print("verification of an update ...", highlight=False)
        result["verification"] = _verification(folder, valgrind)
        result["boards"] = []
        if not quick:
            console.print("heap of every board ...", highlight=False)
            result["boards"] = _boards(console)
    _print(console, result)
    return result


def _realtime_factor(cabinets: int, seconds: float) -> float:
    with VirtualSite(SiteConfig(cabinets=cabinets)) as site:
        site.run_for(4.0)  # boot, self-test, precharge: the running state is what is measured
        site.coordinator.target_w = 40_000.0 * cabinets
        start = time.perf_counter()
        site.run_for(seconds)
        return seconds / (time.perf_counter() - start)


def _record(path: Path) -> Path:
    with VirtualSite(SiteConfig(cabinets=1)) as site, path.open("wb") as file:
        firmware = site.cabinets[0].firmware
        assert isinstance(firmware, Firmware)
        firmware.record = file
        site.coordinator.target_w = 40_000.0
        site.run_for(9.0)
        firmware.record = None
    return path


def _measure(record: Path, mode: str, *prefix: str, count: int | None = None) -> dict[str, str]:
    """What boards/unix/measure.py prints, by name; of a cabinet in RUN, or BenchError."""
    command = [
        *prefix, image.tool("micropython"), "-X", "heapsize=1M", str(UNIX_BOARD / "measure.py"),
        str(image.build()), str(record), mode,
    ]  # fmt: skip
    if count is not None:
        command.append(str(count))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    values: dict[str, str] = dict(re.findall(r"^(\w+) (\S+)$", done.stdout, re.M))
    found = re.search(r"Collected : (\d+)", said)
    if found is not None:
        values["instructions"] = found[1]
    if done.returncode or "Traceback" in said or values.get("state") != "run":
        raise BenchError(f"{mode} was not measured on a cabinet in RUN:\n{said}")
    return values


def _memory(record: Path) -> dict[str, Any]:
    values = _measure(record, "heap")
    return {
        "state": values["state"],
        "heap_after_boot_bytes": int(values["heap"]),
        "alloc_bytes": {"fast": int(values["fast"]), "cells": int(values["cells"])},
    }


def _instructions(record: Path, folder: Path, valgrind: str | None) -> dict[str, float] | None:
    """x86 instructions of one run of each task, by callgrind; None without valgrind."""
    if valgrind is None:
        return None

    low, high = _INSTRUCTION_TICKS

    def count(mode: str, ticks: int) -> int:
        values = _measure(
            record, mode, valgrind, "--tool=callgrind",
            f"--callgrind-out-file={folder / 'callgrind'}", count=ticks,
        )  # fmt: skip
        if int(values["run_from"]) > low:
            raise BenchError(f"{mode}: in RUN from tick {values['run_from']} only, not from {low}")
        return int(values["instructions"])

    span = high - low
    whole = (count("ticks", high) - count("ticks", low)) / span
    result = {"tick": whole}
    for name in _TASKS:
        result[name] = (count(name, high) - count(name, low)) / span - whole
    return result


def _verification(folder: Path, valgrind: str | None) -> dict[str, float | None]:
    """Verifying a package: steps of four hashes, heap, and x86 instructions by callgrind."""
    key, file = folder / "key.json", folder / "bench.package"
    public = keys.create(key)
    file.write_bytes(package.wrap(bytes(1000), "1.0.0", ["unix"], "1.29", key).data)

    def run(rounds: int, *prefix: str) -> str:
        command = [
            *prefix, image.tool("micropython"), "-X", "heapsize=4M", str(_VERIFY_PROBE),
            str(image.build()), str(file), public.hex(), str(rounds),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def count(rounds: int) -> int:
        out = f"--callgrind-out-file={folder / 'callgrind'}"
        found = re.search(r"Collected : (\d+)", run(rounds, str(valgrind), "--tool=callgrind", out))
        assert found is not None
        return int(found[1])

    values = dict(line.split() for line in run(1).splitlines() if len(line.split()) == 2)
    whole = (count(6) - count(1)) / 5 if valgrind else None
    return {
        "steps": int(values["steps"]),
        "heap_bytes": int(values["heap"]),
        "instructions": whole,
        "instructions_per_step": whole / int(values["steps"]) if whole else None,
    }


def _boards(console: Console) -> list[dict[str, Any]]:
    """Image and heap of every board against its budget, [] where that cannot be measured."""
    try:
        return [vars(estimate) for estimate in heap.estimates()]
    except AutarkyError as error:
        console.print(f"boards left out: {error}", highlight=False)
        return []


def _scan(record: Path, folder: Path) -> dict[str, Any]:
    values = _measure(record, "scan_leaf")
    native, bytecode = float(values["native"]), float(values["bytecode"])
    result: dict[str, Any] = {
        "scan_us": native,
        "scan_over_bytecode": native / bytecode,
        "scan_over_c": None,
    }
    compiler = shutil.which("gcc")
    if compiler is not None:
        source, program = folder / "scan.c", folder / "scan"
        source.write_text(_SCAN_C.replace("VALUES", values["values"]))
        subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True)
        result["scan_over_c"] = native / float(subprocess.check_output([str(program)], text=True))
    return result


def _bus() -> dict[str, float]:
    """Frames a second through the virtual bus, and the round trip over a real socket pair."""
    bus = Bus()
    sender = bus.attach()
    start = time.perf_counter()
    total = 20_000
    for i in range(total):
        bus.send(sender, 0x180 + i % 64, i.to_bytes(8, "little"), i * 300)
        if i % 20 == 19:
            bus.advance((i + 1) * 300)
    frames_per_s = total / (time.perf_counter() - start)
    return {"frames_per_s": frames_per_s, **_round_trip()}


def _round_trip(rounds: int = 3000) -> dict[str, float]:
    """A 16-byte record there and back between two threads' TCP sockets, in us."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo() -> None:
            peer, _ = server.accept()
            with peer:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while data := peer.recv(16):
                    peer.sendall(data)

        thread = threading.Thread(target=echo, daemon=True)
        thread.start()
        with socket.create_connection(server.getsockname()) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            times = []
            for _ in range(rounds):
                start = time.perf_counter()
                client.sendall(bytes(16))
                client.recv(16)
                times.append((time.perf_counter() - start) * 1e6)
        thread.join(timeout=2)
    times.sort()
    return {"rtt_us_p50": statistics.median(times), "rtt_us_p99": times[int(0.99 * len(times))]}


def _print_segment(table: Table, segment: dict[str, float]) -> None:
    table.add_row("32 cabinets, bus load measured / computed %",
                  f"{100 * segment['load_measured']:.1f} / {100 * segment['load_computed']:.1f}",
                  "<= 50, within 2")  # fmt: skip
    table.add_row("command round trip ms, p50 / p99 / worst",
                  f"{segment['round_trip_ms_p50']:.1f} / {segment['round_trip_ms_p99']:.1f} / "
                  f"{segment['round_trip_ms_worst']:.1f}", "")  # fmt: skip
    table.add_row("200 KiB block download meanwhile, s",
                  f"{segment['download_s']:.1f}", "")  # fmt: skip


def _print(console: Console, result: dict[str, Any]) -> None:
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
    table.add_row("allocated in fast + scan, bytes", str(result["alloc_bytes"]["fast"]), "0")
    table.add_row("allocated in cells, bytes", str(result["alloc_bytes"]["cells"]), "0")
    boot = result["heap_after_boot_bytes"]
    table.add_row("heap after boot, KiB (64 bit)", f"{boot / 1024:.1f}", "<= 232")
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
