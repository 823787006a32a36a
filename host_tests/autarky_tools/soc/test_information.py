"""The bound of charge against known answers."""

import numpy as np
import pytest

from autarky.soc.information import Course, Prior, VoltageError, bound_sigma, counting_sigma

SECONDS = 7200
TIME_S = np.arange(SECONDS, dtype=float)


def standing_still(slope_v: float) -> Course:
    """A cell at rest at half its charge."""
    same = np.ones(SECONDS)
    return Course(TIME_S, 0.5 * same, 0 * same, slope_v * same, 0 * same, 0 * same, 0 * same)


def test_without_a_slope_the_bound_is_what_counting_knows() -> None:
    seen = standing_still(0.0)
    prior = Prior(0.1)
    found = bound_sigma(seen, VoltageError(0.003, 0.07, 0.003, 10.0), prior)
    ends = np.flatnonzero(np.diff(np.floor(TIME_S / 300)))  # a piece already knows its end
    assert found[ends] == pytest.approx(counting_sigma(seen, prior)[ends], rel=1e-6)


def test_noise_alone_is_averaged_over_its_samples() -> None:
    """sigma / (slope sqrt(n)), for a start of which nothing is known and a perfect counter."""
    slope_v, noise_v, noise_s = 0.5, 0.004, 20.0
    error = VoltageError(1e-9, 0.07, noise_v, noise_s)
    # the reference's own doubt of the charge axis, half a percent, bounds it from below
    found = bound_sigma(standing_still(slope_v), error, Prior(10.0, 1e-9, 1e-9))[-1]
    independent = SECONDS / noise_s
    wanted = np.hypot(noise_v / slope_v / np.sqrt(independent), 0.005)
    assert found == pytest.approx(wanted, rel=0.01)


def test_an_error_that_stands_is_averaged_by_no_patience() -> None:
    error = VoltageError(0.003, 0.07, 0.003, 10.0)
    short, long = (
        bound_sigma(standing_still(0.5), error, Prior(10.0, 1e-9, 1e-9))[i] for i in (1800, -1)
    )
    assert long > 0.9 * short
    assert long == pytest.approx(0.003 / 0.5, rel=0.5)


def test_more_information_never_widens_the_bound() -> None:
    error = VoltageError(0.003, 0.07, 0.003, 100.0)
    flat, steep = (bound_sigma(standing_still(s), error, Prior(0.1)) for s in (0.1, 1.0))
    assert (steep <= flat + 1e-12).all()
    assert (flat <= counting_sigma(standing_still(0.1), Prior(0.1)) + 1e-3).all()
