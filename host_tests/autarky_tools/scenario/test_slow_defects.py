"""What drifts, dips and comes late: in the plant as it was asked for, and seen by the firmware."""

from collections.abc import Iterator

import pytest

from autarky.coordinator.segment import Emergency
from autarky.scenario import virtual
from autarky.scenario.actions import read
from autarky.sil.site import SiteConfig, VirtualSite
from autarky.tables import fault_names

CELL, SENSOR = 18, 8


@pytest.fixture
def site() -> Iterator[VirtualSite]:
    with VirtualSite(SiteConfig(cabinets=1, interpreter="inline", soc=0.6)) as made:
        made.run_for(5.0)
        yield made


def seen(site: VirtualSite, *done: str, seconds: float) -> dict[str, float]:
    """Faults by name, with the s after which the first EMCY came."""
    found: dict[str, float] = {}
    start_ms = site.now_ms

    def heard(emergency: Emergency) -> None:
        if emergency.code:
            name = fault_names()[emergency.fault_id]
            found.setdefault(name, (site.now_ms - start_ms) / 1000)

    site.coordinator.on_emergency = heard
    for text in done:
        virtual.apply(site, read(text))
    site.run_for(seconds)
    return found


def test_a_drifting_cell_is_as_far_off_as_its_rate_says_and_trips(site: VirtualSite) -> None:
    cells = site.plants.cells
    before_v = cells.emf[0, CELL - 1]
    found = seen(site, f"cell-drift 2 {CELL} 20", seconds=10.0)
    assert cells.emf[0, CELL - 1] - before_v == pytest.approx(0.2, abs=0.003)
    assert cells.emf[0, CELL] == pytest.approx(before_v, abs=0.01)
    assert not found
    found = seen(site, seconds=10.0)
    assert "cell_ov" in found
    virtual.apply(site, read("cells-back 2"))
    site.run_for(1.0)
    assert cells.emf[0, CELL - 1] == pytest.approx(before_v, abs=0.01)


def test_a_drifting_sensor_is_noticed_and_its_neighbours_stay(site: VirtualSite) -> None:
    before_c = site.plants.sensor_c(0)
    found = seen(site, f"sensor-drift 2 {SENSOR} 60", seconds=20.0)
    assert not found
    after_c = site.plants.sensor_c(0)
    assert after_c[SENSOR - 1] - before_c[SENSOR - 1] == pytest.approx(20.0, abs=0.2)
    assert abs(after_c[SENSOR] - before_c[SENSOR]) < 0.2
    found = seen(site, seconds=10.0)
    assert set(found) & {"sensor_implausible", "temp_spread", "temp_rise"}, found
    virtual.apply(site, read("temperature-back 2"))
    assert site.plants.sensor_c(0)[SENSOR - 1] == pytest.approx(before_c[SENSOR - 1], abs=0.2)


@pytest.mark.parametrize(("ms", "told"), [(100, False), (600, True)])
def test_a_dip_of_the_supply_trips_when_it_lasts(site: VirtualSite, ms: int, told: bool) -> None:
    found = seen(site, f"supply-dip 2 15 {ms}", seconds=2.0)
    assert ("supply_low" in found) is told
    assert site.plants.analog_values(0)["supply"] == 24.0


def test_late_commands_are_heard_late_and_nothing_is_lost(site: VirtualSite) -> None:
    found = seen(site, "bus-delay 2 command 5 20", seconds=4.0)
    assert not found
    found = seen(site, "bus-delay 2 command 3000 0", "target 20", seconds=4.0)
    assert "command_silent" in found
