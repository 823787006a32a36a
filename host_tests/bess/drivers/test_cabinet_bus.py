"""Frames of the cabinet bus to their drivers."""

import pytest
from built import Calls, built


@pytest.fixture
def app():
    return built()


class Port:
    """Frames that wait on the cabinet's bus."""

    def __init__(self, count):
        self.left = count
        self.rx_id, self.rx_data, self.rx_length = 0x521, b"data", 4

    def receive(self):
        self.left -= 1
        return self.left >= 0


def test_a_frame_of_the_cabinet_goes_to_the_first_who_knows_it(app):
    for sensor, pcs, expected in (
        (True, True, ["sensor"]), (False, True, ["sensor", "pcs"]),
        (False, False, ["sensor", "pcs", "monitor"]),
    ):  # fmt: skip
        calls = Calls()
        calls.on(app.string.ivt, "receive", sensor, "sensor")
        calls.on(app.pcs_can, "receive", pcs, "pcs")
        calls.on(app.monitor, "receive", True, "monitor")
        app.cabinet_bus._port = Port(1)
        app.cabinet_bus.receive(90)
        assert calls == [(name, 0x521, b"data", 4, 90) for name in expected]


def test_a_babbling_node_costs_at_most_32_frames_a_tick(app):
    calls = Calls()
    calls.on(app.string.ivt, "receive", True)
    app.cabinet_bus._port = Port(40)
    app.cabinet_bus.receive(0)
    assert (len(calls), app.cabinet_bus._port.left) == (32, 8)
    app.cabinet_bus.receive(0)
    assert len(calls) == 40
