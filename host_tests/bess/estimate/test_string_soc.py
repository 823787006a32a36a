import numpy as np
import pytest
from kit.table_plant import TablePlant

from bess.estimate import lfp
from bess.estimate.cell_model import CellModel
from bess.estimate.charge_counter import ChargeCounter
from bess.estimate.chemistry import Chemistry
from bess.estimate.string_soc import EMPTY, FULL, StringSoc

CAPACITY_MAH = 100_000
LFP = Chemistry(lfp.TABLE)


class String:
    """A string whose lowest and highest cell stand apart from the mean one in charge."""

    def __init__(self, soc, celsius=25.0, low=0.0, high=0.0, known=None, sigma=0.02):
        self.plants = [
            TablePlant(lfp.TABLE, [celsius], [soc + off], np.array([1.0])) for off in (low, 0, high)
        ]
        self.celsius = celsius
        self.counter = ChargeCounter(2000)
        self.counter.add(0, 0)
        self.now_ms = 0
        self.soc = StringSoc(LFP, CellModel(LFP), self.counter, CAPACITY_MAH)
        self.soc.start(soc if known is None else known, sigma, 1.0)
        self.shown = []
        self.anchors = []

    def second(self, current_c, trusted=True):
        for plant in self.plants:
            plant.step([current_c])
        for _ in range(2):
            self.now_ms += 500
            self.counter.add(round(current_c * CAPACITY_MAH), self.now_ms)
        dmv = [round(1e4 * float(p.voltage(np.array([current_c]))[0])) for p in self.plants]
        self.dmv = dmv
        self.soc.step(1.0, self.celsius, dmv[0], dmv[1], dmv[2], trusted)
        self.shown.append(self.soc.soc_cpct)
        if self.soc.anchored:
            self.anchors.append((len(self.shown), self.soc.anchored))

    @property
    def true_soc(self):
        return float(self.plants[1].soc[0])

    def run(self, current_c, seconds):
        for _ in range(seconds):
            self.second(current_c)

    def charge_full(self):
        """Constant current, then constant voltage at the highest cell."""
        current = -0.3
        for _ in range(4 * 3600):
            self.second(current)
            if self.dmv[2] > 35500:
                current *= 0.97
            if self.anchors:
                return
        raise AssertionError("never full")


def test_a_full_charge_is_an_anchor_and_shows_100_percent():
    string = String(0.9, known=0.8, sigma=0.05)
    string.charge_full()
    assert string.anchors[-1][1] == FULL
    string.run(0.0, 60)
    assert string.shown[-1] == 10000
    assert len(string.anchors) == 1
    assert abs(string.soc.filter.soc - string.true_soc) < 0.02
    assert string.soc.sigma_cpct <= 60


def test_full_needs_thirty_seconds_of_tail():
    string = String(0.999, known=0.7)
    for _ in range(29):
        string.soc.step(1.0, 25.0, 35500, 35500, 35500, True)
        assert not string.soc.anchored
    string.soc.step(1.0, 25.0, 35399, 35399, 35399, True)
    for _ in range(29):
        string.soc.step(1.0, 25.0, 35500, 35500, 35500, True)
        assert not string.soc.anchored
    string.soc.step(1.0, 25.0, 35500, 35500, 35500, True)
    assert string.soc.anchored == FULL


def test_high_current_or_untrusted_cells_make_no_anchor():
    string = String(0.95, known=0.7)
    for trusted, current_ma in ((True, -7000), (False, 0)):
        for i in range(60):
            for _ in range(2):
                string.now_ms += 500
                string.counter.add(current_ma, string.now_ms)
            string.soc.step(1.0, 25.0, 35500, 35500, 35500, trusted)
            assert not string.soc.anchored, (trusted, i)


def test_the_empty_knee_is_an_anchor_and_shows_0_percent():
    string = String(0.05, known=0.15, sigma=0.05)
    while not string.anchors:
        string.second(0.05)
        assert len(string.shown) < 7200
    assert string.anchors[-1][1] == EMPTY
    assert string.shown[-1] == 0
    assert abs(string.soc.filter.soc - string.true_soc) < 0.02
    string.run(-0.2, 600)
    assert 0 < string.shown[-1] < 1000


@pytest.mark.parametrize(("low", "high"), [(27900, 33100), (33100, 35600)])
def test_a_lone_cell_far_off_is_no_anchor(low, high):
    """A failing cell or sense wire must not tell the whole string empty or full."""
    string = String(0.58, known=0.58)
    for _ in range(120):
        string.soc.step(1.0, 25.0, low, 33100, high, True)
        assert not string.soc.anchored
    assert 5000 < string.soc.mean_cpct < 6600


def test_shown_charge_never_jumps_by_more_than_half_a_percent_a_second():
    string = String(0.5, known=0.9, sigma=0.1)
    rng = np.random.default_rng(5)
    for _ in range(120):
        string.run(float(rng.normal(0, 0.5)), 30)
    steps = np.abs(np.diff(string.shown))
    assert steps.max() <= 50
    assert not string.anchors


def test_without_a_voltage_that_says_so_neither_0_nor_100_is_shown():
    string = String(0.5, known=1.0, sigma=0.3)
    string.second(0.0)
    assert string.shown[-1] <= 9950
    string = String(0.5, known=0.0, sigma=0.001)
    string.second(0.0)
    assert string.shown[-1] >= 50


def test_a_start_at_100_percent_is_not_shown_before_a_voltage_says_full():
    string = String(0.6, known=1.0, sigma=0.05)
    assert string.soc.soc_cpct == 9950
    string.run(0.0, 60)
    assert max(string.shown) <= 9950
    assert not string.anchors


def test_full_stays_full_until_a_percent_is_drawn():
    string = String(0.97, known=0.97)
    string.charge_full()
    string.run(0.02, 300)
    assert string.shown[-1] == 10000
    string.run(0.3, 400)
    assert 9000 < string.shown[-1] < 9950


@pytest.mark.parametrize("soc", [0.12, 0.5, 0.95])
def test_reported_charge_leans_on_the_lowest_when_empty_and_the_highest_when_full(soc):
    string = String(soc, low=-0.04, high=0.03)
    string.soc._low.soc, string.soc._high.soc = -0.04, 0.03
    low, high = soc - 0.04, soc + 0.03
    assert string.soc._wanted() == pytest.approx(10000 * low / (low + 1 - high), abs=1)


def test_the_spread_is_learned_at_the_knee_and_kept_on_the_plateau():
    string = String(0.13, low=-0.04, high=0.03)
    for _ in range(40):
        string.run(0.1, 20)
        string.run(-0.1, 20)
    learned = string.soc._low.soc
    assert learned == pytest.approx(-0.04, abs=0.015)
    string.run(-0.5, 3000)  # up into the plateau
    assert string.soc._low.soc == pytest.approx(learned, abs=0.015)


def test_usable_charge_is_that_of_the_extreme_cells():
    string = String(0.5, low=-0.05, high=0.1)
    string.soc._low.soc, string.soc._high.soc = -0.05, 0.1
    up_mah, down_mah = string.soc.usable_mah()
    assert up_mah == pytest.approx(40000, abs=300)
    assert down_mah == pytest.approx(45000, abs=300)


def test_an_anchor_is_wanted_once_three_sigma_pass_five_percent():
    string = String(0.5, sigma=0.0166)
    string.soc._publish_sigma()
    assert not string.soc.anchor_wanted
    string.soc.filter.sigma = 0.0168
    string.soc._publish_sigma()
    assert string.soc.anchor_wanted


def test_without_trusted_cells_charge_is_counted_on():
    string = String(0.5)
    before = string.soc.filter.soc
    for _ in range(360):
        string.second(0.5, trusted=False)
    assert string.soc.filter.soc == pytest.approx(before - 0.05, abs=2e-3)


@pytest.mark.parametrize("forced_v", [0.02, 0.12, 0.3, 0.41, -0.05, -0.3])
@pytest.mark.parametrize("soc", [0.48, 0.62, 0.7])
def test_one_cell_driven_away_on_the_plateau_does_not_carry_the_charge_away(soc, forced_v):
    string = String(soc)
    string.run(0.0, 5)
    shown = string.shown[-1]
    mean = string.dmv[1]
    low = high = mean
    if forced_v > 0:
        high += round(10000 * forced_v)
    else:
        low += round(10000 * forced_v)
    for _ in range(1800):
        string.soc.step(1.0, 25.0, low, mean, high, True)
    assert string.soc.soc_cpct == pytest.approx(shown, abs=50)


def test_a_sense_wire_far_off_at_the_knee_teaches_no_spread():
    string = String(0.97)
    for _ in range(600):
        string.second(0.0)
        mean = string.dmv[1]
        string.soc.step(1.0, 25.0, mean - 20, mean, mean + 6000, True)
    assert string.soc.high_soc() == pytest.approx(0.97, abs=0.02)
