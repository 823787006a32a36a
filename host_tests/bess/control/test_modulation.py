"""How hard it cools: feed-forward, proportional, integral, and its ends."""

import pytest

from bess.control.modulation import Modulation
from bess.parameters import Parameters


def made():
    return Modulation(Parameters())


@pytest.mark.parametrize(("error_dc", "heat_w", "most", "permille"), [
    (0, 0, 1000, 300), (0, 2500, 1000, 500), (10, 2500, 1000, 650), (-10, 2500, 1000, 350),
    (0, 5000, 1000, 1000), (0, 9000, 1000, 1000), (0, -50, 1000, 300), (100, 0, 1000, 1000),
    (0, 4000, 600, 600), (100, 5000, 100, 300),
])  # fmt: skip
def test_the_first_second_is_forward_and_proportional_within_its_ends(
    error_dc, heat_w, most, permille
):
    assert made().step(error_dc, heat_w, most) == permille


def test_what_stays_is_integrated_away_in_its_time():
    modulation = made()
    first = modulation.step(10, 1500, 1000)
    for _ in range(900):
        last = modulation.step(10, 1500, 1000)
    assert abs((last - first) - 150) <= 2


def test_no_wind_up_at_either_end():
    for error_dc, most in ((50, 1000), (10, 500), (-50, 1000)):
        modulation = made()
        for _ in range(36000):
            modulation.step(error_dc, 2000, most)
        assert modulation.step(0, 2000, 1000) == 400, (error_dc, most)


def test_rest_forgets():
    modulation = made()
    for _ in range(300):
        modulation.step(5, 2500, 1000)
    modulation.rest()
    assert modulation.permille == 300
    assert modulation.step(0, 2500, 1000) == 500
