"""What cooling, PCS inlet and estimate leave."""

import pytest
from built import built

from bess.measure import signals as s
from bess.protect.fault_table import fault_id


@pytest.fixture
def app():
    return built()


@pytest.mark.parametrize(
    ("standing", "pcs_dc", "permille"),
    [
        ((), 250, 1000), (("coolant_flow",), 250, 500), (("compressor",), 250, 400),
        (("coolant_flow", "compressor"), 250, 400),
        ((), 450, 1000),
        ((), 451, 998), ((), 454, 990), ((), 650, 500), ((), 846, 10), ((), 850, 0), ((), 900, 0),
        (("coolant_flow",), 550, 500), (("coolant_flow",), 690, 400), (("compressor",), 692, 395),
    ],
)  # fmt: skip
def test_derating_is_the_smallest_that_cooling_and_the_pcs_leave(app, standing, pcs_dc, permille):
    judge = app.protection.judges[0]
    standing = [judge.row(fault_id(name), 1) for name in standing]
    judge.stands = standing.__contains__
    app.signals.put(s.PCS_TEMP, pcs_dc)
    assert app.derating.permille(False, 500) == permille


@pytest.mark.parametrize("name", ["compressor", "chiller_silent"])
def test_without_a_compressor_there_is_no_power_above_50_degrees(app, name):
    judge = app.protection.judges[0]
    judge.stands = [judge.row(fault_id(name), 1)].__contains__
    app.signals.put(s.PCS_TEMP, 250)
    found = [app.derating.permille(False, dc) for dc in (-300, 499, 500, 501, 700)]
    assert found == [400, 400, 400, 0, 0]


def test_an_estimate_that_fails_leaves_half_for_its_model_s_limit_is_an_old_one(app):
    app.scheduler.failures[4] += 1
    app.health.step_slow()
    assert app.derating.permille(app.health.estimate_failed, 250) == 500
    app.health.step_slow()
    assert app.derating.permille(app.health.estimate_failed, 250) == 1000
