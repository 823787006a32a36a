"""Bus-off, the session, and the resets that a master, an update or a trial asks for."""

from bess.port.interpreter import bind, const

_TENTH = const(10)  # ticks


class Upkeep:
    """`step` each tick. `restart` asks the board for a new start, as after a reset of the chip.

    cabinet: owner of node, ports, session, program, modes, records, latches, scheduler, and of
    `at_rest()`: no power flows.
    """

    def __init__(self, cabinet):
        self._cabinet = cabinet
        self._node = cabinet.node
        self._site_port = cabinet.site.port
        self._cabinet_port = cabinet.cabinet_port
        self._session = cabinet.site.session
        self._program = cabinet.program
        self._modes = cabinet.modes
        self._records = cabinet.records
        self._latches = cabinet.latches
        self._scheduler = cabinet.scheduler
        self._written = False
        self.restart = False
        bind(self, "step", "write")

    def write(self, now_ms):
        """Some of what waits to be written."""
        self._written = self._records.step(self._cabinet.at_rest())

    def step(self, now_ms):
        """One tick."""
        node = self._node
        program = self._program
        uptime_ticks = self._scheduler.uptime_ticks
        if uptime_ticks % _TENTH == 0:
            self._site_port.recover(now_ms)
            self._cabinet_port.recover(now_ms)
            self._session.step(now_ms)
            if program.starting or program.expired(uptime_ticks):
                self._modes.hold = node.reset_node = True
            elif not self._session.unlocked and not program.on_trial:
                self._modes.hold = False  # whoever asked for it has gone
        if (
            node.duplicate_id or node.reset_communication or node.reset_node
        ) and self._cabinet.at_rest():  # fmt: skip
            self._reset()

    def _reset(self):
        """What was asked for and only waited for rest."""
        node = self._node
        if node.duplicate_id and node.node_id:
            node.give_up_id()
        if node.reset_communication:
            node.reset()
        if node.reset_node and self._written and not self._latches.running:
            # an orderly one: the mark has gone first, the records too; it waits for no failure
            self.restart = True
            self.restart = self._records.finish()
