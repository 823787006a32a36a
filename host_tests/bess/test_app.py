"""What the cabinet binds together."""

import pytest
from built import Calls, built, logged
from rigs.latches import latch

from bess import app as cabinet_module
from bess.measure import signals as s
from bess.protect import event_log
from bess.protect import history as h
from bess.protect.latches import Latches
from bess.records import Records
from bess.sparing import SparingRecords


@pytest.fixture
def app():
    return built()


def test_the_schedule_binds_each_name_to_its_work(app):
    scheduler = app.scheduler
    expected = [
        ("fast", app.tasks.fast, 1, 0, 5000, 0, 1),
        ("scan", app.string.source.slice, 1, 0, 3000, 0, 1),
        ("cells", app.tasks.cells, 10, 6, 5000, 0, 1), ("slow", app.tasks.slow, 10, 8, 5000, 1, 1),
        ("estimate", app.tasks.estimate, 2, 1, 5000, 1, 0),
        ("telemetry", app.telemetry.publish_slow, 100, 9, 5000, 1, 0),
        ("service", app.node.service, 1, 0, 5000, 1, 0),
        ("update", app.program.step, 1, 0, 5000, 1, 0),
        ("records", app.upkeep.write, 1, 0, 5000, 1, 0),
        ("upkeep", app.upkeep.step, 1, 0, 5000, 1, 0),
        ("trend", app.records.second, 100, 19, 5000, 1, 0),
        ("console", None, 0, 0, 0, 1, 0),
    ]  # fmt: skip
    found = zip(
        scheduler.names, scheduler._functions, scheduler._period, scheduler._phase,
        scheduler._budget_us, scheduler._free, scheduler._protects,
    )  # fmt: skip
    for row, (name, function, *numbers) in zip(found, expected, strict=False):
        assert row[0] == name
        assert list(row[2:]) == numbers
        assert row[1] == function
    assert scheduler.names == [row[0] for row in expected]


def test_a_new_cabinet_knows_nothing_asks_nothing_and_says_so(app):
    assert (app.restart, app.scheduler.uptime_ticks, app.health.estimate_failed) == (
        False,
        0,
        False,
    )
    assert app.modes.self_test_result() == ""
    assert logged(app) == [(event_log.BOOT, 0, 0, app.log.boot, 0)]
    assert app.log._pending[0] == 0  # ticks
    assert app.signals.value[s.UNCLEAN_STOP] == 0
    assert (app.signals.count[s.PARAMETERS_CONFLICT], app.stored.conflict()) == (1, "none")
    assert app.signals.value[s.PARAMETERS_CONFLICT] == 0
    assert not app.modes.hold
    assert not app.journal.hurried
    assert app.upkeep._written is False
    assert (app.node.product_code, app.node.revision_number) == (0x215, 0x10000)
    assert (app.device_name, app.hardware_version) == ("Autarky cabinet", "unix")


def test_parameters_that_contradict_at_the_start_are_a_fault_of_it(monkeypatch):
    monkeypatch.setattr(cabinet_module.StoredParameters, "conflict", lambda _: "a sentence")
    assert built().signals.value[s.PARAMETERS_CONFLICT] == 1


def test_a_program_on_trial_or_rolled_back_is_told_and_the_one_on_trial_holds():
    for name, item, held in (("on_trial", 1, True), ("rolled_back", 2, False)):
        app = built(lambda devices, name=name: setattr(devices, name, True))
        assert logged(app)[1] == (event_log.PROGRAM, item, 0, 0, 0)
        assert app.log._pending[4] == 0  # ticks
        assert app.modes.hold == held
        assert app.journal.hurried


def test_a_start_without_an_orderly_end_is_told_by_mark_or_lost_memory():
    def running(devices):
        built_latches(devices).set_running(True)

    def latches_lost(devices):
        for at in range(cabinet_module.History.__init__.__globals__["AT"]):
            devices.backup[at] = 0xFF

    def history_lost(devices):
        for at in range(h.AT, h.SIZE):
            devices.backup[at] = 0xFF

    def torn(devices):
        devices.backup[1] ^= 1

    def built_latches(devices):
        return Latches(devices.backup)

    for change in (running, latches_lost, history_lost, torn):
        assert built(change).signals.value[s.UNCLEAN_STOP] == 1, change.__name__


def test_a_latch_of_before_stands_from_the_start():
    app = built(lambda devices: latch(Latches(devices.backup), 19))
    assert app.protection.tripped


def test_who_has_safe_storage_writes_at_once_and_who_has_not_spares():
    for safe, kind in ((True, Records), (False, SparingRecords)):
        app = built(lambda devices, safe=safe: setattr(devices, "storage_safe_under_load", safe))
        assert type(app.records) is kind


def test_the_energy_frame_tells_a_sigma_that_is_never_too_small(app):
    at = app.telemetry._energy + 6
    for sigma_cpct, told in ((0, 0), (1, 1), (50, 1), (51, 2), (3000, 60)):
        app.string.estimator.soc.sigma_cpct = sigma_cpct
        app.telemetry.publish_slow(0)
        assert app.telemetry._image[at] == told


class Unreadable:
    """A region of which no byte can be read; what is written is kept."""

    def __init__(self, region):
        self.size = region.size
        self.written = 0

    def readinto(self, offset, buffer):
        raise OSError(5)

    def write(self, offset, data):
        self.written += len(data)


@pytest.mark.parametrize(
    ("region", "signal"),
    [("parameters", s.PARAMETERS_CORRUPT), ("log", s.LOG_STORAGE), ("trace", None),
     ("trend", s.LOG_STORAGE), ("state", None)],
)  # fmt: skip
def test_a_region_that_cannot_be_read_at_boot_is_told_and_not_written_over(region, signal):
    """The cabinet starts, for it could tell nobody otherwise; what stands there may be whole."""
    storage = {}

    def change(devices):
        devices.storage[region] = storage[region] = Unreadable(devices.storage[region])

    app = built(change)
    app.telemetry.soc_known = True
    app.records.second(True)
    app.records.step(True)
    app.health.step_fast()
    assert storage[region].written == 0
    if signal is not None:
        assert app.signals.value[signal]


def test_when_a_task_dies_every_output_falls_and_no_cell_is_bled(app):
    calls = Calls()
    for name, output in app._outputs.items():
        calls.on(output, "value", None, name)
    calls.on(app._drive, "duty", None, "drive")
    calls.on(app.string.balancing, "stop")
    app._on_task_death("fast")
    assert calls == [*((name, 0) for name in app._outputs), ("drive", 0), ("stop",)]
    assert len(app._outputs) == 10


def test_a_step_runs_the_schedule(app):
    calls = Calls()
    calls.on(app.scheduler, "step")
    app.step(30)
    assert calls == [("step", 30)]
