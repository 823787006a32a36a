"""What runs in a tick, in the order of the data: registers -> measure -> estimate -> protect ->
control -> outputs.
"""

from bess.measure import signals as s
from bess.protect.fault_table import TRIP
from bess.protect.hazards import BLEEDING


class Tasks:
    """`fast`, `cells`, `slow` and `estimate` of scheduler.TASKS; each takes now_ms.

    cabinet: owner of the parts, by their names; holders: parts with `hold_stamps(now_ms)`;
    healthy: the output that toggles while the loop runs.
    """

    def __init__(self, cabinet, holders, healthy, parameters):
        self._node = cabinet.node
        self._cabinet_bus = cabinet.cabinet_bus
        self._inputs = cabinet.inputs
        self._string = cabinet.string
        self._ivt = cabinet.string.ivt
        self._meter = cabinet.string.meter
        self._counter = cabinet.string.counter
        self._cells = cabinet.string.cells
        self._contactors = cabinet.string.contactors
        self._estimator = cabinet.string.estimator
        self._limits = cabinet.limits
        self._command = cabinet.command
        self._self_check = cabinet.self_check
        self._health = cabinet.health
        self._protection = cabinet.protection
        self._thermal = cabinet.thermal
        self._modes = cabinet.modes
        self._removal = cabinet.modes.removal
        self._latches = cabinet.latches
        self._pcs = cabinet.pcs
        self._pcs_can = cabinet.pcs_can
        self._telemetry = cabinet.telemetry
        self._plausibility = cabinet.plausibility
        self._environment = cabinet.environment
        self._insulation = cabinet.insulation
        self._derating = cabinet.derating
        self._trace = cabinet.trace
        self._signals = cabinet.signals
        self._temp_silent_ms = parameters.get("temp_silent_2_ms")
        self._healthy = healthy
        self._toggle = 0
        self._holders = holders
        self._holder = 0
        self._turn = 0
        self._turns = (
            self._turn_thermal, self._turn_meter, self._turn_health, self._turn_environment,
            self._turn_plausibility, self._turn_insulation, self._turn_self_check,
            self._turn_soc, self._turn_contactors, self._turn_balancing,
        )  # fmt: skip

    def fast(self, now_ms):
        """Every tick: what came in, what it means, what the actuators do about it."""
        self._node.poll(now_ms)
        self._cabinet_bus.receive(now_ms)
        self._ivt.configure(now_ms)
        self._inputs.sample()
        meter = self._meter
        meter.update(now_ms)
        contactors = self._contactors
        limits = self._limits
        if meter.fresh_current:
            current_ma = meter.current_ma
            if contactors.at_rest:  # nothing flows: what the sensor shows is its zero
                self._counter.rest(current_ma, now_ms)
            else:
                self._counter.add(current_ma, now_ms)
            limits.overload(current_ma, contactors.closed)
        self._command.take(now_ms)
        self._self_check.step_fast(now_ms)
        self._health.step_fast()
        protection = self._protection
        protection.evaluate_fast(now_ms)
        if protection.charge_blocked or protection.discharge_blocked:
            limits.follow_blocks(protection.charge_blocked, protection.discharge_blocked)
        self._thermal.obey(now_ms, protection.stops | self._removal.stops)
        self._modes.step(now_ms)
        # the mark comes before the first contactor and goes after the last; a trip has its own
        running = contactors.wanted or not contactors.at_rest
        if running != self._latches.running:
            self._latches.set_running(running)
        contactors.step(now_ms)
        self._pcs.step(now_ms, limits.charge_w, limits.discharge_w, contactors.closed)
        if self._node.sync_pending:
            self._telemetry.publish_status()
        self._pcs_can.transmit(now_ms)
        self._node.transmit(now_ms)
        self._toggle ^= 1
        self._healthy.value(self._toggle)

    def cells(self, now_ms):
        """After each scan: the cells are judged, and what they allow."""
        cells = self._cells
        meter = self._meter
        protection = self._protection
        limits = self._limits
        soc = self._estimator.soc
        self._string.slots.step(now_ms)
        meter.update_voltage_age(now_ms)
        cells.evaluate(now_ms)
        # a lone cell far off must not carry the string's charge out of the range that is judged
        self._plausibility.step_cells(soc.mean_cpct)
        self._environment.step_cells()
        self._telemetry.judge()
        protection.evaluate_cells(now_ms)
        # until something was measured there is no limit above zero
        factor_permille = 0
        if cells.seen_all and meter.seen_all:
            factor_permille = self._derating.permille(
                self._health.estimate_failed, cells.temp_max_dc
            )
        limits.evaluate(
            cells, soc.soc_cpct, meter.string_mv, self._contactors.closed, factor_permille,
            protection.charge_blocked, protection.discharge_blocked,
        )  # fmt: skip
        protection.suspend_undervoltage(limits.recharging)
        self._trace.sample(
            meter.current_ma, meter.string_mv, meter.link_mv, cells.cell_min_dmv,
            cells.cell_max_dmv, cells.temp_min_dc, cells.temp_max_dc, meter.seen_all,
            cells.seen_all,
        )  # fmt: skip
        limits.follow_blocks(protection.charge_blocked, protection.discharge_blocked)

    def _temperatures_trusted(self):
        """All were seen, and lately."""
        recent = self._signals.value[s.TEMP_AGE] <= self._temp_silent_ms
        return self._cells.seen_all and recent

    def estimate(self, now_ms):
        """One slice of the estimators, and the power that their model leaves."""
        estimator = self._estimator
        estimator.slice(now_ms, self._cells.all_fresh and self._temperatures_trusted())
        if estimator.started:
            power = estimator.power
            self._limits.follow_model(power.charge_ma[0], power.discharge_ma[0])

    def slow(self, now_ms):
        """One of ten turns of what is done once a second, so that no tick carries two."""
        turn = self._turn
        self._turn = turn + 1 if turn < len(self._turns) - 1 else 0
        self._turns[turn](now_ms)

    def _turn_thermal(self, now_ms):
        self._command.announce()
        self._thermal.step(
            now_ms, self._temperatures_trusted(), self._meter.current_ma,
            self._estimator.soc.soc_cpct,
        )  # fmt: skip

    def _turn_meter(self, now_ms):
        self._meter.step_slow()

    def _turn_health(self, now_ms):
        self._health.step_slow()

    def _turn_environment(self, now_ms):
        self._environment.step_slow()

    def _turn_plausibility(self, now_ms):
        self._plausibility.step_slow(self._contactors.closed, self._contactors.is_open)

    def _turn_insulation(self, now_ms):
        self._insulation.step(now_ms)

    def _turn_self_check(self, now_ms):
        self._self_check.step_slow()

    def _turn_soc(self, now_ms):
        if self._estimator.started:
            self._signals.put(s.SOC, self._estimator.soc.soc_cpct)
        self._modes.step_slow()

    def _turn_contactors(self, now_ms):
        self._contactors.step_slow()
        self._hold_stamps(now_ms)

    def _turn_balancing(self, now_ms):
        protection = self._protection
        well = protection.worst_level < TRIP and not protection.charge_blocked
        well = well and not (protection.stops | self._removal.stops) & BLEEDING
        self._string.balancing.step(
            well and self._temperatures_trusted() and self._cells.all_fresh,
            self._meter.current_ma,
        )

    def _hold_stamps(self, now_ms):
        """An age that was long must stay long. One part a second, since days are left for it."""
        at = self._holder
        self._holders[at].hold_stamps(now_ms)
        self._holder = (at + 1) % len(self._holders)
