"""Builds the cabinet out of a board and its parameters, and owns `step(now_ms)`.

The only place that constructs. One way for the data: driver registers -> measure ->
estimate -> protect -> control -> outputs; the link carries status out and commands in.
"""

from array import array
from struct import pack

from bess import modes, objects
from bess.control import contactors
from bess.control.contactors import Contactors
from bess.control.hot_swap import Slots
from bess.control.pcs_control import PcsControl
from bess.control.thermal import Thermal
from bess.drivers import ivt_s, ltc681x, pcs_can
from bess.drivers.ltc681x import Chain
from bess.estimate.charge_counter import ChargeCounter, soc_from_rest_cpct
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
from bess.measure.inputs import Inputs
from bess.measure.signals import Signals
from bess.measure.string_meter import StringMeter
from bess.port import leaves as plain_leaves
from bess.port.interpreter import const
from bess.port.ticks import ticks_diff
from bess.protect import event_log
from bess.protect.event_log import EventLog
from bess.protect.faults import Protection
from bess.protect.limits import AllowedPower
from bess.scheduler import Scheduler

_FAST_BUDGET_US = const(5000)
_SCAN_BUDGET_US = const(3000)
_CELLS_BUDGET_US = const(5000)
_SLOW_BUDGET_US = const(5000)
_EVALUATION_PHASE = const(6)  # the tick after the last cell group was read
_SLOW_PHASE = const(7)
_SERVICE_BUDGET_US = const(5000)
_RECOVER_TICKS = const(10)
_LOG_RECORDS_A_TICK = const(2)
_PRODUCT_CODE = const(0x0215)  # a cabinet of the 215 kWh class
_REVISION = const(0x00010000)  # major, minor


def native_leaves():
    """The machine-code leaves for this processor, or their plain twins."""
    try:
        import leaves_viper

        return leaves_viper
    except (ImportError, SyntaxError, ValueError):  # CPython; no native code for this processor
        return plain_leaves


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
        leaves = leaves or native_leaves()
        self.hardware_version = board.name
        self.keeper = Keeper(parameters, board.storage["parameters"])
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
        pdo = Pdos(self.site_port, codec, objects.PDO_TABLE, parameters, leaves)
        identity = (parameters.get("vendor_id"), _PRODUCT_CODE, _REVISION, board.serial_number)
        self.node = Node(self.site_port, pdo, parameters, identity)
        self.session = Session(board.device_key, board.random, parameters.get("session_ms"))
        self.program = ProgramStore(board.storage["program"])
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
        pdo.fill = self._fill_stream
        self._stream_slot = codec.slot("cell_stream", "first_index")
        self._stream_cell = 0
        self._fast_stream = codec.slot("command", "fast_stream")
        self._image = codec.image
        self._command = codec.frame("command")
        self._bind(codec)

        self._cabinet_port = CanPort(board.cabinet_can, ivt_s.FILTERS + pcs_can.FILTERS)
        self._ivt = ivt_s.IvtS(self._cabinet_port)
        self._pcs = pcs_can.PcsCan(self._cabinet_port, leaves)

        self.chain = Chain(board.afe_spi, board.afe_cs, len(layout), leaves, board.clock.wait_us)
        self.cells = CellMonitor(
            self.chain, layout, parameters.get("sensors_per_afe"), parameters, signals, leaves
        )
        self.meter = StringMeter(self._ivt, parameters, self.cells.cell_count, signals)
        self.inputs = Inputs(board.inputs, modules, signals)
        self.counter = ChargeCounter(parameters.get("capacity_mah"))
        self.protection = Protection(parameters, signals, self._on_fault, leaves)
        self.limits = AllowedPower(parameters, signals)
        self.contactors = Contactors(board.outputs, self.inputs, self.meter, parameters, signals)
        self.slots = Slots(modules, self.inputs, parameters)
        self.pcs = PcsControl(self._pcs, board.outputs["gate_enable"], parameters, signals)
        self.thermal = Thermal(board.outputs, board.inputs["coolant_flow"], self.cells, parameters)
        self.modes = modes.Modes(
            self.cells, self.meter, self.inputs, self.slots, self.protection, self.contactors,
            self.pcs, self.limits, parameters,
        )  # fmt: skip
        self._ramp_silence_ms = parameters.get("command_silent_2_ms")
        self._temp_silent_ms = parameters.get("temp_silent_2_ms")
        self._current_silent_ms = parameters.get("current_silent_3_ms")
        self._was_silent = False
        self._health = 0
        self._overruns = 0
        self._configured = False
        self._healthy = board.outputs["healthy"]
        self._outputs = board.outputs
        self._log_safe = board.storage_safe_under_load
        self._toggle = 0

        self.scheduler = Scheduler(board.clock, board.watchdog, self._on_task_death)
        # fast first: what it judges in a tick is what this tick acts on
        self.scheduler.add("fast", self._fast, 1, 0, _FAST_BUDGET_US, True)
        self.scheduler.add("scan", self.cells.slice, 1, 0, _SCAN_BUDGET_US, True)
        self.scheduler.add(
            "cells", self._evaluate_cells, SCAN_TICKS, _EVALUATION_PHASE, _CELLS_BUDGET_US, True
        )
        self.scheduler.add("slow", self._slow, 100, _SLOW_PHASE, _SLOW_BUDGET_US, False)
        self.scheduler.add("service", self._service, 1, 0, _SERVICE_BUDGET_US, False)
        self.log.put(0, event_log.BOOT, 0, 0, self.log.boot, 0)

    @property
    def command_checker(self):
        """Judge of the coordinator's commands, with its counters."""
        return self.node.pdo.checkers[self._command]

    def snapshot(self):
        """All cells and sensors at once, little-endian: version u8, 0 u8, cells u16, sensors u16,
        uptime u32 in 10 ms; voltages u16 0.1 mV, temperatures i16 0.1 degC, then one byte for
        each cell and each sensor: 1 = read well in the newest scan.
        """
        cells = self.cells
        count, sensors = cells.cell_count, cells.sensor_count
        out = bytearray(pack("<BBHHI", 1, 0, count, sensors, self.uptime_ticks))
        out.extend(array("H", cells.voltage_dmv))
        out.extend(array("h", cells.temperatures_dc))
        out.extend(cells.fresh[:count])
        out.extend(cells.temperature_fresh[:sensors])
        return bytes(out)

    def _at_rest(self):
        """No power flows and none can: contactors commanded and seen open."""
        state = self.contactors.state
        return state == contactors.OPEN or state == contactors.LOCKED

    def _may_write(self):
        if not self.session.unlocked:
            return abort.ACCESS
        return abort.NONE if self._at_rest() else abort.STATE

    def _parameter_changed(self, index, sub):
        if index < 0x2000:  # CiA 301's take effect at once, ours with the next start
            self.node.load()

    def _send_sdo(self, data):
        return self.site_port.send(self.node.sdo_response_id, data)

    def _fill_stream(self, frame):
        """The next cells of the stream into the process image."""
        image = self._image
        at = self._stream_slot
        cell = self._stream_cell
        cells = self.cells
        image[at] = cell
        left = objects.STREAM_CELLS
        while left:
            left -= 1
            at += 1
            fits = cell < cells.cell_count
            image[at] = cells.voltage_dmv[cell] // 10 if fits else 0xFFFF
            cell += 1
        self._stream_cell = cell if cell < cells.cell_count else 0

    def step(self, now_ms):
        """One tick: everything that is due, in the order of the table."""
        self.scheduler.step(now_ms)

    def _bind(self, codec):
        """Slots of the process image, looked up once."""
        slot = codec.slot
        self._mode_request = slot("command", "mode_request")
        self._power_request = slot("command", "active_power")
        self._status_state = slot("status", "state")
        self._charge_limit = slot("status", "charge_limit")
        self._discharge_limit = slot("status", "discharge_limit")
        self._worst_fault = slot("status", "worst_fault")
        self._flags = slot("status", "flags")
        self._power_state = slot("power", "state")
        self._dc_voltage = slot("power", "dc_voltage")
        self._dc_current = slot("power", "dc_current")
        self._power = slot("power", "active_power")
        self._soc = slot("energy", "soc")
        self._soh = slot("energy", "soh")
        self._energy_up = slot("energy", "energy_up")
        self._energy_down = slot("energy", "energy_down")
        self._joined = slot("energy", "strings_joined")
        self._cell_min = slot("cells", "cell_min")
        self._temp_min = slot("temperatures", "temp_min")

    def _fast(self, now_ms):
        self.node.poll(now_ms)
        self._receive_cabinet(now_ms)
        if not self._configured:
            self._configured = self._ivt.configure()
        self.inputs.sample()
        self.meter.update(now_ms)
        if self.meter.fresh_current:
            self.counter.add(self.meter.current_ma, now_ms)
            self.limits.overload(self.meter.current_ma)
        self._take_command(now_ms)
        self._put_health()
        protection = self.protection
        protection.evaluate_fast()
        self.limits.follow_blocks(protection.charge_blocked, protection.discharge_blocked)
        self.modes.step(now_ms)
        self.contactors.step(now_ms)
        self.pcs.step(now_ms, self.limits.charge_w, self.limits.discharge_w)
        if self.node.sync_pending:
            self._publish_status()
        self._pcs.transmit(now_ms)
        self.node.transmit(now_ms)
        self.uptime_ticks = (self.uptime_ticks + 1) & 0x3FFFFFFF
        self._toggle ^= 1
        self._healthy.value(self._toggle)

    def _receive_cabinet(self, now_ms):
        port = self._cabinet_port
        budget = 32  # bounds the work of a tick under a babbling node
        while budget and port.receive():
            budget -= 1
            if not self._ivt.receive(port.rx_id, port.rx_data, port.rx_length, now_ms):
                self._pcs.receive(port.rx_id, port.rx_data, port.rx_length, now_ms)

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
        if health != self._health:
            self._health = health
            signals = self.signals
            signals.put(s.TASK_STOPPED, health & 1)
            signals.put(s.HEAP_USED, health & 2)
            signals.put(s.SELF_TEST_FAILED, health & 4)
            signals.put(s.GUARD_LOST, health & 8)
            signals.put(s.DUPLICATE_ID, health & 16)
            signals.put(s.BUS_OFF, health & 32)

    def _publish_status(self):
        image = self._image
        protection = self.protection
        limits = self.limits
        meter = self.meter
        state = self.modes.state
        closed = self.contactors.closed
        image[self._status_state] = state
        image[self._power_state] = state
        image[self._charge_limit] = limits.charge_w // 100
        image[self._discharge_limit] = limits.discharge_w // 100
        image[self._worst_fault] = protection.worst_fault
        image[self._flags] = (
            protection.worst_level
            | (0x08 if protection.charge_blocked else 0)
            | (0x10 if protection.discharge_blocked else 0)
            | (0x20 if self.modes.silent else 0)
            | (0x40 if closed else 0)
            | (0x80 if self.thermal.mode else 0)
        )
        image[self._dc_voltage] = meter.string_mv // 100
        image[self._dc_current] = meter.current_ma // 100
        image[self._power] = meter.power_w // 100

    def _service(self, now_ms):
        """SDO, LSS, resets, bus-off and the log: what may wait and may allocate."""
        node = self.node
        node.service(now_ms)
        if self.uptime_ticks % _RECOVER_TICKS == 0:
            self.session.step(now_ms)
            self.site_port.recover(now_ms)
            self._cabinet_port.recover(now_ms)
        if self._at_rest():
            if node.duplicate_id and node.node_id:
                node.give_up_id()
            if node.reset_communication:
                node.reset()
            if node.reset_node:
                self.restart = True
        if self._log_safe or self._at_rest():
            self.log.flush(_LOG_RECORDS_A_TICK)

    def _evaluate_cells(self, now_ms):
        cells = self.cells
        self.slots.step(now_ms)
        self.meter.update_voltage_age(now_ms)
        cells.evaluate(now_ms)
        protection = self.protection
        protection.evaluate_cells()
        meter = self.meter
        # until something was measured there is no limit above zero
        factor_permille = 1000 if cells.seen_all and meter.seen_all else 0
        self.limits.evaluate(
            cells, self.counter.soc_cpct, meter.string_mv, self.contactors.closed, factor_permille
        )
        self.limits.follow_blocks(protection.charge_blocked, protection.discharge_blocked)

    def _slow(self, now_ms):
        cells = self.cells
        meter = self.meter
        signals = self.signals
        if not self.counter.started and cells.seen_all and meter.seen_all:
            self.counter.anchor(soc_from_rest_cpct(cells.cell_mean_dmv), now_ms)
        trusted = cells.seen_all and signals.value[s.TEMP_AGE] <= self._temp_silent_ms
        self.thermal.step(now_ms, trusted)
        if signals.value[s.CURRENT_AGE] > self._current_silent_ms:
            self._ivt.restart()  # a sensor that lost its supply forgot its set-up
            self._configured = False
        overruns = 0
        for count in self.scheduler.overruns:
            overruns += count
        signals.put(s.TASK_OVERRUN, overruns - self._overruns)  # in the last second
        self._overruns = overruns
        image = self._image
        image[self._soc] = self.counter.soc_cpct
        image[self._soh] = 200
        up_mah, down_mah = self.counter.usable_mah()
        deci_volt = meter.string_mv // 100
        image[self._energy_up] = up_mah // 1000 * deci_volt // 1000
        image[self._energy_down] = down_mah // 1000 * deci_volt // 1000
        image[self._joined] = 1 if self.contactors.closed else 0
        at = self._cell_min
        image[at] = cells.cell_min_dmv // 10
        image[at + 1] = cells.cell_max_dmv // 10
        image[at + 2] = cells.cell_min_index
        image[at + 3] = cells.cell_max_index
        at = self._temp_min
        image[at] = cells.temp_min_dc // 10
        image[at + 1] = cells.temp_max_dc // 10
        image[at + 2] = cells.temp_min_index
        image[at + 3] = cells.temp_max_index
        image[at + 4] = self.slots.missing

    def _on_fault(self, fault_id, level, raised, emcy_code, value, limit):
        kind = event_log.RAISED if raised else event_log.CLEARED
        self.log.put(self.uptime_ticks, kind, fault_id, level, value, limit)
        register = self.protection.error_register
        self.node.emcy.put(emcy_code if raised else 0, register, fault_id, level)

    def _on_task_death(self, name):
        """A task died: outputs safe at once, whatever still runs."""
        outputs = self._outputs
        for output in ("gate_enable", "plus", "precharge", "minus", "heater", "chiller"):
            outputs[output].value(0)
