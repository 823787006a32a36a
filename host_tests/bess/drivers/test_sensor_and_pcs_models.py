"""Drivers of the cabinet bus against the models of the devices."""

import pytest

from autarky.plant.ivt_s import COMMAND_ID, RESULT_ID
from autarky.plant.ivt_s import IvtS as SensorModel
from autarky.plant.pcs import PcsFace
from bess.drivers import pcs as states
from bess.drivers import pcs_can
from bess.drivers.ivt_s import IvtS


class Wire:
    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []

    def send(self, can_id: int, data: bytes) -> bool:
        self.sent.append((can_id, bytes(data)))
        return True


class Pair:
    """The driver and the model on one wire; an answer comes in the tick after its command."""

    def __init__(self) -> None:
        self.wire, self.model = Wire(), SensorModel()
        self.sensor = IvtS(self.wire)
        self.now_ms = 0
        self._answers: list[bytes] = []
        self.seen: dict[int, int] = {}

    def run(self, seconds: float) -> None:
        for _ in range(round(100 * seconds)):
            now_ms = self.now_ms
            for answer in self._answers:
                self.sensor.receive(0x511, answer, 8, now_ms)
            self._answers = []
            for can_id, data in self.model.results(now_ms, (100.0, 768.0, 767.0, 0.5)):
                self.sensor.receive(can_id, data, len(data), now_ms)
                self.seen[can_id - RESULT_ID] = self.seen.get(can_id - RESULT_ID, 0) + 1
            self.sensor.configure(now_ms)
            if now_ms % 1000 == 990:
                self.sensor.verify()
            for can_id, data in self.wire.sent:
                assert can_id == COMMAND_ID
                answer = self.model.command(data)
                if answer is not None:
                    self._answers.append(answer)
            self.wire.sent.clear()
            self.now_ms += 10


RIGHT_MS = [10, 50, 50, 50]


def test_set_up_makes_the_current_come_every_10_ms_and_voltages_every_50() -> None:
    pair = Pair()
    pair.run(0.1)
    assert pair.model.period_ms == RIGHT_MS
    pair.seen = {}
    pair.run(1.0)
    assert pair.seen == {0: 100, 1: 20, 2: 20, 3: 20}
    assert list(pair.sensor.value) == [100_000, 768_000, 767_000, 500]
    assert pair.sensor.errors == 0


@pytest.mark.parametrize("silent_s", [0.0, 0.05, 0.25, 1.0, 3.3])
def test_a_sensor_that_comes_late_is_set_up_within_three_seconds(silent_s: float) -> None:
    pair = Pair()
    pair.model.silent = True
    pair.run(silent_s)
    pair.model.silent = False
    pair.run(3.0)
    assert pair.model.period_ms == RIGHT_MS
    assert pair.model.running


def test_a_sensor_that_dips_in_operation_is_set_up_as_soon_as_it_says_so() -> None:
    pair = Pair()
    pair.run(5.0)
    pair.model.restart()
    pair.run(0.1)
    assert pair.model.period_ms == RIGHT_MS
    assert pair.model.running


def test_a_sensor_that_was_swapped_without_a_word_is_found_by_its_periods() -> None:
    pair = Pair()
    pair.run(5.0)
    pair.model.period_ms = [20, 60, 60, 60]
    pair.run(2.1)
    assert pair.model.period_ms == RIGHT_MS


@pytest.mark.parametrize("after", range(7))
@pytest.mark.parametrize("count", [1, 2, 6, 30])
@pytest.mark.parametrize("how", ["commands_lost", "commands_refused"])
def test_commands_that_get_lost_or_refused_are_sent_again(how: str, count: int, after: int) -> None:
    pair = Pair()
    pair.run(after / 100)
    setattr(pair.model, how, count)
    pair.run(3.0)
    assert pair.model.period_ms == RIGHT_MS
    assert pair.model.running


def test_set_up_is_refused_while_the_sensor_runs() -> None:
    model = SensorModel()
    assert model.command(b"\x20\x02\x00\x0a\x00\x00\x00\x00") is None
    assert model.period_ms[0] == 20


def test_a_stuck_sensor_gives_no_fresh_sample() -> None:
    model, sensor = SensorModel(), IvtS(Wire())
    model.stuck_counter = True
    for now_ms in range(0, 200, 10):
        for can_id, data in model.results(now_ms, (1.0, 2.0, 3.0, 4.0)):
            sensor.receive(can_id, data, len(data), now_ms)
    assert sensor.count[0] == 1


def test_pcs_follows_commands_and_stops_on_silence() -> None:
    wire, face = Wire(), PcsFace()
    pcs = pcs_can.PcsCan(wire)
    pcs.start()
    pcs.set(-54_321, 0)
    for now_ms in range(0, 200, 10):
        pcs.transmit(now_ms)
    assert len(wire.sent) == 10
    for now_ms, (_, data) in enumerate(wire.sent):
        face.command(data, now_ms * 20)
    assert face.follow
    assert face.setpoint_w == -54_320.0
    face.status(180 + 220, 2, 0.0, 0.0, 0)
    assert not face.follow
    assert face.setpoint_w == 0.0


def test_pcs_status_reaches_the_driver() -> None:
    face, pcs = PcsFace(), pcs_can.PcsCan(Wire())
    for now_ms in range(0, 200, 20):
        data = face.status(now_ms, states.RUNNING, -12_340.0, 765.4, 0)
        assert data is not None
        assert pcs.receive(pcs_can.STATUS_ID, data, 8, now_ms)
    assert pcs.state == states.RUNNING
    assert pcs.power_actual_w == -12_340
    assert pcs.dc_voltage_dv == 7654
    assert pcs.status_ms == 180


def test_a_disturbed_command_never_moves_the_pcs() -> None:
    wire, face = Wire(), PcsFace()
    pcs = pcs_can.PcsCan(wire)
    pcs.start()
    pcs.set(50_000, 0)
    for now_ms in range(0, 100, 20):
        pcs.transmit(now_ms)
    for _, data in wire.sent:
        broken = bytearray(data)
        broken[3] ^= 0x40
        face.command(bytes(broken), 0)
    assert not face.follow
