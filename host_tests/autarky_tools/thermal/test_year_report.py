"""What the page of `make thermal-report` says of totals and bounds that are given."""

import numpy as np
import pytest

from autarky.thermal import year_report
from autarky.thermal.optimum import Bound
from autarky.thermal.task import Task
from autarky.thermal.year import MOSTS, TOTALS, Totals, total


def totals(**changes):
    values = dict.fromkeys(TOTALS + MOSTS, 0.0) | {"asked_kwh": 460.0, "moved_kwh": 460.0}
    return Totals(values | changes)


def least(heating_kwh, cooling_kwh=0.0):
    return Bound(heating_kwh, cooling_kwh, np.zeros(0), np.zeros(0))


BOUNDS = {("desert", "own"): least(10.0), ("desert", "wide"): least(8.0)}


def goals(kwh):
    return year_report.year_goals({("desert", "ours"): totals(heater_kwh=kwh)}, BOUNDS)


@pytest.mark.parametrize(("kwh", "reached"), [(11.4, True), (11.6, False)])
def test_within_15_percent_of_the_bound_of_its_own_limits_is_reached(kwh, reached):
    (goal,) = goals(kwh)
    assert goal.reached is reached
    assert goal.measured.startswith("14 %" if reached else "16 %")


def test_who_needs_nothing_where_nothing_is_needed_is_not_over_the_bound():
    assert year_report.over(totals(), least(0.0)) == 0.0
    assert year_report.over(totals(heater_kwh=3.0), least(0.0)) == np.inf


def test_what_was_not_served_stands_beside_the_energy():
    years = {("desert", "hold"): totals(heater_kwh=9.0, missed_kwh=46.0)}
    row = year_report.year_table(years, BOUNDS)[-1]
    assert "| hold | 9 |" in row
    assert "46 kWh, 10.0 %" in row
    assert "12 %" in row  # over the cells' limits


def test_share_of_throughput_is_of_what_the_pack_gave():
    table = year_report.year_table({("desert", "ours"): totals(heater_kwh=4.6)}, BOUNDS)
    assert "| 2.00 % |" in table[-1]


def test_months_add_up_and_extremes_do_not():
    both = total([totals(starts=2.0, spread_k=1.0), totals(starts=3.0, spread_k=0.5)])
    assert (both["starts"], both["spread_k"]) == (5.0, 1.0)


def test_limits_are_those_of_the_shipped_parameters():
    own = year_report.own_limits()
    assert (own.ready_c, own.charge_c, own.discharge_c, own.most_c) == (15.0, 12.0, -5.0, 30.0)


def test_a_goal_that_is_not_reached_is_said_on_the_page():
    text = year_report.page(["| a |"], goals(20.0), year_report.own_limits(), Task(), 230.0)
    assert "**not reached**" in text
    assert "make thermal-report" in text
