"""What a bench says of itself where it is not as rig.yaml has it."""

from types import SimpleNamespace

import pytest

from autarky.bus.bus import BusFault
from autarky.errors import AutarkyError
from autarky.rig import bench as bench_module
from autarky.rig import can_buses, guard, opening, simulated_relays
from autarky.rig import check as check_module
from autarky.rig.bench import Bench
from autarky.rig.bench_firmware import BenchFirmware, settle
from autarky.rig.can_buses import CanDaq, RealBus
from autarky.rig.description import CanBus, Daq, Rig
from autarky.rig.guard import Guard
from autarky.rig.instruments import InstrumentError
from autarky.rig.reading import read
from autarky.rig.simulated import EXAMPLE, SimulatedBench, fill
from autarky.sil.site import VirtualSite


def drop(site: VirtualSite, *identifiers: int) -> None:
    """Frames that the site's bus loses; none named: all."""
    site.bus.faults.append(
        BusFault("drop", lambda known, _: known in identifiers or not identifiers)
    )


def test_a_rig_of_another_depth_is_no_bench() -> None:
    with pytest.raises(AutarkyError, match="has depth virtual: a bench needs hardware"):
        Bench(Rig(name="desk", depth="virtual"))


def test_a_supply_that_is_off_and_measures_volts_is_told(
    instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_module, "_DRAIN_S", 0.05)
    opened = Bench(instruments[1])
    opened.held["supply"] = SimpleNamespace(measure=lambda: (12.0, 0.0))
    with pytest.raises(InstrumentError, match=r"is off and still measures 12\.0 V"):
        opened._wait_until_drained()


def test_volts_that_the_meter_still_reads_are_told(
    instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_DRAIN_S", 0.05)
    bench, rig = instruments
    assert opening.make_safe(rig, {}, {}) == []
    bench.meter.other_v = 12.0
    assert opening.make_safe(rig, {}, {}) == [
        "the supply is off by its own word, and the meter reads 12.0 V"
    ]


def test_a_guard_that_does_not_start_is_told(instruments, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard.sys, "executable", "/bin/false")
    with pytest.raises(InstrumentError, match="the guard of the bench does not start: nothing was"):
        Guard(instruments[1])


def test_a_relay_that_is_no_line_is_told(instruments) -> None:
    rig = instruments[1].model_copy(deep=True)
    rig.relays.channels["window"] = 20
    with pytest.raises(InstrumentError, match="relay 'window' is no line of a cabinet: use hvil"):
        BenchFirmware(SimpleNamespace(rig=rig), None, "")


def test_a_board_that_comes_up_ill_is_told(inline_site) -> None:
    site = inline_site()
    site.plants.sensors[0].silent = True
    with pytest.raises(
        InstrumentError,
        match=r"does not come up well in 2 starts: .* worst fault is current_silent",
    ):
        settle(site, tries=2)


def test_check_tells_of_a_board_that_is_silent(
    inline_site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_module, "_BOOT_S", 2.0)
    site = inline_site()
    drop(site)
    with pytest.raises(
        InstrumentError, match="the board says nothing on the site's bus within 2 s"
    ):
        check_module._boot(site)


def test_check_tells_of_a_line_that_is_not_seen(inline_site) -> None:
    site = inline_site()
    check_module._boot(site)
    assert check_module._loop_ms(site) == 10.0
    drop(site, 0x080 + site.cabinets[0].node_id)
    with pytest.raises(InstrumentError, match="the board does not see the line door"):
        check_module._loop_ms(site)


def test_check_tells_of_an_enable_that_does_not_drop(
    instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated_relays, "FLASH_UNIT_S", 5.0)
    with pytest.raises(InstrumentError, match=r"the enable does not drop by itself within 1.3 s"):
        check_module._drops(instruments[1])
    assert not any(instruments[0].relays.closed)


def test_check_tells_of_an_enable_that_takes_no_renewal(instruments) -> None:
    instruments[0].relays.renew = False
    with pytest.raises(InstrumentError, match=r"its board does not take a renewal while"):
        check_module._drops(instruments[1])


@pytest.mark.slow
def test_check_names_what_is_missing_and_measures_no_loop(own_simulated) -> None:
    simulated = own_simulated()
    simulated.order("unplug supply")
    simulated.order("unplug cells")
    described = simulated.rig.model_dump()
    described["daq"]["bus"]["channel"] = simulated.ports["bus"]  # where no witness speaks
    described["can"]["cabinet"]["channel"] = simulated.ports["bus"] + "/9"
    rig = Rig.model_validate(described)
    checked = check_module.check(rig, simulated.lock)
    missing = {row.instrument: row.said for row in checked.rows if not row.found}
    assert set(missing) == {"supply", "cells", "daq", "can cabinet"}
    assert "is it on, its cable in, its address right?" in missing["supply"]
    assert "the DAQ says nothing: is it on" in missing["daq"]
    assert "there is no cabinet with node id 9" in missing["can cabinet"]
    assert checked.allowance_ms is None
    assert not checked.passed


@pytest.mark.slow
def test_check_without_the_line_names_the_board_and_gives_no_allowance(simulated) -> None:
    rig = simulated.rig.model_copy(deep=True)
    del rig.relays.channels["door"]
    checked = check_module.check(rig, simulated.lock)
    assert checked.boot_ms > 0
    assert "no relay is the line door: the allowance" in checked.rows[-1].said
    assert not checked.passed


@pytest.mark.slow
def test_a_witness_that_fell_silent_is_told(simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(can_buses, "_SILENT_S", 0.0)
    daq = CanDaq(Daq(bus=CanBus(interface="autarky", channel=simulated.ports["bus"])))
    with pytest.raises(InstrumentError, match=r"the DAQ has sent no frame 0x7F0 for 0 s"):
        daq.edges()
    daq.close()


def test_a_bus_that_does_not_open_is_told() -> None:
    with pytest.raises(
        InstrumentError, match=r"the CAN bus site \(autarky 127.0.0.1:9\) does not open: "
    ):
        RealBus("site", CanBus(interface="autarky", channel="127.0.0.1:9"))


def test_a_word_that_a_simulated_bench_has_not_is_told() -> None:
    with pytest.raises(AutarkyError, match=r"\{bus\} is nothing that a simulated bench has: use"):
        fill(read(EXAMPLE), {"supply": 1})
    with pytest.raises(AutarkyError, match="a simulated bench needs relays, cells and daq"):
        SimulatedBench(Rig(name="desk", depth="virtual"))
