"""What a log tells of cells, held, moved with the string, and never made up as zero."""

import struct

import numpy as np
import pytest

from autarky.rig.field_log import FieldLog, FieldLogError, LogFrame
from autarky.rig.told_cells import ToldCells

CELLS, SENSORS = 12, 4
S = 1_000_000


def u1(at_s: float, volts: float) -> LogFrame:
    return LogFrame(round(at_s * S), 0x522, struct.pack(">BBi", 1, 0, round(volts * 1000)))


def cells(at_s: float, low: int, high: int, low_at: int = 0, high_at: int = 1) -> LogFrame:
    return LogFrame(round(at_s * S), 0x482, struct.pack("<4H", low, high, low_at, high_at))


def stream(at_s: float, first: int, *milli: int) -> LogFrame:
    return LogFrame(round(at_s * S), 0x502, struct.pack("<4H", first, *milli))


def temperatures(at_s: float, low: int, high: int, slots: int = 0) -> LogFrame:
    return LogFrame(round(at_s * S), 0x302, struct.pack("<bb3H", low, high, 1, 2, slots))


def told(site: list[LogFrame], inner: list[LogFrame] | None = None) -> ToldCells:
    return ToldCells.of(FieldLog(2, site, inner or [], booted=True), CELLS, SENSORS)


def test_extremes_stand_where_they_were_told_to_be() -> None:
    found = told([cells(1, 3300, 3340, 4, 7)], [u1(0.5, 3.32 * CELLS)]).at(1 * S)
    assert found.cells_v[4] == pytest.approx(3.3005)
    assert found.cells_v[7] == pytest.approx(3.3405)
    assert found.cells_v.argmin() == 4
    assert found.cells_v.argmax() == 7
    assert found.cells_v.sum() == pytest.approx(3.32 * CELLS, abs=0.01)  # the others make it up


def test_a_value_is_held_and_the_first_one_counts_before_it_came() -> None:
    model = told([cells(2, 3300, 3340), cells(3, 3100, 3700)])
    for at_s, high in ((0.0, 3.3405), (2.0, 3.3405), (2.99, 3.3405), (3.0, 3.7005), (9, 3.7005)):
        assert model.at(round(at_s * S)).cells_v.max() == pytest.approx(high)


def test_between_two_frames_the_cells_follow_the_string() -> None:
    inner = [u1(0.5, 3.32 * CELLS), u1(1.5, 3.27 * CELLS)]
    model = told([cells(1, 3300, 3340)], inner)
    assert model.at(1 * S).cells_v[1] == pytest.approx(3.3405)
    assert model.at(2 * S).cells_v[1] == pytest.approx(3.2905)


def test_a_string_that_is_apart_moves_no_cell() -> None:
    model = told([cells(1, 3300, 3340)], [u1(0.5, 3.32 * CELLS), u1(1.5, 0.0)])
    assert model.at(2 * S).cells_v[1] == pytest.approx(3.3405)


def test_streamed_cells_are_held_each_and_counted() -> None:
    model = told([cells(1, 3300, 3340), stream(1.1, 3, 3310, 3320, 0xFFFF),
                  stream(5, 3, 3330, 3331, 3332)], [u1(0.5, 3.32 * CELLS)])  # fmt: skip
    volts = model.at(2 * S).cells_v
    assert volts[3:5] == pytest.approx([3.3105, 3.3205])
    assert volts[5] not in (0.0, 6.5535)
    assert model.at(5 * S).cells_v[3:6] == pytest.approx([3.3305, 3.3315, 3.3325])
    assert model.notes[0].startswith(f"3 of {CELLS} cells were told one by one")


def test_without_extremes_each_cell_has_its_share_of_the_string() -> None:
    model = told([temperatures(1, 20, 22)], [u1(0.5, 3.3 * CELLS)])
    assert model.at(1 * S).cells_v == pytest.approx(np.full(CELLS, 3.3))
    assert "no frame `cells`: each cell was taken as U1 shared by all" in model.notes


def test_temperatures_and_missing_modules() -> None:
    model = told([cells(0, 3300, 3301), temperatures(1, 20, 26), temperatures(2, 21, 27, 0b100)])
    first = model.at(0)
    assert first.sensors_c == pytest.approx([23.5, 20.5, 26.5, 23.5])
    assert first.slots == 0
    assert model.at(2 * S).slots == 0b100
    assert model.at(2 * S).sensors_c.max() == pytest.approx(27.5)


def test_temperatures_that_were_not_told_are_said() -> None:
    model = told([cells(0, 3300, 3301)])
    assert model.at(0).sensors_c == pytest.approx(np.full(SENSORS, 25.0))
    assert "no frame `temperatures`: 25 degC were taken" in model.notes
    assert any("no CAN log tells HVIL, E-stop" in note for note in model.notes)


def test_a_log_that_tells_nothing_of_cells_is_refused() -> None:
    with pytest.raises(FieldLogError, match="the log tells nothing of the cells"):
        told([temperatures(1, 20, 22)])
