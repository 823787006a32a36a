"""Heater, chiller and pump among hazards, on the whole firmware and its plants."""

import pytest
from kit.copies import in_a_copy
from rigs.whole_site import app, until

from autarky.sil.site import SiteConfig, VirtualSite

HEATER, CHILLER, PUMP = 32, 64, 16


@pytest.fixture(scope="module", params=[3.0, 34.0])
def conditioned(request):
    """A cabinet that heats or cools; each test of it runs in a copy."""
    config = SiteConfig(cabinets=1, interpreter="inline", temperature_c=request.param)
    with VirtualSite(config) as site:
        wanted = HEATER if request.param < 20 else CHILLER
        until(site, lambda: site.plants.outputs[0] & wanted, 60)
        yield site


@pytest.mark.parametrize(
    ("line", "off"),
    [("smoke", HEATER | CHILLER), ("gas", HEATER | CHILLER | PUMP), ("hvil", HEATER | CHILLER),
     ("estop", HEATER | CHILLER | PUMP)],
)  # fmt: skip
def test_a_hazard_reaches_heater_chiller_and_pump(conditioned, line, off) -> None:
    site = conditioned

    def work() -> None:
        if line == "estop":
            site.plants.estop[0] = True
        elif line == "hvil":
            site.plants.hvil_open[0] = True
        else:
            site.plants.input_forced[0][line] = False
        site.run_for(0.1)
        for _ in range(600):
            site.step()
            assert not site.plants.outputs[0] & off

    in_a_copy(work)


def test_an_open_door_stops_the_compressor(inline_site) -> None:
    site = inline_site(temperature_c=34.0)
    until(site, lambda: site.plants.outputs[0] & CHILLER, 60)
    site.plants.input_forced[0]["door"] = False
    site.run_for(1.2)
    assert not site.plants.outputs[0] & CHILLER
    site.run_for(30.0)
    assert not site.plants.outputs[0] & CHILLER


def test_lost_flow_stops_the_compressor(inline_site) -> None:
    site = inline_site(temperature_c=34.0)
    until(site, lambda: site.plants.outputs[0] & CHILLER, 60)
    site.plants.heat.pump_failed[0] = True
    site.run_for(3.5)
    assert not site.plants.outputs[0] & CHILLER


@pytest.mark.parametrize("celsius", [3.0, 34.0])
def test_a_stuck_flow_input_and_a_dead_pump_run_neither_heater_nor_compressor(
    inline_site, celsius
) -> None:
    site = inline_site(temperature_c=celsius)
    site.plants.input_forced[0]["coolant_flow"] = True
    site.plants.heat.pump_failed[0] = True
    for _ in range(4500):
        site.step()
        assert not site.plants.outputs[0] & (HEATER | CHILLER)


def test_a_dead_task_stops_every_output_and_the_bleeding(inline_site, capsys) -> None:
    site = inline_site(temperature_c=3.0)
    until(site, lambda: site.plants.outputs[0] & HEATER, 60)
    cabinet = app(site)
    cabinet.string.chain.set_discharge(3, 0b100)
    cabinet.string.chain.prepare_config()
    site.run_for(1.5)
    assert site.plants.chains[0].any_discharge

    def die(now_ms: int) -> None:
        raise ZeroDivisionError("planted")

    cabinet.scheduler._functions[cabinet.scheduler.names.index("slow")] = die
    site.run_for(3.0)
    assert not site.plants.outputs[0] & ~128  # all but `healthy`
    assert not site.plants.chains[0].any_discharge
    assert "planted" in capsys.readouterr().err
