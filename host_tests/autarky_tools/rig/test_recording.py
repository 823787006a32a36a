"""What a test leaves of its buses and its cabinet, read back by python-can and pyarrow."""

from pathlib import Path

import can
import pyarrow.parquet as pq
import pytest

from autarky.bus.bus import Sent
from autarky.bus.timing import EXTENDED, REMOTE
from autarky.rig.recording import BUSES, TRACE, BusLog, Recording, channels
from autarky.scenario.fault_cases import CASES
from autarky.scenario.trial import run_trial
from autarky.sil.site import SiteConfig, VirtualSite


def test_python_can_reads_both_buses_and_every_microsecond(recorded: Path) -> None:
    messages = list(can.LogReader(recorded / BUSES))
    assert {message.channel for message in messages} == {0, 1}
    site = [message for message in messages if message.channel == 0]
    logged = list(can.LogReader(recorded / "can.log"))
    assert len(site) == len(logged) > 100
    for one, other in zip(site, logged):
        assert round(one.timestamp * 1e6) == round(other.timestamp * 1e6)
        assert (one.arbitration_id, one.data) == (other.arbitration_id, other.data)
        assert not one.is_extended_id
    inner = {message.arbitration_id for message in messages if message.channel == 1}
    assert {0x521, 0x190, 0x210, 0x037} <= inner  # sensor, PCS both ways, insulation monitor


def test_the_trace_has_the_tick_in_which_the_contactors_open(recorded: Path) -> None:
    rows = pq.read_table(recorded / TRACE).to_pylist()
    closed = [row["outputs"] & 3 == 3 for row in rows]
    opened = next(i for i in range(1, len(rows)) if closed[i - 1] and not closed[i])
    assert rows[opened]["time_s"] - rows[opened - 1]["time_s"] <= 0.05
    assert {row["state"] for row in rows} >= {"precharge", "run"}
    assert 3.0 < rows[-1]["cell_min_v"] <= rows[-1]["cell_max_v"] < 3.6
    times = [row["time_s"] for row in rows]
    assert times == sorted(times)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, recorded: Path) -> None:
    with VirtualSite(SiteConfig(cabinets=1, interpreter="inline")) as site:
        with Recording(site, tmp_path / "again"):
            run_trial(site, CASES["estop"])
        frames, calls = list(site.on_frames), list(site.after_carry)
    assert (frames, calls) == ([], [])
    for name in (BUSES, TRACE):
        assert (tmp_path / "again" / name).read_bytes() == (recorded / name).read_bytes()


def test_a_log_holds_no_date(recorded: Path) -> None:
    with can.BLFReader(recorded / BUSES) as reader:
        assert (reader.start_timestamp, reader.stop_timestamp) == (0.0, 0.0)


def test_segments_come_before_cabinets() -> None:
    site = VirtualSite(SiteConfig(cabinets=2, interpreter="inline"))
    assert channels(site) == {0: 0, 2: 1, 3: 2}


@pytest.mark.parametrize("end_us", [1, 3, 123, 999_999, 4_194_305, 86_400_000_001])
def test_frames_of_every_kind_come_back(tmp_path: Path, end_us: int) -> None:
    log = BusLog(tmp_path / BUSES)
    log.write(1, [
        Sent(end_us, 0x123, b"\1\2", 0, 0), Sent(end_us + 1, EXTENDED | 0x1ABCDEF0, b"", 0, 0),
        Sent(end_us + 2, REMOTE | 0x702, bytes(1), 0, 0),
    ])  # fmt: skip
    log.close()
    plain, extended, remote = can.LogReader(tmp_path / BUSES)
    assert round(plain.timestamp * 1e6) == end_us
    assert (plain.arbitration_id, bytes(plain.data), plain.channel) == (0x123, b"\1\2", 1)
    assert (extended.arbitration_id, extended.is_extended_id) == (0x1ABCDEF0, True)
    assert (remote.arbitration_id, remote.is_remote_frame, remote.dlc) == (0x702, True, 1)
