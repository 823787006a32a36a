"""Which channel of a log is which bus, and what is said of a log that cannot serve."""

from collections.abc import Callable, Iterable
from pathlib import Path

import can
import pytest

from autarky.rig import field_log
from autarky.rig.field_log import FieldLogError, LogFrame, read, states
from autarky.rig.recording import BUSES

SITE = [(0.010, 0x080, b"\1"), (0.0106, 0x702, b"\0"), (0.5, 0x703, b"\5"), (0.6, 0x702, b"\5")]
INNER = [(0.011, 0x521, bytes(6)), (0.02, 0x190, bytes(8))]
Row = tuple[float, int, bytes]


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """Writes frames by channel into a BLF."""

    def write(**channels: Iterable[Row]) -> Path:
        path = tmp_path / "log.asc"
        with can.ASCWriter(path) as writer:
            rows = [(at, int(name[1:]), i, d) for name, all_ in channels.items()
                    for at, i, d in all_]  # fmt: skip
            for at_s, channel, can_id, data in sorted(rows):
                writer(
                    can.Message(
                        at_s, can_id, is_extended_id=False, data=data, channel=channel
                    )
                )  # fmt: skip
        return path

    return write


def test_buses_are_found_by_what_passes_there(log: Callable[..., Path]) -> None:
    found = read(log(c4=SITE, c1=INNER), 2)
    assert found.booted
    assert [frame.can_id for frame in found.inner] == [0x521, 0x190]
    assert [frame.can_id for frame in found.site] == [0x080, 0x702, 0x703, 0x702]
    assert found.notes == ["channel 4 is the site's bus, channel 1 that of the cabinet"]


def test_time_begins_in_the_tick_in_which_the_cabinet_starts(log: Callable[..., Path]) -> None:
    later = [(at + 3.4567, i, d) for at, i, d in SITE], [(at + 3.4567, i, d) for at, i, d in INNER]
    before = [(0.0, 0x080, b"\1")]
    found = read(log(c0=before + later[0], c1=later[1]), 2)
    beat = next(frame for frame in found.site if frame.can_id == 0x702)
    assert 0 <= beat.at_us < 10_000
    assert len(found.site) == len(SITE)  # what passed before is none of its time


def test_the_channels_of_cabinets_come_in_their_order(log: Callable[..., Path]) -> None:
    other = [(0.011, 0x521, bytes(6)), (0.03, 0x023, bytes(5))]
    path = log(c0=SITE, c1=INNER, c2=other)
    assert [frame.can_id for frame in read(path, 3).inner] == [0x521, 0x023]
    assert [frame.can_id for frame in read(path, 3, ("0", "1")).inner] == [0x521, 0x190]


@pytest.mark.parametrize(
    ("channels", "node_id", "given", "sentence"),
    [
        ({"c0": SITE, "c1": INNER}, None, (), "cabinets 2, 3 are in it: say which one"),
        ({"c0": SITE, "c1": INNER}, 9, (), "cabinet 9 is not in it, 2, 3 are"),
        ({"c0": SITE}, 2, (), "no channel carries results of a current sensor (0x521)"),
        ({"c1": INNER}, 2, (), "0 channels carry a site's SYNC: say which"),
        ({"c0": SITE, "c1": INNER, "c2": SITE}, 2, (), "2 channels carry a site's SYNC: say"),
        ({"c0": SITE, "c1": INNER, "c2": INNER, "c3": INNER}, 2, (),
         "3 channels are cabinets' and 2 cabinets are on the site's: say which is whose"),
        ({"c0": SITE, "c1": INNER}, 2, ("0", "7"), "no frame has the channel 7: there are 0, 1"),
        ({"c0": SITE[:1], "c1": INNER}, 2, (), "no cabinet beats on channel 0: is it the site's?"),
        ({}, 2, (), "0 channels carry a site's SYNC"),
    ],
)  # fmt: skip
def test_what_a_log_lacks_is_said(
    log: Callable[..., Path], channels: dict[str, list[Row]], node_id: int | None,
    given: tuple[str, ...], sentence: str,
) -> None:  # fmt: skip
    with pytest.raises(FieldLogError) as told:
        read(log(**channels), node_id, given)
    assert sentence in str(told.value)
    assert str(told.value).count("log.asc: ") == 1


@pytest.mark.parametrize("name", ["log.blf", "log.log", "log.xyz", "log.mf4"])
def test_what_python_can_cannot_read_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"(1.0) can0 what is this\n" * 20)
    with pytest.raises(FieldLogError, match="is no log that python-can reads"):
        read(path)


def test_a_log_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, recorded: Path) -> None:
    path = tmp_path / "half.blf"
    path.write_bytes((recorded / BUSES).read_bytes()[:5000])
    assert 0.5 < read(path).seconds < read(recorded / BUSES).seconds - 1


def test_a_log_that_there_is_not_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        read(tmp_path / "gone.blf")


def test_states_are_named_once_each() -> None:
    frames = [
        LogFrame(at, 0x182, bytes((0, state << 4)) + bytes(6))
        for at, state in ((1, 1), (2, 1), (3, 4), (4, 15))
    ]
    assert [name for _, name in states(frames, 2)] == [
        field_log.STATES[1], field_log.STATES[4], "15",
    ]  # fmt: skip
