"""Files of measured data, written for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autarky.soc.traces import read_traces

# 1 A out of a cell of 2.5 Ah for 50 s, a sample each 10 s
TIME_S = (0, 10, 20, 30, 40, 50)
RIGHT_AH = 50 / 3600


def counted_ah(path: Path, **options) -> float:
    (trace,) = read_traces(path, **options)
    assert np.median(trace.voltage_v) == pytest.approx(3.33)
    assert trace.time_s[-1] - trace.time_s[0] == pytest.approx(50)
    return float(trace.counted_ah()[-1])
