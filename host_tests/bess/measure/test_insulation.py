"""iso165C from its frames to ohm per volt: what is no result never counts as one."""

from types import SimpleNamespace

import pytest

from autarky.plant.iso165c import Iso165c as Model
from bess.drivers import iso165c
from bess.drivers.iso165c import INFO_ID, RESPONSE_ID, Iso165c
from bess.measure import signals as s
from bess.measure.insulation import Insulation
from bess.measure.signals import Signals
from bess.parameters import Parameters

CHASSIS, FAILURE, OFF, OLD, FROZEN = 2, 4, 8, 16, 32


class Rig:
    """Monitor model, driver and measurement; a second at a time."""

    def __init__(
        self, string_mv: int = 800_000, cell_sum_dmv: int = 8_000_000, now_ms: int = 0
    ) -> None:
        self.model = Model()
        self.driver = Iso165c(self)
        self.meter = SimpleNamespace(string_mv=string_mv, seen_all=True)
        self.cells = SimpleNamespace(cell_sum_dmv=cell_sum_dmv)
        self.signals = Signals()
        self.measured = Insulation(self.driver, self.meter, self.cells, Parameters(), self.signals)
        self.now_ms = now_ms

    def send(self, can_id: int, data: bytes) -> bool:
        assert can_id == 0x022
        answer = self.model.answer(bytes(data))
        if answer is not None:
            self.driver.receive(RESPONSE_ID, answer, len(answer), self.now_ms)
        return True

    def run(self, seconds: int) -> "Rig":
        for _ in range(seconds):
            info = self.model.info(self.now_ms)
            if info is not None:
                self.driver.receive(INFO_ID, info, len(info), self.now_ms)
            self.measured.step(self.now_ms)
            self.now_ms += 1000
        return self

    def value(self, signal: int) -> int:
        return self.signals.value[signal]


@pytest.fixture
def rig() -> Rig:
    return Rig().run(3)


def test_a_well_monitor_gives_ohm_per_volt_every_second(rig: Rig) -> None:
    assert rig.value(s.INSULATION) == rig.measured.ohm_per_volt == 2500
    assert rig.signals.count[s.INSULATION] == rig.measured.samples == 3
    assert rig.run(100).value(s.INSULATION_AGE) == 0
    assert rig.value(s.INSULATION_DEVICE) == rig.value(s.INSULATION_TOLD) == 0
    assert rig.measured.sound(0)


def test_nothing_is_known_at_first() -> None:
    rig = Rig()
    assert rig.measured.samples == rig.measured.ohm_per_volt == 0
    driver = rig.driver
    assert driver.calculated_ms == -1
    assert driver.resistance_kohm == driver.count == driver.heard == 0
    assert driver.trouble == driver.told == 0


def test_the_first_words_of_the_monitor_are_judged_at_once() -> None:
    rig = Rig().run(1)
    assert rig.signals.count[s.INSULATION_DEVICE] == rig.signals.count[s.INSULATION_TOLD] == 1


def test_ages_count_from_the_first_step_whenever_that_is() -> None:
    rig = Rig(now_ms=100_000)
    rig.model.silent = rig.model.mute = True
    assert rig.run(1).value(s.INSULATION_AGE) == 0
    assert rig.run(5).value(s.INSULATION_AGE) == 5000


def test_a_monitor_repeats_itself_when_its_count_stands_for_more_than_30_seconds() -> None:
    rig = Rig(now_ms=100_000)
    rig.model.mute = True
    assert rig.run(31).value(s.INSULATION_DEVICE) == 0
    assert rig.value(s.INSULATION_AGE) == 0
    assert rig.run(1).value(s.INSULATION_DEVICE) == FROZEN


def test_a_result_is_recent_for_three_seconds(rig: Rig) -> None:
    rig.model.silent = True
    assert rig.run(3).value(s.INSULATION_AGE) == 3000
    assert rig.measured.sound(0)
    rig.run(1)
    assert not rig.measured.sound(0)


@pytest.mark.parametrize("string_mv", [0, 13_000, 49_999, 50_000])
def test_below_50_v_the_string_counts_as_one_of_50(string_mv: int) -> None:
    assert Rig(string_mv, 0).run(1).value(s.INSULATION) == 40_000


def test_the_monitors_own_fault_is_a_result_and_no_trouble(rig: Rig) -> None:
    """Insulation at its worst must not look like a monitor that cannot measure."""
    rig.model.status = 0x21
    rig.model.resistance_kohm = 40
    rig.run(1)
    assert rig.driver.trouble == 0
    assert rig.value(s.INSULATION) == 50
    assert rig.value(s.INSULATION_AGE) == 0


def test_frames_of_the_monitor_pass_the_filters_and_short_ones_are_no_result() -> None:
    driver = Rig().driver
    assert iso165c.Iso165c.filters == ((0x037, 0x7FF, 0), (0x023, 0x7FF, 0))
    assert iso165c.Iso165c.ids == (0x037, 0x023)
    for can_id, least in ((0x037, 6), (0x023, 5)):
        for length in range(least):
            driver.receive(can_id, b"\x35\x00\x00\x00\x07\x00\x00\x00", length, 5)
    assert (driver.count, driver.heard, driver.calculated_ms) == (0, 0, -1)


def test_each_result_counts_once_and_counts_start_over_below_2_29(rig: Rig) -> None:
    assert rig.driver.count == rig.driver.heard == 3
    rig.driver.count = rig.driver.heard = rig.measured.samples = 2**29 - 2
    rig.run(1)
    assert rig.driver.count == rig.driver.heard == rig.measured.samples == 2**29 - 1
    rig.run(1)
    assert rig.driver.count == rig.driver.heard == rig.measured.samples == 0


@pytest.mark.parametrize("raw", [0xFFFF, 0xFFFE, 50_001])
def test_what_lies_beyond_the_range_is_no_value(rig: Rig, raw: int) -> None:
    rig.model.raw = raw
    rig.run(5)
    assert rig.signals.count[s.INSULATION] == 3
    assert rig.value(s.INSULATION_AGE) == 5000
    assert not rig.measured.sound(0)


def test_the_largest_of_the_range_is_one(rig: Rig) -> None:
    rig.model.raw = 50_000
    assert rig.run(1).value(s.INSULATION) == 62_500


@pytest.mark.parametrize(("status", "vifc_status", "trouble"), [
    (0x02, 0, CHASSIS), (0x04, 0, FAILURE), (0, 0x0001, OFF), (0, 0x0004, OFF), (0, 0x0100, OLD),
    (0x08, 0, 0), (0x10, 0, 0), (0x06, 0x0105, CHASSIS | FAILURE | OFF | OLD),
])  # fmt: skip
def test_a_monitor_that_cannot_measure_or_tests_itself_gives_no_result(
    rig: Rig, status: int, vifc_status: int, trouble: int
) -> None:
    rig.model.status, rig.model.vifc_status = status, vifc_status
    rig.run(5)
    assert rig.signals.count[s.INSULATION] == 3
    assert rig.value(s.INSULATION_AGE) == 5000
    assert rig.value(s.INSULATION_DEVICE) == trouble


@pytest.mark.parametrize("vifc_status", [0x0002, 0x0010, 0x1000, 0x2000, 0x3012])
def test_bits_that_say_nothing_of_the_value_leave_it(rig: Rig, vifc_status: int) -> None:
    """Not implemented (1, 4), and self tests that were not asked for (12, 13)."""
    rig.model.vifc_status = vifc_status
    assert rig.run(5).value(s.INSULATION_AGE) == 0


@pytest.mark.parametrize(("status", "told", "sound"), [
    (0x00, 0, True), (0x20, 1, True), (0x01, 2, False), (0x21, 2, False),
])  # fmt: skip
def test_what_the_monitor_judges_itself_counts(rig: Rig, status: int, told: int, sound) -> None:
    rig.model.status = status
    assert rig.run(1).value(s.INSULATION_TOLD) == told
    assert rig.measured.sound(0) == sound


def test_a_monitor_that_repeats_itself_is_not_fresh_for_ever(rig: Rig) -> None:
    rig.model.frozen = True
    rig.run(35)
    assert rig.value(s.INSULATION_DEVICE) == FROZEN
    assert rig.value(s.INSULATION_AGE) >= 3000
    rig.model.frozen = False
    rig.run(2)
    assert rig.value(s.INSULATION_AGE) == 0
    assert rig.value(s.INSULATION_DEVICE) == 0


def test_a_monitor_that_never_tells_its_count_is_not_trusted_for_ever() -> None:
    rig = Rig()
    rig.model.mute = True
    rig.run(40)
    assert rig.value(s.INSULATION_DEVICE) == FROZEN
    assert rig.value(s.INSULATION_AGE) >= 3000


def test_a_refused_request_is_no_count(rig: Rig) -> None:
    rig.driver.receive(RESPONSE_ID, b"\xff\x00\x00\x35\x00", 5, 77)
    rig.driver.receive(RESPONSE_ID, b"\x35\x00\x00\x00\x99", 4, 77)
    assert rig.driver.calculated_ms != 77


def test_a_silent_monitor_ages_and_its_last_words_clear_nothing(rig: Rig) -> None:
    rig.model.status = 0x05
    rig.run(1)
    counts = rig.signals.count[s.INSULATION_DEVICE], rig.signals.count[s.INSULATION_TOLD]
    rig.model.silent = True
    rig.run(20)
    assert rig.value(s.INSULATION_AGE) >= 20_000
    assert (rig.signals.count[s.INSULATION_DEVICE], rig.signals.count[s.INSULATION_TOLD]) == counts


def test_a_frame_that_is_cut_short_is_none(rig: Rig) -> None:
    for length in range(6):
        rig.driver.receive(INFO_ID, b"\xd0\x07\x00\x00\x00\x00", length, 5000)
    assert rig.driver.heard == 3


@pytest.mark.parametrize(("string_mv", "cell_sum_dmv"), [(13_000, 8_000_000), (800_000, 0)])
def test_the_higher_of_the_two_voltages_of_the_string_counts(string_mv, cell_sum_dmv) -> None:
    """Behind an open fuse the string reads some volts, and 2 Mohm would look like 40 kohm/V."""
    assert Rig(string_mv, cell_sum_dmv).run(1).value(s.INSULATION) == 2500


def test_without_a_voltage_there_is_no_result_yet() -> None:
    rig = Rig(0, 0)
    rig.meter.seen_all = False
    rig.run(2)
    assert rig.measured.samples == 0
    rig.meter.string_mv, rig.meter.seen_all = 800_000, True
    assert rig.run(1).value(s.INSULATION) == 2500


@pytest.mark.parametrize(("kohm", "sound"), [(200, False), (239, False), (240, True), (50, False)])
def test_closing_needs_a_whole_result_at_or_above_the_second_threshold(kohm, sound) -> None:
    rig = Rig()
    rig.model.resistance_kohm = kohm
    assert not rig.measured.sound(rig.measured.samples), "nothing was heard yet"
    rig.run(2)
    assert rig.measured.sound(0) == sound
    assert not rig.measured.sound(rig.measured.samples), "heard before, not since"


def test_a_string_without_a_monitor_is_not_kept_from_closing() -> None:
    rig = Rig()
    parameters = Parameters()
    parameters.set("insulation_fitted", 0)
    measured = Insulation(rig.driver, rig.meter, rig.cells, parameters, rig.signals)
    measured.step(0)
    assert measured.sound(0)
    assert rig.signals.count[s.INSULATION_AGE] == 0
