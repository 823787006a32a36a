"""Charge over restarts of every kind: whatever flowed before and however long nobody looked."""

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kit.table_plant import TablePlant
from soak import SOAK

from bess.estimate import lfp, nmc
from bess.estimate.charge_counter import ChargeCounter
from bess.estimate.estimator import (
    ENDLESS_S,
    SLICES,
    SPARING_UNSEEN_S,
    STATE_BYTES,
    UNSEEN_S,
    Estimator,
)
from bess.parameters import Parameters
from bess.port.memory import MemoryRegion

TABLES = {"lfp": lfp.TABLE, "nmc": nmc.TABLE}
CAPACITY_MAH = 280_000
STEP_S = 10


class Site:
    """Cells that live on, and controllers that come and go with the same memory."""

    def __init__(
        self, table="lfp", soc=0.8, celsius=25.0, scale=3.0, sensor_v=0.0, unseen_s=UNSEEN_S
    ):
        self.table, self.unseen_s, self.sensor_v = TABLES[table], unseen_s, sensor_v
        self.plant = TablePlant(self.table, [celsius], [soc], np.array([scale]))
        self.region = MemoryRegion(STATE_BYTES)
        self.seen_all, self.cell_count, self.temp_mean_dc = True, 240, round(10 * celsius)
        self.worst = -1.0
        self.now_ms = self.evaluations = 0
        self.start()

    def start(self):
        self.look(0.0)
        self.estimator = Estimator(
            self, self, ChargeCounter(2000), self.region, self.table, Parameters(),
            lambda *_: None, self.unseen_s,
        )  # fmt: skip
        self.estimator.power.slices = lambda *_: iter(())
        self.estimator.slice(self.now_ms, True)
        self.judge()

    def look(self, current_c):
        self.evaluations += 1
        volts = float(self.plant.voltage(np.array([current_c]))[0]) + self.sensor_v
        self.cell_min_dmv = self.cell_mean_dmv = self.cell_max_dmv = round(1e4 * volts)

    def run(self, current_c, seconds):
        for _ in range(int(seconds) // STEP_S):
            for _ in range(STEP_S):
                self.plant.step([current_c])
                for _ in range(2):
                    self.now_ms = (self.now_ms + 500) & 0x3FFFFFFF
                    self.estimator.counter.add(round(current_c * CAPACITY_MAH), self.now_ms)
                self.look(current_c)
                for _ in range(SLICES // STEP_S):
                    self.estimator.slice(self.now_ms, True)
            self.judge()

    def restart(self, off_s, saved=True):
        if saved:
            self.estimator.save()
        for _ in range(int(off_s)):
            self.plant.step([0.0])
        self.start()

    def judge(self):
        soc = self.estimator.soc.filter
        self.error = abs(float(self.plant.soc[0]) - soc.soc)
        self.worst = max(self.worst, self.error - 3 * soc.sigma)


def known(**cells):
    """A site whose charge was known well before a load."""
    site = Site(**cells)
    site.estimator.soc.model.unrested_c = 0.0
    site.estimator.soc.start(float(site.plant.soc[0]), 0.01, float(site.plant.scale[0]))
    return site


@pytest.mark.parametrize("off_s", [0, 5, 60, 900, 7200])
@pytest.mark.parametrize("current_c", [0.5, 1.0, -0.4])
def test_counted_charge_survives_a_pause_that_nobody_timed(current_c, off_s):
    site = known(soc=0.5)
    site.run(current_c, 900)
    site.restart(off_s)
    site.run(0.0, 3600)
    assert site.error < 0.02
    assert site.estimator.soc.filter.sigma < 0.02
    assert site.worst <= 0


def test_a_charge_that_was_never_sure_is_not_thrown_away_for_a_leaning_voltage():
    site = Site(soc=0.6)
    site.run(0.5, 900)
    before = site.estimator.soc.filter.soc
    site.restart(2)
    site.run(0.0, 600)
    assert site.estimator.soc.filter.soc == pytest.approx(before, abs=0.03)


def test_fifty_restarts_make_nothing_surer_than_one_look():
    once, often = known(soc=0.3), known(soc=0.3)
    for site in (once, often):
        site.estimator.soc.filter.start(0.3, 0.1, 3.0)
    for _ in range(50):
        for site in (once, often):
            site.run(0.02, 60)
        often.restart(1)
    assert often.estimator.soc.filter.sigma > 0.95 * once.estimator.soc.filter.sigma


def test_what_polarised_before_is_known_after_a_restart():
    site = known(soc=0.6)
    site.run(0.8, 1200)
    slow_c, lean = site.estimator.soc.model.slow_c, site.estimator.soc.model.lean
    site.restart(0)
    model = site.estimator.soc.model
    assert abs(model.slow_c - slow_c) <= model.unrested_c
    assert abs(model.slow_c) <= model.unrested_c + 0.01  # long rested is as likely
    assert model.lean == pytest.approx(lean, abs=1e-6)


def test_first_cells_that_lean_are_told_as_unsure_as_they_are():
    for table, celsius, soc in product(TABLES, (-20.0, 25.0), (0.2, 0.8)):
        site = Site(table, soc, celsius)
        for current_c in (0.5, -0.5):
            site.run(current_c, 600)
            site.region = MemoryRegion(STATE_BYTES)
            site.worst = -1.0
            site.restart(1, saved=False)
            site.run(0.0, 3 * 3600 if SOAK else 3600)
            assert site.worst <= 0, (table, celsius, soc, current_c)


@pytest.mark.parametrize(
    ("unseen_s", "minutes"), [(SPARING_UNSEEN_S, 5), (ENDLESS_S, 100), (ENDLESS_S, 20)]
)
def test_a_board_that_saves_at_rest_only_says_what_may_have_flowed_unseen(unseen_s, minutes):
    site = known(soc=0.95, unseen_s=unseen_s)
    site.run(0.5, 600)
    site.estimator.save()
    site.run(0.5, 60 * minutes)
    site.worst = -1.0
    site.restart(1, saved=False)
    site.run(0.0, 7200)
    assert site.worst <= 0


def test_an_orderly_restart_of_such_a_board_is_surer_than_a_loss_of_power():
    sigmas = []
    for settled in (False, True):
        site = known(soc=0.6, unseen_s=SPARING_UNSEEN_S)
        site.estimator.settled = settled
        site.restart(1)
        sigmas.append(site.estimator.soc.filter.sigma)
    assert sigmas[1] < sigmas[0] / 2


@settings(deadline=None, max_examples=60 if SOAK else 5)
@given(
    table=st.sampled_from(sorted(TABLES)), soc=st.floats(0.15, 0.9), celsius=st.floats(-30, 50),
    scale=st.floats(0.7, 3.0), sensor_v=st.floats(-0.002, 0.002),
    lives=st.lists(
        st.tuples(
            st.floats(-0.6, 1.0), st.integers(1, 60), st.sampled_from([0, 10, 300, 3000, 40000])
        ), min_size=1, max_size=3,
    ),
)  # fmt: skip
@example("lfp", 0.85, -20.0, 3.0, 0.002, [(1.0, 30, 0), (0.5, 10, 0)])
@example("nmc", 0.5, -30.0, 3.0, -0.002, [(-0.6, 30, 300)])
def test_after_any_restart_the_error_stays_inside_three_sigma(
    table, soc, celsius, scale, sensor_v, lives
):
    site = known(table=table, soc=soc, celsius=celsius, scale=scale, sensor_v=sensor_v)
    for current_c, minutes, off_s in lives:
        room = (site.plant.soc[0] - 0.05) if current_c > 0 else (0.95 - site.plant.soc[0])
        seconds = min(60 * minutes, 3600 * max(room, 0) / max(abs(current_c), 0.01))
        site.run(current_c, seconds)
        site.restart(off_s)
        site.run(0.0, 1200)
    assert site.worst <= 0
