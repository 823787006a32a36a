"""The cabinet's own CAN bus: each frame to the first driver that knows it."""

from bess.port.interpreter import const

_FRAMES_A_TICK = const(32)  # bounds the work of a tick under a babbling node


class CabinetBus:
    """drivers: with receive(can_id, data, length, now_ms), True when the frame was theirs."""

    def __init__(self, port, drivers):
        self._port = port
        self._drivers = drivers

    def receive(self, now_ms):
        """Hand out what came since the last tick."""
        port = self._port
        drivers = self._drivers
        budget = _FRAMES_A_TICK
        while budget and port.receive():
            budget -= 1
            can_id, data, length = port.rx_id, port.rx_data, port.rx_length
            for driver in drivers:
                if driver.receive(can_id, data, length, now_ms):
                    break
