"""The files of a report: the same of the same data, and whole whatever happens."""

import errno
import shutil
from pathlib import Path

import pytest

from autarky.rig import artifacts, mf4, results
from autarky.rig.artifacts import ReportError, write_all
from autarky.rig.results import Run

FILES = ("results.json", "junit.xml", "report.html")


@pytest.fixture(autouse=True)
def no_mf4(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mf4, "ENVIRONMENT", tmp_path / "nowhere")


def test_the_same_data_give_the_same_bytes(run: Run, tmp_path: Path, recorded: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(recorded, tmp_path / name / "cell_ov")
        write_all(run, tmp_path / name, run)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_results_come_back_as_they_were_and_make_the_same_report(run: Run, tmp_path: Path) -> None:
    write_all(run, tmp_path / "a")
    read = results.read(tmp_path / "a")
    assert read == run
    write_all(read, tmp_path / "b")
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_without_asammdf_the_report_says_how_to_get_it(run: Run, tmp_path: Path) -> None:
    assert write_all(run, tmp_path) == mf4.MISSING
    assert "`make rig-mf4` brings it once" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("full_at", FILES)
def test_a_full_disk_leaves_what_was_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: str
) -> None:
    write_all(run, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    whole = Path.write_text

    def write_text(path: Path, text: str, **more: str) -> int:
        if full_at in path.name:
            whole(path, text[: len(text) // 2], **more)
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(path, text, **more)

    monkeypatch.setattr(Path, "write_text", write_text)
    run.seed = 2
    with pytest.raises(ReportError, match="the disk is full, and what stood there before"):
        write_all(run, tmp_path)
    kept = FILES[FILES.index(full_at) :]
    assert all((tmp_path / name).read_bytes() == before[name] for name in kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


def test_another_failure_to_write_is_not_called_a_full_disk(run: Run, tmp_path: Path) -> None:
    (tmp_path / "junit.xml").mkdir()
    with pytest.raises(OSError, match="junit"):
        write_all(run, tmp_path)


def test_a_conversion_that_fails_costs_no_report(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(folder: Path) -> str:
        raise mf4.Mf4Error("the conversion to MF4 failed: no BLF")

    monkeypatch.setattr(artifacts.mf4, "convert", convert)
    assert write_all(run, tmp_path) == "the conversion to MF4 failed: no BLF"
    assert "the conversion to MF4 failed: no BLF." in (tmp_path / "report.html").read_text()
