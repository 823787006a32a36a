"""What a dew point can never be; test_against_coolprop.py has its numbers."""

from bess.measure.dew_point import dew_point_dc


def test_it_rises_with_humidity_and_never_passes_the_air() -> None:
    for air_dc in range(-450, 601, 50):
        found = [dew_point_dc(air_dc, permille) for permille in range(10, 1001, 10)]
        assert found == sorted(found)
        assert found[-1] == air_dc
