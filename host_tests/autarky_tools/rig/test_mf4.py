"""MF4 files read back by asammdf, in the environment that has it and nowhere else."""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import can
import pytest

from autarky.rig import mf4
from autarky.rig.mf4 import Mf4Error, convert
from autarky.rig.recording import BUSES

_READ = """
import hashlib, json, sys
from asammdf import MDF
mdf = MDF(sys.argv[1])
frames = mdf.get("CAN_DataFrame")
of = lambda name: frames.samples["CAN_DataFrame." + name]
rows = [
    (round(1e6 * t), int(c), int(i), bytes(d)[:n].hex())
    for t, c, i, d, n in zip(
        frames.timestamps, of("BusChannel"), of("ID"), of("DataBytes"), of("DataLength"))
]
decoded = mdf.extract_bus_logging({"CAN": [(sys.argv[2], 1)]})
names = sorted({channel.name for channel in decoded.iter_channels()})
state = [decoded.get("state", group=g, index=i, raw=True) for g, i in decoded.channels_db["state"]]
print(json.dumps({
    "rows": rows, "attached": str(mdf.attachments[0].file_name), "names": names,
    "states": sorted({int(v) for one in state for v in one.samples}),
}))
"""


def test_asammdf_is_not_in_our_environment() -> None:
    assert importlib.util.find_spec("asammdf") is None


@pytest.mark.skipif(mf4.python() is None, reason=mf4.MISSING)
def test_asammdf_reads_the_same_frames_and_decodes_them(recorded: Path, tmp_path: Path) -> None:
    shutil.copy(recorded / BUSES, tmp_path / BUSES)
    assert convert(tmp_path) == ""
    made = tmp_path / mf4.of(BUSES)
    dbc = mf4.GENERATED / "site.dbc"
    told = subprocess.run(
        [mf4.python(), "-c", _READ, made, dbc], capture_output=True, text=True, check=True
    )
    read = json.loads(told.stdout)
    wanted = [
        [round(1e6 * m.timestamp), m.channel + 1, m.arbitration_id, m.data.hex()]
        for m in can.LogReader(tmp_path / BUSES)
    ]
    assert read["rows"] == wanted
    assert read["attached"] == "site.dbc"
    assert {"charge_limit", "soc", "cell_max"} <= set(read["names"])
    assert len(read["states"]) > 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([BUSES, mf4.of(BUSES)])


@pytest.mark.skipif(mf4.python() is None, reason=mf4.MISSING)
def test_a_log_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / BUSES).write_bytes(b"no log at all" * 20)
    with pytest.raises(Mf4Error, match=r"the conversion to MF4 failed: .*Unexpected file format"):
        convert(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [BUSES]


def test_where_asammdf_is_missing_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mf4, "ENVIRONMENT", tmp_path)
    assert "`make rig-mf4`" in convert(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text("")  # an installation that was cut off
    assert mf4.python() is None


def test_a_conversion_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / ".ready").write_text("")
    script = tmp_path / "bin" / "python"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setattr(mf4, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(mf4, "_LONGEST_S", 0.2)
    with pytest.raises(Mf4Error, match=r"the conversion to MF4 was not over within 0\.2 s"):
        convert(tmp_path)
