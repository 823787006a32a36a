"""The PCS model's bad manners: each does what it says, and the gates' line ends all of them."""

import pytest

from autarky.plant.pcs import FLIPPED, SETPOINT, ZERO, Manners, PcsFace
from autarky.plant.string import PCS_OFF
from bess.drivers import pcs as states
from bess.drivers import pcs_can


class Wire:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, can_id: int, data: bytes) -> bool:
        self.sent.append(bytes(data))
        return True


def told(face: PcsFace, pcs: pcs_can.PcsCan, power_w: int, from_ms: int, for_ms: int) -> None:
    """The cabinet commands this power for a while; the face goes its way."""
    wire = pcs._port
    pcs.start()
    pcs.set(power_w, 0)
    for now_ms in range(from_ms, from_ms + for_ms, 10):
        wire.sent.clear()
        pcs.transmit(now_ms)
        for data in wire.sent:
            face.command(data, now_ms)
        face.step(0.01)


@pytest.fixture
def face_and_pcs() -> tuple[PcsFace, pcs_can.PcsCan]:
    return PcsFace(), pcs_can.PcsCan(Wire())


def test_by_good_manners_it_goes_where_it_is_told(face_and_pcs) -> None:
    face, pcs = face_and_pcs
    told(face, pcs, 40_000, 0, 100)
    assert (face.wants_to_run, face.target_w) == (True, 40_000.0)


def test_one_that_ignores_keeps_the_set_point_it_had(face_and_pcs) -> None:
    face, pcs = face_and_pcs
    told(face, pcs, 40_000, 0, 100)
    face.manners.keeps_setpoint = True
    told(face, pcs, -10_000, 100, 100)
    assert (face.setpoint_w, face.target_w) == (-10_000.0, 40_000.0)


def test_one_that_ignores_a_stop_goes_on_through_silence(face_and_pcs) -> None:
    face, pcs = face_and_pcs
    told(face, pcs, 40_000, 0, 100)
    face.manners = Manners(keeps_running=True, keeps_setpoint=True)
    face.step(0.01)
    face.status(1000, PCS_OFF, 0.0, 0.0, 0)
    face.step(0.01)
    assert not face.follow
    assert (face.wants_to_run, face.target_w) == (True, 40_000.0)


def test_a_lag_of_two_seconds_is_63_percent_after_two_seconds(face_and_pcs) -> None:
    face, pcs = face_and_pcs
    face.manners.lag_s = 2.0
    told(face, pcs, 100_000, 0, 2010)
    assert face.target_w == pytest.approx(63_212, rel=0.01)


def test_it_starts_and_jumps_where_it_likes(face_and_pcs) -> None:
    face, pcs = face_and_pcs
    face.manners = Manners(start_w=125_000.0, lag_s=5.0)
    told(face, pcs, 0, 0, 100)
    assert face.target_w > 120_000.0
    face.manners = Manners(jump_w=-125_000.0)
    face.step(0.01)
    assert face.target_w == -125_000.0


@pytest.mark.parametrize(
    ("how", "said_w"), [("true", -12_340), (SETPOINT, 5_000), (ZERO, 0), (FLIPPED, 12_340)]
)
def test_it_lies_about_its_power(face_and_pcs, how: str, said_w: int) -> None:
    face, pcs = face_and_pcs
    face.manners.reported_power = how
    told(face, pcs, 5_000, 0, 100)
    for now_ms in range(100, 200, 20):
        data = face.status(now_ms, states.RUNNING, -12_340.0, 765.0, 0)
        assert pcs.receive(pcs_can.STATUS_ID, data, 8, now_ms)
    assert pcs.power_actual_w == said_w


def test_it_lies_about_its_state_and_answers_late(face_and_pcs) -> None:
    face, pcs = face_and_pcs
    face.manners = Manners(late_ms=200)
    for now_ms in range(0, 400, 20):
        data = face.status(now_ms, states.RUNNING, now_ms * 100.0, 765.0, 0)
        pcs.receive(pcs_can.STATUS_ID, data, 8, now_ms)
    assert pcs.power_actual_w == 18_000
    face.manners = Manners(reported_state=PCS_OFF)
    pcs.receive(pcs_can.STATUS_ID, face.status(400, states.RUNNING, 0.0, 0.0, 0), 8, 400)
    assert pcs.state == states.OFF


def test_blocked_gates_end_the_power_of_one_that_obeys_nothing(running_site) -> None:
    site = running_site
    face = site.plants.faces[0]
    face.manners = Manners(keeps_running=True, jump_w=100_000.0)
    site.run_for(0.5)
    assert site.plants.current_a[0] > 100
    site.plants.estop[0] = True
    site.run_for(0.1)
    assert site.plants.current_a[0] == 0.0
    assert face.wants_to_run
