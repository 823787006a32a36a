"""The cabinet's own CAN bus: each frame to the driver whose identifier it has."""

from bess.port.interpreter import bind, const

_FRAMES_A_TICK = const(32)  # bounds the work of a tick under a babbling node


class CabinetBus:
    """drivers: with `ids` and receive(can_id, data, length, now_ms) for frames that have one."""

    def __init__(self, port, drivers):
        self._port = port
        self._receivers = receivers = {}
        for driver in drivers:
            for can_id in driver.ids:
                receivers[can_id] = driver.receive
        bind(self, "receive")

    def receive(self, now_ms):
        """Hand out what came since the last tick."""
        self._port.hand_out(self._receivers, _FRAMES_A_TICK, now_ms)
