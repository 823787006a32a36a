"""What the page of `make thermal-report` says of totals and bounds that are given."""

import numpy as np
import pytest

from autarky.thermal import year_report
from autarky.thermal.optimum import Bound
from autarky.thermal.task import Task
from autarky.thermal.year import MOSTS, OURS, TOTALS, WIDE, Totals, total


def totals(**changes):
    values = dict.fromkeys(TOTALS + MOSTS, 0.0) | {"asked_kwh": 460.0, "moved_kwh": 460.0}
    return Totals(values | changes)


def least(heating_kwh, cooling_kwh=0.0):
    return Bound(heating_kwh, cooling_kwh, *(np.zeros(0),) * 3)


OPTIMA = {("desert", OURS): least(10.0), ("desert", WIDE): least(8.0)}
BOUNDS = {**OPTIMA, ("desert", year_report.CELLS): least(7.0)}


def goals(kwh):
    return year_report.year_goals({("desert", OURS): totals(heater_kwh=kwh)}, OPTIMA)


def table(who, **changes):
    return year_report.year_table({("desert", who): totals(**changes)}, OPTIMA, BOUNDS)


@pytest.mark.parametrize(("kwh", "reached"), [(11.4, True), (11.6, False)])
def test_within_15_percent_of_foresight_is_reached(kwh, reached):
    (goal,) = goals(kwh)
    assert goal.reached is reached
    assert goal.measured.startswith("14 %" if reached else "16 %")


def test_who_needs_nothing_where_nothing_is_needed_is_not_over_the_bound():
    assert year_report.over(totals(), least(0.0)) == 0.0
    assert year_report.over(totals(heater_kwh=3.0), least(0.0)) == np.inf


def test_what_was_not_served_stands_beside_the_energy():
    row = table("hold", heater_kwh=11.2, missed_kwh=46.0)[-1]
    assert "| hold | 11 |" in row
    assert "46 kWh, 10.0 %" in row
    assert "| 12 % |" in row


def test_each_set_of_ours_stands_against_its_own_limits():
    assert "| 40 % |" in table(WIDE, heater_kwh=11.2)[-1]
    assert "| 12 % |" in table(OURS, heater_kwh=11.2)[-1]


def test_share_of_throughput_is_of_what_the_pack_gave():
    assert "| 2.00 % |" in table(OURS, heater_kwh=4.6)[-1]


def test_months_add_up_and_extremes_do_not():
    both = total([totals(starts=2.0, spread_k=1.0), totals(starts=3.0, spread_k=0.5)])
    assert (both["starts"], both["spread_k"]) == (5.0, 1.0)


def test_limits_are_those_of_the_shipped_parameters():
    own = year_report.own_limits()
    assert (own.ready_c, own.charge_c, own.discharge_c, own.most_c) == (12.5, 10.0, -5.0, 30.0)
    wide = year_report.own_limits(WIDE)
    assert (wide.ready_c, wide.charge_c, wide.discharge_c, wide.most_c) == (9.5, 9.5, -5.0, 34.0)


def test_a_goal_that_is_not_reached_is_said_on_the_page():
    text = year_report.page(["| a |"], goals(20.0), Task(), 7)
    assert "**not reached**" in text
    assert "make thermal-report" in text
    assert "seed 7" in text
