"""Builds the cabinet out of a board and its parameters, and owns `step(now_ms)`.

The only place that constructs. One way for the data: driver registers -> measure ->
estimate -> protect -> control -> outputs; the link carries status out and commands in.
"""

from bess import modes
from bess.command import Command
from bess.control.derating import Derating
from bess.control.pcs_control import PcsControl
from bess.control.thermal import Thermal
from bess.drivers import cooling, ltc681x
from bess.drivers.cabinet_bus import CabinetBus
from bess.drivers.iso165c import Iso165c
from bess.drivers.ivt_s import IvtS
from bess.drivers.pcs_can import PcsCan
from bess.health import Health
from bess.journal import Journal
from bess.link.can_port import CanPort
from bess.measure import signals as s
from bess.measure.environment import Environment
from bess.measure.inputs import Inputs
from bess.measure.insulation import Insulation
from bess.measure.signals import Signals
from bess.port.native import leaves as native_leaves
from bess.protect.event_log import EventLog
from bess.protect.faults import Protection
from bess.protect.history import History
from bess.protect.latches import latches_of
from bess.protect.limits import AllowedPower
from bess.protect.plausibility import Plausibility
from bess.protect.self_check import SelfCheck
from bess.protect.trace import Trace, Trend
from bess.scheduler import TASKS, Scheduler
from bess.site_link import SiteLink, StoredParameters
from bess.strings import String
from bess.table import rows
from bess.tasks import Tasks
from bess.telemetry import Telemetry
from bess.topology import Topology
from bess.update.program import ProgramStore
from bess.upkeep import Upkeep


def records_of(board):
    """The class that writes what is noted, for what a write costs the board."""
    if board.storage_safe_under_load:
        from bess.records import Records as Kind
    else:
        from bess.sparing import SparingRecords as Kind
    return Kind


class Cabinet:
    """The whole firmware of one cabinet on one board; its parts by their names.

    `step(now_ms)` is called every 10 ms with time that wraps at 2**30 ms. `pcs_family` is the
    driver of its PCS (drivers.pcs).
    """

    device_name = "Autarky cabinet"
    software_version = "0.1.0"
    pcs_family = PcsCan

    def __init__(self, board, parameters, leaves=None):
        leaves = leaves or native_leaves
        self.hardware_version = board.name
        self._outputs = board.outputs
        self._drive = board.drive
        self.parameters = parameters
        self.stored = StoredParameters(board, parameters)  # before anything reads a parameter
        topology = Topology(parameters, ltc681x.CELLS_PER_DEVICE)
        self.signals = signals = Signals(leaves)
        latches = latches_of(board.backup, topology.strings)
        self.latches = latches[0]
        self.history = History(board.backup)
        self.scheduler = Scheduler(board.clock, board.watchdog, self._on_task_death)
        self.log = EventLog(board.storage["log"])
        self.trace = Trace(board.storage["trace"])
        self.trend = Trend(board.storage["trend"])
        self.journal = Journal(self.log, self.trace, self.scheduler)
        self.program = ProgramStore(
            board, parameters.get("program_oldest"), parameters.get("program_confirm_ms")
        )
        self.site = SiteLink(board, self, parameters, self.stored, self.history, leaves)
        self.node = self.site.node  # by these names it stands in the dictionary
        self.session = self.site.session
        self.keeper = self.stored.keeper

        make = cooling.set_of(parameters)
        filters = IvtS.filters + self.pcs_family.filters + Iso165c.filters + make.filters
        self.cabinet_port = port = CanPort(board.cabinet_can, filters)
        self.cooling = make(board, port, leaves)
        self.pcs_can = self.pcs_family(port, leaves)
        self.monitor = Iso165c(port)
        self.inputs = Inputs(board.inputs, topology.modules, signals)
        self.string = string = String(
            board, port, topology, self.inputs, parameters, signals, self.latches, self.history,
            self.journal.anchor, leaves,
        )  # fmt: skip
        self.cabinet_bus = CabinetBus(port, (string.ivt, self.pcs_can, self.monitor, self.cooling))

        self.strings = strings = (string,)
        self.protection = Protection(
            parameters, [one.signals for one in strings], self._on_fault, leaves, latches
        )
        for at in range(len(strings)):
            strings[at].judge = self.protection.judges[at + 1]
        self.limits = AllowedPower(parameters, signals)
        self.derating = Derating(self.protection, signals)
        self.pcs = PcsControl(
            self.pcs_can, board.outputs["gate_enable"], string.meter, parameters, signals
        )
        self.self_check = SelfCheck(board, self.keeper, signals)
        self.insulation = Insulation(self.monitor, string.meter, string.cells, parameters, signals)
        self.modes = modes.Modes(
            strings, self.inputs, self.protection, self.pcs, self.limits, self.self_check,
            self.insulation, signals, self.history, parameters,
        )  # fmt: skip
        self.plausibility = Plausibility(
            string.cells, string.meter, self.pcs_can, self.limits, parameters, signals
        )  # fmt: skip
        self.environment = Environment(
            board.analog, self.pcs_can, string.source.ntc, parameters, signals
        )  # fmt: skip
        self.thermal = Thermal(
            self.cooling, string.cells, self.environment, parameters, self.history, signals
        )
        self.command = Command(
            self.node, self.site.codec, self.modes, self.program, self.journal,
            self.thermal.preheat, signals, parameters,
        )  # fmt: skip
        self.telemetry = Telemetry(self, parameters)
        self.records = records_of(board)(self)
        self.health = Health(self)
        self.upkeep = Upkeep(self)
        holders = (
            string.ivt, string.cells, self.site.pdo, self.pcs_can, self.monitor, string.meter,
            self.insulation, self.pcs, string.contactors, self.modes,
            self.session, self.node, self.thermal.circuit, self.cooling, self.modes.removal,
        )  # fmt: skip
        holders += self.protection.judges
        self.tasks = Tasks(self, holders, board.outputs["healthy"], parameters)
        self._schedule()
        self._begin(board)

    def _schedule(self):
        tasks = self.tasks
        functions = (
            ("fast", tasks.fast), ("scan", self.string.source.slice), ("cells", tasks.cells),
            ("slow", tasks.slow), ("estimate", tasks.estimate),
            ("telemetry", self.telemetry.publish_slow), ("service", self.node.service),
            ("update", self.program.step), ("records", self.upkeep.write),
            ("upkeep", self.upkeep.step), ("trend", self.records.second), ("console", None),
        )  # fmt: skip
        row = 0
        for fields in rows(TASKS):
            name, function = functions[row]  # a literal costs no heap, a field of the table does
            self.scheduler.add(
                name, function, int(fields[1]), int(fields[2]), int(fields[3]),
                fields[4] == "locked", fields[5] == "stop",
            )  # fmt: skip
            row += 1

    def _begin(self, board):
        """What is known of the start itself, and what was latched before it."""
        self.journal.boot(board)
        # put also when it is well: a latch of an earlier start needs a good sample to be reset
        self.signals.put(s.PARAMETERS_CONFLICT, 0 if self.stored.conflict() == "none" else 1)
        whole = self.protection.restore() and not self.history.blank
        if self.latches.running or not whole:
            self.signals.put(s.UNCLEAN_STOP, 1)

    def step(self, now_ms):
        """One tick: everything that is due, in the order of the table."""
        self.scheduler.step(now_ms)

    @property
    def restart(self):
        """The board is asked for a new start, as after a reset of the chip; no power flows then."""
        return self.upkeep.restart

    def at_rest(self):
        """No power can flow."""
        for string in self.strings:
            if not string.contactors.at_rest:
                return False
        return True

    def _on_fault(self, string, fault_id, level, raised, emcy_code, value, limit):
        self.journal.fault(string, fault_id, level, raised, value, limit)
        register = self.protection.error_register()
        self.node.emcy.put(emcy_code if raised else 0, register, fault_id, level, string)

    def _on_task_death(self, name):
        """A task died: every output safe at once, and no cell is bled any more."""
        outputs = self._outputs
        for output in outputs:
            outputs[output].value(0)
        self._drive.duty(0)
        for string in self.strings:
            string.balancing.stop()
