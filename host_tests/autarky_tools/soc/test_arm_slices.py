"""Which of the counted instructions are a slice's."""

from pathlib import Path

import numpy as np
import pytest

from autarky.arm.debian import DebianError
from autarky.soc import evaluate


def test_what_lies_between_steps_is_no_slice(tmp_path: Path, monkeypatch) -> None:
    counts = tmp_path / "counts"
    monkeypatch.setattr(evaluate, "counting", lambda out: ["qemu"])

    def run(samples, *prefix: str, own: bool, more: str) -> str:
        assert (prefix, own, more) == (("qemu",), False, "slices")
        # start, then for each step what came before it and its slices; the end
        each = [9000, 1, 10, 20, 800, 30, 5, 40, 7777]
        counts.write_text("".join(f"totals: {n}\n" for n in each))
        return "steps 2\nslices 2 3\n"

    found = evaluate._on_arm(np.zeros((2, 4), dtype=np.int32), counts, run)
    assert found == {"arm_slice": 40, "arm_step": (10 + 20 + 30 + 5 + 40) / 2 // 1}


def test_without_the_interpreter_it_says_so(tmp_path: Path, monkeypatch) -> None:
    def missing(out: Path):
        raise DebianError("run `make test-32` once")

    monkeypatch.setattr(evaluate, "counting", missing)
    with pytest.raises(DebianError, match="test-32"):
        evaluate._on_arm(np.zeros((1, 4), dtype=np.int32), tmp_path / "counts", lambda *_: "")
