"""What the table of the comparison says of estimates that are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from kit.straight_cell import AH, straight_table, straight_trace

from autarky.soc import side_by_side
from autarky.soc.evaluate import Errors
from autarky.soc.side_by_side import Score, SideBySide, score

SENSORS = (Errors(0, 0.5, 0.2), Errors(0, -0.5, -0.2))
TRACE = straight_trace(np.full(7201, 0.4), 0.825)


def test_errors_count_after_an_hour_and_above_five_percent() -> None:
    assert TRACE.soc is not None
    error = np.where(TRACE.soc > 0.05, 0.01, 0.5)
    error[:3600] = 0.5
    error[5000] = -0.04
    found = score(TRACE, TRACE.soc + error)
    scored = 7201 - 3600 - int((TRACE.soc <= 0.05).sum())
    known = 100 * np.sqrt(((scored - 1) * 0.01**2 + 0.04**2) / scored)
    assert (found.rmse_pct, found.max_pct) == pytest.approx((known, 4.0))


def test_the_worse_sensor_counts_for_each_figure() -> None:
    assert str(Score(1.0, 4.0).worse(Score(2.0, 3.0))) == "2.00 / 4.00"


def test_each_is_judged_with_both_sensors_from_both_starts(monkeypatch) -> None:
    seen = []

    def rival(trace, chemistry, capacity_ah, errors):
        seen.append((errors.start_error_pct, errors.gain_pct))
        return trace.soc + (0.02 if errors.gain_pct < 0 else 0.01)

    def ours(trace, table, capacity_ah, errors):
        return SimpleNamespace(soc=trace.soc - 0.005)

    monkeypatch.setattr(side_by_side, "RIVALS", {"rival": rival})
    monkeypatch.setattr(side_by_side, "evaluate", ours)
    lines: list[str] = []
    page = SideBySide(SENSORS, lines.append)
    page.add("cell", TRACE, straight_table(), AH)
    assert seen == [(0.0, 0.5), (0.0, -0.5), (-20.0, 0.5), (-20.0, -0.5)]
    assert page.markdown()[-2:] == [
        "| cell | 2.00 / 2.00 | 0.50 / 0.50 |",
        "| cell, start -20 % | 2.00 / 2.00 | 0.50 / 0.50 |",
    ]
