"""What the coordinator announces reaches the cabinet's preheat over the bus, and is forgotten."""

import pytest

from autarky.scenario.actions import read
from autarky.scenario.virtual import apply
from autarky.sil.site import SiteConfig, VirtualSite
from bess.control import preheat as p
from bess.drivers.cooling import CHILLER

pytestmark = pytest.mark.slow


def test_a_wish_arrives_is_counted_down_and_may_change() -> None:
    with VirtualSite(SiteConfig(cabinets=1, interpreter="inline")) as site:
        preheat = site.cabinets[0].firmware.app.thermal.preheat
        site.run_for(2.0)
        assert preheat.purpose == p.UNKNOWN
        apply(site, read("wish 2 charge 60 0.25"))
        site.run_for(30.0)
        assert (preheat.purpose, preheat.rate_permille) == (p.CHARGE, 250)
        assert 3550 <= preheat.wanted_in_s <= 3570
        site.run_for(20.0)
        assert 3530 <= preheat.wanted_in_s <= 3550
        apply(site, read("wish 2 idle 0 0"))
        site.run_for(2.0)
        assert (preheat.purpose, preheat.wanted_in_s, preheat.rate_permille) == (p.IDLE, 0, 0)


def test_a_smart_chiller_on_the_cabinets_bus_heats_and_its_silence_is_safe() -> None:
    """At register level both ways: mode and outlet out, status back."""
    config = SiteConfig(
        cabinets=1, interpreter="inline", temperature_c=-10.0, parameters={"cooling_set": CHILLER}
    )
    with VirtualSite(config) as site:
        plants, app = site.plants, site.cabinets[0].firmware.app
        site.run_for(40.0)
        assert plants.chillers[0].state == 3
        assert plants.heat.heating[0]
        assert app.cooling.age_ms() <= 2000
        plants.chillers[0].defects.silent = True
        site.run_for(20.0)
        assert not app.thermal.circuit.heater_on
        assert app.derating.permille(False, 250) == 400
        assert plants.chillers[0].state in (0, 1)  # it hears, and only pumps
        plants.chillers[0].defects.silent = False
        site.run_for(30.0)
        assert app.thermal.circuit.heater_on
