"""Protection by the shipped table, a sample at a time."""

from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.port import leaves
from bess.protect.fault_table import STOP, TABLE, fault_rows
from bess.protect.faults import Protection
from bess.protect.latches import SIZE, Latches


class Remembered:
    """The default parameters, each looked up once: protection is built some thousand times here."""

    def __init__(self):
        self._parameters = Parameters()
        self._known = {}

    def get(self, name):
        if name not in self._known:
            try:
                self._known[name] = self._parameters.get(name)
            except KeyError:
                self._known[name] = None
        if self._known[name] is None:
            raise KeyError(name)
        return self._known[name]


PARAMETERS = Remembered()


def protection_of(signals, on_change, memory=None, table=TABLE, parameters=PARAMETERS):
    """A protection of one string; memory: where its latches lie."""
    latches = Latches(bytearray(SIZE) if memory is None else memory)
    return Protection(parameters, (signals,), on_change, leaves, (latches,), table)


class Rig:
    """Protection with a log of its events; `feed` gives one sample and evaluates."""

    def __init__(self):
        self.signals = Signals()
        self.events = []
        self.now_ms = 0  # stands: then samples alone decide
        self.protection = protection_of(self.signals, self.event)

    def event(self, string, fault_id, level, raised, emcy_code, value, limit):
        self.events.append((fault_id, level, raised))

    def feed(self, signal, value, partial=False):
        if partial:
            self.signals.put_partial(signal, value)
        else:
            self.signals.put(signal, value)
        self.evaluate()

    def evaluate(self):
        self.protection.evaluate_fast(self.now_ms)
        self.protection.evaluate_cells(self.now_ms)


def cases():
    """(row fields, mark, level, threshold, samples, sign) of every row of the table."""
    parameters = PARAMETERS
    for fields in fault_rows():
        for mark in fields[6]:
            key = fields[1] + "_" + ("3" if mark == "S" else mark)
            threshold = 0 if fields[4] == "flag" else parameters.get(key + "_" + fields[4])
            period = int(fields[8])
            try:
                delay = parameters.get(key + "_delay_ms")
            except KeyError:
                delay = period
            level = STOP if mark == "S" else int(mark)
            yield (
                fields,
                mark,
                level,
                threshold,
                max(delay // period, 1),
                (1 if fields[3] == "over" else -1),
            )


def row_of(protection, fault, level):
    """The judge of a level of a fault in the cabinet of one string, and its row there."""
    for judge in protection.judges:
        if fault in judge.rows.fault:
            return judge, judge.row(fault, level)
    raise ValueError("no such row")


def counted(owner, name):
    """Replace a method by one that counts its calls; returns the counter, a list."""
    calls = []
    original = getattr(owner, name)

    def wrapper(*arguments):
        calls.append(arguments)
        return original(*arguments)

    setattr(owner, name, wrapper)
    return calls
