"""A string: all that exists once for every string of the cabinet, and what is asked of all."""

from bess.control import contactors
from bess.control.balancing import Balancing
from bess.control.contactors import Contactors
from bess.control.hot_swap import Slots
from bess.drivers.ivt_s import IvtS
from bess.drivers.ltc681x import Chain
from bess.estimate.charge_counter import ChargeCounter
from bess.estimate.estimator import ENDLESS_S, SPARING_UNSEEN_S, UNSEEN_S, Estimator
from bess.measure.cells import CellMonitor
from bess.measure.string_meter import StringMeter


def chemistry_table(number):
    """Text of the table that parameter `chemistry` names; only that one is loaded."""
    if number == 1:
        from bess.estimate import nmc as table
    else:
        from bess.estimate import lfp as table
    return table.TABLE


def unseen_s(board, latches):
    """How long charge may have flowed unseen before this start, for how its storage is written."""
    if board.storage_safe_under_load:
        return UNSEEN_S
    unclean = latches.running or latches.blank or latches.torn
    return ENDLESS_S if unclean else SPARING_UNSEEN_S


class String:
    """The way of the data of one string: `chain`, `ivt` -> `cells`, `meter` -> `counter`,
    `estimator` -> `contactors`, `slots`, `balancing`.

    port: CanPort of its current sensor; on_anchor: see Estimator.
    """

    def __init__(self, board, port, topology, inputs, parameters, signals, latches, history,
                 on_anchor, leaves):  # fmt: skip
        self.ivt = IvtS(port, leaves)
        self.chain = Chain(
            board.afe_spi, board.afe_cs, topology.devices, leaves, board.clock.wait_us
        )
        self.cells = CellMonitor(
            self.chain, topology.layout, topology.sensors_per_device, parameters, signals, leaves
        )
        self.meter = StringMeter(self.ivt, parameters, topology.cells, signals)
        self.counter = ChargeCounter(parameters.get("current_offset_2_ma"), leaves)
        self.estimator = Estimator(
            self.cells, self.meter, self.counter, board.storage["state"],
            chemistry_table(parameters.get("chemistry")), parameters, on_anchor,
            unseen_s(board, latches),
        )  # fmt: skip
        self.contactors = Contactors(
            board.outputs, inputs, self.meter, parameters, signals, history
        )
        self.slots = Slots(topology.modules, inputs, parameters)
        self.balancing = Balancing(self.chain, self.cells, topology.layout, parameters)

    @property
    def at_rest(self):
        """No power can flow: every contactor is commanded open and has had its time to open."""
        state = self.contactors.state
        return state != contactors.OPENING and not contactors.OPEN < state < contactors.OPENING

    def count_charge(self, now_ms):
        """Take a fresh current: into the charge, or into the sensor's zero while nothing flows."""
        if self.at_rest:
            self.counter.rest(self.meter.current_ma, now_ms)
        else:
            self.counter.add(self.meter.current_ma, now_ms)
