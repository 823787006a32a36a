"""A string: all that exists once for every string of the cabinet, and what is asked of all."""

from bess.control.balancing import Balancing
from bess.control.contactors import Contactors
from bess.control.hot_swap import Slots
from bess.drivers.ivt_s import IvtS
from bess.drivers.ltc681x import Chain
from bess.estimate.charge_counter import ChargeCounter
from bess.estimate.estimator import ENDLESS_S, SPARING_UNSEEN_S, UNSEEN_S, Estimator
from bess.measure.cells import CellMonitor
from bess.measure.ltc_scan import LtcScan
from bess.measure.string_meter import StringMeter
from bess.protect.fault_table import LOCKED_OUT, TRIPPED


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
    """The way of the data of one string: cell `source`, `ivt` -> `cells`, `meter` ->
    `counter`, `estimator` -> `contactors`, `slots`, `balancing`.

    port: CanPort of its current sensor; on_anchor: see Estimator. `judge` (protect.faults), which
    judges its `signals`, is set before the first step.
    """

    judge = None

    def __init__(self, board, port, topology, inputs, parameters, signals, latches, history,
                 on_anchor, leaves):  # fmt: skip
        self.signals = signals
        self.ivt = IvtS(port, leaves)
        self.chain = Chain(
            board.afe_spi, board.afe_cs, topology.devices, leaves, board.clock.wait_us
        )
        self.cells = cells = CellMonitor(
            topology.layout, topology.sensors_per_device, parameters, signals, leaves
        )
        self.source = cells.source = LtcScan(self.chain, cells, parameters, signals, leaves)
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
        self.balancing = Balancing(self.source, cells, parameters)

    def obey_trip(self, now_ms):
        """Open while its judge says tripped; False while the fuse has its time first."""
        acts = self.judge.acts
        if not acts & TRIPPED:
            return True
        return self.contactors.trip(now_ms, acts & LOCKED_OUT != 0)
