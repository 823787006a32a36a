"""Cabinets that share a process do what each does in its own, to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from autarky.build import package
from autarky.build.package import APP, Made
from autarky.sil import shared
from autarky.sil.firmware import Firmware, FirmwareLost
from autarky.sil.shared import SharedFirmware
from autarky.sil.site import SiteConfig, VirtualSite

_CABINETS = 3
_RESET_NODE = 0x81
_STEP = b"def step(self, now_ms):\n"


def crashing() -> Made:
    """A program that ends by an exception 1.2 s after the site's start."""
    source = APP.read_bytes()
    assert source.count(_STEP) == 1
    raising = _STEP + b"        if now_ms == 1200:\n            raise ValueError\n"
    return package.make(None, replace={"bess/app": source.replace(_STEP, raising)})


def played(config: SiteConfig) -> tuple[str, list[str], list[bool]]:
    """A chip's reset, then a loss of supply: the log, causes of resets, who still shares."""
    with VirtualSite(config) as site:
        site.run_for(1.0)
        segment = site.segments[0]
        command = bytes((_RESET_NODE, site.cabinets[1].node_id))
        segment.bus.send(segment.port, 0, command, site.now_ms * 1000)
        site.run_for(0.5)
        site.power_cycle(0)
        site.run_for(1.5)
        causes = [cabinet.cause for cabinet in site.cabinets]
        together = [isinstance(cabinet.firmware, SharedFirmware) for cabinet in site.cabinets]
        return site.log.sha256(), causes, together


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "ALONE", 0)
    monkeypatch.setattr(shared.os, "cpu_count", lambda: 1)


@pytest.mark.slow
def test_one_process_plays_as_many_do(monkeypatch: pytest.MonkeyPatch, together: None) -> None:
    sha256, causes, sharing = played(SiteConfig(cabinets=_CABINETS))
    assert causes == ["power", "soft", "power"]
    assert sharing == [False, False, True]
    monkeypatch.setattr(shared, "ALONE", _CABINETS)
    assert played(SiteConfig(cabinets=_CABINETS)) == (sha256, causes, [False] * _CABINETS)


@pytest.mark.slow
def test_an_exception_resets_a_chip_as_in_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, together: None
) -> None:
    program = crashing()
    sha256, causes, sharing = played(SiteConfig(cabinets=_CABINETS, program=program))
    assert (causes, sharing) == (["soft"] * _CABINETS, [False] * _CABINETS)
    monkeypatch.setattr(shared, "ALONE", _CABINETS)
    assert played(SiteConfig(cabinets=_CABINETS, program=program)) == (sha256, causes, sharing)


@pytest.mark.slow
def test_a_killed_process_ends_the_run_with_its_sentence(tmp_path: Path, together: None) -> None:
    site = VirtualSite(SiteConfig(cabinets=_CABINETS), out=tmp_path)
    with pytest.raises(FirmwareLost, match="cabinet 2 was killed by signal 9"), site:
        site.run_for(0.1)
        firmware = site.cabinets[0].firmware
        assert isinstance(firmware, Firmware)
        firmware.process.kill()
        site.run_for(0.1)
    assert (tmp_path / "cabinet2-4.console.txt").exists()


@pytest.mark.parametrize(
    ("processors", "expected"), [(1, [range(5)]), (2, [range(2), range(2, 5)])]
)
def test_cabinets_stand_in_as_many_groups_as_there_are_processors(
    monkeypatch: pytest.MonkeyPatch, processors: int, expected: list[range]
) -> None:
    monkeypatch.setattr(shared.os, "cpu_count", lambda: processors)
    assert shared.groups(5) == expected


def test_more_processors_than_cabinets_leave_none_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.os, "cpu_count", lambda: 64)
    assert [len(group) for group in shared.groups(6)] == [1] * 6


def test_a_backup_that_cannot_be_written_is_that_cabinets_trouble_alone(monkeypatch) -> None:
    monkeypatch.setattr(shared, "ALONE", 0)
    monkeypatch.setattr(shared.os, "cpu_count", lambda: 1)
    with VirtualSite(SiteConfig(cabinets=_CABINETS)) as site:
        site.run_for(3.5)
        (site._processes._folder(site.cabinets[0]) / "backup.bin").unlink()
        segment = site.segments[0]
        command = bytes((2, site.cabinets[0].node_id))  # NMT stop: the running mark is cleared
        segment.bus.send(segment.port, 0, command, site.now_ms * 1000)
        site.run_for(1.5)
        assert [cabinet.cause for cabinet in site.cabinets[1:]] == ["power", "power"]
