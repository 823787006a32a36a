"""Records in FRAM, which wears no bit: what goes in a step, and what fails."""

from rigs.records import World, frozen

from bess.protect.trace import AFTER
from bess.records import Records


def test_with_fram_two_events_and_four_samples_of_a_trace_go_a_step():
    world = frozen(World(Records))
    for _ in range(5):
        world.event()
    ready = []
    for _ in range(3):
        ready.append(world.records.step(False))
    assert world.log.records() == 5
    assert world.trace.writing == 12
    assert ready == [False, False, False]  # the trace is not yet whole
    for _ in range(73):
        assert world.records.step(False) is False or not world.trace.busy()
    assert world.records.step(False) is True
    assert world.trace.size() == 8 + 20 * 2 * AFTER
    world.event()
    world.event()
    world.event()
    assert world.records.step(False) is False
    assert world.records.step(False) is True


def test_with_fram_the_state_is_saved_when_it_changed_and_at_a_restart_with_all_that_waits():
    world = World(Records)
    world.records.step(True)
    assert world.estimator.saves == 0
    world.estimator.dirty = True
    world.records.step(False)
    world.records.step(False)
    assert world.estimator.saves == 1
    world.event()
    assert world.records.finish() is True
    assert world.estimator.saves == 2
    assert world.log.records() == 1


def test_with_fram_a_storage_that_fails_is_told_until_it_takes_again_and_holds_no_restart_up():
    for broken in range(3):
        world = frozen(World(Records))
        assert not world.records.failed
        world.event()
        world.regions[broken].broken = True
        world.records.second(False)
        assert world.records.step(False) is True or broken != 0 or world.records.failed
        assert world.records.failed, broken
        assert world.records.step(False) is True, broken
        world.regions[broken].broken = False
        world.records.second(False)
        world.records.step(False)
        assert not world.records.failed, broken


def test_with_fram_a_state_that_cannot_be_saved_is_told():
    world = World(Records)

    def refuse():
        raise OSError(5)

    world.estimator.save = refuse
    world.estimator.dirty = True
    assert world.records.step(False) is True
    assert world.records.failed
    world.estimator.dirty = False
    world.records.step(False)
    assert not world.records.failed


def test_with_fram_everything_is_written_at_once():
    world = World(Records)
    world.event()
    world.seconds(2)
    assert world.log.records() == 1
    assert world.trend.size() == 48
    assert world.estimator.saves == 20
    assert world.records.finish()
