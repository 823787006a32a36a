"""Each part that may fail alone raises in each tick: told, logged, and the cabinet goes on."""

import pytest

from autarky.node.decode import decode_log
from autarky.tables import faults
from bess import modes
from bess.scheduler import TASKS
from bess.table import rows

ALONE = [fields[0] for fields in rows(TASKS) if fields[5] == "tell"]


def app(site):
    return site.cabinets[0].firmware.app


def break_task(cabinet, name: str, error: Exception) -> None:
    def fail(now_ms: int) -> None:
        raise error

    cabinet.scheduler._functions[cabinet.scheduler.names.index(name)] = fail


# the scheduler catches them all in one place
ERRORS = [(name, AttributeError("planted")) for name in ALONE if name != "console"]


@pytest.mark.parametrize(("name", "error"), [*ERRORS, ("upkeep", MemoryError())], ids=repr)
def test_a_part_that_may_fail_alone_is_told_and_power_flows_on(
    running_site, capsys, name: str, error: Exception
) -> None:
    site = running_site
    cabinet = app(site)
    site.coordinator.target_w = 40_000.0
    site.run_for(6.0)
    fed = site.cabinets[0].firmware.devices.watchdog.feeds
    good = cabinet.scheduler._functions[cabinet.scheduler.names.index(name)]
    break_task(cabinet, name, error)
    site.run_for(3.0)
    assert cabinet.modes.state == modes.RUN
    assert site.plants.pcs_power_w[0] == pytest.approx(40_000.0, rel=0.02)
    assert site.cabinets[0].firmware.devices.watchdog.feeds == fed + 300
    assert cabinet.protection.levels()[faults()["part_failed"].id - 1] == 1
    assert site.coordinator.views[2].level == 1
    assert type(error).__name__ in capsys.readouterr().err
    cabinet.scheduler._functions[cabinet.scheduler.names.index(name)] = good
    site.run_for(13.0)
    assert cabinet.protection.levels()[faults()["part_failed"].id - 1] == 0
    records = decode_log(cabinet.log.read(0, cabinet.log.size()))
    told = [r for r in records if r["event"] == "part_failed"]
    assert {r["fault"] for r in told} == {name}
    assert told[-1]["limit"] == cabinet.scheduler.failures[cabinet.scheduler.names.index(name)]


@pytest.mark.parametrize("name", [f[0] for f in rows(TASKS) if f[5] == "stop"])
def test_a_part_that_protects_stops_the_cabinet(running_site, name: str) -> None:
    break_task(app(running_site), name, AttributeError("planted"))
    running_site.run_for(1.5)
    assert not running_site.plants.outputs[0] & 0b11
    fed = running_site.cabinets[0].firmware.devices.watchdog.feeds
    running_site.run_for(1.0)
    assert running_site.cabinets[0].firmware.devices.watchdog.feeds == fed


def test_the_parts_are_those_of_the_table_in_its_order(inline_site) -> None:
    assert app(inline_site()).scheduler.names == [fields[0] for fields in rows(TASKS)]


def test_a_part_fails_a_thousand_times_and_the_log_is_not_flooded(running_site, capsys) -> None:
    cabinet = app(running_site)
    before = cabinet.log.records()
    break_task(cabinet, "update", ValueError("planted"))
    running_site.run_for(10.0)
    assert cabinet.log.records() - before <= 12
    assert capsys.readouterr().err.count("planted") <= 12


def test_the_charge_is_not_known_while_its_estimate_fails(running_site) -> None:
    site, cabinet = running_site, app(running_site)
    assert cabinet.telemetry.soc_known
    charge = cabinet.string.estimator.soc
    good = charge.slices

    def fail(*_: object) -> None:
        raise ZeroDivisionError("planted")

    charge.slices = fail
    site.run_for(6.0)
    assert not cabinet.telemetry.soc_known
    assert site.coordinator.views[2].soc is None
    assert site.coordinator.views[2].cell_min_v is not None
    charge.slices = good
    site.run_for(3.0)
    assert site.coordinator.views[2].soc is not None


def test_an_nmt_reset_is_carried_out_though_records_cannot_be_written(inline_site) -> None:
    site = inline_site()
    site.run_for(4.0)
    before = app(site)

    def fail(most: int) -> None:
        raise ValueError("planted")

    before.log.flush = fail
    site.bus.send(0, 0x000, bytes((129, 2)), site.now_ms * 1000)
    site.run_for(6.0)
    assert app(site) is not before
