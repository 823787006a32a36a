"""A runner that a test ends in any way: a site on a bench, stepped for ever.

usage: runner.py PORTS_JSON LOCK [disk]
"""

import json
import signal
import sys
from pathlib import Path

from autarky.rig.bench import Bench
from autarky.rig.bench_firmware import on_bench
from autarky.rig.reading import read
from autarky.rig.simulated import EXAMPLE, fill
from autarky.sil.site import SiteConfig


def main() -> None:
    # as `autarky` itself: who was started in the background of a script is deaf to Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ports, lock, *how = sys.argv[1:]
    rig = fill(read(EXAMPLE), json.loads(ports))
    with Bench(rig, Path(lock)) as bench:
        print("open", flush=True)
        with on_bench(bench, SiteConfig(cabinets=1)) as site:
            while True:
                site.step()
                if how == ["disk"] and site.now_ms > 1500:
                    Path("/dev/full").write_text("a report")


if __name__ == "__main__":
    main()
