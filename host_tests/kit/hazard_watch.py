"""Checks every actuator of a virtual cabinet against the hazards in each tick, from the plant."""

from __future__ import annotations

from collections import Counter, deque

from kit.hazards import (
    CHILLER,
    CONTACTORS,
    GATES,
    HEATER,
    MAIN,
    PUMP,
    TRUTHS,
    Truth,
    rows,
)

from autarky.bus.bus import Sent
from autarky.plant.iso165c import INFO_ID
from autarky.sil.site import VirtualSite

TICK_MS = 10
STATUS_BASE = 0x180
KEY_MS = 2500  # a reset looks for causes that have gone for a second after the key's release
CLOSINGS, CLOSINGS_MS = 6, 30_000
PRECHARGE_J, PRECHARGE_MS = 1.1 * 6000.0, 60_000  # resistor's rating, 10 % for the measurement
COMPRESSOR_MS = 180_000 - 50
UNPROVEN_MS = 1200  # flow is looked at once a second
OHM_PER_VOLT, OHM_PER_VOLT_MS = 300.0, 2500  # monitor's cycle, ours, and what is on its way
MUTE_MS = 3000
BREAKING_A, BREAKING_MS = 1000.0, 950
SEEN_MS = 60  # two periods of the sensor, and the tick
RATED_W = 125_000.0
DEVIATION_W = 0.12 * RATED_W + 500.0  # 4 LSB of its report and a sensor's noise
DEVIATION_SEEN_MS, DEVIATION_GONE_MS = 4500, 10_500
TRICKLE_A = 2.9  # 1 % of 280 A
TRICKLE_MS = 2600
EMPTY_V = 2.5
GONE_A = 5.0


class HazardBroken(AssertionError):
    """An actuator was on that a hazard forbids; the text says which, when, and how to repeat."""


class HazardWatch:
    """Attach to a site: `watch = HazardWatch(site)`; raises HazardBroken out of `site.step()`.

    repeat: command that brings the same run again; standing(): what a driver has injected. `met`
    counts hazards that stood until their first deadline, `met_on` those that found an actuator on.
    """

    def __init__(self, site: VirtualSite, i: int = 0, repeat: str = "") -> None:
        self.site, self.i, self.repeat = site, i, repeat
        self.standing = lambda: ""
        self.truth = Truth(site, i)
        self.met: Counter[str] = Counter()
        self.met_on: Counter[str] = Counter()
        self._rows = rows()
        assert self._rows.keys() == TRUTHS.keys()
        self._ms = dict.fromkeys(self._rows, 0)
        self._was_on: dict[str, bool] = dict.fromkeys(self._rows, False)
        self.latched: set[str] = set()
        self._firmware: object = None
        self._boot_ms = 0
        self._key_ms = -KEY_MS
        self._before = 0
        self._closings: list[deque[int]] = [deque(), deque(), deque()]
        self._precharge: deque[tuple[int, float]] = deque()
        self._chiller_off_ms = -COMPRESSOR_MS
        self._flow_absent = self._flow_proven = False
        self._unproven_ms = 0
        self._heard_ms = self._status_ms = 0
        self._monitor_ms = -1
        self._over_ms, self._over_for_ms = -SEEN_MS - 1, 0  # beyond the breaking capacity
        self._for: Counter[str] = Counter()  # ms for which a named condition has held on end
        site.on_frames.append(self._frames)
        site.after_carry.append(self._check)

    def broken(self, rule: str, sentence: str) -> None:
        at_s = self.site.now_ms / 1000
        text = f"{rule}: {sentence}, at {at_s:.2f} s, state {self._view.state_name}"
        if self.latched:
            text += f", latched: {' '.join(sorted(self.latched))}"
        if self.standing():
            text += f"; injected: {self.standing()}"
        raise HazardBroken(text + (f"; repeat: {self.repeat}" if self.repeat else ""))

    @property
    def _view(self):
        return self.site.coordinator.views[self.site.cabinets[self.i].node_id]

    def _frames(self, number: int, sent: list[Sent]) -> None:
        cabinet = self.site.cabinets[self.i]
        if number == 0 and any(frame.sender == cabinet.site_port for frame in sent):
            self._heard_ms = self.site.now_ms
            if any(frame.can_id == STATUS_BASE + cabinet.node_id for frame in sent):
                self._status_ms = self.site.now_ms
        elif number == cabinet.node_id and any(frame.can_id == INFO_ID for frame in sent):
            self._monitor_ms = self.site.now_ms

    def _held(self, name: str, holds: bool) -> int:
        """ms for which a condition has held on end."""
        self._for[name] = self._for[name] + TICK_MS if holds else 0
        return self._for[name]

    def _check(self, site: VirtualSite) -> None:
        cabinet = site.cabinets[self.i]
        assert cabinet.firmware is not None
        running = getattr(cabinet.firmware, "app", cabinet.firmware)
        if running is not self._firmware:
            self._restarted(running)
        truth = self.truth
        truth.look()
        self._take_key()
        self._check_hazards()
        self._check_heat()
        self._check_closing()
        self._check_power()
        self._before = truth.outputs

    def _restarted(self, running: object) -> None:
        self._firmware = running
        self._boot_ms = self.site.now_ms
        truth = self.truth
        if "backup_lost" in truth.planted:  # nobody knows for how long the compressor was off
            self._chiller_off_ms = self.site.now_ms
            self.latched = {"backup_lost"}
        truth.planted.clear()
        truth.boot_skew_ms = self.site.cabinets[self.i].skew_ms
        self._ms = dict.fromkeys(self._rows, 0)

    def _take_key(self) -> None:
        now_ms, truth = self.site.now_ms, self.truth
        if self.site.plants.reset_key[self.i]:
            self._key_ms = now_ms
            truth.boot_skew_ms = self.site.cabinets[self.i].skew_ms  # a jump is over, its latch not
        if now_ms - self._key_ms < KEY_MS:
            if 2.0 <= truth.cell_min_v <= 3.0 and "cell_uv" in self.latched:
                truth.excused_uv = True
            self.latched = {name for name in self.latched if TRUTHS[name](truth)}

    def _check_hazards(self) -> None:
        truth = self.truth
        for name, (latches, limits) in self._rows.items():
            if name not in self.latched and not TRUTHS[name](truth):
                self._ms[name] = 0
                continue
            if not self._ms[name]:
                self._was_on[name] = any(truth.on(a, self._before) for a in limits)
            self._ms[name] = ms = self._ms[name] + TICK_MS
            if ms == min(limits.values()):
                self.met[name] += 1
                self.met_on[name] += self._was_on[name]
            if latches and ms >= max(limits["gates"], limits["contactors"]):
                self.latched.add(name)
            for actuator, limit_ms in limits.items():
                if ms > limit_ms and truth.on(actuator) and not self._waits_for_fuse(actuator):
                    what = f"{name} is there or stands latched for {ms} ms"
                    self.broken(name, f"{what} and {actuator} on, off within {limit_ms} ms")

    def _waits_for_fuse(self, actuator: str) -> bool:
        """Above the breaking capacity the fuse acts first, for a second at most."""
        if actuator != "contactors":
            return False
        seen = self.site.now_ms - self._over_ms <= SEEN_MS  # its end is on its way to us
        return seen and self._over_for_ms <= BREAKING_MS + 200

    def _check_heat(self) -> None:
        truth, now_ms = self.truth, self.site.now_ms
        outputs = truth.outputs
        rose = outputs & ~self._before
        if outputs & HEATER and outputs & CHILLER:
            self.broken("heat against cold", "heater and chiller on together")
        if truth.low("coolant_flow"):
            self._flow_absent, self._flow_proven = True, False
        elif self._flow_absent:  # it came: by the pump, or by a line that is stuck
            self._flow_absent, self._flow_proven = False, bool(outputs & PUMP)
        unproven_ms = self._held("unproven", not self._flow_proven)
        if outputs & HEATER and (unproven_ms > UNPROVEN_MS or (rose & HEATER and unproven_ms)):
            self.broken(
                "dry heat", f"heater on, and flow was not seen to come for {unproven_ms} ms"
            )
        if rose & CHILLER and now_ms - self._chiller_off_ms < COMPRESSOR_MS:
            off_ms = now_ms - self._chiller_off_ms
            self.broken("compressor", f"started again {off_ms} ms after its stop or a lost memory")
        if self._before & CHILLER and not outputs & CHILLER:
            self._chiller_off_ms = now_ms

    def _check_closing(self) -> None:
        truth, site = self.truth, self.site
        now_ms, outputs = site.now_ms, truth.outputs
        rose = outputs & ~self._before
        for pole in range(3):
            closings = self._closings[pole]
            if rose >> pole & 1:
                closings.append(now_ms)
            while closings and closings[0] <= now_ms - CLOSINGS_MS:
                closings.popleft()
            if len(closings) > CLOSINGS:
                self.broken("closings", f"contactor {pole} closed {len(closings)} times in 30 s")
        joules = float(site.plants.strings.precharge_j[self.i])
        precharge = self._precharge
        if rose & CONTACTORS or outputs & CONTACTORS:
            if not precharge or precharge[-1][1] != joules:
                precharge.append((now_ms, joules))
            while precharge and precharge[0][0] <= now_ms - PRECHARGE_MS:
                precharge.popleft()
            if precharge and joules - precharge[0][1] > PRECHARGE_J:
                self.broken("precharge", f"{joules - precharge[0][1]:.0f} J in 60 s, rated 6000 J")
        low_ms = self._held("low insulation", truth.ohm_per_volt < OHM_PER_VOLT - 2.0)
        if rose & CONTACTORS and not self._before & CONTACTORS:
            if low_ms > OHM_PER_VOLT_MS:
                self.broken("insulation", f"closed at {truth.ohm_per_volt:.0f} ohm/V")
            if self._monitor_ms < self._boot_ms:
                self.broken("insulation", "closed before the monitor was heard since the start")
        closed = outputs & MAIN == MAIN
        if self._held("mute", closed and self._heard_ms < now_ms) > MUTE_MS:
            self.broken("mute", "closed for more than 3 s without a frame on the site bus")
        over_ms = self._for["beyond breaking"]  # until the tick before
        opened = self._before & MAIN and not outputs & MAIN
        over = abs(truth.current_a) > BREAKING_A
        if opened and over and over_ms < BREAKING_MS and now_ms - self._boot_ms > TICK_MS:
            self.broken("breaking", f"opened at {truth.current_a:.0f} A after {over_ms} ms of it")
        if self._held("beyond breaking", over):
            self._over_ms, self._over_for_ms = now_ms, self._for["beyond breaking"]
        if site.plants.strings.current_at_parting_a[self.i] > 1.0:
            self.broken("parting", "a module's pins parted under current")

    def _check_power(self) -> None:
        truth, site, view = self.truth, self.site, self._view
        now_ms, outputs, plants = site.now_ms, truth.outputs, self.site.plants
        # other frames keep the view alive where there is no SYNC, and what it tells grows old
        fresh = self._status_ms > self._boot_ms and now_ms - self._status_ms <= 120
        told = fresh and view.level >= 3  # as of the newest status, up to 100 ms ago
        if self._held("told, gates", told and bool(outputs & GATES)) > 150:
            self.broken("told", "it tells of a trip, and the gates are released")
        closed_too = bool(outputs & CONTACTORS) and not self._waits_for_fuse("contactors")
        if self._held("told, contactors", told and closed_too) > 150:
            self.broken("told", "it tells of a trip, and a contactor is commanded")
        closed = outputs & MAIN == MAIN
        face = plants.faces[self.i]
        measured_w = truth.measured_a * plants.string_v[self.i]
        reported_w = face.setpoint_w if face.silent else face.reported_w
        for source, power_w, known in (
            ("sensor", measured_w, truth.honest_sensor),
            ("report", reported_w, True),
        ):
            off_w = power_w - face.setpoint_w
            deviates = closed and bool(outputs & GATES) and known and abs(off_w) > DEVIATION_W
            off_ms = self._held(f"{source} off", deviates)
            untold = off_ms > DEVIATION_SEEN_MS and fresh and view.level < 2
            said = f"by its {source} {off_w:.0f} W off the set-point for {off_ms} ms"
            if self._held(f"{source} untold", untold) > 200:
                self.broken("deviation", f"{said} and level {view.level}")
            if off_ms > DEVIATION_GONE_MS and abs(truth.current_a) > GONE_A:
                self.broken("deviation", f"{said} and {truth.current_a:.0f} A")
        if not truth.honest_sensor:
            return
        for way, limit_w in ((1, view.discharge_limit_w), (-1, view.charge_limit_w)):
            blocked = self._held(f"blocked {way}", fresh and limit_w == 0.0) > 1000
            flows = closed and way * truth.current_a > TRICKLE_A
            if self._held(f"flows {way}", blocked and flows) > TRICKLE_MS:
                self.broken("blocked", f"{truth.current_a:.1f} A against a limit of zero for 2.6 s")
        drained = closed and truth.cell_min_v < EMPTY_V - 0.002 and truth.current_a > TRICKLE_A
        if self._held("drained", drained) > TRICKLE_MS:
            self.broken(
                "empty", f"{truth.current_a:.1f} A out of a cell of {truth.cell_min_v:.2f} V"
            )
