"""Turns a power request into PCS set-points, and takes them away again.

Clipped to the allowed power in every tick without a ramp; towards the request by ramp.
The gate release line falls with a block, whatever the bus does.
"""

from bess.drivers import pcs_can
from bess.measure import signals as s
from bess.port.interpreter import const
from bess.port.ticks import ticks_diff

BLOCKED = const(0)  # gates blocked in hardware, stop on the bus
OFF = const(1)  # gates released, PCS told to stop
FOLLOW = const(2)  # towards the request
RELEASE = const(3)  # towards zero with the stop ramp, gates on
SILENT = const(4)  # towards zero with the soft ramp


class PcsControl:
    """`mode` and `request_w` in, `setpoint_w` out (+ = discharge); `step` every fast tick.

    `soft` asks for the soft ramp until the request is reached once: at start, joining, and
    after silence.
    """

    def __init__(self, pcs, gate_enable, parameters, signals):
        self._pcs = pcs
        self._gate = gate_enable
        self._signals = signals
        rated_w = parameters.get("pcs_rated_w")
        # watts a millisecond, times 1000: 150 kW * 10 /s stays inside 2**30 with 100 ms
        self._soft_w_s = rated_w // 1000 * parameters.get("ramp_soft_permille_s")
        self._tracking_w_s = rated_w // 1000 * parameters.get("ramp_tracking_permille_s")
        self._stop_w_s = rated_w // 1000 * parameters.get("ramp_stop_permille_s")
        self.mode = BLOCKED
        self.request_w = 0
        self.setpoint_w = 0
        self.soft = True
        self.start_failed = False
        self._gate_on = False
        self._last_ms = -1
        self._started_ms = -1

    @property
    def running(self):
        return self._pcs.state == pcs_can.RUNNING

    @property
    def stopped(self):
        return self._pcs.state == pcs_can.OFF or self._pcs.state == pcs_can.FAULT

    def block(self):
        """Zero and gates off now; stays until `mode` is set again."""
        self.mode = BLOCKED
        self.setpoint_w = 0
        self.soft = True
        self._release_gates(False)

    def _release_gates(self, on):
        if on != self._gate_on:
            self._gate_on = on
            self._gate.value(1 if on else 0)

    def step(self, now_ms, allowed_charge_w, allowed_discharge_w):
        """Renew the set-point and the PCS's signals."""
        if self._last_ms < 0:
            self._last_ms = now_ms
            self._started_ms = now_ms
        elapsed_ms = min(max(ticks_diff(now_ms, self._last_ms), 0), 100)
        self._last_ms = now_ms
        mode = self.mode
        if mode == BLOCKED or mode == OFF:
            self.setpoint_w = 0
            self.soft = True
        else:
            self._ramp(mode, elapsed_ms)
            if self.setpoint_w > allowed_discharge_w:
                self.setpoint_w = allowed_discharge_w
            elif self.setpoint_w < -allowed_charge_w:
                self.setpoint_w = -allowed_charge_w
        self._release_gates(mode != BLOCKED)
        pcs = self._pcs
        pcs.request = pcs_can.STOP if mode <= OFF else pcs_can.FOLLOW
        pcs.power_w = self.setpoint_w
        signals = self._signals
        heard_ms = pcs.status_ms if pcs.status_ms >= 0 else self._started_ms
        signals.put(s.PCS_AGE, ticks_diff(now_ms, heard_ms))
        failed = pcs.state == pcs_can.FAULT or self.start_failed
        signals.put(s.PCS_FAULT, 1 if failed else 0)

    def _ramp(self, mode, elapsed_ms):
        target_w = self.request_w if mode == FOLLOW else 0
        if mode == RELEASE:
            rate_w_s = self._stop_w_s
        elif mode == SILENT or self.soft:
            rate_w_s = self._soft_w_s
        else:
            rate_w_s = self._tracking_w_s
        if mode == SILENT:
            self.soft = True
        step_w = rate_w_s * elapsed_ms // 1000
        gap_w = target_w - self.setpoint_w
        if -step_w <= gap_w <= step_w:
            self.setpoint_w = target_w
            if mode == FOLLOW:
                self.soft = False
        elif gap_w > 0:
            self.setpoint_w += step_w
        else:
            self.setpoint_w -= step_w
