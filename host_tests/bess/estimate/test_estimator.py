import contextlib
from array import array
from struct import pack

import pytest

from bess.estimate import lfp
from bess.estimate.charge_counter import ChargeCounter
from bess.estimate.estimator import SLICES, STATE_BYTES, Estimator
from bess.parameters import Parameters
from bess.port.memory import MemoryRegion


class Cells:
    seen_all = True
    cell_count = 240
    temp_mean_dc = 250
    evaluations = 0

    def __init__(self, dmv=33000):
        self.set(dmv)

    def set(self, dmv):
        self.cell_min_dmv, self.cell_mean_dmv, self.cell_max_dmv = dmv - 20, dmv, dmv + 20


class Meter:
    seen_all = True


class TornRegion(MemoryRegion):
    """Power goes after `left` more bytes."""

    left = 10**9

    def write(self, offset, data):
        whole = bytes(data)[: self.left]
        self.left -= len(whole)
        if whole:
            super().write(offset, whole)
        if len(whole) < len(data):
            raise OSError(5)


def build(region, cells=None, **values):
    parameters = Parameters()
    for name, value in values.items():
        parameters.set(name, value)
    counter = ChargeCounter(2000)
    anchors = []
    estimator = Estimator(
        cells or Cells(), Meter(), counter, region, lfp.TABLE, parameters,
        lambda *event: anchors.append(event),
    )  # fmt: skip
    return estimator, anchors


def run(estimator, seconds, now_ms=0):
    for tick in range(seconds * SLICES):
        now_ms += 1000 // SLICES
        estimator._cells.evaluations += tick % 5 == 0
        estimator.slice(now_ms, True)
    return now_ms


def test_nothing_starts_before_everything_was_seen():
    estimator, _ = build(MemoryRegion(STATE_BYTES))
    estimator._cells.seen_all = False
    run(estimator, 2)
    assert not estimator.started
    estimator._cells.seen_all = True
    run(estimator, 2)
    assert estimator.started


def test_a_first_start_takes_the_rest_voltage_and_says_how_unsure_it_is():
    estimator, _ = build(MemoryRegion(STATE_BYTES))
    run(estimator, 2)
    assert estimator.soc.sigma_cpct > 500
    assert estimator.soc.anchor_wanted
    assert estimator.soc.filter.resistance.scale == pytest.approx(3.0, rel=0.01)


def test_what_was_learned_and_counted_survives_a_reboot_exactly():
    region = MemoryRegion(STATE_BYTES)
    estimator, _ = build(region)
    now_ms = run(estimator, 5)
    totals = array("i", (1234, 567, -89012, 34, 5678, 90, 1234, 56, 78))
    for i in range(len(totals)):
        estimator.counter.totals[i] = totals[i]
    estimator.soc.start(0.57, 0.012, 2.5, 0.0011)
    estimator.health.set_capacity(271000.0, 0.0001)
    estimator.health.seconds_at[3] = 99
    estimator.save()
    again, _ = build(region, Cells(33150))
    run(again, 1, now_ms)
    assert again.counter.totals == totals
    assert again.soc.filter.soc == pytest.approx(0.57, abs=0.002)
    assert again.soc.filter.sigma == pytest.approx(0.014, abs=0.002)
    assert again.soc.filter.resistance.scale == pytest.approx(2.5, rel=0.01)
    assert again.health.capacity_mah == 271000.0
    assert again.health.seconds_at[3] >= 99


def test_rested_cells_that_contradict_the_stored_charge_are_believed():
    region = MemoryRegion(STATE_BYTES)
    estimator, _ = build(region)
    run(estimator, 2)
    estimator.soc.start(0.95, 0.01, 3.0)
    estimator.soc.model.unrested_c = 0.0
    estimator.save()
    again, _ = build(region, Cells(30000))
    run(again, 1)
    assert again.soc.filter.soc < 0.15
    assert again.soc.filter.sigma > 0.01


def test_cells_that_may_lean_keep_the_stored_charge_until_they_have_rested():
    region = MemoryRegion(STATE_BYTES)
    estimator, _ = build(region)
    run(estimator, 2)
    estimator.soc.start(0.95, 0.01, 3.0)
    estimator.save()
    again, _ = build(region, Cells(30500))
    again.power.solve = lambda *_: None
    now_ms = run(again, 600)
    assert again.soc.filter.soc == pytest.approx(0.95, abs=0.01)
    run(again, 3 * 3600, now_ms)
    assert again.soc.filter.soc < 0.15


def test_a_charge_counted_before_a_load_ended_survives_the_relaxation_after_it():
    """0.5C for a quarter of an hour at three times the resistance, contactors open at 0 s."""
    relaxes = {0: 31613, 1: 31627, 5: 31679, 60: 31975, 300: 32235, 900: 32624, 1800: 32904}
    region = MemoryRegion(STATE_BYTES)
    before, _ = build(region, Cells(33213))
    run(before, 1)
    before.soc.start(0.675, 0.02, 3.0)
    before.save()
    cells = Cells(relaxes[0])
    after, _ = build(region, cells)
    now_ms = 0
    for second in range(2401):
        cells.set(relaxes.get(second, cells.cell_mean_dmv))
        now_ms = run(after, 1, now_ms)
        soc = after.soc.filter
        assert abs(soc.soc - 0.675) < min(0.02, 3 * soc.sigma)


def test_power_cut_at_every_byte_of_a_save_leaves_one_of_the_two_states():
    region = MemoryRegion(STATE_BYTES)
    estimator, _ = build(region)
    run(estimator, 2)
    estimator.counter.totals[2] = 111
    estimator.save()
    before = bytes(region._data)
    for cut in range(200):
        torn = TornRegion(STATE_BYTES)
        torn.write(0, before)
        torn.left = cut
        writer, _ = build(torn)
        torn.left = 10**9
        run(writer, 1)
        assert writer.counter.totals[2] == 111
        writer.counter.totals[2] = 222
        torn.left = cut
        try:
            writer.save()
            whole = True
        except OSError:
            whole = False
        torn.left = 10**9
        again, _ = build(torn)
        run(again, 1)
        assert again.counter.totals[2] == (222 if whole else 111)


def test_a_record_of_the_former_version_is_taken_over_by_an_update():
    region = MemoryRegion(STATE_BYTES)
    estimator, _ = build(region)
    former = pack("<Bffffff9i8i", 1, 0.675, 0.02, 2.5, 0.001, 271000.0, 1e-4, *range(17))
    estimator._store.save(former)
    again, _ = build(region, Cells(31613))
    run(again, 1)
    assert again.soc.filter.soc == pytest.approx(0.675, abs=0.001)
    assert 0.02 <= again.soc.filter.sigma < 0.03
    assert again.soc.filter.resistance.scale == pytest.approx(2.5)
    assert list(again.counter.totals) == list(range(9))


@pytest.mark.parametrize("stored", [b"", b"\x02" + bytes(100), b"\xff" * 200])
def test_a_record_of_another_version_or_length_is_a_first_start(stored):
    region = MemoryRegion(STATE_BYTES)
    estimator, _ = build(region)
    estimator._store.save(stored)
    run(estimator, 2)
    assert estimator.started
    assert estimator.counter.totals[2] == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -5.0, 300.0])
def test_a_stored_number_that_cannot_be_makes_a_first_start(bad):
    region = MemoryRegion(STATE_BYTES)
    estimator, _ = build(region)
    run(estimator, 2)
    estimator.soc.filter.sigma = bad
    estimator.save()
    again, _ = build(region)
    run(again, 2)
    assert 0 < again.soc.filter.sigma < 0.31


def test_a_capacity_of_another_string_is_not_taken_over():
    region = MemoryRegion(STATE_BYTES)
    estimator, _ = build(region)
    run(estimator, 2)
    estimator.save()
    again, _ = build(region, capacity_mah=100000)
    run(again, 2)
    assert again.health.capacity_mah == 100000


def test_each_second_does_one_step_and_every_power_limit():
    estimator, _ = build(MemoryRegion(STATE_BYTES))
    now_ms = run(estimator, 1)
    solved, stepped = [], []
    solve, step = estimator.power.slices, estimator.soc.slices
    estimator.power.slices = lambda job, *rest: (solved.append(job), solve(job, *rest))[1]
    estimator.soc.slices = lambda *rest: (stepped.append(rest[0]), step(*rest))[1]
    run(estimator, 3, now_ms)
    assert sorted(solved) == sorted([0, 1, 2, 3, 4, 5] * 3)
    assert stepped == [1.0] * 3


@pytest.mark.parametrize("dmv", [26000, 30500, 32800, 33300, 34500, 36400])
@pytest.mark.parametrize("ma", [-90000, 0, 14000, 140000])
def test_a_second_s_work_ends_before_the_next(dmv, ma):
    """Where a limit is searched for longest, at the knee and where a start is looked at again."""
    estimator, _ = build(MemoryRegion(STATE_BYTES), Cells(dmv))
    now_ms, taken = 0, []
    for _ in range(40):
        estimator.counter.add(ma, now_ms)
        seconds = estimator._seconds
        for part in range(SLICES):
            now_ms += 20
            estimator.slice(now_ms, True)
            if estimator._seconds != seconds:
                seconds = estimator._seconds
                taken.append(part)
    assert len(taken) >= 38
    assert max(taken) < SLICES - 1


def run_failing(estimator, seconds, now_ms):
    """True when the state was to be saved meanwhile."""
    saved = False
    for tick in range(seconds * SLICES):
        now_ms += 1000 // SLICES
        estimator._cells.evaluations += tick % 5 == 0
        with contextlib.suppress(ZeroDivisionError):
            estimator.slice(now_ms, True)
        saved = saved or estimator.dirty
    return saved


@pytest.mark.parametrize("job", range(6))
def test_a_part_that_fails_costs_itself_alone(job):
    estimator, _ = build(MemoryRegion(STATE_BYTES))
    now_ms = run(estimator, 3)
    estimator.dirty = False
    seconds = sum(estimator.health.seconds_at)
    power = estimator.power
    before = list(power.charge_ma), list(power.discharge_ma)
    whole, stepped = power.slices, []

    def slices(at, *voltages):
        if at == job:
            raise ZeroDivisionError
        yield from whole(at, *voltages)

    step = estimator.soc.slices
    power.slices = slices
    estimator.soc.slices = lambda *rest: (stepped.append(rest[0]), step(*rest))[1]
    estimator._cells.set(34500)  # nearly full: charge limits have to fall
    assert run_failing(estimator, 20, now_ms)
    assert stepped == [1.0] * 20
    assert sum(estimator.health.seconds_at) == seconds + 20
    for at in range(3):
        frozen = power.charge_ma[at] == before[0][at]
        assert frozen == (job == 2 * at + 1), at
    power.slices = whole
    run(estimator, 2, now_ms + 20000)
    assert power.charge_ma[0] < before[0][0]


@pytest.mark.parametrize("every", [10, 2, 1])
def test_charge_that_was_counted_is_not_lost_by_a_step_that_fails(every):
    estimator, _ = build(MemoryRegion(STATE_BYTES))
    now_ms = run(estimator, 3)
    estimator.soc.start(0.6, 0.01, 1.0, 0.0)
    calls = [0]
    whole = estimator.soc.model.advance

    def advance(*arguments):
        calls[0] += 1
        if calls[0] % every == 0:
            raise ZeroDivisionError
        return whole(*arguments)

    estimator.soc.model.advance = advance
    for _ in range(600):
        estimator.counter.add(140_000, now_ms)  # 600 s at half of 280 Ah: 8.3 %
        run_failing(estimator, 1, now_ms)
        for part in range(4):
            estimator.counter.add(140_000, now_ms + 250 * (part + 1))
        now_ms += 1000
    assert abs(estimator.soc.filter.soc - (0.6 - 140 / 280 / 6)) < 0.002


def test_an_anchor_is_reported_with_the_charge_before_and_after():
    estimator, anchors = build(MemoryRegion(STATE_BYTES), Cells(33300))
    now_ms = run(estimator, 2)
    estimator.soc.model.unrested_c = 0.0  # long rested
    estimator._cells.set(35500)
    run(estimator, 40, now_ms)
    assert len(anchors) == 1
    kind, before, after = anchors[0]
    assert kind == 1
    assert before < after == 10000


def test_it_asks_to_be_saved_every_ten_seconds():
    estimator, _ = build(MemoryRegion(STATE_BYTES))
    now_ms = run(estimator, 9)
    assert not estimator.dirty
    now_ms = run(estimator, 3, now_ms)
    assert estimator.dirty
    estimator.save()
    assert not estimator.dirty


def test_the_mean_cell_leaves_out_the_extremes():
    estimator, _ = build(MemoryRegion(STATE_BYTES))
    now_ms = run(estimator, 2)
    cells = estimator._cells
    cells.cell_max_dmv += 4000
    cells.cell_mean_dmv += 4000 // cells.cell_count
    run(estimator, 2, now_ms)
    assert estimator._mean_dmv == pytest.approx(33000, abs=1)
