"""`make test-32`: records, fuzzed ones and the leaves' twins on Debian's MicroPython of 32 bits."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from autarky.arm import debian, interpreters
from autarky.arm.compare import compare
from autarky.arm.interpreters import Interpreter
from autarky.arm.records import NAMES, Maker, Record
from autarky.errors import AutarkyError
from autarky.paths import BUILD, ROOT

_TWINS = ROOT / "host_tests" / "on_target" / "leaves_twins.py"
_TWIN_SEEDS = 3
_EMULATED = 8  # one fuzzed record in so many runs on armhf, which is five times slower


def main() -> int:
    """Exit code 0 when every interpreter gave the same DONE in every tick of every record."""
    parser = argparse.ArgumentParser(prog="make test-32 ARGS=", description=__doc__)
    parser.add_argument("--fuzz", type=int, default=40, help="fuzzed records (default 40)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first one (default 0)")
    parser.add_argument("--only", default="", help="only records whose name holds this text")
    options = parser.parse_args()
    i386, armhf = debian.interpreters()
    reference = interpreters.unix()
    folders = interpreters.folders()
    work = BUILD / "records"
    work.mkdir(exist_ok=True)
    failures = 0 if options.only else _twins(armhf, folders[armhf.march])
    for record, emulated in _records(options.only, options.seed, options.fuzz):
        others = [i386, armhf] if emulated else [i386]
        right, found = compare(record, folders, work, reference, others)
        names = ", ".join(other.name for other in others)
        result = "differs" if found else f"dead tasks: {right.dead}" if right.dead else "same"
        print(f"{record.name}: {len(right.digests)} ticks on {names}: {result}", flush=True)
        for difference in found:
            print(difference, flush=True)
        failures += bool(found or right.dead)
    print(f"{failures} differ" if failures else f"all the same as on {reference.name}")
    return 1 if failures else 0


def _records(only: str, seed: int, count: int) -> Iterator[tuple[Record, bool]]:
    """Each record, and whether it runs under emulation too."""
    maker = Maker()
    for name in NAMES:
        if only in name:
            yield maker.standing(name), True
    for number in range(seed, seed + count):
        if only in Maker.fuzz_name(number):
            yield maker.fuzzed(number), number % _EMULATED == 0


def _twins(armhf: Interpreter, folder: Path) -> int:
    """Machine code of ARM against bytecode, leaf by leaf; the number of seeds that differ."""
    failures = 0
    for seed in range(_TWIN_SEEDS):
        done = subprocess.run(
            [*armhf.start[:-1], str(_TWINS), str(folder), str(folder / "native" / armhf.march),
             str(seed)], capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = (done.stdout + done.stderr).strip()
        print(f"leaves in armv7m machine code, seed {seed}: {said}", flush=True)
        failures += not said.startswith("agreed")
    return failures


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AutarkyError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
