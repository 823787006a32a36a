"""An anchor never claims to know more than it does: any load before, rest, cold and sensor."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kit.table_plant import TablePlant
from soak import SOAK

from bess.estimate import lfp, nmc
from bess.estimate.cell_model import CellModel
from bess.estimate.charge_counter import ChargeCounter
from bess.estimate.chemistry import Chemistry
from bess.estimate.string_soc import EMPTY, FULL, StringSoc

TABLES = {"lfp": lfp.TABLE, "nmc": nmc.TABLE}
CAPACITY_MAH = 100_000
ENDS_DMV = {"lfp": (28000, 35450), "nmc": (30000, 41550)}


class Cell:
    """A cell that differs from its table, seen by sensors that are wrong."""

    def __init__(
        self, table="lfp", soc=0.5, celsius=25.0, scale=1.0, told_scale=None, told_soc=None,
        sigma=0.02, sensor_v=0.0, gain=1.0, offset_c=0.0, thermometer_c=0.0, diffusion=1.0,
    ):  # fmt: skip
        self.plant = TablePlant(TABLES[table], [celsius], [soc], np.array([scale]))
        self.plant.diffusion = self.plant.diffusion * diffusion
        self.celsius = celsius + thermometer_c
        self.sensor_v, self.gain, self.offset_c = sensor_v, gain, offset_c
        chemistry = Chemistry(TABLES[table])
        self.counter = ChargeCounter(2000)
        self.counter.add(0, 0)
        self.now_ms = 0
        self.soc = StringSoc(chemistry, CellModel(chemistry), self.counter, CAPACITY_MAH)
        self.soc.start(soc if told_soc is None else told_soc, sigma, told_scale or scale)
        self.anchors = []
        self.dmv = 0

    def second(self, current_c):
        self.plant.step([current_c])
        seen_ma = round((current_c * self.gain + self.offset_c) * CAPACITY_MAH)
        for _ in range(2):
            self.now_ms = (self.now_ms + 500) & 0x3FFFFFFF
            self.counter.add(seen_ma, self.now_ms)
        volts = float(self.plant.voltage(np.array([current_c]))[0])
        self.dmv = dmv = min(max(round(1e4 * (volts + self.sensor_v)), 0), 60000)
        self.soc.step(1.0, self.celsius, dmv, dmv, dmv, True)
        if self.soc.anchored:
            self.anchors.append((self.soc.anchored, self.error, self.soc.filter.sigma))

    @property
    def error(self):
        return abs(float(self.plant.soc[0]) - self.soc.filter.soc)

    def run(self, current_c, seconds, until=lambda dmv: False):
        for _ in range(int(seconds)):
            self.second(current_c)
            if self.anchors or until(self.dmv):
                return

    def honest(self):
        return all(error <= 3 * sigma for _, error, sigma in self.anchors)


@pytest.mark.parametrize("told_scale", [1.0, 3.0])
@pytest.mark.parametrize("celsius", [-30.0, -20.0, -10.0])
def test_a_cold_cell_pulled_down_by_a_load_is_not_empty(celsius, told_scale):
    """2.8 V at 0.06C ten seconds after 1C said 0.8 % where a quarter was left."""
    cell = Cell(soc=0.6, celsius=celsius, scale=2.0, told_scale=told_scale)
    cell.run(1.0, 1300, lambda dmv: dmv < 22000)
    cell.run(0.05, 600, lambda dmv: dmv > 28000)
    cell.run(0.0, 600)
    assert cell.honest(), cell.anchors
    assert cell.error < 0.05


@pytest.mark.parametrize("celsius", [-20.0, 0.0, 10.0])
def test_a_cell_pushed_up_by_its_charge_is_not_full(celsius):
    cell = Cell(soc=0.8, celsius=celsius, scale=3.0)
    cell.run(-0.5, 1440, lambda dmv: dmv > 36000)
    cell.run(-0.05, 600)
    assert cell.honest(), cell.anchors
    assert not cell.anchors or float(cell.plant.soc[0]) > 0.97


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_warm_cell_that_is_full_or_empty_is_an_anchor_however_wrong_the_estimate_was(table):
    full = Cell(table, 0.9, told_soc=0.75, sigma=0.05)
    current_c = -0.3
    while not full.anchors and current_c < -0.001:
        full.second(current_c)
        if full.dmv > ENDS_DMV[table][1]:
            current_c *= 0.97
    empty = Cell(table, 0.1, told_soc=0.2, sigma=0.05)
    empty.run(0.04, 36000)
    assert [kind for kind, _, _ in full.anchors + empty.anchors] == [FULL, EMPTY]
    assert full.honest()
    assert empty.honest()


def test_an_anchor_right_after_a_start_of_an_unknown_past_is_none():
    cell = Cell(soc=0.5)
    cell.soc.model.unrested_c = 1.0
    for dmv in (27900, 35500):
        for _ in range(60):
            cell.soc.step(1.0, 25.0, dmv, dmv, dmv, True)
            assert not cell.soc.anchored


@settings(deadline=None, max_examples=300 if SOAK else 8)
@given(
    table=st.sampled_from(sorted(TABLES)), way=st.sampled_from([1, -1]),
    celsius=st.floats(-30, 50), rate_c=st.floats(0.05, 1.0), tail_c=st.floats(0, 0.06),
    rest_s=st.integers(0, 900), scale=st.floats(0.5, 4.0), told=st.floats(0.7, 1.4),
    diffusion=st.floats(0.6, 1.6), sensor_v=st.floats(-0.003, 0.003),
    gain=st.sampled_from([0.995, 1.005]), offset_c=st.sampled_from([-0.002, 0.002]),
    thermometer_c=st.floats(-2, 2), wrong=st.floats(-0.05, 0.05),
)  # fmt: skip
@example("lfp", 1, -20.0, 1.0, 0.06, 0, 3.0, 1.0, 1.0, 0.0, 1.005, 0.002, 0.0, 0.0)
@example("lfp", 1, -20.0, 1.0, 0.0, 900, 1.0, 1.0, 1.6, -0.003, 0.995, -0.002, 2.0, 0.05)
@example("lfp", -1, 5.0, 1.0, 0.06, 0, 3.0, 0.7, 1.6, 0.003, 1.005, 0.002, -2.0, -0.05)
@example("nmc", -1, -10.0, 0.5, 0.06, 0, 4.0, 1.4, 0.6, 0.003, 1.005, 0.002, 2.0, 0.05)
@example("nmc", 1, -10.0, 0.5, 0.06, 0, 4.0, 1.4, 0.6, -0.003, 1.005, 0.002, 2.0, 0.05)
def test_after_any_anchor_the_error_is_inside_three_sigma(
    table, way, celsius, rate_c, tail_c, rest_s, scale, told, diffusion, sensor_v, gain, offset_c,
    thermometer_c, wrong,
):  # fmt: skip
    soc = 0.3 if way > 0 else 0.8
    cell = Cell(
        table, soc, celsius, scale, scale * told, soc + wrong, 0.05, sensor_v, gain, offset_c,
        thermometer_c, diffusion,
    )  # fmt: skip
    low_dmv, high_dmv = ENDS_DMV[table]
    ended = (lambda dmv: dmv < low_dmv - 500) if way > 0 else (lambda dmv: dmv > high_dmv)
    room = float(cell.plant.soc[0]) - 0.005 if way > 0 else 0.999 - float(cell.plant.soc[0])
    cell.run(way * rate_c, 3600 * room / rate_c, ended)
    cell.run(0.0, rest_s)
    for _ in range(8):  # to the end, a little at a time
        room = float(cell.plant.soc[0]) - 0.005 if way > 0 else 0.999 - float(cell.plant.soc[0])
        cell.run(way * tail_c, min(300, 3600 * max(room, 0) / max(tail_c, 1e-3)), ended)
    assert cell.honest(), cell.anchors
