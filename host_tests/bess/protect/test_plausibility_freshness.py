"""Checks of sensors against each other judge what is fresh: old readings change nothing."""

from types import SimpleNamespace

import pytest
from kit.cell_rig import Rig

from bess.measure import signals as s
from bess.parameters import Parameters
from bess.protect.plausibility import Plausibility

COMPARED = (s.CURRENT_MISMATCH, s.CURRENT_SIGN, s.CURRENT_STUCK)


class CurrentRig:
    """A second at a time, with what was heard in it."""

    def __init__(self) -> None:
        self.cells = Rig().run(160)
        self.meter = SimpleNamespace(current_ma=0, current_samples=0, power_w=0)
        self.pcs = SimpleNamespace(power_actual_w=0, status_ms=-1)
        self.contactors = SimpleNamespace(closed=True, is_open=False)
        self.signals = self.cells.signals
        self.judge = Plausibility(
            self.cells.monitor, self.meter, self.pcs, None, Parameters(),
            self.signals,
        )  # fmt: skip

    def second(self, sensor: bool = True, pcs: bool = True) -> set[int]:
        """The signals of the current that were renewed."""
        judged = (*COMPARED, s.CURRENT_OFFSET)
        before = [self.signals.count[signal] for signal in judged]
        self.meter.current_samples += sensor
        self.pcs.status_ms += 1000 * pcs
        self.judge.step_slow(self.contactors.closed, self.contactors.is_open)
        return {
            signal
            for signal, count in zip(judged, before, strict=True)
            if self.signals.count[signal] != count
        }


@pytest.fixture
def rig() -> CurrentRig:
    return CurrentRig()


def test_sensor_and_pcs_are_compared_while_both_are_heard(rig: CurrentRig) -> None:
    assert rig.second() == set(COMPARED)
    assert rig.second(pcs=False) == set()
    assert rig.second(sensor=False) == set()
    assert rig.second() == set(COMPARED)


def test_nothing_is_compared_before_both_were_heard(rig: CurrentRig) -> None:
    assert rig.second(sensor=False, pcs=False) == set()


def test_an_offset_is_judged_on_a_settled_open_string_with_fresh_current_only(rig) -> None:
    rig.contactors.closed, rig.contactors.is_open = False, True
    rig.meter.current_ma = -5000
    assert s.CURRENT_OFFSET not in rig.second()
    assert s.CURRENT_OFFSET not in rig.second()
    assert s.CURRENT_OFFSET in rig.second(pcs=False)
    assert rig.signals.value[s.CURRENT_OFFSET] == 5000
    assert s.CURRENT_OFFSET not in rig.second(sensor=False)
    rig.contactors.closed, rig.contactors.is_open = True, False
    assert s.CURRENT_OFFSET not in rig.second(), "a closed string says nothing of an offset"


def test_what_was_not_read_clears_no_frozen_or_implausible_reading(rig: CurrentRig) -> None:
    judged = (s.SENSOR_FROZEN, s.SENSOR_IMPLAUSIBLE, s.CELL_FROZEN)
    rig.second()
    assert [rig.signals.partial[signal] for signal in judged] == [0, 0, 0]
    rig.cells.model.dead.add(3)
    rig.cells.run(10)
    rig.second()
    assert [rig.signals.partial[signal] for signal in judged] == [1, 1, 1]


def test_no_die_counts_as_cool_before_it_was_heard() -> None:
    assert Rig().monitor.afe_temp_dc > Parameters().get("balance_board_max_dc")
