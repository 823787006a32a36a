"""The thermal side of N cabinets at steps of 1 s: runs inside MicroPython, and on CPython.

usage: micropython cabinets.py IMAGE FOLDER SETTINGS DEVICES (interpreters.py starts it), records
(record.py) on stdin and stdout. FOLDER: where autarky/thermal lies.

Built of the firmware's own parts, in the order of bess.tasks: front ends' words -> cells and their
plausibility -> environment -> control.thermal -> protection -> what it stops, and allowed current.
The fault table is judged once a second: what it judges every 10 or 100 ms in a cabinet has the
same delays here, in whole seconds. What this loop does not feed (voltages, insulation, contactors)
is never judged.
"""

import gc
import sys
from array import array

MICROPYTHON = sys.implementation.name == "micropython"
if MICROPYTHON:
    import uctypes
    import vfs

    with open(sys.argv[1], "rb") as image_file:
        vfs.mount(vfs.VfsRom(image_file.read()), "/rom")
    sys.path[:] = ["/rom"]
    import main as firmware_main

    firmware_main.pin_path("/rom")
    sys.path.append(sys.argv[2])

from autarky.thermal import record as r
from autarky.thermal.faces import Board, Pcs, Words
from bess import lines
from bess.control.derating import Derating
from bess.control.thermal import Thermal
from bess.drivers import cooling, ltc681x
from bess.measure import signals as s
from bess.measure.cells import CellMonitor
from bess.measure.environment import Environment
from bess.measure.ntc import ntc_table
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port.interpreter import const
from bess.port.native import leaves
from bess.protect import history, limits
from bess.protect.faults import Protection
from bess.protect.latches import latches_of
from bess.protect.plausibility import Plausibility
from bess.topology import Topology

_SECOND_MS = const(1000)
_MOST_W = const(32767)


def by_seconds(rows):
    """Delays and recoveries of a scope's rows for one sample a second."""
    for row in range(len(rows.fault)):
        period_ms = rows.period_ms[row]
        rows.need[row] = max(rows.need[row] * period_ms // _SECOND_MS, 1)
        rows.recover_need[row] = max(rows.recover_need[row] * period_ms // _SECOND_MS, 1)
        rows.period_ms[row] = _SECOND_MS


class Cabinet:
    """`step(now_ms)` takes its part of the record in and fills that of the record out."""

    def __init__(self, record, words, out, frame_in, frame_out, values):
        self._record, self._out = record, out
        self._frame_in, self._frame_out = frame_in, frame_out
        parameters = Parameters()
        for name, value in values:
            parameters.set(name, value)
        memory = bytearray(128)
        history.provision(memory)
        self.signals = signals = Signals(leaves)
        topology = Topology(parameters, ltc681x.CELLS_PER_DEVICE)
        self.cells = CellMonitor(
            topology.layout, topology.sensors_per_device, parameters, signals, leaves
        )
        ntc = ntc_table(parameters.get("ntc_beta_k"))
        self._source = Words(words, self.cells, signals, ntc)
        self.cells.start(0)
        names = lines.names(lines.INPUTS)
        self._board = board = Board(record, names)
        self._well = lines.well()
        self._watched = []
        self._pcs = pcs = Pcs()
        make = cooling.set_of(parameters)
        self._cooling = make(board, board, leaves)
        self._id = make.ids[0] if make.ids else 0
        self.environment = Environment(board.analog, pcs, ntc, parameters, signals)
        self.plausibility = Plausibility(self.cells, pcs, pcs, None, parameters, signals)
        self.thermal = Thermal(
            self._cooling, self.cells, self.environment, parameters, history.History(memory),
            signals,
        )  # fmt: skip
        self._events = []
        self.protection = Protection(
            parameters, [signals], self._on_fault, leaves, latches_of(memory, 1)
        )
        for judge in self.protection.judges:
            by_seconds(judge.rows)
        self._derating = Derating(self.protection, signals)
        self._silent_ms = parameters.get("temp_silent_2_ms")
        self._charging_ma = (
            parameters.get("capacity_mah") * parameters.get("charging_current_permille") // 1000
        )
        self._contacts = -1
        self._limits_of = None
        self._by_temperature = 0, 0
        self._holders = (self.cells, self.thermal.circuit, self._cooling) + self.protection.judges
        self._turn = 0

    def _on_fault(self, string, fault_id, level, raised, emcy_code, value, limit):
        if len(self._events) < r.EVENT_ROOM:
            self._events.append(fault_id | level << 7 | (r.RAISED if raised else 0))

    def step(self, now_ms):
        record, signals, protection = self._record, self.signals, self.protection
        flags = record[r.FLAGS]
        contacts = record[r.CONTACTS]
        if contacts != self._contacts:
            self._tell_contacts(contacts)
        cells, environment, thermal = self.cells, self.environment, self.thermal
        pcs = self._pcs
        pcs.status_ms = now_ms
        pcs.temperature_dc = record[r.PCS_INLET] - r.INLET_ZERO_DC
        if flags & r.HEARD:
            self._cooling.receive(self._id, self._frame_in, 8, now_ms)
        self._source.read(now_ms, flags & r.TEMPERATURES)
        cells.evaluate(now_ms)
        self.plausibility._judge_spreads(0)
        self.plausibility.step_slow(True, False)
        environment.step_cells()
        environment.step_slow()
        current_ma = (record[r.CURRENT] - r.CURRENT_ZERO) * 100
        signals.put(s.CHARGING, 1 if -current_ma > self._charging_ma else 0)
        if flags & r.ANNOUNCED:
            purpose = record[r.PURPOSE]
            thermal.preheat.announce(
                purpose & 3,
                record[r.WANTED_IN] * r.WANTED_S,
                purpose & r.ISLAND != 0,
                purpose >> r.RATE_BIT,
            )
        trusted = cells.seen_all and signals.value[s.TEMP_AGE] <= self._silent_ms
        thermal.step(now_ms, trusted, current_ma, record[r.SOC])
        protection.evaluate_fast(now_ms)
        protection.evaluate_cells(now_ms)
        if flags & r.RESET:
            protection.reset(True)
        thermal.obey(now_ms, protection.stops)
        holder = self._turn
        self._holders[holder].hold_stamps(now_ms)
        self._turn = holder + 1 if holder < len(self._holders) - 1 else 0
        self._tell(trusted)

    def _tell_contacts(self, contacts):
        """The cabinet's contacts, where they changed, as measure.inputs puts them."""
        self._contacts = contacts
        put = self.signals.put
        put(s.DOOR, 0 if contacts & lines.DOOR else 1)
        put(s.SMOKE, 0 if contacts & lines.SMOKE else 1)
        put(s.GAS, 0 if contacts & lines.GAS else 1)
        put(s.ESTOP, 0 if contacts & lines.ESTOP else 1)
        put(s.HVIL_OPEN, 0 if contacts & lines.HVIL else 1)

    def _allowed(self):
        """Permille of 1C that temperature allows in each direction."""
        cells = self.cells
        now = cells.temp_min_dc, cells.temp_max_dc
        if now != self._limits_of:
            self._limits_of = now
            charge, discharge = limits.CHARGE_BY_TEMPERATURE, limits.DISCHARGE_BY_TEMPERATURE
            self._by_temperature = (
                min(limits.from_table(charge, now[0]), limits.from_table(charge, now[1])),
                min(limits.from_table(discharge, now[0]), limits.from_table(discharge, now[1])),
            )
        return self._by_temperature

    def _tell(self, trusted):
        out, board, cells, thermal = self._out, self._board, self.cells, self.thermal
        circuit, protection = thermal.circuit, self.protection
        factor = self._derating.permille(False, cells.temp_max_dc) if cells.seen_all else 0
        charge, discharge = self._allowed()
        state = r.TRUSTED if trusted else 0
        if circuit.pump_on:
            state |= r.PUMP_ON
        if circuit.heater_on:
            state |= r.HEATER_ON
        if circuit.chiller_on:
            state |= r.CHILLER_ON
        if protection.charge_blocked:
            state |= r.CHARGE_BLOCKED
            charge = 0
        if protection.discharge_blocked:
            state |= r.DISCHARGE_BLOCKED
            discharge = 0
        if protection.tripped:
            state |= r.TRIPPED
        out[r.OUTPUTS] = board.bits | board.sent
        if board.sent:
            self._frame_out[:] = board.frame
            board.sent = 0
        out[r.DUTY] = board.duty_permille
        out[r.MODE] = thermal.mode
        out[r.CHARGE] = charge * factor // 1000
        out[r.DISCHARGE] = discharge * factor // 1000
        out[r.T_MEAN] = cells.temp_mean_dc
        out[r.T_MIN] = cells.temp_min_dc
        out[r.T_MAX] = cells.temp_max_dc
        out[r.T_SPREAD] = cells.temp_spread_dc
        out[r.WORST] = protection.worst_fault | protection.worst_level << 8
        out[r.STOPS] = protection.stops
        out[r.OUTLET] = thermal.outlet_dc
        out[r.HEAT_W] = min(max(thermal.heat_w, -_MOST_W), _MOST_W)
        out[r.STATE] = state
        out[r.FACTOR] = factor
        out[r.DEW] = self.environment.dew_dc
        events = self._events
        out[r.EVENTS] = len(events)
        if events:
            at = r.EVENTS
            for event in events:
                at += 1
                out[at] = event
            events.clear()


def bytes_of(halves):
    """The same memory by bytes."""
    if MICROPYTHON:
        return memoryview(uctypes.bytearray_at(uctypes.addressof(halves), 2 * len(halves)))
    return memoryview(halves).cast("B")


class Cabinets:
    """`record_in` (array('H')), `record_out` (array('h')) and `step()` between them.

    settings: of each cabinet a list of (parameter, value); devices: front ends of each.
    """

    def __init__(self, settings, devices):
        size = r.in_size(devices)
        self.record_in = array("H", bytes(2 * (r.HEAD + size * len(settings))))
        self.record_out = array("h", bytes(2 * r.OUT_SIZE * len(settings)))
        words, out = memoryview(self.record_in), memoryview(self.record_out)
        raw_in, raw_out = bytes_of(self.record_in), bytes_of(self.record_out)
        self.cabinets = []
        for i in range(len(settings)):
            a, b = r.HEAD + i * size, i * r.OUT_SIZE
            frame, command = 2 * (a + r.STATUS), 2 * (b + r.COMMAND)
            self.cabinets.append(
                Cabinet(
                    words[a : a + size], words[a + r.WORDS : a + size], out[b : b + r.OUT_SIZE],
                    raw_in[frame : frame + 8], raw_out[command : command + 8], settings[i],
                )
            )  # fmt: skip

    def step(self):
        head = self.record_in
        now_ms = head[0] | head[1] << 16
        for cabinet in self.cabinets:
            cabinet.step(now_ms)


def read_settings(text):
    """Cabinets divided by lines with a dash, each of NAME=VALUE lines."""
    settings = [[]]
    for line in text.split("\n"):
        if line == "-":
            settings.append([])
        elif line:
            name, _, value = line.partition("=")
            settings[-1].append((name, int(value)))
    return settings


def main(arguments):
    """Until stdin ends."""
    with open(arguments[2]) as file:
        settings = read_settings(file.read())
    gc.threshold(
        16384
    )  # what is needed while it is built leaves no holes that each collection walks
    made = Cabinets(settings, int(arguments[3]))
    gc.threshold(-1)
    read, write = sys.stdin.buffer.readinto, sys.stdout.buffer.write
    record_in, record_out, step = made.record_in, made.record_out, made.step
    size = 2 * len(record_in)
    write(b"\x01")  # ready
    try:
        while read(record_in) == size:
            step()
            write(record_out)
    except Exception as error:  # whatever it is, the host tells it
        sys.print_exception(error, sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
