"""Folders and files of sites and runs: nobody's stays behind, nobody's is overwritten."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from patience import PATIENCE_S
from refusal import refused

from autarky.errors import AutarkyError, check_target
from autarky.scenario.folders import run_folder, unused
from autarky.sil import folders
from autarky.sil.site import SiteConfig, VirtualSite

AUTARKY = Path(sys.executable).with_name("autarky")
GONE = 2**22 + 1  # above the highest process number of Linux


def test_a_folder_of_a_killed_process_goes_when_the_next_one_is_made(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"autarky-site-{GONE}-x"
    alive = tmp_path / f"autarky-site-{os.getpid()}-x"
    other = tmp_path / "autarky-site-notes"
    for folder in (left, alive, other):
        folder.mkdir()
        (folder / "file").touch()
    made = folders.scratch()
    assert sorted(tmp_path.iterdir()) == sorted([alive, other, made])


def test_one_storage_serves_one_site_at_a_time(tmp_path: Path) -> None:
    first = folders.claim(tmp_path / "state")
    with pytest.raises(AutarkyError, match=f"process {os.getpid()} runs a site on this storage"):
        folders.claim(tmp_path / "state")
    first.close()
    folders.claim(tmp_path / "state").close()


def test_a_state_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AutarkyError, match=r"--state .*file.*give a folder to write in"):
        folders.claim(tmp_path / "file")


def test_a_run_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="refused"), run_folder(out):
        (out / "state").mkdir()
        raise ValueError("refused")
    assert not out.exists()
    out.mkdir()
    with pytest.raises(ValueError, match="refused"), run_folder(out):
        raise ValueError("refused")
    assert list(out.iterdir()) == []


def test_a_run_that_began_keeps_what_it_has(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), run_folder(out):
        (out / "can.log").write_text("a frame")
        raise KeyboardInterrupt
    assert (out / "can.log").read_text() == "a frame"


def test_a_run_never_mixes_with_another_one(tmp_path: Path) -> None:
    (tmp_path / "can.log").write_text("of an earlier run")
    assert "something is there already" in refused("run", "--out", tmp_path, "--hours", "0.001")
    assert (tmp_path / "can.log").read_text() == "of an earlier run"
    assert unused(tmp_path) == tmp_path.with_name(f"{tmp_path.name}-2")
    assert unused(tmp_path / "new") == tmp_path / "new"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("run", "--json", "{tmp}/none/x.json"),
            "folder does not exist; name a file that can be written",
        ),
        (("run", "--json", "{tmp}"), "Is a directory"),
        (("run", "--out", "{tmp}/file"), "give a folder to write in"),
        (("run", "--set", "cell_ov_3_dmv=1", "--out", "{tmp}/new"), "allowed are 30000..43000"),
        (("run", "--bus", "nowhere", "--out", "{tmp}/new"), "write it as HOST:PORT"),
        (("bench", "--json", "{tmp}/none/x.json"), "its folder does not exist"),
        (("soc", "evaluate", "{tmp}/file", "--json", "{tmp}/none/x.json"), "folder does not exist"),
        (("soc", "evaluate", "{tmp}/file", "--plot", "{tmp}/none/x.png"), "folder does not exist"),
        (("fit", "{tmp}/file", "--out", "{tmp}"), "Is a directory"),
    ],
)
def test_what_cannot_be_written_is_said_before_hours_of_work(tmp_path, arguments, sentence) -> None:
    (tmp_path / "file").touch()
    assert sentence in refused(*[argument.format(tmp=tmp_path) for argument in arguments])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_log_that_could_not_be_written_is_not_even_read(tmp_path: Path) -> None:
    told = refused("node", "log", "2", "--out", tmp_path / "none" / "x.csv")
    assert "its folder does not exist" in told


def test_looking_whether_a_file_can_be_written_leaves_it_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    for name in ("old.json", "new.json", "-"):
        check_target("--json", tmp_path / name if name != "-" else Path("-"))
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "{}"


@pytest.mark.slow
def test_a_site_that_was_stopped_in_order_runs_again_without_a_fault(tmp_path: Path) -> None:
    config = SiteConfig(cabinets=1, state=tmp_path / "state", watchdog=True)
    with VirtualSite(config) as site:
        site.run_for(5.0)
        assert site.coordinator.views[2].state_name == "run"
        with pytest.raises(AutarkyError, match="runs a site on this storage"):
            VirtualSite(config).__enter__()
        assert site.stop_in_order()
    with VirtualSite(config) as site:
        site.run_for(5.0)
        view = site.coordinator.views[2]
        assert (view.state_name, view.worst_fault) == ("run", 0)


@pytest.mark.slow
def test_ctrl_c_leaves_no_folder_and_no_process(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [AUTARKY, "site", "--cabinets", "1", "--realtime", "--bus", "127.0.0.1:0"],
        env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "Ctrl-C ends it" in line:
            break
    assert list(tmp_path.iterdir())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []
