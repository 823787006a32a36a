"""What no restart may forget, on the whole firmware and its plants."""

import pytest
from rigs.whole_site import active, app, restart, until

from bess import modes
from bess.protect import history as h


@pytest.mark.parametrize("how", ["nmt", "power"])
def test_a_restart_forgets_neither_tries_nor_heat_of_the_precharge(
    inline_site, tmp_path, how
) -> None:
    site = inline_site(state=tmp_path)
    site.plants.strings.link_shorted[0] = True
    until(site, lambda: site.plants.outputs[0] & 4, 20)
    was, start_j, end_ms = True, site.plants.strings.precharge_j[0], site.now_ms + 60_000
    while site.now_ms < end_ms:
        site.step()
        now = bool(site.plants.outputs[0] & 4)
        if was and not now:
            restart(site, how)
            site.plants.strings.link_shorted[0] = True
        was = now
    assert site.plants.strings.precharge_j[0] - start_j <= 1.1 * 6000


def test_closings_are_bounded_whoever_asks_and_however_often(inline_site) -> None:
    site = inline_site()
    site.run_for(4.0)
    times = []
    was = True
    for tick in range(6000):
        site.coordinator.wanted_state = 2 if tick // 40 % 2 else 0
        if tick % 1700 == 900:
            site.bus.send(0, 0x000, b"\x81\x02", site.now_ms * 1000)
        site.step()
        now = bool(site.plants.outputs[0] & 1)
        if now and not was:
            times.append(site.now_ms)
        was = now
    for first in times:
        assert sum(first <= t < first + 30_000 for t in times) <= 6
    assert app(site).history.closings[0] >= len(times)


@pytest.mark.parametrize("how", ["nmt", "power"])
def test_closings_are_kept_over_a_restart(inline_site, tmp_path, how) -> None:
    site = inline_site(state=tmp_path)
    site.run_for(4.0)
    before = list(app(site).history.closings)
    assert before == [1, 1, 1]
    site.coordinator.wanted_state = 0
    site.run_for(5.0)
    restart(site, how)
    site.run_for(1.0)
    assert list(app(site).history.closings) == before


def test_the_count_of_stops_is_worked_off_by_time(inline_site) -> None:
    site = inline_site(parameters={"stop_worked_off_s": 60})
    app(site).history.put(h.STOPS, 2)
    site.run_for(62.0)
    assert app(site).history.value[h.STOPS] == 1


@pytest.mark.parametrize("at", [0, 5, 19, 20, 25, 39])
def test_a_flipped_bit_in_the_latches_counts_as_a_latch(inline_site, tmp_path, at) -> None:
    site = inline_site(state=tmp_path)
    site.run_for(4.0)
    site.coordinator.wanted_state = 0
    site.run_for(5.0)
    backup = tmp_path / "cabinet2" / "backup.bin"
    data = bytearray(backup.read_bytes())
    data[at] ^= 4
    site.cabinets[0].firmware.close()
    backup.write_bytes(data)
    site.power_cycle(0)
    site.run_for(3.0)
    assert active(site, 49)
    assert app(site).modes.state == modes.FAULT


@pytest.mark.parametrize("ticks", [4, 6, 9])
def test_a_precharge_that_is_broken_off_is_counted_whole(inline_site, ticks) -> None:
    """The sensor tells late and the relay parts late: a third of a short try is in its tail."""
    site = inline_site(soc=0.6)
    strings = site.plants.strings
    assert until(site, lambda: strings.contactors.command[0, 2], 30.0)
    for _ in range(ticks):
        site.step()
    site.plants.estop[0] = True
    site.run_for(0.3)
    rated_j = app(site).parameters.get("precharge_rated_j")
    counted_j = app(site).string.contactors.heat_permille() * rated_j / 1000
    assert counted_j == pytest.approx(float(strings.precharge_j[0]), rel=0.12, abs=60)
