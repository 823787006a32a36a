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

from autarky.arm import heap
from autarky.bench.arm_ticks import arm_ticks
from autarky.bench.page import print_bench
from autarky.bench.segment import measure_segment
from autarky.build import image, keys, package
from autarky.bus.bus import Bus
from autarky.errors import AutarkyError
from autarky.paths import UNIX_BOARD
from autarky.sil.firmware import Firmware
from autarky.sil.site import SiteConfig, VirtualSite

_CABINETS = (1, 2, 4, 32)
_QUICK_CABINETS = (1, 2)
_VERIFY_PROBE = Path(__file__).with_name("verify_probe.py")
_INSTRUCTION_TICKS = (400, 800)  # the recorded cabinet is in RUN before the first
_TASKS = ("fast", "storm", "scan", "cells", "slow", "estimate", "service", "requests")
_SCAN_C = Path(__file__).with_name("scan.c")


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
        result["arm"] = None
        if not quick:
            result["arm"] = _arm(console, folder)
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
    print_bench(console, result)
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


def _arm(console: Console, folder: Path) -> dict[str, float] | None:
    """ARM instructions of single ticks, None where that cannot be measured."""
    own = folder / "arm"
    own.mkdir()
    try:
        return arm_ticks(own)
    except AutarkyError as error:
        console.print(f"ARM instructions left out: {error}", highlight=False)
        return None


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
        source.write_text(_SCAN_C.read_text(encoding="utf-8").replace("VALUES", values["values"]))
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
