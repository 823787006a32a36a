"""Turns a power request into PCS set-points, and takes them away again.

Clipped to the allowed power in every tick without a ramp; towards the request by ramp.
The gate release line falls with a block, whatever the bus does. What the PCS does is compared
with what it was told, by its own report and by the string's sensor.
"""

from bess.drivers.pcs import FAULT, RUNNING
from bess.measure import signals as s
from bess.port.interpreter import bind, const
from bess.port.ticks import held, ticks_diff

BLOCKED = const(0)  # gates blocked in hardware, stop on the bus
STOPPED = const(1)  # gates released, PCS told to stop
FOLLOW = const(2)  # towards the request
RELEASE = const(3)  # towards zero with the stop ramp, gates on
FADE = const(4)  # towards zero with the soft ramp

_STOP_MS = const(2000)  # a PCS that was told to stop is out of RUNNING by then
# the band of recent set-points closes by 1/16 a tick: 160 ms for lag, report and sensor
_BAND_SHIFT = const(4)
_LONGEST_MS = const(100)  # of a tick that a ramp follows


class PcsControl:
    """Asked by `block`, `stop`, `start`, `follow`, `release` and `fade`, each until the next;
    `step` every fast tick tells the PCS. `mode` and `setpoint_w` (+ = discharge) are read.

    pcs: a driver by the contract of drivers.pcs; meter: `power_w` of the string. Puts PCS_AGE,
    PCS_STATE and PCS_DEVIATION every tick, PCS_FAULT while it stands and once when it does not
    any more.
    """

    def __init__(self, pcs, gate_enable, meter, parameters, signals):
        self._pcs = pcs
        self._gate = gate_enable
        self._meter = meter
        self._signals = signals
        rated_w = parameters.get("pcs_rated_w")
        # watts a millisecond, times 1000: 150 kW * 10 /s stays inside 2**30 with 100 ms
        self._soft_w_s = rated_w // 1000 * parameters.get("ramp_soft_permille_s")
        self._tracking_w_s = rated_w // 1000 * parameters.get("ramp_tracking_permille_s")
        self._stop_w_s = rated_w // 1000 * parameters.get("ramp_stop_permille_s")
        self._step_w = rated_w // 1000
        self.mode = BLOCKED
        self._request_w = 0
        self.setpoint_w = 0
        self._soft = True  # ramp until the request is reached once: start, join, after silence
        self._start_failed = False
        self._joined = False  # it has run since it was told to follow
        self._stopped_at_ms = 0  # when it was last told to run
        self._low_w = 0  # band of the newest set-points
        self._high_w = 0
        self._gate_on = False
        self._failed = -1  # what was told last
        self._last_ms = -1
        self._started_ms = -1
        bind(self, "step", "follow", "stop", "_judge_state", "_ramped", "_off_w")

    def running(self):
        """The PCS says that it runs."""
        return self._pcs.state == RUNNING

    def block(self):
        """Zero and gates off now."""
        self.stop()
        self.mode = BLOCKED
        if self.setpoint_w:
            self.setpoint_w = 0
            self._pcs.set(0, 0)
        self._soft = True
        self._release_gates(False)

    def stop(self):
        """Tell the PCS to stop, with its gates released; the power is zero at once."""
        self.mode = STOPPED
        self._pcs.stop()

    def start(self):
        """Tell the PCS to run, without power."""
        self.follow(0)
        self._soft = True
        self._pcs.start()

    def follow(self, power_w):
        """Ramp towards this power, + = discharge, as do `release` and `fade` after a start."""
        self.mode = FOLLOW
        self._request_w = power_w

    def release(self):
        """Ramp to zero as for a stop, while the PCS runs on."""
        self.mode = RELEASE

    def fade(self):
        """Ramp softly to zero: nobody commands any more."""
        self.mode = FADE

    def fail_start(self):
        """It did not start in its time: a PCS fault, which trips in the next evaluation."""
        self._start_failed = True

    def reset(self):
        """An operator's reset forgets a start that failed."""
        self._start_failed = False

    def _release_gates(self, on):
        if on != self._gate_on:
            self._gate_on = on
            self._gate.value(1 if on else 0)

    def step(self, now_ms, allowed_charge_w, allowed_discharge_w, closed):
        """Renew the set-point and the PCS's signals; closed: it has a string to work on."""
        if self._last_ms < 0:
            self._last_ms = now_ms
            self._started_ms = now_ms
            self._stopped_at_ms = now_ms
        mode = self.mode
        pcs = self._pcs
        state = pcs.state
        differs = self._judge_state(now_ms, mode, state == RUNNING)
        setpoint_w = 0
        if mode <= STOPPED or differs:
            # also while it does not run: from zero and softly, when it comes back
            self._soft = True
        else:
            setpoint_w = self.setpoint_w
            if self._soft or mode != FOLLOW or setpoint_w != self._request_w:
                setpoint_w = self._ramped(mode, ticks_diff(now_ms, self._last_ms))
            if setpoint_w > allowed_discharge_w:
                setpoint_w = allowed_discharge_w
            if setpoint_w < -allowed_charge_w:
                setpoint_w = -allowed_charge_w
        self._last_ms = now_ms
        if setpoint_w != self.setpoint_w:
            self.setpoint_w = setpoint_w
            pcs.set(setpoint_w, 0)
        gate_on = mode != BLOCKED
        if gate_on != self._gate_on:
            self._release_gates(gate_on)
        signals = self._signals
        heard_ms = pcs.status_ms
        if heard_ms < 0:
            heard_ms = self._started_ms
        signals.put(s.PCS_AGE, ticks_diff(now_ms, heard_ms))
        signals.put(s.PCS_STATE, 1 if differs else 0)
        failed = 1 if state == FAULT or self._start_failed else 0
        if failed or self._failed:  # well, and so in the last tick: that has been told
            self._failed = failed
            signals.put(s.PCS_FAULT, failed)
        signals.put(s.PCS_DEVIATION, self._off_w(setpoint_w, closed) // self._step_w)

    def hold_stamps(self, now_ms):
        """Keep old stamps old (port.ticks.held); now and then."""
        self._started_ms = held(now_ms, self._started_ms)
        self._stopped_at_ms = held(now_ms, self._stopped_at_ms)

    def _judge_state(self, now_ms, mode, running):
        """It left RUNNING by itself, or goes on although it was told to stop."""
        if mode > STOPPED:
            self._stopped_at_ms = now_ms
            self._joined = self._joined or running
            return self._joined and not running
        self._joined = False
        if not running:
            self._stopped_at_ms = now_ms
            return False
        return ticks_diff(now_ms, self._stopped_at_ms) >= _STOP_MS

    def _off_w(self, setpoint_w, closed):
        """Power off the band of recent set-points; neither report nor sensor is believed alone,
        for what is reported may be what was asked for.
        """
        low_w = self._low_w
        if low_w != setpoint_w:
            low_w += setpoint_w - low_w >> _BAND_SHIFT
            if low_w > setpoint_w:
                low_w = setpoint_w
            self._low_w = low_w
        high_w = self._high_w
        if high_w != setpoint_w:
            high_w -= high_w - setpoint_w >> _BAND_SHIFT
            if high_w < setpoint_w:
                high_w = setpoint_w
            self._high_w = high_w
        if not closed:
            return 0
        power_w = self._pcs.power_actual_w
        measured_w = self._meter.power_w
        above_w = (power_w if power_w > measured_w else measured_w) - high_w
        below_w = low_w - (power_w if power_w < measured_w else measured_w)
        off_w = above_w if above_w > below_w else below_w
        return off_w if off_w > 0 else 0

    def _ramped(self, mode, elapsed_ms):
        """The set-point after this tick, before any limit."""
        setpoint_w = self.setpoint_w
        target_w = self._request_w if mode == FOLLOW else 0
        if mode == FADE:
            self._soft = True
        if setpoint_w != target_w:
            if mode == RELEASE:
                rate_w_s = self._stop_w_s
            else:
                rate_w_s = self._soft_w_s if self._soft else self._tracking_w_s
            step_w = rate_w_s * min(max(elapsed_ms, 0), _LONGEST_MS) // 1000
            gap_w = target_w - setpoint_w
            if gap_w > step_w:
                gap_w = step_w
            elif gap_w < -step_w:
                gap_w = -step_w
            setpoint_w += gap_w
        if mode == FOLLOW and setpoint_w == target_w:
            self._soft = False
        return setpoint_w
