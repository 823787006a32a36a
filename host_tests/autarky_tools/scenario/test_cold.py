"""A scenario that starts cold: what its cabinet knows of the air, and the two checks about it."""

from pathlib import Path

import pytest

from autarky.scenario.actions import read
from autarky.scenario.run import find, run_scenario
from autarky.scenario.virtual import apply
from autarky.sil.site import SiteConfig, VirtualSite
from bess.control import preheat as p

COLD = """
title = "a minute of charge"
cabinets = 1
seconds = 40
soc = 0.3
temperature_c = {start_c}
at = [{{time_s = 5, action = "target", value = -40}}]
[[check]]
name = "ready_in_time"
cabinet = "first"
at_s = 4
least_c = 13.0
most_c = 15.0
[[check]]
name = "charged"
cabinet = "first"
least_kwh = 0.2
"""


@pytest.mark.parametrize(
    ("start_c", "passed"), [(14, [True, True]), (8, [False, True]), (-8, [False, False])]
)
def test_a_check_that_was_not_kept_is_told(tmp_path: Path, start_c, passed) -> None:
    path = tmp_path / "cold.toml"
    path.write_text(COLD.format(start_c=start_c))
    made = run_scenario(str(path), SiteConfig(interpreter="inline"), tmp_path / "run")
    assert [check.passed for check in made.checks[-2:]] == passed
    assert f"{start_c}.0 degC" in made.checks[-2].detail


def test_the_pcs_draws_the_air_that_there_is_unless_it_is_made_to_say_otherwise() -> None:
    config = SiteConfig(cabinets=1, interpreter="inline", temperature_c=-15.0)
    with VirtualSite(config) as site:
        environment = site.cabinets[0].firmware.app.environment
        site.run_for(3.0)
        assert -155 <= environment.outside_dc <= -140
        apply(site, read("ambient 2 -30"))
        site.run_for(3.0)
        assert -305 <= environment.outside_dc <= -280
        apply(site, read("pcs-temperature 2 40"))
        site.run_for(3.0)
        assert environment.outside_dc == 400


def test_the_winter_hour_is_announced_a_rate_and_heats_later_than_at_once() -> None:
    """`make soak` runs all of it."""
    plan = find("winter-hour")
    config = SiteConfig(interpreter="inline", cabinets=1, temperature_c=plan.temperature_c or 0.0)
    with VirtualSite(config) as site:
        site.run_for(1.0)
        for row in plan.at[:3]:
            for _, step in row.steps([2], plan.seconds):
                apply(site, step)
        site.run_for(80.0)  # some announcements until one is trusted, and the heater's minimum time
        thermal = site.cabinets[0].firmware.app.thermal
        assert (thermal.preheat.purpose, thermal.preheat.rate_permille) == (p.CHARGE, 250)
        assert thermal.preheat.warm_dc == 125
        assert not thermal.circuit.heater_on
