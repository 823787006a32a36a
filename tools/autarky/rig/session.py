"""A rig in use: what its depth needs is open, and every site on it is made here."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autarky.errors import AutarkyError
from autarky.rig import needs
from autarky.rig.description import Rig
from autarky.rig.instruments import InstrumentError
from autarky.rig.results import Histogram, Measured
from autarky.scenario.fault_cases import FaultCase
from autarky.sil.site import SiteConfig, VirtualSite

if TYPE_CHECKING:
    from autarky.rig.check import Checked


_STARTS = ("restart", "watchdog", "parameters-corrupt")


def _virtual(site: VirtualSite) -> AbstractContextManager[None]:
    return contextlib.nullcontext()


@dataclass
class Session:
    """What tests are handed as `rig`.

    around: entered with a site before it starts and left after it has ended; at other depths than
    virtual it gives its first cabinet's firmware, and leaves the bench safe. settle: steps a
    started site until its first cabinet is well. allowance_ms: what the bench itself takes between
    a cause and the command that is seen, and boot_ms from its supply to its first word, as
    `check` measured them. edges: of a running site what a witness saw of its first cabinet's
    outputs, (ms of the site's time, bits of bess.lines). histograms, controller: what the board
    measured of itself, over all sites and in the newest.
    """

    rig: Rig
    around: Callable[[VirtualSite], AbstractContextManager[None]] = _virtual
    settle: Callable[[VirtualSite], None] = lambda site: None
    allowance_ms: float = 0.0
    boot_ms: float = 0.0
    provenance: dict[str, str] = field(default_factory=dict)
    histograms: Callable[[], list[Histogram]] = list
    controller: Callable[[], list[Measured]] = list
    edges: Callable[[VirtualSite], list[tuple[float, int]]] = lambda site: []

    def lacks(self, wanted: set[str]) -> list[str]:
        """What of it does not stand here, sorted."""
        return sorted(wanted - needs.has(self.rig))

    def allowed_ms(self, case: FaultCase) -> float:
        """What this rig may take beside the case itself: a real controller needs its time to boot,
        the virtual ones are there at once."""
        starts = case.setup == "boot" or any(text.split()[0] in _STARTS for text in case.done)
        return self.allowance_ms + (self.boot_ms if starts else 0.0)

    def config(
        self, cabinets: int = 1, inside: bool = False, parameters: dict[str, int] | None = None
    ) -> SiteConfig:
        """Of a site whose first cabinet is the rig's; inside: the firmware lies open, which only
        depth virtual can do."""
        paced = self.rig.depth == "processor" and self.rig.pace == "real-time"
        return SiteConfig(
            cabinets=cabinets, seed=self.rig.seed, soc=0.6, watchdog=True,
            parameters=dict(parameters or {}),
            interpreter="inline" if inside else "micropython",
            realtime=paced or self.rig.depth == "hardware",
        )  # fmt: skip

    @contextlib.contextmanager
    def site(
        self, folder: Path, config: SiteConfig | None = None, settled: bool = True
    ) -> Iterator[VirtualSite]:
        """Started, and ended; its cabinets' storage and consoles are in the folder. settled: its
        first cabinet is well, where that takes longer than its start."""
        made = config or self.config()
        made.state = folder / "state"
        site = VirtualSite(made, out=folder)
        with self.around(site), site:
            if settled:
                self.settle(site)
            yield site


@contextlib.contextmanager
def opened(rig: Rig) -> Iterator[Session]:
    """The rig for one user. Raises AutarkyError, a sentence, where it cannot be used; leaves the
    bench safe and ends all that was started, whatever happens inside."""
    if rig.depth == "virtual":
        yield Session(rig)
    elif rig.depth == "processor":
        with _processor(rig) as session:
            yield session
    else:
        with _hardware(rig) as session:
            yield session


@contextlib.contextmanager
def _processor(rig: Rig) -> Iterator[Session]:
    from autarky.rig import histograms
    from autarky.rig.processor import Measures, Processor

    measured: list[Measures] = []
    with Processor(rig) as board:

        @contextlib.contextmanager
        def around(site: VirtualSite) -> Iterator[None]:
            run = board.connect()
            measured.append(run.measures)
            site.config.board = run
            yield

        yield Session(
            rig, around, provenance=board.provenance,
            histograms=lambda: histograms.of_controller(measured, board.facts["own_heap_bytes"]),
            controller=lambda: histograms.worst(measured[-1:], board.facts["own_heap_bytes"]),
        )  # fmt: skip


@contextlib.contextmanager
def _hardware(rig: Rig) -> Iterator[Session]:
    from autarky.rig.bench import Bench
    from autarky.rig.bench_firmware import around, settle
    from autarky.rig.check import check

    with standing(rig) as there:
        checked = check(there)
        missing = [f"{row.instrument}: {row.said}" for row in checked.rows if not row.found]
        if checked.allowance_ms is None:
            raise InstrumentError("\n".join(missing))
        with Bench(there) as bench:
            facts = {**bench.names(), "allowance": f"{checked.allowance_ms:.0f} ms"}
            yield Session(
                there, lambda site: around(bench, site), settle, checked.allowance_ms,
                checked.boot_ms or 0.0, facts, edges=_edges,
            )  # fmt: skip


def _edges(site: VirtualSite) -> list[tuple[float, int]]:
    from autarky.rig.bench_firmware import BenchFirmware

    running = site.cabinets[0].firmware
    return running.edges if isinstance(running, BenchFirmware) else []


@contextlib.contextmanager
def standing(rig: Rig) -> Iterator[Rig]:
    """The rig with its bench there: a simulated one is started, and ended. Raises AutarkyError."""
    if not rig.simulated:
        yield rig
        return
    import yaml

    from autarky.rig import simulated

    with tempfile.TemporaryDirectory(prefix="autarky-rig-") as folder:
        described = Path(folder) / "rig.yaml"
        content = rig.model_dump(exclude_none=True)
        described.write_text(yaml.safe_dump(content), encoding="utf-8")
        with simulated.running(described) as there:
            yield there


def checked(rig: Rig) -> Checked:
    """Everything of a rig talked to once. Raises AutarkyError where somebody else has it."""
    from autarky.rig.check import Checked, Row, check

    if rig.depth == "hardware":
        with standing(rig) as there:
            return check(there)
    rows = []
    if rig.depth == "processor":
        try:
            with opened(rig) as session:
                facts = session.provenance
                rows.append(Row("board", True, ", ".join(f"{k} {v}" for k, v in facts.items())))
        except AutarkyError as error:
            rows.append(Row("board", False, str(error)))
    all_there = all(row.found for row in rows)
    return Checked(rows, 0.0 if all_there else None)
