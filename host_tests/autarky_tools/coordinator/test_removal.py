"""The law of a grant against brute force, and who leaves and joins by which ramp."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarky.coordinator.cabinet import CabinetView
from autarky.coordinator.law.removal import Reserve, carried_h, grant, usable_kwh
from autarky.coordinator.law.sharing import SOC_MIN, CabinetSnapshot
from autarky.coordinator.leaving import RAMP_MS, Leaving
from bess import modes

FULL = CabinetSnapshot(True, 0.55, 230.0, 100e3, 100e3)  # 115 kWh down to SOC_MIN


def cabinet(kw, kwh):
    return CabinetSnapshot(True, SOC_MIN + 0.5, 2.0 * kwh, 0.0, 1000.0 * kw)


def lasts_h(load_kw, each, step_h=0.01):
    """Brute force: in every step those give most that would last longest; until they cannot."""
    left = [[kw, kwh] for kw, kwh in each]
    hours = 0.0
    while hours < 100.0:
        wanted = load_kw * step_h
        for one in sorted(left, key=lambda one: -one[1] / one[0] if one[0] else 0.0):
            given_kwh = min(one[0] * step_h, one[1], wanted)
            one[1] -= given_kwh
            wanted -= given_kwh
        if wanted > 1e-9:
            return hours
        hours += step_h
    return hours


EACH = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 40)), min_size=1, max_size=5)


@given(load_kw=st.integers(1, 40), each=EACH)
def test_how_long_a_load_is_carried_is_what_brute_force_finds(load_kw, each):
    found = carried_h(1000.0 * load_kw, [cabinet(*one) for one in each])
    assert lasts_h(load_kw, each) == pytest.approx(found, abs=0.03 + 0.01 * len(each))


@given(load_kw=st.integers(0, 40), hours=st.integers(0, 6), each=EACH)
def test_a_grant_is_given_where_the_reserve_is_kept_and_says_what_is_missing(load_kw, hours, each):
    staying = [cabinet(*one) for one in each]
    answer = grant(staying, len(each) + 1, Reserve(1000.0 * load_kw, hours))
    enough = sum(kw for kw, _ in each) >= load_kw and answer.reserve_h >= hours - 1e-9
    assert answer.granted == enough
    assert (answer.left, answer.of) == (len(each), len(each) + 1)
    assert (answer.missing_w > 0 or answer.missing_kwh > 0) == (not enough)
    # one more with just that is enough
    if not enough:
        more_kw = max(answer.missing_w / 1000.0, answer.missing_kwh / hours if hours else 0.0)
        staying.append(cabinet(more_kw + 1e-6, answer.missing_kwh + 1e-6))
        assert grant(staying, 9, Reserve(1000.0 * load_kw, hours)).granted


def test_what_is_not_known_or_not_there_is_no_reserve():
    assert usable_kwh(replace(FULL, soc=None)) == 0.0
    assert usable_kwh(replace(FULL, energy_kwh=None)) == 0.0
    assert usable_kwh(replace(FULL, available=False)) == 0.0
    assert usable_kwh(replace(FULL, soc=0.01)) == 0.0
    answer = grant([FULL, replace(FULL, available=False)], 3, Reserve(100e3, 1.0))
    assert (answer.left, answer.power_w, answer.granted) == (1, 100e3, True)
    assert not grant([replace(FULL, soc=None)], 2, Reserve(1.0, 0.1)).granted


def test_no_load_is_carried_for_ever_and_an_empty_site_carries_none():
    assert carried_h(0.0, []) == math.inf
    assert carried_h(1.0, []) == 0.0
    assert carried_h(99e3, [FULL]) == pytest.approx(115 / 99)


def test_an_operator_overrules_on_the_grid_and_never_in_an_island():
    short = Reserve(150e3, 2.0)
    assert not grant([FULL], 2, short).granted
    by_hand = grant([FULL], 2, short, overruled=True)
    assert (by_hand.granted, by_hand.overruled) == (True, True)
    assert not grant([FULL], 2, short, overruled=True, island=True).granted
    enough = grant([FULL], 2, Reserve(), overruled=True, island=True)
    assert (enough.granted, enough.overruled) == (True, False)


def test_the_answer_says_its_numbers():
    assert str(grant([FULL] * 3, 4, Reserve(200e3, 1.0))) == (
        "granted: 3 of 4 left, 300 kW, reserve 1.7 h"
    )
    assert str(grant([FULL], 2, Reserve(150e3, 2.0))) == (
        "denied: 50.0 kW and 185.0 kWh are missing; 1 of 2 left, 100 kW, reserve 0.0 h"
    )
    assert str(grant([FULL], 2, Reserve(90e3, 2.0))) == (
        "denied: 65.0 kWh are missing; 1 of 2 left, 100 kW, reserve 1.3 h"
    )
    assert str(grant([], 1, Reserve())) == "granted: 0 of 1 left, 0 kW, no critical load"
    assert "granted (overruled)" in str(grant([], 1, Reserve(1e3, 1.0), overruled=True))


@pytest.mark.parametrize("values", [(-1.0, 0.0), (0.0, -1.0), (math.nan, 1.0), (1.0, math.inf)])
def test_a_reserve_that_is_none_is_refused(values):
    with pytest.raises(ValueError, match="give both >= 0"):
        Reserve(*values)


# --- who leaves, who joins ---


def view(number, state=modes.RUN, soc=0.55, now_ms=0, **changed):
    made = CabinetView(number, number, state=state, soc=soc, **changed)
    made.energy_up_kwh, made.energy_down_kwh = 100.0, 130.0
    made.charge_limit_w = made.discharge_limit_w = 100e3
    made.heard("status", now_ms)
    return made


class Plant:
    """Some cabinets, asked every 100 ms."""

    def __init__(self, count=3):
        self.said = []
        self.leaving = Leaving(lambda number, answer: self.said.append((number, str(answer))))
        self.views = [view(n + 2) for n in range(count)]
        self.now_ms = 0

    def step(self, carries=True):
        self.now_ms += 100
        for one in self.views:
            one.heard("status", self.now_ms)
        self.leaving.decide(self.views, self.now_ms)
        known = {one.number: one.snapshot(self.now_ms) for one in self.views}
        ramped = self.leaving.ramp(known, carries, 100)
        return [ramped[one.number].discharge_limit_w for one in self.views]

    def run(self, ms, carries=True):
        for _ in range(ms // 100):
            found = self.step(carries)
        return found


def test_who_comes_first_has_all_and_who_comes_later_rises_by_a_ramp():
    plant = Plant(2)
    assert plant.run(100, carries=False) == [100e3, 100e3]
    plant.views.append(view(9))
    shares = [plant.step()[2] for _ in range(RAMP_MS // 100)]
    steps = [b - a for a, b in zip([0.0, *shares], shares, strict=False)]
    assert max(steps) <= 100e3 * 100 / RAMP_MS + 1
    assert shares[-1] == pytest.approx(100e3)


def test_who_only_just_came_takes_all_at_once_where_the_others_cannot():
    plant = Plant(2)
    plant.run(100, carries=False)
    plant.views.append(view(9))
    plant.leaving.asked.add(2)
    plant.run(500)
    known = {one.number: one.snapshot(plant.now_ms) for one in plant.views}
    hurried = plant.leaving.hurry(known)
    assert hurried[9].discharge_limit_w == 100e3
    assert 0 < hurried[2].discharge_limit_w < 100e3  # who leaves goes on leaving
    assert plant.step()[2] == 100e3


def test_who_is_not_there_has_nothing_at_once():
    plant = Plant(2)
    plant.run(100, carries=False)
    plant.views[1].state = modes.FAULT
    assert plant.step() == [100e3, 0.0]
    plant.views[1].state = modes.RUN
    assert plant.step()[1] == pytest.approx(100e3 * 100 / RAMP_MS)


@pytest.mark.parametrize("by", ["host", "button"])
def test_who_asks_ramps_down_is_released_and_comes_back(by):
    plant = Plant()
    plant.run(100, carries=False)
    if by == "host":
        plant.leaving.asked.add(3)
    else:
        plant.views[1].removal_asked = 1
    assert 0 < plant.run(RAMP_MS - 100)[1] < 100e3
    assert not plant.leaving.releases(3)
    plant.run(200)
    assert plant.leaving.releases(3)
    assert plant.said == [(3, "granted: 2 of 3 left, 200 kW, no critical load")]
    plant.views[1].state = modes.RELEASED
    plant.run(5000)
    assert plant.leaving.releases(3)
    plant.views[1].state, plant.views[1].removal_asked = modes.SELF_TEST, 0
    plant.run(200)
    assert not plant.leaving.releases(3)
    assert not plant.leaving.asked
    assert not plant.leaving.answers
    plant.views[1].state = modes.RUN
    assert 0 < plant.run(1000)[1] < 100e3
    assert plant.run(RAMP_MS)[1] == pytest.approx(100e3)
    assert len(plant.said) == 1


def test_who_takes_it_back_stays():
    plant = Plant()
    plant.run(100, carries=False)
    plant.leaving.asked.add(3)
    plant.run(1000)
    plant.leaving.asked.discard(3)
    assert plant.run(RAMP_MS)[1] == pytest.approx(100e3)
    assert not plant.leaving.releases(3)


def test_a_denial_is_said_once_and_granted_when_there_is_enough_again():
    plant = Plant()
    plant.leaving.reserve = Reserve(250e3, 0.1)
    plant.leaving.asked.add(2)
    plant.run(5000)
    assert [number for number, _ in plant.said] == [2]
    assert plant.said[0][1].startswith("denied: 50.0 kW")
    assert not plant.leaving.releases(2)
    plant.views.append(view(9))
    plant.run(5000)
    assert plant.said[1][1].startswith("granted: 3 of 4 left")
    assert plant.leaving.releases(2)


def test_two_that_ask_at_once_are_granted_only_what_both_leave():
    plant = Plant()
    plant.leaving.reserve = Reserve(150e3, 0.1)
    plant.leaving.asked |= {2, 3}
    plant.run(5000)
    answers = dict(plant.said)
    assert answers[2].startswith("granted: 2 of 3")
    assert answers[3].startswith("denied")
    assert plant.leaving.releases(2)
    assert not plant.leaving.releases(3)


def test_a_grant_is_taken_back_where_another_goes_before_it_is_used():
    plant = Plant()
    plant.leaving.reserve = Reserve(150e3, 0.1)
    plant.run(100, carries=False)
    plant.leaving.asked.add(2)
    plant.run(1000)
    plant.views[1].state = modes.FAULT
    plant.run(5000)
    assert [text.split(":")[0] for _, text in plant.said] == ["granted", "denied"]
    assert not plant.leaving.releases(2)
    plant.views[1].state = modes.RUN
    plant.run(5000)
    assert plant.leaving.releases(2)
    plant.views[0].state = modes.RELEASED
    plant.step()
    plant.views[1].state = modes.FAULT
    plant.run(5000)
    assert plant.leaving.releases(2)  # modules are out already


def test_what_the_plant_gives_now_has_to_be_carried_whatever_the_reserve():
    plant = Plant(2)
    plant.leaving.asked |= {2, 3}
    plant.leaving.decide(plant.views, 100, 90e3)
    answers = dict(plant.said)
    assert answers[2].startswith("granted: 1 of 2 left")
    assert answers[3].startswith("denied: 90.0 kW are missing; 0 of 1 left")


def test_an_island_is_not_overruled():
    plant = Plant(2)
    plant.leaving.reserve, plant.leaving.island = Reserve(150e3, 1.0), True
    plant.leaving.asked.add(2)
    plant.leaving.overruled.add(2)
    plant.run(5000)
    assert not plant.leaving.releases(2)
    plant.leaving.island = False
    plant.run(5000)
    assert plant.leaving.releases(2)
