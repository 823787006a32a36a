"""Contactors, fuse, DC link and PCS of every cabinet, vectorised over cabinets.

The PCS's own loops are kHz; here is what the cabinet sees of them in 10 ms: a first-order
lag to the set-point, gates that block, a link that charges and discharges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarky.plant.cells import Bools, Cells, Floats, any_of

MINUS, PLUS, PRECHARGE = 0, 1, 2
PCS_OFF, PCS_STARTING, PCS_RUNNING, PCS_FAULT = 0, 1, 2, 4


@dataclass(frozen=True)
class StringModel:
    """Ratings of the power path; typical for a 768 V, 125 kW cabinet."""

    close_ms: float = 30.0
    open_ms: float = 15.0
    precharge_ohm: float = 56.0
    link_farad: float = 6e-3
    bleed_s: float = 1.0  # active discharge of the link by a stopped PCS
    idle_bleed_s: float = 600.0
    pcs_lag_s: float = 0.020
    pcs_start_s: float = 0.3
    pcs_rated_w: float = 125_000.0
    fuse_melting_a2s: float = 8e5  # 600 A class: 2.8 kA for 0.1 s
    fuse_rated_a: float = 600.0
    pins_part_s: float = 0.1  # a pulled module: presence first, pins after this


class Contactors:
    """Three poles a cabinet with travel times, weld, stuck-open and bounce.

    `closed` (cabinets, 3) is where the power contacts are; `feedback` what the mirror
    contacts say.
    """

    def __init__(self, cabinets: int, model: StringModel) -> None:
        self._model = model
        self._rested = True
        self._travel = np.zeros((cabinets, 3))
        self.command: Bools = np.zeros((cabinets, 3), dtype=bool)
        self.closed: Bools = np.zeros((cabinets, 3), dtype=bool)
        self.welded: Bools = np.zeros((cabinets, 3), dtype=bool)
        self.stuck_open: Bools = np.zeros((cabinets, 3), dtype=bool)
        self.bounce_ms: Floats = np.zeros((cabinets, 3))
        self.feedback_inverted: Bools = np.zeros((cabinets, 3), dtype=bool)

    def step(self, dt_s: float) -> None:
        wrong = self.command != self.closed
        resting = not (any_of(wrong) or any_of(self.stuck_open) or self.bounce_ms.any())
        if not (resting and self._rested):
            self._move(wrong, dt_s)
        self._rested = resting

    def _move(self, wrong: Bools, dt_s: float) -> None:
        model = self._model
        self._travel = np.where(wrong, self._travel + 1000 * dt_s, 0.0)
        limit = np.where(self.command, model.close_ms, model.open_ms)
        arrived = wrong & (self._travel >= limit)
        closed = np.where(arrived, self.command, self.closed)
        # a bouncing contact, once it has arrived, opens and closes until its bounce is over
        bouncing = self.command & closed & (self.bounce_ms > 0)
        self.bounce_ms = np.where(bouncing, self.bounce_ms - 1000 * dt_s, self.bounce_ms)
        falls_open = bouncing & (np.floor(self.bounce_ms / (1000 * dt_s)) % 2 == 1)
        closed = closed & ~falls_open
        self._travel = np.where(falls_open, limit, self._travel)
        self.closed = (closed | (self.welded & self.closed)) & ~self.stuck_open

    @property
    def feedback(self) -> Bools:
        return self.closed ^ self.feedback_inverted


class Strings:
    """The power path of every cabinet.

    Inputs: `contactors.command`, `gates` (release lines), `pcs_request` (True = follow),
    `pcs_setpoint_w`, `module_out` (cabinets, modules). Outputs: `current_a`, `string_v`,
    `outer_plus_v`, `outer_minus_v`, `pcs_power_w`, `pcs_state`. `extra_a` is a current that no
    set-point asked for: a short outside, a runaway PCS.
    """

    def __init__(self, cells: Cells, modules: int, model: StringModel | None = None) -> None:
        self.model = model = model or StringModel()
        self.cells = cells
        n = len(cells.string_emf)
        self.contactors = Contactors(n, model)
        self.gates: Bools = np.zeros(n, dtype=bool)
        self.pcs_request: Bools = np.zeros(n, dtype=bool)
        self.pcs_setpoint_w: Floats = np.zeros(n)
        self.pcs_offset_w: Floats = np.zeros(n)  # a PCS that does not obey
        self.link_shorted: Bools = np.zeros(n, dtype=bool)
        self.pcs_failed: Bools = np.zeros(n, dtype=bool)
        self.pcs_state = np.zeros(n, dtype=np.int64)
        self.pcs_power_w: Floats = np.zeros(n)
        self._pcs_started_s: Floats = np.zeros(n)
        self.extra_a: Floats = np.zeros(n)
        self.link_v: Floats = np.zeros(n)
        self.current_a: Floats = np.zeros(n)
        self.string_v: Floats = cells.string_emf.copy()
        self.resistor_open: Bools = np.zeros(n, dtype=bool)
        self.fuse_blown: Bools = np.zeros(n, dtype=bool)
        self._fuse_a2s: Floats = np.zeros(n)
        self.module_out: Bools = np.zeros((n, modules), dtype=bool)
        self._out_s: Floats = np.zeros((n, modules))
        self._pins_apart = False
        self._fuse_warm = False
        self.current_at_parting_a: Floats = np.zeros(n)
        self.precharge_j: Floats = np.zeros(n)
        self._parted: Bools = np.zeros(n, dtype=bool)

    @property
    def conducting(self) -> Bools:
        """The string's own path: modules in, fuse whole."""
        return ~self.fuse_blown & ~self._parted

    def step(self, dt_s: float) -> None:
        """Advance the power path by dt_s (10 ms)."""
        self.contactors.step(dt_s)
        if self._pins_apart or any_of(self.module_out):
            self._part_pins(dt_s)
        minus, plus, relay = self.contactors.closed.T
        path = self.conducting & minus
        direct = path & plus
        self._step_pcs(direct, dt_s)
        emf = self.cells.string_emf
        r0 = self.cells.string_r0
        # constant power on a source with resistance: P = (E - I R) I, the small root
        root = np.sqrt(np.maximum(emf**2 - 4 * r0 * self.pcs_power_w, 0.0))
        pcs_a = np.where(r0 > 0, (emf - root) / (2 * r0), 0.0)
        self.current_a = np.where(direct, pcs_a + self.extra_a, 0.0)
        if direct.all():
            self.string_v = emf - r0 * self.current_a
            self.link_v = self.string_v.copy()
        else:
            self._step_link(direct, path & relay & ~plus & ~self.resistor_open, dt_s)
        self._melt_fuse(dt_s)

    def _step_link(self, direct: Bools, through_relay: Bools, dt_s: float) -> None:
        model, emf = self.model, self.cells.string_emf
        # precharge: exact exponential towards the string over the step
        decay = np.exp(-dt_s / (model.precharge_ohm * model.link_farad))
        gap = emf - self.link_v
        charge_a = gap * (1 - decay) * model.link_farad / dt_s
        self.precharge_j += np.where(
            through_relay, 0.5 * model.link_farad * gap**2 * (1 - decay**2), 0.0
        )
        self.current_a = np.where(through_relay, charge_a, self.current_a)
        self.string_v = emf - self.cells.string_r0 * self.current_a
        stopped = (self.pcs_state == PCS_OFF) | (self.pcs_state == PCS_FAULT)
        bleeding = stopped & ~self.contactors.closed[:, MINUS]
        tau = np.where(bleeding, model.bleed_s, model.idle_bleed_s)
        drained = self.link_v * np.exp(-dt_s / tau)
        self.link_v = np.where(
            direct, self.string_v, np.where(through_relay, emf - gap * decay, drained)
        )
        self.link_v = np.where(self.link_shorted & ~direct, 0.0, self.link_v)

    def _part_pins(self, dt_s: float) -> None:
        self._out_s = np.where(self.module_out, self._out_s + dt_s, 0.0)
        self._pins_apart = bool(self._out_s.any())
        parted: Bools = np.any(self._out_s > self.model.pins_part_s, axis=1)
        newly = parted & ~self._parted
        self.current_at_parting_a = np.where(
            newly, np.abs(self.current_a), self.current_at_parting_a
        )
        self._parted = parted

    def _step_pcs(self, joined: Bools, dt_s: float) -> None:
        """joined: to its string, by both contactors."""
        model = self.model
        want = self.gates & self.pcs_request
        started = self._pcs_started_s >= model.pcs_start_s
        self._pcs_started_s = np.where(want, self._pcs_started_s + dt_s, 0.0)
        running = want & started & (self.link_v > 100.0) & ~self.pcs_failed
        state = np.where(running, PCS_RUNNING, np.where(want, PCS_STARTING, PCS_OFF))
        self.pcs_state = np.where(self.pcs_failed, PCS_FAULT, state)
        asked = self.pcs_setpoint_w + self.pcs_offset_w
        target = np.minimum(np.maximum(asked, -model.pcs_rated_w), model.pcs_rated_w)
        lag = 1 - np.exp(-dt_s / model.pcs_lag_s)
        power = self.pcs_power_w + (target - self.pcs_power_w) * lag
        # blocked gates stop at once; without a string there is nothing to take from
        self.pcs_power_w = np.where(running & joined, power, 0.0)

    def _melt_fuse(self, dt_s: float) -> None:
        over = np.abs(self.current_a) > self.model.fuse_rated_a
        if self._fuse_warm or any_of(over):
            self._fuse_a2s = np.where(over, self._fuse_a2s + self.current_a**2 * dt_s, 0.0)
            self._fuse_warm = bool(self._fuse_a2s.any())
            self.fuse_blown |= self._fuse_a2s > self.model.fuse_melting_a2s
        if any_of(self.fuse_blown):
            self.current_a = np.where(self.fuse_blown, 0.0, self.current_a)

    def measured(self) -> tuple[list[float], list[float], list[float]]:
        """U1, U2 and U3 of every cabinet, each against its string's minus.

        U1: behind the fuse, nothing when the string is broken. U2 and U3: outer sides of the plus
        and of the minus contactor; the dividers centre a floating link.
        """
        string_v, link_v = self.string_v.tolist(), self.link_v.tolist()
        if not self.conducting.all():
            string_v = np.where(self.conducting, self.string_v, 0.0).tolist()
        plus_v, minus_v = [], []
        for u1, link, (minus, plus, _) in zip(
            string_v, link_v, self.contactors.closed.tolist(), strict=True
        ):
            plus_v.append(u1 if plus else link if minus else link / 2)
            minus_v.append(0.0 if minus else u1 - link if plus else -link / 2)
        return string_v, plus_v, minus_v
