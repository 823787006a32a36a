"""The real firmware in a closed loop with the plant, and what must hold in every tick of it.

Subclass CabinetMachine and add rules of your own; `watch` names each broken invariant by the
number it has in design page testing.md.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from kit.hazard_watch import HazardWatch

from autarky.bus.bus import BusFault
from autarky.sil.site import SiteConfig, VirtualSite
from bess.control import contactors as c
from bess.control import pcs_control

MINUS, PLUS, RELAY = 1, 2, 4
DIRECTED = ("hvil", "module", "cell_ov", "cell_uv", "power")
REACHED: Counter[str] = Counter()  # faults latched, by examples
EXAMPLES = Counter[str]()


class World:
    """One cabinet; `step` runs a tick and checks every invariant."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="autarky-world-")
        config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6, state=Path(self.folder.name))
        self.site = VirtualSite(config)
        self.site.__enter__()
        self.site.after_done.append(self._check_outputs)
        self.hazards = HazardWatch(self.site)
        self.plus_was = False
        self.before_w = (0, 0)
        self.states: set[int] = set()
        self.latched: set[int] = set()

    @property
    def app(self):
        return self.site.cabinets[0].firmware.app

    def close(self) -> None:
        self.site.close()
        self.folder.cleanup()

    def run(self, seconds: float) -> None:
        for _ in range(max(round(seconds * 100), 1)):
            self.step()

    def step(self) -> None:
        limits = self.app.limits
        before = limits.charge_ma, limits.discharge_ma
        estop_count = self.app.signals.count[8]
        tripped = self.app.protection.tripped
        self.site.step()
        self.watch(before, estop_count, tripped)

    def _check_outputs(self, site: VirtualSite, cabinet: int, outputs: int) -> None:
        """Invariant 10: the plus contactor is commanded onto a matching link only."""
        plus = bool(outputs & PLUS)
        if plus and not self.plus_was:
            assert outputs & RELAY, "10: plus commanded without precharge"
            meter = self.app.string.meter
            gap_mv = abs(meter.string_mv - meter.link_mv)
            assert gap_mv <= min(20_000, 0.03 * meter.string_mv), "11: link does not match"
        self.plus_was = plus

    def watch(self, limits_before: tuple[int, int], estop_count: int, tripped: bool) -> None:
        """limits_before, tripped: before this tick; a scan's verdict acts in the next tick."""
        app, plants = self.app, self.site.plants
        protection, limits = app.protection, app.limits
        outputs = plants.outputs[0]
        self.states.add(app.modes.state)
        for at, level in enumerate(protection.levels()):
            if level >= 3:
                self.latched.add(at + 1)
        if tripped and protection.tripped:
            assert not outputs & (MINUS | PLUS | RELAY), "1: latched and a contactor commanded"
            assert not plants.output(0, "gate_enable"), "1: latched and the gates released"
        if app.string.cells.seen_all and app.string.cells.temp_min_dc <= 0:
            assert limits.charge_ma == 0, "6: charge allowed at or below 0 degC"
        if app.string.contactors.closed:
            # 0.5 A/s per 100 A rated, in the 100 ms of an evaluation
            step_ma = 280 * 5 // 1000 * 1000 // 10 + 150
            assert limits.charge_ma <= limits_before[0] + step_ma, "9: charge limit jumped up"
            assert limits.discharge_ma <= limits_before[1] + step_ma, "9: discharge limit jumped up"
        allowed_w = (
            max(self.before_w[0], limits.charge_w),
            max(self.before_w[1], limits.discharge_w),
        )
        self.before_w = limits.charge_w, limits.discharge_w
        assert -allowed_w[0] <= app.pcs.setpoint_w <= allowed_w[1], "26: beyond the limits"
        if app.modes.silent and app.pcs.mode == pcs_control.FOLLOW:
            raise AssertionError("26: power follows a silent coordinator")
        if app.signals.count[8] != estop_count and not app.restart:
            assert app.protection.judges[0]._seen[0] == app.signals.count[8], (
                "28: a tick went unjudged"
            )
        if app.string.contactors.state == c.LOCKED:
            assert not outputs & (MINUS | PLUS | RELAY), "24: locked and commanded"
        assert plants.strings.current_at_parting_a[0] < 1.0, "22: module drawn under current"
        assert app.string.contactors.heat_permille() <= 1100, (
            "13: precharge resistor beyond its rating"
        )
        for device, mask in enumerate(app.string.balancing._masks):
            first = sum(app.string.balancing._layout[:device])
            lowest = app.string.balancing.lowest - first
            if mask and 0 <= lowest < app.string.balancing._layout[device]:
                assert not mask >> lowest & 1, "19: the lowest cell is bled"
        assert not app.scheduler.stopped, "8: a task has stopped"


class CabinetMachine(RuleBasedStateMachine):
    """Rules of what may happen to a cabinet; add your own in a subclass."""

    cell_v = st.floats(1.9, 3.75)
    celsius = st.floats(-40.0, 65.0)

    @initialize(running=st.booleans())
    def start(self, running: bool) -> None:
        self.turn = EXAMPLES["all"]  # each in turn over the examples too, not by chance
        self.world = World()
        self.site = self.world.site
        if running:
            self.world.run(4.5)
        self.site.coordinator.target_w = 40_000.0
        if running:
            self.inject_hold_recover_reset(True)

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.2, 1.0, 3.0]))
    def tick(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(power_w=st.floats(-120_000, 120_000))
    def request(self, power_w: float) -> None:
        self.site.coordinator.target_w = power_w
        self.world.run(0.3)

    @rule(cell=st.integers(0, 239), volts=cell_v, seconds=st.sampled_from([0.3, 1.3, 2.5]))
    def cell(self, cell: int, volts: float, seconds: float) -> None:
        self.site.plants.cells.force_voltage(0, cell, volts)
        self.world.run(seconds)
        self.site.plants.cells.release(0)

    @rule(celsius=celsius, seconds=st.sampled_from([0.5, 2.5, 5.5]))
    def temperature(self, celsius: float, seconds: float) -> None:
        self.site.plants.temperature_forced_c[0] = celsius
        self.world.run(seconds)
        self.site.plants.temperature_forced_c[0] = None

    @rule(amperes=st.floats(-250, 250), seconds=st.sampled_from([0.1, 0.7]))
    def current(self, amperes: float, seconds: float) -> None:
        self.site.plants.strings.extra_a[0] = amperes
        self.world.run(seconds)
        self.site.plants.strings.extra_a[0] = 0.0

    @rule(kind=st.sampled_from(["drop", "corrupt", "duplicate", "delay"]),
          probability=st.floats(0.2, 1.0))  # fmt: skip
    def can_fault(self, kind: str, probability: float) -> None:
        self.site.bus.faults.append(
            BusFault(kind, lambda can_id, _: can_id == 0x202, probability, delay_us=150_000)
        )
        self.world.run(1.5)
        self.site.bus.faults.clear()

    @rule()
    def silence(self) -> None:
        self.site.coordinator.silent = True
        self.world.run(4.5)
        self.site.coordinator.silent = False
        self.world.run(1.0)

    @rule(ms=st.sampled_from([40, 50, 60, 200]))
    def hvil(self, ms: int) -> None:
        self.line("hvil", ms)

    @rule(name=st.sampled_from(["smoke", "gas", "enable_ok", "door", "estop"]),
          ms=st.sampled_from([10, 40, 60, 200]))  # fmt: skip
    def any_line(self, name: str, ms: int) -> None:
        self.line(name, ms)

    def line(self, name: str, ms: int) -> None:
        self.site.plants.input_forced[0][name] = False
        self.world.run(ms / 1000)
        del self.site.plants.input_forced[0][name]

    @rule(module=st.integers(0, 4), seconds=st.sampled_from([0.01, 0.2, 1.0]))
    def draw_out_and_insert(self, module: int, seconds: float) -> None:
        self.site.plants.pull_module(0, module)
        self.world.run(seconds)
        self.site.plants.insert_module(0, module)
        self.world.run(0.3)

    @rule(reset=st.booleans())
    def inject_hold_recover_reset(self, reset: bool) -> None:
        """In turn: what random steps alone reach too seldom, and chance prefers among."""
        fault = DIRECTED[self.turn % len(DIRECTED)]
        self.turn += 1
        if fault == "hvil":
            self.line("hvil", 100)
        elif fault == "module":
            self.draw_out_and_insert(2, 0.3)
        elif fault == "power":
            self.power_cycle()
        else:
            self.cell(17, 3.75 if fault == "cell_ov" else 2.3, 1.4)
        if reset:
            self.turn_key(0.3)

    @rule(pole=st.integers(0, 1))
    def weld(self, pole: int) -> None:
        self.site.plants.strings.contactors.welded[0, pole] = True
        self.world.run(0.5)

    @rule()
    def repair(self) -> None:
        self.site.plants.strings.contactors.welded[0] = False
        self.world.run(0.2)

    @rule(seconds=st.sampled_from([0.3, 5.5]))
    def turn_key(self, seconds: float) -> None:
        """Half a second resets; beyond five seconds it enters or leaves service."""
        self.site.plants.reset_key[0] = True
        self.world.run(seconds)
        self.site.plants.reset_key[0] = False
        self.world.run(2.5)

    @rule()
    def power_cycle(self) -> None:
        tripped = self.world.app.protection.tripped
        self.site.power_cycle(0)
        self.world.plus_was = False
        self.world.step()
        if tripped:
            assert self.world.app.protection.tripped, "4: a latch was lost with the power"

    def teardown(self) -> None:
        if hasattr(self, "world"):
            EXAMPLES["all"] += 1
            for fault in self.world.latched:
                REACHED[str(fault)] += 1
            for state in self.world.states:
                REACHED[f"state {state}"] += 1
            self.world.close()
