"""What `autarky bench` measures about memory holds: fast and cells allocate nothing."""

from pathlib import Path

import pytest

from autarky import bench

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Path:
    return bench._record(tmp_path_factory.mktemp("record") / "ticks.bin")


def test_fast_and_cells_allocate_nothing_and_boot_fits(record: Path) -> None:
    memory = bench._memory(record)
    assert memory["alloc_bytes"] == {"fast": 0, "cells": 0}
    # of 64 bits, where every reference is twice a board's: a first look only. What a board has is
    # held on 32 bits, in test_32_bits.py; safety functions may grow into this one
    assert memory["heap_after_boot_bytes"] <= 232 * 1024


def test_a_tick_with_a_full_receive_ring_allocates_nothing(record: Path) -> None:
    """Heap locked: an allocation would raise MemoryError and end the run."""
    assert bench._measure(record, "storm", count=300).strip() == "done 300"
    assert bench._measure(record, "requests", count=300).strip() == "done 300"
