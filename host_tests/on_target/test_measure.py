"""What `autarky bench` measures about memory holds: fast and cells allocate nothing."""

from pathlib import Path

import pytest

from autarky.bench import bench

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Path:
    return bench._record(tmp_path_factory.mktemp("record") / "ticks.bin")


def test_fast_and_cells_allocate_nothing(record: Path) -> None:
    """What the heap holds is judged on 32 bits, where references are a board's: test_32_bits.py."""
    assert bench._memory(record)["alloc_bytes"] == {"fast": 0, "cells": 0}


@pytest.mark.parametrize("mode", ["ticks", "drain", *bench._TASKS])
def test_what_is_measured_is_a_cabinet_in_run(record: Path, mode: str) -> None:
    """A receive ring full of frames included; heap locked: an allocation would be a dead task."""
    low, high = bench._INSTRUCTION_TICKS
    values = bench._measure(record, mode, count=high)
    assert values["done"] == str(high)
    assert values["state"] == "run"
    assert int(values["run_from"]) <= low


def test_a_cabinet_that_does_not_run_is_not_measured(record: Path) -> None:
    with pytest.raises(bench.BenchError, match="fast was not measured on a cabinet in RUN"):
        bench._measure(record, "fast", count=100)
