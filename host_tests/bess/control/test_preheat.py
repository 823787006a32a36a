"""When the heater is wanted: by what the site announced, just in time, and no more than needed."""

import math

from bess.control import preheat as p
from bess.parameters import Parameters
from bess.protect.limits import CHARGE_BY_TEMPERATURE, from_table

NO_DC = -32768
HOUR_S = 3600


def made(**changed):
    parameters = Parameters()
    for name, value in changed.items():
        parameters.set(name, value)
    return p.Preheat(parameters)


def wants(preheat, mean_dc, low_dc=None, heating=False, air_dc=-300, heat_w=0, soc_cpct=5000):
    low_dc = mean_dc if low_dc is None else low_dc
    return preheat.wants(heating, mean_dc, low_dc, air_dc, heat_w, soc_cpct)


def test_unannounced_it_is_kept_ready_for_charge_with_its_hysteresis():
    preheat = made()
    for mean, low, heating, want in (
        (99, 99, False, True), (100, 51, False, False), (150, 50, False, True),
        (249, 249, True, True), (250, 199, True, True), (250, 200, True, False),
    ):  # fmt: skip
        assert wants(preheat, mean, low, heating) == want, (mean, low, heating)


def test_one_cold_reading_heats_a_warm_pack_no_further():
    preheat = made()
    for mean, low, heating, want in (
        (249, 50, False, True), (250, -400, False, False), (279, -400, True, True),
        (280, -400, True, False),
    ):  # fmt: skip
        assert wants(preheat, mean, low, heating) == want, (mean, low, heating)


def test_for_discharge_the_pack_may_be_colder_and_idle_coldest():
    preheat = made()
    for purpose, mean, low, heating, want in (
        (p.DISCHARGE, -50, -99, False, False), (p.DISCHARGE, -51, -51, False, True),
        (p.DISCHARGE, 0, -100, False, True), (p.DISCHARGE, -31, -70, True, True),
        (p.DISCHARGE, -30, -80, True, False), (p.IDLE, -299, -299, False, False),
        (p.IDLE, -301, -301, False, True), (p.CHARGE, 149, 149, False, True),
        (p.CHARGE, 150, 150, False, False), (p.CHARGE, 151, 147, False, True),
        (p.CHARGE, 153, 149, True, True), (p.CHARGE, 152, 153, True, True),
        (p.CHARGE, 153, 150, True, False),  # it was ready: now it may cool while it charges
        (p.CHARGE, 120, 120, False, False), (p.CHARGE, 121, 117, False, True),
        (p.CHARGE, 119, 119, False, True), (p.CHARGE, 122, 123, True, True),
        (p.CHARGE, 123, 120, True, False), (p.DISCHARGE, 0, 0, False, False),
        (p.CHARGE, 149, 149, False, True),  # another wish
    ):  # fmt: skip
        preheat.announce(purpose, 0, False)
        assert wants(preheat, mean, low, heating) == want, (purpose, mean, low, heating)


def test_a_slow_charge_is_ready_where_the_limits_allow_it_and_no_warmer():
    """0.1 C at 5 degC to 0.3 at 15, then 0.5: limits.py."""
    preheat = made()
    for rate_permille, warm_dc in (
        (0, 150), (500, 150), (301, 150), (300, 150), (299, 150), (290, 145), (250, 125),
        (201, 101), (200, 100), (50, 100), (0, 150), (9000, 150),
    ):  # fmt: skip
        preheat.announce(p.CHARGE, 0, False, rate_permille)
        assert preheat.warm_dc == warm_dc, rate_permille
        allowed = from_table(CHARGE_BY_TEMPERATURE, warm_dc)
        assert allowed >= min(rate_permille, 500)
        preheat.announce(p.IDLE, 0, False, rate_permille)
    preheat.announce(p.CHARGE, 0, False, 250)
    for mean, low, heating, want in (
        (124, 124, False, True), (125, 125, False, False), (128, 124, True, True),
        (128, 125, True, False), (100, 100, False, False), (99, 99, False, True),
        (102, 102, True, True), (103, 100, True, False),
    ):  # fmt: skip
        assert wants(preheat, mean, low, heating) == want, (mean, low, heating)
    coldest = made(charge_ready_dc=95)
    coldest.announce(p.CHARGE, 0, False, 250)
    assert coldest.warm_dc == 95  # what is set is what is promised
    assert (wants(coldest, 94), wants(coldest, 98, heating=True), wants(coldest, 95)) == (1, 0, 0)


def started_at_s(preheat, wanted_in_s, mean_dc, air_dc):
    """Seconds before the wish at which the heater is asked for."""
    preheat.announce(p.CHARGE, wanted_in_s, False)
    while not wants(preheat, mean_dc, air_dc=air_dc):
        preheat.announce(p.CHARGE, preheat.wanted_in_s, False)
        preheat.tick()
        assert preheat.wanted_in_s
    return preheat.wanted_in_s


def test_it_begins_just_in_time_by_capacity_loss_and_power():
    """The exponential of 1.8 MJ/K and 30 W/K with 0.95 of the heater, and a tenth of margin."""
    for watts, rise_dc, air_dc in ((6000, 420, -300), (3000, 420, -300), (6000, 70, 50)):
        preheat = made(heater_w=watts)
        mean_dc = 153 - rise_dc
        start_k, rise_k = (mean_dc - air_dc) / 10, rise_dc / 10
        need_s = 60000 * -math.log(1 - rise_k / (0.95 * watts / 30 - start_k))
        found_s = started_at_s(preheat, 48 * HOUR_S, mean_dc, air_dc)
        assert abs(found_s - 1.1 * need_s) <= 0.01 * need_s + 2, watts


def test_what_can_never_get_warm_begins_at_once():
    preheat = made(heater_w=1000)
    preheat.announce(p.CHARGE, 100 * HOUR_S, False)
    assert wants(preheat, -300)


def test_where_the_air_is_not_known_it_counts_as_the_coldest():
    known, unknown = made(), made()
    cold_s = started_at_s(known, 48 * HOUR_S, -100, -300)
    assert started_at_s(unknown, 48 * HOUR_S, -100, NO_DC) == cold_s


def test_once_begun_it_goes_on_though_the_wish_is_repeated_and_ends_when_ready():
    preheat = made()
    left_s = started_at_s(preheat, 48 * HOUR_S, -300, -300)
    for _ in range(600):
        preheat.tick()
        preheat.announce(p.CHARGE, preheat.wanted_in_s, False)
        assert wants(preheat, -250, heating=True)
    assert left_s - preheat.wanted_in_s == 600
    assert not wants(preheat, 153, heating=True)


def test_a_wish_that_is_put_off_is_another_one():
    preheat = made()
    started_at_s(preheat, 48 * HOUR_S, -300, -300)
    preheat.announce(p.CHARGE, preheat.wanted_in_s + 600, False)
    assert wants(preheat, -300)
    preheat.announce(p.CHARGE, preheat.wanted_in_s + 10 * HOUR_S, False)
    assert not wants(preheat, -300, heating=True)


def test_an_announcement_that_is_not_repeated_is_forgotten():
    preheat = made()
    preheat.announce(p.IDLE, 0, True)
    for _ in range(899):
        preheat.tick()
        assert not wants(preheat, -200)
    preheat.tick()
    assert preheat.purpose == p.UNKNOWN
    assert wants(preheat, -200, soc_cpct=0)  # and with it that the grid was away


def test_in_an_island_it_heats_to_15_and_leaves_the_reserve():
    preheat = made()
    preheat.announce(p.UNKNOWN, 0, True)
    assert wants(preheat, 149, heating=True)
    assert not wants(preheat, 150, heating=True)
    assert wants(preheat, 0, soc_cpct=1200)
    assert not wants(preheat, 0, soc_cpct=1199)


def test_a_discharge_that_warms_the_cells_itself_is_credited():
    preheat = made()
    preheat.announce(p.DISCHARGE, 0, False)
    loss_w = 30 * 20
    assert wants(preheat, -100, air_dc=-300, heat_w=loss_w - 1)
    assert not wants(preheat, -100, air_dc=-300, heat_w=loss_w)
    assert wants(preheat, -100, air_dc=-50, heat_w=0)  # the air is warmer: nothing to credit
    preheat.announce(p.CHARGE, 0, False)
    assert wants(preheat, -100, air_dc=-300, heat_w=loss_w)


def heated(preheat, watts, seconds):
    """A cabinet of 1.8 MJ/K in air as cold as itself, its loss left away."""
    mean_c = -20.0
    for _ in range(seconds):
        preheat.learn(True, round(10 * mean_c), round(10 * mean_c))
        mean_c += watts / 1.8e6


def test_the_pace_is_learned_from_the_heating_itself_and_bounded():
    for share, low, high in ((1.0, 960, 1040), (0.7, 660, 760), (0.1, 500, 620), (3.0, 1380, 1500)):
        preheat = made()
        heated(preheat, share * 0.95 * 6000, 4 * HOUR_S)
        assert low <= preheat.pace_permille <= high, share
    preheat = made()
    for _ in range(100):  # no heating, no lesson; nor one from heating that was cut short
        heated(preheat, 0, 500)
        preheat.learn(False, 0, 0)
        preheat.learn(True, 0, NO_DC)
    assert preheat.pace_permille == 1000


def test_a_slow_cabinet_begins_sooner():
    slow, fast = made(), made()
    slow.pace_permille = 700
    sooner = started_at_s(slow, 48 * HOUR_S, -300, -300)
    assert abs(sooner * 0.7 / started_at_s(fast, 48 * HOUR_S, -300, -300) - 1) < 0.01


def test_bounds_that_are_set_out_of_order_are_ordered():
    preheat = made(heat_on_mean_dc=-200, heat_on_min_dc=-250, heat_floor_dc=50)
    for purpose in (p.DISCHARGE, p.IDLE):
        preheat.announce(purpose, 0, False)
        assert wants(preheat, -201)
        assert not wants(preheat, -200, low_dc=-249)


def test_it_begins_below_where_it_ends_whatever_is_set():
    preheat = made(island_heat_off_dc=60, heat_on_min_dc=50)
    for purpose, on_dc in ((p.UNKNOWN, 50), (p.CHARGE, 57)):
        preheat.announce(purpose, 0, True)
        for dc, heating, want in (
            (on_dc - 1, False, True),
            (on_dc + 1, False, False),
            (59, True, True),
        ):
            assert wants(preheat, dc, heating=heating) == want, (purpose, dc)
        assert not wants(preheat, 60, heating=True)
