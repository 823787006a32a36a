"""Builds the cabinet out of a board and its parameters, and owns `step(now_ms)`.

The only place that constructs. One way for the data: driver registers -> measure ->
estimate -> protect -> control -> outputs; the link carries status out and commands in.
"""

from array import array

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
from bess.estimate.estimator import ENDLESS_S, SPARING_UNSEEN_S, UNSEEN_S, Estimator
from bess.link import abort, communication
from bess.link.can_port import CanPort
from bess.link.dictionary import Dictionary
from bess.link.frames import FrameCodec
from bess.link.keeper import Keeper
from bess.link.lss import LssSlave
from bess.link.node import Node
from bess.link.pdo import Pdos
from bess.link.sdo import SdoServer
from bess.link.session import Session
from bess.measure import signals as s
from bess.measure.cells import CellMonitor
from bess.measure.environment import Environment
from bess.measure.inputs import Inputs
from bess.measure.insulation import Insulation
from bess.measure.plausibility import Plausibility
from bess.measure.signals import Signals
from bess.measure.string_meter import StringMeter
from bess.parameter_rules import ParameterJudge
from bess.port.interpreter import const
from bess.port.native import leaves as native_leaves
from bess.port.ticks import hold_attributes, ticks_add, ticks_diff
from bess.protect import event_log
from bess.protect.event_log import EventLog
from bess.protect.fault_table import TABLE as FAULT_TABLE
from bess.protect.fault_table import fault_id
from bess.protect.faults import STOP, TRIP, Protection
from bess.protect.hazards import BLEEDING
from bess.protect.history import STOPS, WRONG_ANSWERS, History
from bess.protect.latches import Latches
from bess.protect.limits import AllowedPower
from bess.protect.self_check import SelfCheck
from bess.protect.trace import Trace, Trend
from bess.scheduler import TASKS, Scheduler
from bess.table import rows
from bess.telemetry import Telemetry
from bess.update.program import ProgramStore

_RECOVER_TICKS = const(10)
# thermal.md: what is left without coolant flow, without the compressor; pcs_coordinator.md
_WITHOUT_FLOW_PERMILLE = const(500)
_WITHOUT_COMPRESSOR_PERMILLE = const(400)
_WITHOUT_ESTIMATE_PERMILLE = const(500)  # engineering default: the model's limit is an old one
_PCS_FULL_DC = const(450)
_ESTIMATE = const(4)  # row of scheduler.TASKS
_HEARTBEAT_CONSUMER = const(0x1016)
_PRODUCT_CODE = const(0x0215)  # a cabinet of the 215 kWh class
_REVISION = const(0x00010000)  # major, minor
# Stamps that may stand for days, one owner a row: its attributes, none where it has a method for
# them. A text costs no heap.
_STAMPS = b"""\
_ivt
cells
node.pdo
_pcs        status_ms
_monitor    calculated_ms
meter       _started_ms
insulation  _started_ms _fresh_ms
pcs         _started_ms _stopped_at_ms
protection
contactors  _since_ms _failed_ms
modes       _since_ms _key_since_ms
session     _unlocked_ms _failed_ms
node        _guard_heard_ms _own_heard_ms _heartbeat_at_ms _refused_ms
thermal     _flow_since_ms _heater_ms_at _chiller_ms_at _idle_since_ms _asked_since_ms
"""
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
        self.parameters = parameters
        self.keeper = Keeper(
            parameters, board.storage["parameters"], board.configure, self._objection
        )
        self.keeper.load()
        self._judge = ParameterJudge(parameters, FAULT_TABLE)
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
        pdo.report = codec.frame("status")
        identity = (parameters.get("vendor_id"), _PRODUCT_CODE, _REVISION, board.serial_number)
        self.node = Node(self.site_port, pdo, parameters, identity)
        self.latches = Latches(board.backup)
        self.history = History(board.backup)
        self.session = Session(
            board.device_key, board.random, parameters.get("session_ms"),
            self.history.value[WRONG_ANSWERS], self._note_wrong_answers,
        )  # fmt: skip
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
        self.telemetry = Telemetry(self, codec, pdo, parameters)
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
        self._monitor = iso165c.Iso165c(self.cabinet_port)

        self.chain = Chain(board.afe_spi, board.afe_cs, len(layout), leaves, board.clock.wait_us)
        self.cells = CellMonitor(
            self.chain, layout, parameters.get("sensors_per_afe"), parameters, signals, leaves
        )
        self.meter = StringMeter(self._ivt, parameters, self.cells.cell_count, signals)
        self.inputs = Inputs(board.inputs, modules, signals)
        self.counter = ChargeCounter(parameters.get("current_offset_2_ma"))
        unseen_s = UNSEEN_S if board.storage_safe_under_load else SPARING_UNSEEN_S
        latches = self.latches
        if unseen_s != UNSEEN_S and (latches.running or latches.blank or latches.torn):
            unseen_s = ENDLESS_S
        self.estimator = Estimator(
            self.cells, self.meter, self.counter, board.storage["state"],
            chemistry_table(parameters.get("chemistry")), parameters, self._on_anchor, unseen_s,
        )  # fmt: skip
        self.protection = Protection(parameters, signals, self._on_fault, leaves, self.latches)
        self._without_flow = self.protection.row(fault_id("coolant_flow"), 1)
        self._without_compressor = self.protection.row(fault_id("compressor"), 1)
        self.limits = AllowedPower(parameters, signals)
        self.contactors = Contactors(
            board.outputs, self.inputs, self.meter, parameters, signals, self.history
        )
        self.slots = Slots(modules, self.inputs, parameters)
        self.pcs = PcsControl(
            self._pcs, board.outputs["gate_enable"], self.meter, parameters, signals
        )
        self.thermal = Thermal(
            board.outputs, board.inputs["coolant_flow"], self.cells, parameters, self.history
        )
        self.self_check = SelfCheck(board, self.keeper, signals)
        self.insulation = Insulation(self._monitor, self.meter, self.cells, parameters, signals)
        self.modes = modes.Modes(
            self.cells, self.meter, self.inputs, self.slots, self.protection, self.contactors,
            self.pcs, self.limits, self.self_check, self.insulation, signals, self.history,
            parameters,
        )  # fmt: skip
        self.modes.hold = self.program.on_trial  # no power before somebody said yes to it
        self.plausibility = Plausibility(
            self.cells, self.meter, self._pcs, self.contactors, self.limits, parameters, signals
        )
        self.environment = Environment(
            board.analog, board.inputs, self.thermal, self._pcs, self.cells.ntc, parameters, signals
        )
        self.balancing = Balancing(self.chain, self.cells, layout, parameters)
        self.trace = Trace(board.storage["trace"])
        self.trend = Trend(board.storage["trend"])
        if board.storage_safe_under_load:
            from bess.records import Records as Kind
        else:
            from bess.sparing import SparingRecords as Kind
        self.records = Kind(self)
        self._ramp_silence_ms = parameters.get("command_silent_2_ms")
        self._temp_silent_ms = parameters.get("temp_silent_2_ms")
        self._stop_worked_off_s = parameters.get("stop_worked_off_s")
        self._stop_age_s = 0
        self._was_silent = False
        self._health = -1  # all of the group is put in the first tick
        self._overruns = 0
        self._crc_errors = 0
        self._counter_errors = 0
        self._frames_lost = 0
        self._events_lost = 0
        self._written = False
        self.estimate_failed = False  # in the last second
        self._healthy = board.outputs["healthy"]
        self._outputs = board.outputs
        self._toggle = 0

        self._stamps_at = 0

        self.scheduler = Scheduler(board.clock, board.watchdog, self._on_task_death)
        parts = (
            ("fast", self._fast), ("scan", self.cells.slice), ("cells", self._evaluate_cells),
            ("slow", self._slow), ("estimate", self._estimate),
            ("telemetry", self.telemetry.publish_slow), ("service", self.node.service),
            ("update", self.program.step), ("records", self._write), ("upkeep", self._upkeep),
            ("trend", self._trend), ("console", None),
        )  # fmt: skip
        row = 0
        for fields in rows(TASKS):
            name, function = parts[row]  # a literal costs no heap, a field of the table does
            self.scheduler.add(
                name, function, int(fields[1]), int(fields[2]), int(fields[3]),
                fields[4] == "locked", fields[5] == "stop",
            )  # fmt: skip
            row += 1
        self._failures = array("i", self.scheduler.failures)
        self.log.put(0, event_log.BOOT, 0, 0, self.log.boot, 0)
        if board.on_trial or board.rolled_back:
            what = _ON_TRIAL if board.on_trial else _ROLLED_BACK
            self.log.put(0, event_log.PROGRAM, what, 0, 0, 0)
            self.records.hurried = True
        # put also when it is well: a latch of an earlier start needs a good sample to be reset
        signals.put(s.PARAMETERS_CONFLICT, 1 if self._objection() else 0)
        latches = self.latches
        if latches.running or latches.blank or latches.torn or self.history.blank:
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

    def _objection(self):
        return self._judge.objection()

    @property
    def parameters_conflict(self):
        """0x2312: what contradicts among the parameters as they were written."""
        return self._judge.objection() or "none"

    def _parameter_changed(self, index, sub):
        self._judge.changed(self.parameters.name(index, sub))
        if index == _HEARTBEAT_CONSUMER:
            self.node.forget_guard()
        if index < 0x2000:  # CiA 301's take effect at once, ours with the next start
            self.node.load()

    def _note_wrong_answers(self, wrong):
        self.history.put(WRONG_ANSWERS, wrong)

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
        self.records.hurried = True
        return abort.NONE

    def _send_sdo(self, data):
        return self.site_port.send(self.node.sdo_response_id, data)

    def step(self, now_ms):
        """One tick: everything that is due, in the order of the table."""
        self.scheduler.step(now_ms)

    def _fast(self, now_ms):
        self.node.poll(now_ms)
        self._receive_cabinet(now_ms)
        self._ivt.configure(now_ms)
        self.inputs.sample()
        self.meter.update(now_ms)
        if self.meter.fresh_current:
            if self._at_rest():
                self.counter.rest(self.meter.current_ma, now_ms)
            else:
                self.counter.add(self.meter.current_ma, now_ms)
            self.limits.overload(self.meter.current_ma, self.contactors.closed)
        self._take_command(now_ms)
        self.self_check.step_fast(now_ms)
        self._put_health()
        protection = self.protection
        protection.evaluate_fast(now_ms)
        self.limits.follow_blocks(protection.charge_blocked, protection.discharge_blocked)
        self.thermal.obey(now_ms, protection.stops)
        self.modes.step(now_ms)
        # the mark comes before the first contactor and goes after the last; a trip has its own
        self.latches.set_running(self.contactors.wanted or not self._at_rest())
        self.contactors.step(now_ms)
        self.pcs.step(now_ms, self.limits.charge_w, self.limits.discharge_w, self.contactors.closed)
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
        if self.records.failed:
            health |= 128
        node = self.node
        if node.node_id and node.booted and node.mute:  # before, there is nobody to tell yet
            health |= 256
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
            signals.put(s.LINK_MUTE, health & 256)
        streak = self._pcs.crc_streak
        if streak != self.signals.value[s.PCS_CRC]:
            self.signals.put(s.PCS_CRC, streak)

    def _upkeep(self, now_ms):
        """Bus-off, the session, and the resets that a master, an update or a trial asks for."""
        node = self.node
        if self.uptime_ticks % _RECOVER_TICKS == 0:
            self.site_port.recover(now_ms)
            self.cabinet_port.recover(now_ms)
            self.session.step(now_ms)
            if self.program.starting or self.program.expired(self.uptime_ticks):
                self.modes.hold = node.reset_node = True
            elif not self.session.unlocked and not self.program.on_trial:
                self.modes.hold = False  # whoever asked for it has gone
        if self._at_rest():
            if node.duplicate_id and node.node_id:
                node.give_up_id()
            if node.reset_communication:
                node.reset()
            if node.reset_node and self._written and not self.latches.running:
                # an orderly one: the mark has gone first, the records too; it waits for no failure
                self.restart = True
                self.restart = self.records.finish()

    def _write(self, now_ms):
        self._written = self.records.step(self._at_rest())

    def _evaluate_cells(self, now_ms):
        cells = self.cells
        self.slots.step(now_ms)
        self.meter.update_voltage_age(now_ms)
        cells.evaluate(now_ms)
        soc_cpct = self.estimator.soc.soc_cpct
        # a lone cell far off must not carry the string's charge out of the range that is judged
        self.plausibility.step_cells(self.estimator.soc.mean_cpct)
        self.environment.step_cells()
        self.telemetry.judge()
        protection = self.protection
        protection.evaluate_cells(now_ms)
        meter = self.meter
        # until something was measured there is no limit above zero
        factor_permille = self._derating() if cells.seen_all and meter.seen_all else 0
        self.limits.evaluate(
            cells, soc_cpct, meter.string_mv, self.contactors.closed, factor_permille,
            protection.charge_blocked, protection.discharge_blocked,
        )  # fmt: skip
        protection.suspend_undervoltage(self.limits.recharging)
        self.trace.sample(
            meter.current_ma, meter.string_mv, meter.link_mv, cells.cell_min_dmv,
            cells.cell_max_dmv, cells.temp_min_dc, cells.temp_max_dc, meter.seen_all,
            cells.seen_all,
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
        self.records.changed = True

    def _derating(self):
        """Permille of the limits that cooling, PCS inlet (thermal.md) and estimate leave."""
        value = self.signals.value
        factor = 1000
        if self.protection.stands(self._without_flow):
            factor = _WITHOUT_FLOW_PERMILLE
        if self.protection.stands(self._without_compressor):
            factor = min(factor, _WITHOUT_COMPRESSOR_PERMILLE)
        if self.estimate_failed:
            factor = min(factor, _WITHOUT_ESTIMATE_PERMILLE)
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
        meter.step_slow()
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
        self._put_history()
        protection = self.protection
        well = protection.worst_level < TRIP and not protection.charge_blocked
        well = well and not protection.stops & BLEEDING
        self.balancing.step(well and trusted and cells.all_fresh, meter.current_ma)

    def _put_history(self):
        """Wear of the contactors, and orderly stops that time has not worked off."""
        history = self.history
        self.contactors.step_slow()
        self.signals.put(s.CONTACTOR_CYCLES, max(history.closings))
        self._stop_age_s += 1
        if self._stop_age_s >= self._stop_worked_off_s:
            self._stop_age_s = 0
            history.put(STOPS, max(history.value[STOPS] - 1, 0))
        self.signals.put(s.REPEATED_STOPS, history.value[STOPS])

    def _trend(self, now_ms):
        self.records.second(self._at_rest())

    def _hold_stamps(self, now_ms):
        """An age that was long must stay long. One owner a second, since days are left for it."""
        at = self._stamps_at
        number = 0
        for fields in rows(_STAMPS):
            if number == at:
                owner = self
                for name in fields[0].split("."):
                    owner = getattr(owner, name)
                if len(fields) == 1:
                    owner.hold_stamps(now_ms)
                else:
                    hold_attributes(owner, fields[1:], now_ms)
            number += 1
        self._stamps_at = (at + 1) % number

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
        failed = 0
        total = self.scheduler.failures
        self.estimate_failed = total[_ESTIMATE] != self._failures[_ESTIMATE]
        for task in range(len(total)):
            count = total[task] - self._failures[task]
            if count:
                self._failures[task] = total[task]
                failed += count
                self.log.put(
                    self.uptime_ticks, event_log.PART_FAILED, task + 1, 1, count, total[task]
                )
        signals.put(s.PART_FAILED, failed)

    def _on_fault(self, fault_id, level, raised, emcy_code, value, limit):
        kind = event_log.RAISED if raised else event_log.CLEARED
        self.log.put(self.uptime_ticks, kind, fault_id, level, value, limit)
        if raised and level >= TRIP and level != STOP:
            self.trace.freeze()
            self.records.hurried = True
        register = self.protection.error_register
        self.node.emcy.put(emcy_code if raised else 0, register, fault_id, level)

    def _on_task_death(self, name):
        """A task died: every output safe at once, and no cell is bled any more."""
        outputs = self._outputs
        for output in outputs:
            outputs[output].value(0)
        self.balancing.stop()
