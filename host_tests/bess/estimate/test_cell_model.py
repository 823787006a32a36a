"""The firmware's cell model beside a plant that was written apart from it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.table_plant import TablePlant

from bess.estimate import lfp, nmc
from bess.estimate.cell_model import CellModel
from bess.estimate.chemistry import Chemistry


@pytest.mark.parametrize("text", [lfp.TABLE, nmc.TABLE], ids=["lfp", "nmc"])
@pytest.mark.parametrize("celsius", [-20.0, -5.0, 15.0, 24.0])
def test_model_and_plant_agree_over_a_hard_hour(text, celsius):
    plant = TablePlant(text, [celsius], [0.8], np.array([1.5]))
    model = CellModel(Chemistry(text))
    model.set_temperature(celsius)
    soc = 0.8
    rng = np.random.default_rng(3)
    current = 0.0
    for second in range(3600):
        if second % 20 == 0:
            current = float(rng.normal(0.1, 0.4))
        plant.step([current])
        model.advance(current, current / 3600, 1.0)
        soc -= current / 3600
        assert model.now_v(soc, current, 1.5) == pytest.approx(
            plant.voltage(np.array([current]))[0], abs=2e-4
        )


@settings(deadline=None, max_examples=60)
@given(
    celsius=st.floats(-25, 45), soc=st.floats(0.1, 0.9), current=st.floats(-2, 2),
    seconds=st.sampled_from([10, 60]), scale=st.floats(0.3, 5),
)  # fmt: skip
def test_what_comes_after_a_held_current_is_foretold(celsius, soc, current, seconds, scale):
    plant = TablePlant(lfp.TABLE, [celsius], [soc], np.array([scale]))
    model = CellModel(Chemistry(lfp.TABLE))
    model.set_temperature(celsius)
    for _ in range(50):
        plant.step([0.2])
        model.advance(0.2, 0.2 / 3600, 1.0)
    soc -= 50 * 0.2 / 3600
    foretold = model.after_v(soc, current, seconds, scale)
    for _ in range(seconds):
        plant.step([current])
    assert foretold == pytest.approx(plant.voltage(np.array([current]))[0], abs=5e-4)


def test_a_colder_cell_drops_more_in_both_directions():
    model = CellModel(Chemistry(lfp.TABLE))
    last = 0.0
    for celsius in (45, 30, 15, 0, -15, -30, -44):
        model.set_temperature(celsius)
        drop = model.fast_v(0.5, 0.5) + model.slow_v(0.5, 0.5)
        assert drop > last
        assert model.fast_v(-0.5, -0.5) == pytest.approx(-model.fast_v(0.5, 0.5))
        last = drop
