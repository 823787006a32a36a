"""Dew point, blind reaction, mixing, the heater's feed, and how hard it works."""

import pytest
from rigs.thermal import Rig

from bess.control import thermal as t
from bess.measure import signals as s
from bess.protect import hazards as h

NO_DC = -32768


def at(rig, mean, high=None, spread=0):
    rig.cells.set(mean, high=mean if high is None else high, spread=spread)


def test_water_that_may_be_cold_enough_cools_and_else_the_air_is_dried_first():
    for dew_dc, mode in ((100, t.COOL), (260, t.COOL), (261, t.DEHUMIDIFY), (400, t.DEHUMIDIFY)):
        rig = Rig()
        rig.air.dew_dc = dew_dc
        at(rig, 310)
        rig.run(30)
        assert rig.control.mode == mode, dew_dc
        assert rig.on("dryer") == (mode == t.DEHUMIDIFY)
        assert rig.on("chiller") == (mode == t.COOL)
        assert rig.on("pump")
    rig.air.dew_dc = 200  # dried
    rig.run(1)
    assert rig.control.mode == t.COOL
    assert not rig.on("dryer")


def test_air_is_dried_for_a_kelvin_more_than_it_begins():
    rig = Rig()
    rig.air.dew_dc = 261
    at(rig, 310)
    for dew_dc, mode in ((261, t.DEHUMIDIFY), (251, t.DEHUMIDIFY), (250, t.COOL), (260, t.COOL)):
        rig.air.dew_dc = dew_dc
        rig.run(1)
        assert rig.control.mode == mode, dew_dc


def test_air_whose_water_would_lie_on_cells_or_pipes_is_dried_whatever_else_runs():
    rig = Rig()
    rig.air.dew_dc = 100
    for low_dc, water_dc, dries in (
        (131, 200, False), (130, 200, False), (129, 200, True), (139, 200, True),
        (140, 200, False), (200, 129, True), (200, NO_DC, False), (129, NO_DC, True),
    ):  # fmt: skip
        rig.cells.set(200, low=low_dc)
        rig.air.water_dc = water_dc
        rig.run(1)
        assert rig.on("dryer") == dries, (low_dc, water_dc)
        assert rig.control.mode == t.OFF
        assert not rig.on("pump")
    rig.air.dew_dc = NO_DC  # what is not known changes nothing
    rig.cells.set(200)
    rig.air.water_dc = 200
    rig.run(1)
    assert rig.on("dryer")


@pytest.mark.parametrize(("dew_dc", "least_dc"), [(100, 150), (200, 230), (NO_DC, 250)])
def test_the_outlet_stays_3_k_above_the_dew_point_and_25_degrees_where_it_is_not_known(
    dew_dc, least_dc
):
    rig = Rig()
    rig.air.dew_dc = dew_dc
    at(rig, 340)
    rig.run(3600)
    assert rig.control.outlet_dc == max(340 - 120, least_dc)
    at(rig, 301)
    for _ in range(3600):
        rig.run(1)
        assert rig.control.outlet_dc >= least_dc


def test_a_compressor_of_our_own_slows_down_as_its_water_nears_the_floor():
    rig = Rig()
    rig.air.dew_dc = 200
    at(rig, 400)
    for water_dc, most in ((300, 1000), (270, 800), (250, 400), (240, 300), (200, 300)):
        rig.air.water_dc = water_dc
        rig.run(30)
        assert rig.drive.level == most, water_dc


def test_a_compressor_that_must_go_on_does_so_at_its_slowest():
    rig = Rig()
    at(rig, 340)
    rig.run(30)
    at(rig, 200)
    rig.run(1)
    assert rig.on("chiller")
    assert rig.drive.level == 300
    rig.run(200)
    assert not rig.on("chiller")
    assert rig.drive.level == 0


def test_blind_it_circulates_after_5_s_and_never_heats():
    rig = Rig()
    at(rig, -100)
    rig.air.water_dc = -100
    rig.run(30)
    assert rig.on("heater")
    rig.run(5, trusted=False)
    assert rig.control.mode == t.OFF
    for _ in range(600):
        rig.run(1, trusted=False)
        assert rig.control.mode == t.FAILSAFE
        assert rig.on("pump")
        assert not rig.on("heater")
        assert not rig.on("heater_feed")
        assert not rig.on("chiller")
    rig.run(1)
    assert rig.control.mode == t.HEAT


@pytest.mark.parametrize(("water_dc", "case_dc", "cools"), [
    (280, 280, False), (281, 200, True), (200, 281, True), (NO_DC, 281, True),
    (NO_DC, NO_DC, False), (NO_DC, 200, False),
])  # fmt: skip
def test_blind_it_cools_only_where_water_or_case_are_surely_warm(water_dc, case_dc, cools):
    rig = Rig()
    rig.run(5)
    rig.air.water_dc, rig.air.ambient_dc = water_dc, case_dc
    rig.run(60, trusted=False)
    assert rig.on("chiller") == cools
    rig.air.water_dc = rig.air.ambient_dc = 261
    rig.run(300, trusted=False)
    assert rig.on("chiller") == cools
    rig.air.water_dc = rig.air.ambient_dc = 260
    rig.run(300, trusted=False)
    assert not rig.on("chiller")


def test_before_the_first_temperatures_it_waits_half_a_minute():
    rig = Rig()
    rig.run(30, trusted=False)
    assert rig.control.mode == t.OFF
    assert not rig.on("pump")
    rig.run(2, trusted=False)
    assert rig.control.mode == t.FAILSAFE
    assert rig.on("pump")


def test_a_spread_is_mixed_with_its_hysteresis():
    rig = Rig()
    for spread, mode in ((50, t.OFF), (51, t.CIRCULATE), (30, t.CIRCULATE), (29, t.OFF)):
        at(rig, 200, spread=spread)
        rig.run(1)
        assert rig.control.mode == mode, spread
    at(rig, 200, spread=51)
    rig.run(30)
    assert rig.on("pump")
    assert not rig.on("heater")
    assert not rig.on("chiller")


def test_one_hot_cell_alone_brings_cooling_within_a_minute():
    rig = Rig()
    rig.run(600)
    at(rig, 150, high=341, spread=200)
    rig.run(60)
    assert rig.on("chiller")


def test_the_feed_is_closed_before_the_heater_and_opened_with_the_mode():
    rig = Rig()
    at(rig, 30)
    rig.run(1)
    assert rig.on("heater_feed")
    assert not rig.on("heater")
    rig.run(20)
    assert rig.on("heater")
    at(rig, 260)
    while rig.on("heater"):
        assert rig.on("heater_feed")
        rig.run(1)
    rig.run(1)
    assert not rig.on("heater_feed")


def test_a_heater_that_is_welded_is_found_cut_and_told_before_it_is_wanted():
    rig = Rig()
    at(rig, 30)
    for second in range(60):
        rig.heating.level = rig.outputs["heater_feed"].level
        rig.run(1)
        assert second < 3 or not rig.on("heater_feed")
        assert not rig.on("heater")
    assert rig.signals.value[s.HEATER_STUCK] == 1
    rig.heating.level = 0
    at(rig, 260)
    rig.run(2)
    assert rig.signals.value[s.HEATER_STUCK] == 0


def test_what_forbids_the_heater_opens_its_feed_in_the_same_tick():
    rig = Rig()
    at(rig, 30)
    rig.run(30)
    rig.control.obey(rig.now_ms, h.HEATER)
    assert not rig.on("heater_feed")
    rig.run(10)
    assert not rig.on("heater_feed")


def test_water_that_gets_hot_though_nobody_heats_cuts_the_feed():
    rig = Rig()
    at(rig, 200, spread=60)
    rig.air.water_dc = 400  # of a hot day, before it moves and is mixed
    rig.run(110)
    assert rig.on("pump")
    assert rig.signals.value[s.HEATER_STUCK] == 0
    for water_dc, stuck in ((230, 0), (231, 1), (400, 1), (230, 0)):
        rig.air.water_dc = water_dc
        rig.run(30)
        assert rig.signals.value[s.HEATER_STUCK] == stuck, water_dc
    rig.air.water_dc = 400
    at(rig, 30)
    rig.run(30)
    assert not rig.on("heater_feed")
    assert not rig.on("heater")
    rig.air.water_dc = 50
    rig.run(30)
    assert rig.on("heater")
    rig.air.water_dc = 400  # by the heater
    rig.run(60)
    assert rig.signals.value[s.HEATER_STUCK] == 0


def test_the_cells_own_heat_is_i2r_at_their_temperature_and_drives_the_cooling_at_once():
    for mean_dc, factor in ((250, 1.0), (-200, 3.5), (450, 0.642)):
        rig = Rig()
        at(rig, mean_dc)
        rig.run(400, current_ma=140_000)
        assert (
            abs(rig.control.heat_w - 140**2 * 0.108 * factor) <= 0.02 * 140**2 * 0.108 * factor + 32
        )
    rig = Rig()
    at(rig, 301)
    rig.run(300, current_ma=-140_000)
    forward = rig.drive.level
    rig = Rig()
    at(rig, 301)
    rig.run(300)
    assert forward > rig.drive.level + 200


def test_an_idle_cabinet_stands_still_at_any_temperature_between():
    rig = Rig()
    for dc in range(110, 300, 10):
        at(rig, dc)
        rig.run(100)
        assert rig.control.mode == t.OFF
        assert rig.drive.level == 0
