"""Builds the cabinet out of a board and its parameters, and owns `step(now_ms)`.

The only place that constructs. One way for the data: driver registers -> measure ->
estimate -> protect -> control -> outputs; the link carries status out and commands in.
"""

from bess import modes, objects
from bess.control import contactors
from bess.control.balancing import Balancing
from bess.control.contactors import Contactors
from bess.control.hot_swap import Slots
from bess.control.pcs_control import PcsControl
from bess.control.thermal import Thermal
from bess.drivers import iso165c, ivt_s, ltc681x, pcs_can
from bess.drivers.ltc681x import Chain
from bess.estimate.charge_counter import ChargeCounter
from bess.estimate.estimator import Estimator
from bess.link import abort, communication
from bess.link.can_port import CanPort
from bess.link.dictionary import Dictionary
from bess.link.frames import FrameCodec
from bess.link.keeper import Keeper
from bess.link.lss import LssSlave
from bess.link.node import Node
from bess.link.pdo import Pdos
from bess.link.program import ProgramStore
from bess.link.sdo import SdoServer
from bess.link.session import Session
from bess.measure import signals as s
from bess.measure.cells import SCAN_TICKS, CellMonitor
from bess.measure.environment import Environment
from bess.measure.inputs import Inputs
from bess.measure.insulation import Insulation
from bess.measure.plausibility import Plausibility
from bess.measure.signals import Signals
from bess.measure.string_meter import StringMeter
from bess.port.interpreter import const
from bess.port.native import leaves as native_leaves
from bess.port.ticks import hold_attributes, ticks_add, ticks_diff
from bess.protect import event_log
from bess.protect.event_log import EventLog
from bess.protect.faults import STOP, TRIP, Protection
from bess.protect.latches import Latches
from bess.protect.limits import AllowedPower
from bess.protect.self_check import SelfCheck
from bess.protect.trace import Trace, Trend
from bess.scheduler import Scheduler
from bess.telemetry import Telemetry

_FAST_BUDGET_US = const(5000)
_SCAN_BUDGET_US = const(3000)
_CELLS_BUDGET_US = const(5000)
_SLOW_BUDGET_US = const(5000)
_ESTIMATE_BUDGET_US = const(5000)
_EVALUATION_PHASE = const(6)  # the tick after the last cell group was read
_SLOW_PHASE = const(7)
_ESTIMATE_PHASE = const(8)
_SERVICE_BUDGET_US = const(5000)
_RECOVER_TICKS = const(10)
_LOG_RECORDS_A_TICK = const(2)
_TRACE_SAMPLES_A_TICK = const(4)
# thermal.md: what is left without coolant flow, without the compressor; pcs_coordinator.md
_COOLANT_FLOW = const(83)
_COMPRESSOR = const(86)
_WITHOUT_FLOW_PERMILLE = const(500)
_WITHOUT_COMPRESSOR_PERMILLE = const(400)
_PCS_FULL_DC = const(450)
_PRODUCT_CODE = const(0x0215)  # a cabinet of the 215 kWh class
_REVISION = const(0x00010000)  # major, minor
# what event_log.PROGRAM tells
_ON_TRIAL = const(1)
_ROLLED_BACK = const(2)
_CONFIRMED = const(3)


def chemistry_table(number):
    """Text of the table that parameter `chemistry` names; only that one is loaded."""
    if number == 1:
        from bess.estimate import nmc as table
    else:
        from bess.estimate import lfp as table
    return table.TABLE


def chain_layout(modules, cells_per_module):
    """Cells of each front end, chain order: a module's cells spread evenly over its devices."""
    devices = (cells_per_module + ltc681x.CELLS_PER_DEVICE - 1) // ltc681x.CELLS_PER_DEVICE
    layout = bytearray()
    for _ in range(modules):
        for device in range(devices):
            extra = 1 if device < cells_per_module % devices else 0
            layout.append(cells_per_module // devices + extra)
    return layout


class Cabinet:
    """The whole firmware of one cabinet on one board.

    `step(now_ms)` is called every 10 ms with time that wraps at 2**30 ms. `restart` asks the
    board for a new start, as after a reset of the chip; no power flows then.
    """

    device_name = "Autarky cabinet"
    hardware_version = "-"
    software_version = "0.1.0"

    def __init__(self, board, parameters, leaves=None):
        leaves = leaves or native_leaves
        self.hardware_version = board.name
        self.keeper = Keeper(parameters, board.storage["parameters"], board.configure)
        self.keeper.load()
        self.parameters = parameters
        self.signals = signals = Signals()
        self.log = EventLog(board.storage["log"])
        self.uptime_ticks = 0
        self.restart = False
        modules = parameters.get("modules_per_string")
        layout = chain_layout(modules, parameters.get("cells_per_module"))

        codec = FrameCodec(objects.PDO_TABLE)
        self.site_port = CanPort(board.site_can, ())
        self.site_port.set_bit_rate(parameters.get("can_kbit_s"))
        pdo = Pdos(self.site_port, codec, objects.PDO_TABLE, parameters, leaves)
        identity = (parameters.get("vendor_id"), _PRODUCT_CODE, _REVISION, board.serial_number)
        self.node = Node(self.site_port, pdo, parameters, identity)
        self.session = Session(board.device_key, board.random, parameters.get("session_ms"))
        self.program = ProgramStore(
            board, parameters.get("program_oldest"), parameters.get("program_confirm_ms")
        )
        tables = (communication.TABLE, objects.OBJECT_TABLE)
        self.dictionary = Dictionary(
            self, parameters, tables, pdo, self._may_write, self._parameter_changed
        )
        self.node.sdo = SdoServer(self._send_sdo, self.dictionary, parameters.get("sdo_timeout_ms"))
        self.node.lss = LssSlave(
            self.node, self.keeper, self.site_port.send, self._at_rest,
            parameters.get("can_kbit_s"),
        )  # fmt: skip
        pdo.stream = codec.frame("cell_stream")
        self.telemetry = Telemetry(self, codec)
        pdo.fill = self.telemetry.fill
        self._image = codec.image
        self._command = codec.frame("command")
        self._mode_request = codec.slot("command", "mode_request")
        self._power_request = codec.slot("command", "active_power")
        self._fast_stream = codec.slot("command", "fast_stream")

        filters = ivt_s.FILTERS + pcs_can.FILTERS + iso165c.FILTERS
        self.cabinet_port = CanPort(board.cabinet_can, filters)
        self._ivt = ivt_s.IvtS(self.cabinet_port)
        self._pcs = pcs_can.PcsCan(self.cabinet_port, leaves)
        self._monitor = iso165c.Iso165c()

        self.chain = Chain(board.afe_spi, board.afe_cs, len(layout), leaves, board.clock.wait_us)
        self.cells = CellMonitor(
            self.chain, layout, parameters.get("sensors_per_afe"), parameters, signals, leaves
        )
        self.meter = StringMeter(self._ivt, parameters, self.cells.cell_count, signals)
        self.inputs = Inputs(board.inputs, modules, signals)
        self.counter = ChargeCounter(parameters.get("current_offset_2_ma"))
        self.estimator = Estimator(
            self.cells, self.meter, self.counter, board.storage["state"],
            chemistry_table(parameters.get("chemistry")), parameters, self._on_anchor,
        )  # fmt: skip
        self.latches = Latches(board.backup)
        self.protection = Protection(parameters, signals, self._on_fault, leaves, self.latches)
        self.limits = AllowedPower(parameters, signals)
        self.contactors = Contactors(board.outputs, self.inputs, self.meter, parameters, signals)
        self.slots = Slots(modules, self.inputs, parameters)
        self.pcs = PcsControl(self._pcs, board.outputs["gate_enable"], parameters, signals)
        self.thermal = Thermal(board.outputs, board.inputs["coolant_flow"], self.cells, parameters)
        self.self_check = SelfCheck(board, self.keeper, signals)
        self.modes = modes.Modes(
            self.cells, self.meter, self.inputs, self.slots, self.protection, self.contactors,
            self.pcs, self.limits, self.self_check, parameters,
        )  # fmt: skip
        self.modes.hold = self.program.on_trial  # no power before somebody said yes to it
        self.plausibility = Plausibility(
            self.cells, self.meter, self._pcs, self.contactors, self.limits, parameters, signals
        )
        self.environment = Environment(
            board.analog, board.inputs, self.thermal, self._pcs, self.cells.ntc, parameters, signals
        )
        self.insulation = Insulation(
            self._monitor, self.meter, parameters.get("insulation_fitted") == 1, signals
        )
        self.balancing = Balancing(self.chain, self.cells, layout, parameters)
        self.trace = Trace(board.storage["trace"])
        self.trend = Trend(board.storage["trend"])
        self._ramp_silence_ms = parameters.get("command_silent_2_ms")
        self._temp_silent_ms = parameters.get("temp_silent_2_ms")
        self._current_silent_ms = parameters.get("current_silent_3_ms")
        self._was_silent = False
        self._health = -1  # all of the group is put in the first tick
        self._overruns = 0
        self._crc_errors = 0
        self._counter_errors = 0
        self._frames_lost = 0
        self._events_lost = 0
        self._storage_failed = False
        self._configured = False
        self._healthy = board.outputs["healthy"]
        self._outputs = board.outputs
        self._log_safe = board.storage_safe_under_load
        self._toggle = 0

        self._stamps_at = 0
        self._stamps = (
            (self._ivt, None),
            (self.cells, None),
            (self.node.pdo, None),
            (self._pcs, ("status_ms",)),
            (self._monitor, ("at_ms",)),
            (self.meter, ("_started_ms",)),
            (self.insulation, ("_started_ms",)),
            (self.pcs, ("_started_ms",)),
            (self.contactors, ("_since_ms", "_failed_ms")),
            (self.modes, ("_since_ms", "_key_since_ms")),
            (self.session, ("_unlocked_ms", "_failed_ms")),
            (self.node, ("_guard_heard_ms", "_own_heard_ms")),
            (self.thermal, (
                "_flow_since_ms", "_heater_ms_at", "_chiller_ms_at", "_idle_since_ms",
            )),
        )  # fmt: skip

        self.scheduler = Scheduler(board.clock, board.watchdog, self._on_task_death)
        # fast first: what it judges in a tick is what this tick acts on
        self.scheduler.add("fast", self._fast, 1, 0, _FAST_BUDGET_US, True)
        self.scheduler.add("scan", self.cells.slice, 1, 0, _SCAN_BUDGET_US, True)
        self.scheduler.add(
            "cells", self._evaluate_cells, SCAN_TICKS, _EVALUATION_PHASE, _CELLS_BUDGET_US, True
        )
        self.scheduler.add("slow", self._slow, 100, _SLOW_PHASE, _SLOW_BUDGET_US, False)
        self.scheduler.add(
            "estimate", self._estimate, SCAN_TICKS, _ESTIMATE_PHASE, _ESTIMATE_BUDGET_US, False
        )
        self.scheduler.add("service", self._service, 1, 0, _SERVICE_BUDGET_US, False)
        self.log.put(0, event_log.BOOT, 0, 0, self.log.boot, 0)
        if board.on_trial or board.rolled_back:
            what = _ON_TRIAL if board.on_trial else _ROLLED_BACK
            self.log.put(0, event_log.PROGRAM, what, 0, 0, 0)
        if self.latches.running or self.latches.blank:
            signals.put(s.UNCLEAN_STOP, 1)
        self.protection.restore()

    @property
    def command_checker(self):
        """Judge of the coordinator's commands, with its counters."""
        return self.node.pdo.checkers[self._command]

    def _at_rest(self):
        """No power can flow: every contactor is commanded open and has had its time to open."""
        state = self.contactors.state
        return state != contactors.OPENING and not contactors.OPEN < state < contactors.OPENING

    at_rest = property(_at_rest)

    @property
    def self_test_result(self):
        """What the console says of the self-test: "" while it runs."""
        machine = self.modes
        if machine.self_test_passed:
            return "passed"
        return "failed" if machine.self_test_failed or machine.state == modes.FAULT else ""

    def _may_write(self, under_load):
        if not self.session.unlocked:
            return abort.ACCESS
        return abort.NONE if under_load or self._at_rest() else abort.STATE

    def _parameter_changed(self, index, sub):
        if index < 0x2000:  # CiA 301's take effect at once, ours with the next start
            self.node.load()

    def request_reset(self, value):
        """0x2310: an unlocked operator asks for what the reset key does."""
        if value != 1:
            return abort.VALUE
        self.modes.request_reset()
        return abort.NONE

    def hold(self, value):
        """0x2421: 1 stops the cabinet in order and keeps it in standby while the session lasts."""
        if value > 1:
            return abort.VALUE
        if self.program.on_trial:
            return abort.STATE
        self.modes.hold = value == 1
        return abort.NONE

    def confirm(self, value):
        """0x2422: 1 keeps the program on trial; only what passed its self-test can be kept."""
        if value != 1:
            return abort.VALUE
        if not self.program.on_trial or self.modes.state != modes.STANDBY:
            return abort.STATE
        self.program.confirm()
        self.modes.hold = False
        self.log.put(self.uptime_ticks, event_log.PROGRAM, _CONFIRMED, 0, 0, 0)
        return abort.NONE

    def _send_sdo(self, data):
        return self.site_port.send(self.node.sdo_response_id, data)

    def step(self, now_ms):
        """One tick: everything that is due, in the order of the table."""
        self.scheduler.step(now_ms)

    def _fast(self, now_ms):
        self.node.poll(now_ms)
        self._receive_cabinet(now_ms)
        if not self._configured:
            self._configured = self._ivt.configure()
        self.inputs.sample()
        self.meter.update(now_ms)
        if self.meter.fresh_current:
            if self._at_rest():
                self.counter.rest(self.meter.current_ma, now_ms)
            else:
                self.counter.add(self.meter.current_ma, now_ms)
            self.limits.overload(self.meter.current_ma)
        self._take_command(now_ms)
        self.self_check.step_fast(now_ms)
        self._put_health()
        protection = self.protection
        protection.evaluate_fast()
        self.limits.follow_blocks(protection.charge_blocked, protection.discharge_blocked)
        self.modes.step(now_ms)
        # the mark comes before the first contactor and goes after the last; a trip has its own
        self.latches.set_running(self.contactors.wanted or not self._at_rest())
        self.contactors.step(now_ms)
        self.pcs.step(now_ms, self.limits.charge_w, self.limits.discharge_w)
        if self.node.sync_pending:
            self.telemetry.publish_status()
        self._pcs.transmit(now_ms)
        self.node.transmit(now_ms)
        self.uptime_ticks = ticks_add(self.uptime_ticks, 1)
        self._toggle ^= 1
        self._healthy.value(self._toggle)

    def _receive_cabinet(self, now_ms):
        port = self.cabinet_port
        budget = 32  # bounds the work of a tick under a babbling node
        while budget and port.receive():
            budget -= 1
            can_id, data, length = port.rx_id, port.rx_data, port.rx_length
            if self._ivt.receive(can_id, data, length, now_ms):
                continue
            if not self._pcs.receive(can_id, data, length, now_ms):
                self._monitor.receive(can_id, data, length, now_ms)

    def _take_command(self, now_ms):
        heard_ms = self.node.pdo.heard_ms[self._command]
        image = self._image
        # before the first command there is nothing to fall silent: the contactors are open
        age_ms = ticks_diff(now_ms, heard_ms) if heard_ms >= 0 else 0
        self.signals.put(s.COMMAND_AGE, age_ms)
        silent = age_ms >= self._ramp_silence_ms
        if silent and not self._was_silent:
            self.command_checker.restart()
        self._was_silent = silent
        machine = self.modes
        machine.silent = silent
        machine.stop_requested = self.node.stop_requested
        heard = heard_ms >= 0
        machine.request = image[self._mode_request] if heard else 0
        self.node.pdo.hurry = heard and not silent and image[self._fast_stream] != 0
        machine.request_w = image[self._power_request] * 100

    def _put_health(self):
        """Put what changed: one sample is enough to raise or clear these."""
        scheduler = self.scheduler
        health = (1 if scheduler.stopped else 0) | (2 if scheduler.allocated else 0)
        if self.modes.self_test_failed:
            health |= 4
        if self.node.guard_lost:
            health |= 8
        if self.node.duplicate_id:
            health |= 16
        if self.site_port.bus_off:
            health |= 32
        if self.cabinet_port.bus_off:
            health |= 64
        if self._storage_failed:
            health |= 128
        if health != self._health:
            self._health = health
            signals = self.signals
            signals.put(s.TASK_STOPPED, health & 1)
            signals.put(s.HEAP_USED, health & 2)
            signals.put(s.SELF_TEST_FAILED, health & 4)
            signals.put(s.GUARD_LOST, health & 8)
            signals.put(s.DUPLICATE_ID, health & 16)
            signals.put(s.BUS_OFF, health & 32)
            signals.put(s.CABINET_BUS_OFF, health & 64)
            signals.put(s.LOG_STORAGE, health & 128)
        streak = self._pcs.crc_streak
        if streak != self.signals.value[s.PCS_CRC]:
            self.signals.put(s.PCS_CRC, streak)

    def _service(self, now_ms):
        """SDO, LSS, resets, bus-off and the log: what may wait and may allocate."""
        node = self.node
        node.service(now_ms)
        if self.uptime_ticks % _RECOVER_TICKS == 0:
            self.session.step(now_ms)
            self.site_port.recover(now_ms)
            self.cabinet_port.recover(now_ms)
            if self.program.starting or self.program.expired(self.uptime_ticks):
                self.modes.hold = node.reset_node = True
            elif not self.session.unlocked and not self.program.on_trial:
                self.modes.hold = False  # whoever asked for it has gone
        self.program.step()
        written = (self._log_safe or self._at_rest()) and self._write_records()
        if self._at_rest():
            if node.duplicate_id and node.node_id:
                node.give_up_id()
            if node.reset_communication:
                node.reset()
            if node.reset_node and written and not self.latches.running:
                self.estimator.dirty = True
                self._write_records()
                self.restart = True  # an orderly one: the mark has gone first, the records too

    def _write_records(self):
        """Some of what waits; True when nothing is left, a trip's whole trace included."""
        try:
            written = self.log.flush(_LOG_RECORDS_A_TICK)
            self.trace.flush(_TRACE_SAMPLES_A_TICK)
            if self.estimator.dirty:
                self.estimator.save()
            self._storage_failed = False
        except OSError:
            self._storage_failed = True
            return True
        return written and not self.trace.busy

    def _evaluate_cells(self, now_ms):
        cells = self.cells
        self.slots.step(now_ms)
        self.meter.update_voltage_age(now_ms)
        cells.evaluate(now_ms)
        soc_cpct = self.estimator.soc.soc_cpct
        # a lone cell far off must not carry the string's charge out of the range that is judged
        self.plausibility.step_cells(self.estimator.soc.mean_cpct)
        self.environment.step_cells()
        protection = self.protection
        protection.evaluate_cells()
        meter = self.meter
        # until something was measured there is no limit above zero
        factor_permille = self._derating() if cells.seen_all and meter.seen_all else 0
        self.limits.evaluate(
            cells, soc_cpct, meter.string_mv, self.contactors.closed, factor_permille
        )
        protection.suspend_undervoltage(self.limits.charge_only)
        self.trace.sample(
            meter.current_ma, meter.string_mv, meter.link_mv, cells.cell_min_dmv,
            cells.cell_max_dmv, cells.temp_min_dc, cells.temp_max_dc,
        )  # fmt: skip
        self.limits.follow_blocks(protection.charge_blocked, protection.discharge_blocked)

    def _estimate(self, now_ms):
        cells = self.cells
        fresh = self.signals.value[s.TEMP_AGE] <= self._temp_silent_ms
        self.estimator.slice(now_ms, cells.seen_all and cells.all_fresh and fresh)
        if self.estimator.started:
            power = self.estimator.power
            self.limits.follow_model(power.charge_ma[0], power.discharge_ma[0])

    def _on_anchor(self, kind, before_cpct, after_cpct):
        self.log.put(self.uptime_ticks, event_log.ANCHOR, kind, 0, before_cpct, after_cpct)

    def _derating(self):
        """Permille of the limits that cooling and the PCS's inlet leave (thermal.md)."""
        value = self.signals.value
        factor = 1000
        if self.protection.is_active(_COOLANT_FLOW, 1):
            factor = _WITHOUT_FLOW_PERMILLE
        if self.protection.is_active(_COMPRESSOR, 1):
            factor = min(factor, _WITHOUT_COMPRESSOR_PERMILLE)
        over_dc = value[s.PCS_TEMP] - _PCS_FULL_DC
        if over_dc > 0:
            factor = min(factor, max(1000 - over_dc * 25 // 10, 0))
        return factor

    def _slow(self, now_ms):
        cells = self.cells
        meter = self.meter
        signals = self.signals
        trusted = cells.seen_all and signals.value[s.TEMP_AGE] <= self._temp_silent_ms
        self.thermal.step(now_ms, trusted)
        if signals.value[s.CURRENT_AGE] > self._current_silent_ms:
            self._ivt.restart()  # a sensor that lost its supply forgot its set-up
            self._configured = False
        self._hold_stamps(now_ms)
        overruns = 0
        for count in self.scheduler.overruns:
            overruns += count
        signals.put(s.TASK_OVERRUN, overruns - self._overruns & 0x1FFFFFFF)  # in the last second
        self._overruns = overruns
        self._put_counters()
        self.environment.step_slow()
        self.plausibility.step_slow()
        self.insulation.step(now_ms)
        self.self_check.step_slow()
        if self.estimator.started:
            signals.put(s.SOC, self.estimator.soc.soc_cpct)
        signals.put(s.CONTACTOR_CYCLES, self.contactors.closings)
        self.contactors.cool(1)
        well = self.protection.worst_level < TRIP and not self.protection.charge_blocked
        self.balancing.step(well and trusted and cells.all_fresh, meter.current_ma)
        self.telemetry.publish_slow()
        if (self._log_safe or self._at_rest()) and cells.seen_all:
            self._append_trend()

    def _append_trend(self):
        cells = self.cells
        try:
            self.trend.append(
                self.meter.current_ma, self.meter.string_mv, cells.cell_min_dmv,
                cells.cell_max_dmv, cells.temp_min_dc, cells.temp_max_dc,
                self.estimator.soc.soc_cpct,
            )  # fmt: skip
        except OSError:
            self._storage_failed = True

    def _hold_stamps(self, now_ms):
        """Stamps that may stand for days: an age that was long must stay long.

        One owner a second, since days are left to hold them.
        """
        at = self._stamps_at
        owner, names = self._stamps[at]
        self._stamps_at = (at + 1) % len(self._stamps)
        if names is None:
            owner.hold_stamps(now_ms)
        else:
            hold_attributes(owner, names, now_ms)

    def _put_counters(self):
        """What was counted in the last second."""
        signals = self.signals
        checker = self.command_checker
        signals.put(s.COMMAND_CRC, checker.crc_errors - self._crc_errors & 0x1FFFFFFF)
        signals.put(s.COMMAND_REPLAY, checker.counter_errors - self._counter_errors & 0x1FFFFFFF)
        self._crc_errors = checker.crc_errors
        self._counter_errors = checker.counter_errors
        lost = self.site_port.rx_lost + self.cabinet_port.rx_lost
        signals.put(s.RECEIVE_OVERRUN, lost - self._frames_lost & 0x1FFFFFFF)
        self._frames_lost = lost
        signals.put(s.LOG_LOST, self.log.lost - self._events_lost & 0x1FFFFFFF)
        self._events_lost = self.log.lost

    def _on_fault(self, fault_id, level, raised, emcy_code, value, limit):
        kind = event_log.RAISED if raised else event_log.CLEARED
        self.log.put(self.uptime_ticks, kind, fault_id, level, value, limit)
        if raised and level >= TRIP and level != STOP:
            self.trace.freeze()
        register = self.protection.error_register
        self.node.emcy.put(emcy_code if raised else 0, register, fault_id, level)

    def _on_task_death(self, name):
        """A task died: outputs safe at once, whatever still runs."""
        outputs = self._outputs
        for output in ("gate_enable", "plus", "precharge", "minus", "heater", "chiller"):
            outputs[output].value(0)
