"""Coverage of the safety core without its price where the same lines are walked again and again."""

import sys
from collections.abc import Generator

import pytest

# each costs seconds under the tracer, and covers no branch that no other test covers
WALKERS = {
    "test_a_lost_sensor_and_its_return_fake_no_rise",
    "test_a_quiet_sample_costs_no_judgement",
    "test_a_sample_inside_the_hysteresis_starts_the_recovery_over",
    "test_any_sensor_that_heats_is_seen_however_cold_it_is",
    "test_every_row_trips_at_its_last_sample_and_not_one_sooner",
    "test_every_standing_row_shows_in_levels_register_and_answer",
    "test_glitches_one_sample_short_never_accumulate",
    "test_monotone_in_temperature_voltage_and_soc",
    "test_no_row_trips_at_its_threshold",
    "test_no_second_is_lost_while_it_waits_for_weeks",
    "test_old_samples_are_never_judged_again",
}


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, bool | None, bool | None]:
    """Walkers run as they do without coverage."""
    if pyfuncitem.name not in WALKERS:
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
