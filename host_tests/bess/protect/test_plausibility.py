"""What was measured against what else was measured: exact edges, and nothing old is judged."""

from types import SimpleNamespace

import pytest

from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.protect.plausibility import Plausibility

SENSORS, CELLS = 3, 4
RATED_W = 125_000
STEP_W = 125  # a permille of it


class Cells:
    """What the cell monitor knows, and with what it was asked."""

    cell_count, sensor_count = CELLS, SENSORS

    def __init__(self) -> None:
        self.seen_all = self.all_fresh = self.all_sensors_known = True
        self.cell_max_dmv, self.cell_min_dmv = 33_400, 33_100
        self.cell_sum_dmv = 8_000_000
        self.temp_spread_dc = 17
        self.rise = (0, 0)
        self.rise_first: list[int] = []
        self.kept: dict[str, tuple[object, ...]] = {}

    def largest_rise(self, then, first: int) -> tuple[int, int]:
        assert len(then) == 3 * SENSORS, "three seconds of every sensor"
        self.rise_first.append(first)
        return self.rise

    def frozen_sensors(self, last, mean_then, moved_dc: int) -> int:
        assert last is not mean_then
        assert len(last) == len(mean_then) == SENSORS
        self.kept.setdefault("sensors", (last, mean_then))
        assert self.kept["sensors"] == (last, mean_then)
        assert moved_dc == 20
        return 5

    def frozen_cells(self, last, mean_then, moved_dmv: int) -> int:
        assert last is not mean_then
        assert len(last) == len(mean_then) == CELLS
        self.kept.setdefault("cells", (last, mean_then))
        assert moved_dmv == 100
        return 6

    def sensors_apart(self, limit_dc: int) -> int:
        assert limit_dc == 150
        return 7


class Rig:
    def __init__(self, **parameters: int) -> None:
        self.cells = Cells()
        self.meter = SimpleNamespace(
            current_ma=0, current_samples=0, power_w=0, string_mv=800_000, string_samples=0,
            link_mv=0, link_samples=0,
        )  # fmt: skip
        self.pcs = SimpleNamespace(power_actual_w=0, status_ms=-1)
        self.contactors = SimpleNamespace(closed=True, is_open=False)
        self.limits = SimpleNamespace(charge_w=50_000, discharge_w=40_000)
        self.signals = Signals()
        known = Parameters()
        for name, value in parameters.items():
            known.set(name, value)
        self.judge = Plausibility(
            self.cells, self.meter, self.pcs, self.limits, known, self.signals
        )  # fmt: skip

    def scan(self, soc_cpct: int = 5000) -> dict[int, int]:
        """Judge a scan; {signal: value} of what was renewed."""
        return self._renewed(lambda: self.judge.step_cells(soc_cpct))

    def second(self, current_ma: int | None = None, power_w: int | None = None) -> dict[int, int]:
        """A second in which a current and a status came, unless None."""
        if current_ma is not None:
            self.meter.current_ma = current_ma
            self.meter.power_w = current_ma * 8 // 10
            self.meter.current_samples += 1
        if power_w is not None:
            self.pcs.power_actual_w = power_w
            self.pcs.status_ms += 1000
        return self._renewed(
            lambda: self.judge.step_slow(self.contactors.closed, self.contactors.is_open)
        )

    def _renewed(self, step) -> dict[int, int]:
        before = list(self.signals.count)
        step()
        counts = zip(before, self.signals.count, strict=True)
        return {
            number: self.signals.value[number] for number, (old, new) in enumerate(counts)
            if old != new
        }  # fmt: skip


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_nothing_is_judged_before_anything_came(rig: Rig) -> None:
    rig.cells.seen_all = False
    assert rig.scan() == {}
    assert rig.second() == {}


def test_the_link_voltage_is_told_when_it_came(rig: Rig) -> None:
    rig.meter.link_mv, rig.meter.link_samples = 790_000, 1
    assert rig.scan()[s.LINK_VOLTAGE] == 790_000
    assert s.LINK_VOLTAGE not in rig.scan()


@pytest.mark.parametrize(("power_w", "permille"), [
    (0, 0), (40_000, 0), (40_124, 0), (40_125, 1), (52_500, 100),
    (-50_000, 0), (-50_124, 0), (-50_125, 1), (-62_500, 100), (1, 0), (-1, 0),
])  # fmt: skip
def test_power_beyond_the_limit_of_its_own_direction_is_excess(rig, power_w, permille) -> None:
    rig.pcs.power_actual_w, rig.pcs.status_ms = power_w, 0
    assert rig.scan()[s.PCS_EXCESS] == permille
    assert s.PCS_EXCESS not in rig.scan(), "an old status is no fresh sample"


def test_without_any_allowed_power_the_whole_of_it_is_excess(rig: Rig) -> None:
    rig.limits.charge_w = rig.limits.discharge_w = 0
    for number, power_w in enumerate((12_500, -12_500)):
        rig.pcs.power_actual_w, rig.pcs.status_ms = power_w, number
        assert rig.scan()[s.PCS_EXCESS] == 100


@pytest.mark.parametrize(("soc_cpct", "spread_dmv"), [
    (0, 0), (999, 0), (1000, 300), (5000, 300), (9000, 300), (9001, 0), (10_000, 0),
])  # fmt: skip
def test_a_spread_of_voltages_counts_between_10_and_90_percent(rig, soc_cpct, spread_dmv) -> None:
    found = rig.scan(soc_cpct)
    assert found[s.CELL_SPREAD] == spread_dmv
    assert found[s.TEMP_SPREAD] == 17


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_a_spread_of_only_some_speaks_against_no_fault(rig, fresh: bool, known: bool) -> None:
    rig.cells.all_fresh, rig.cells.all_sensors_known = fresh, known
    found = rig.scan()
    assert found[s.CELL_SPREAD] == 300
    assert found[s.TEMP_SPREAD] == 17
    assert rig.signals.partial[s.CELL_SPREAD] == (not fresh)
    assert rig.signals.partial[s.TEMP_SPREAD] == (not known)


def string(rig: Rig, string_mv: int) -> dict[int, int]:
    rig.meter.string_mv = string_mv
    rig.meter.string_samples += 1
    return rig.scan()


@pytest.mark.parametrize(("string_mv", "permille"), [
    (800_000, 0), (799_200, 0), (799_199, 1), (800_801, 1), (784_000, 19), (816_000, 19),
    (783_000, 21), (0, 998),
])  # fmt: skip
def test_sum_of_cells_and_sensor_are_compared_in_permille_both_ways(rig, string_mv, permille):
    assert string(rig, string_mv)[s.STRING_SUM] == permille


@pytest.mark.parametrize(("string_mv", "is_open"), [
    (0, 1), (399_999, 1), (400_000, 0), (800_000, 0), (-5, 1),
])  # fmt: skip
def test_less_than_half_of_the_cells_behind_the_fuse_is_an_open_fuse(rig, string_mv, is_open):
    assert string(rig, string_mv)[s.FUSE_OPEN] == is_open


def test_the_string_is_compared_when_all_cells_and_its_voltage_are_fresh(rig: Rig) -> None:
    assert s.STRING_SUM in string(rig, 800_000)
    assert not {s.STRING_SUM, s.FUSE_OPEN} & set(rig.scan())
    rig.cells.all_fresh = False
    assert not {s.STRING_SUM, s.FUSE_OPEN} & set(string(rig, 100))
    rig.cells.all_fresh = True
    assert rig.scan()[s.FUSE_OPEN] == 1, "what came meanwhile is judged with whole cells"


def test_a_string_of_nothing_divides_by_no_zero(rig: Rig) -> None:
    rig.cells.cell_sum_dmv = 0
    assert string(rig, 0)[s.STRING_SUM] == 0


@pytest.mark.parametrize(
    ("rise", "told"), [((0, 0), 0), ((29, 0), 9), ((30, 0), 10), ((33, 0), 11)]
)
def test_rise_is_told_per_second_of_three(rig: Rig, rise, told: int) -> None:
    rig.cells.rise = rise
    assert rig.second()[s.TEMP_RISE] == told
    assert not rig.signals.partial[s.TEMP_RISE]


def test_a_rise_that_is_not_known_of_all_is_partial(rig: Rig) -> None:
    rig.cells.rise = (30, 1)
    assert rig.second()[s.TEMP_RISE] == 10
    assert rig.signals.partial[s.TEMP_RISE] == 1


def test_rise_is_compared_with_three_seconds_before(rig: Rig) -> None:
    for _ in range(5):
        rig.second()
    assert rig.cells.rise_first == [0, SENSORS, 2 * SENSORS, 0, SENSORS]


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_what_is_frozen_or_apart_clears_only_when_all_was_read(rig, fresh, known) -> None:
    rig.cells.all_fresh, rig.cells.all_sensors_known = fresh, known
    for _ in range(2):
        found = rig.second()
        assert found[s.SENSOR_FROZEN] == 5
        assert found[s.CELL_FROZEN] == 6
        assert found[s.SENSOR_IMPLAUSIBLE] == 7
    assert rig.signals.partial[s.SENSOR_FROZEN] == (not known)
    assert rig.signals.partial[s.SENSOR_IMPLAUSIBLE] == (not known)
    assert rig.signals.partial[s.CELL_FROZEN] == (not fresh)


@pytest.mark.parametrize("current_ma", [1, -1, 5000, -5000, 0])
def test_the_offset_is_the_magnitude_on_a_string_open_for_three_seconds(rig, current_ma) -> None:
    rig.contactors.is_open = True
    assert s.CURRENT_OFFSET not in rig.second(current_ma)
    assert s.CURRENT_OFFSET not in rig.second(current_ma)
    assert rig.second(current_ma)[s.CURRENT_OFFSET] == abs(current_ma)
    rig.contactors.is_open = False
    assert s.CURRENT_OFFSET not in rig.second(current_ma)
    rig.contactors.is_open = True
    assert s.CURRENT_OFFSET not in rig.second(current_ma), "it settles anew"
    assert s.CURRENT_OFFSET not in rig.second(current_ma)
    assert s.CURRENT_OFFSET in rig.second(current_ma)


def test_an_old_current_is_no_offset_and_no_comparison(rig: Rig) -> None:
    rig.contactors.is_open = True
    for _ in range(5):
        rig.second(7)
    compared = {s.CURRENT_OFFSET, s.CURRENT_MISMATCH, s.CURRENT_SIGN, s.CURRENT_STUCK}
    assert not compared & set(rig.second(power_w=0))
    assert compared - {s.CURRENT_OFFSET} <= set(rig.second(7))


@pytest.mark.parametrize(("pcs_w", "permille"), [(1, 1), (-1, 1), (0, 0)])
def test_a_watt_too_much_is_a_permille_of_a_kilowatt(pcs_w: int, permille: int) -> None:
    rig = Rig(pcs_rated_w=1000)
    rig.limits.charge_w = rig.limits.discharge_w = 0
    rig.pcs.power_actual_w, rig.pcs.status_ms = pcs_w, 0
    assert rig.scan()[s.PCS_EXCESS] == permille


def test_a_small_pcs_need_not_agree_with_an_open_string_either() -> None:
    rig = Rig(pcs_rated_w=1000)
    rig.contactors.closed = False
    assert rig.second(0, 500)[s.CURRENT_MISMATCH] == 0


def test_a_current_is_compared_with_no_pcs_that_was_never_heard(rig: Rig) -> None:
    rig.meter.current_samples = 1
    assert not {s.CURRENT_MISMATCH, s.CURRENT_SIGN, s.CURRENT_STUCK} & set(rig.second())


@pytest.mark.parametrize(("string_w", "pcs_w", "permille"), [
    (80_000, 80_000, 0), (80_000, 79_876, 0), (80_000, 79_875, 1), (79_875, 80_000, 1),
    (-80_000, 80_000, 1280), (80_000, -80_000, 1280), (0, 12_500, 100), (0, -12_500, 100),
])  # fmt: skip
def test_sensor_and_pcs_differ_in_permille_of_rated_power(rig, string_w, pcs_w, permille) -> None:
    assert rig.second(string_w * 10 // 8, pcs_w)[s.CURRENT_MISMATCH] == permille


def test_with_open_contactors_sensor_and_pcs_need_not_agree(rig: Rig) -> None:
    rig.contactors.closed = False
    found = rig.second(100_000, -80_000)
    assert found[s.CURRENT_MISMATCH] == found[s.CURRENT_SIGN] == 0


LEAST_W = 20 * STEP_W


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("string_w", "pcs_w", "opposite"), [
    (LEAST_W + 1, -LEAST_W - 1, 1), (LEAST_W, -LEAST_W - 1, 0), (LEAST_W + 1, -LEAST_W, 0),
    (80_000, 80_000, 0), (80_000, -80_000, 1), (80_000, 0, 0), (0, 80_000, 0),
])  # fmt: skip
def test_opposite_directions_need_both_beyond_2_percent(rig, sign, string_w, pcs_w, opposite):
    rig.meter.power_w, rig.meter.current_samples = sign * string_w, 1
    rig.pcs.power_actual_w, rig.pcs.status_ms = sign * pcs_w, 0
    assert rig.second()[s.CURRENT_SIGN] == opposite


MOVED_W = 100 * STEP_W


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("moved_w", "stuck"), [(0, 0), (MOVED_W, 0), (MOVED_W + 1, 1)])
def test_a_current_that_stands_while_power_moves_by_a_tenth_is_stuck(rig, sign, moved_w, stuck):
    rig.second(10_000, 8_000)
    assert rig.second(10_000, 8_000 + sign * moved_w)[s.CURRENT_STUCK] == stuck
    assert rig.second(10_000, 8_000 + sign * moved_w)[s.CURRENT_STUCK] == stuck, "it stays told"
    assert rig.second(10_001, 50_000)[s.CURRENT_STUCK] == 0, "it lives"
    assert rig.second(10_001, 50_000)[s.CURRENT_STUCK] == 0


def test_power_moves_from_where_the_current_last_changed(rig: Rig) -> None:
    rig.second(10_000, 8_000)
    for step in range(1, 10):
        stuck = rig.second(10_000, 8_000 + step * 2_500)[s.CURRENT_STUCK]
        assert stuck == (step * 2_500 > MOVED_W), step


def test_a_current_of_zero_that_never_moved_is_compared_with_no_power(rig: Rig) -> None:
    assert rig.second(0, MOVED_W)[s.CURRENT_STUCK] == 0
    assert rig.second(0, MOVED_W + 1)[s.CURRENT_STUCK] == 1
    assert rig.second(0, -MOVED_W)[s.CURRENT_STUCK] == 0
