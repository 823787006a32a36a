"""`autarky bench --against`: what is counted, what is a ratio, and what is refused."""

import shutil
import subprocess
from pathlib import Path

import pytest
from refusal import refused
from rich.console import Console

from autarky.arm import counting
from autarky.arm.debian import DebianError
from autarky.bench import against, arm_ticks, brackets, revision_probe
from autarky.bench.against import AgainstError, Figures
from autarky.bench.brackets import EMPTY, BracketError, Ticks
from autarky.build import image
from autarky.paths import ROOT

SAID = "ticks 520\nrun_from 293\nstate 4\nrows 2\nanswer 501 79\nanswer 509 128\n"
FAST_EMPTY = (846, 859, 363, 1208)  # to `fast`, in it, to the end, between two ticks


def counts(*ticks: tuple[int, int, int, int]) -> list[int]:
    """What a counter gives: parts of each tick, empty brackets, and before and after."""
    return [1_900_000_000, *(part for tick in (*ticks, *[FAST_EMPTY] * EMPTY) for part in tick)]


def figures(**others: float) -> Figures:
    return Figures(**{
        "fast_median": 100, "fast_max": 200, "tick_median": 300, "tick_max": 400,
        "everything_bad": 500, "everything_bad_rows": 30, "sdo_read_2180": 600,
        "sdo_read_1a00": 700, "realtime_1": 20.0, "realtime_32": 2.0, **others,
    })  # fmt: skip


def ticks(
    whole: list[int], run_from: int = 300, answers: dict[int, int] | None = None, rows: int = 0
) -> Ticks:
    return Ticks(whole, list(whole), answers or {}, run_from, rows)


def test_counts_are_read_from_every_part_of_callgrinds_file() -> None:
    lines = ["# callgrind format\n", "part: 1\n", "totals: 1911738634\n", "\n", "part: 2\n",
             "fn=(12) totals: 5\n", "summary: 9\n", "totals: 11320\n"]  # fmt: skip
    assert brackets.callgrind_counts(lines) == [1_911_738_634, 11_320]


def test_a_tick_is_what_stands_between_two_calls_less_an_empty_bracket() -> None:
    read = brackets.read_ticks(
        counts((1000, 2000, 3000, 90_000), (1000, 5000, 3000, 90_000)), SAID, True, 2
    )
    empty = sum(FAST_EMPTY[:3])
    assert read.whole == [6000 - empty, 9000 - empty]
    assert read.fast == [2000 - FAST_EMPTY[1], 5000 - FAST_EMPTY[1]]
    assert (read.run_from, read.rows, read.answers) == (293, 2, {501: 79, 509: 128})


def test_a_call_that_is_not_the_probes_spoils_the_count() -> None:
    stray = [*counts((1000, 2000, 3000, 4000)), 17]
    with pytest.raises(BracketError, match=r"25 calls of .* were counted, 24 belong to"):
        brackets.read_ticks(stray, SAID, True, 1)
    with pytest.raises(BracketError, match="did the replay end early"):
        brackets.read_ticks([], "MemoryError", False, 1)


def test_ratios_are_ours_over_theirs_and_an_sdo_reads_the_larger() -> None:
    found = against.ratios(
        figures(fast_max=100, sdo_read_2180=60, sdo_read_1a00=140, realtime_1=30.0), figures()
    )
    assert found == {
        "fast_median": 1.0, "fast_max": 0.5, "everything_bad": 1.0, "tick_max": 1.0,
        "sdo_read": 0.2, "realtime_1": 1.5, "realtime_32": 1.0,
    }  # fmt: skip


def records() -> tuple[Ticks, Ticks, Ticks, Ticks]:
    """Of a cabinet whose ticks cost 1000, a read 70, and the worst one 5000 or 6000."""
    normal = [1000] * revision_probe.COUNT
    asked, bad, apart = list(normal), list(normal), list(normal)
    answers = {}
    for tick, _ in revision_probe.ASKED:
        asked[tick - revision_probe.FROM] += 50
        asked[tick - revision_probe.FROM + 1] += 20
        answers[tick + 1] = 0x4F
    bad[100], apart[200] = 5000, 6000
    return (
        ticks(normal), ticks(asked, answers=answers), ticks(bad, rows=20), ticks(apart, rows=30)
    )  # fmt: skip


def test_figures_are_taken_from_the_four_records() -> None:
    normal, sdo, bad, apart = records()
    found = against.figures_of("it", normal, sdo, [bad, apart])
    assert (found.sdo_read_2180, found.sdo_read_1a00) == (70, 70)
    assert (found.everything_bad, found.everything_bad_rows) == (6000, 30)
    assert (found.fast_median, found.tick_max) == (1000, 1000)


def test_a_revision_that_does_not_run_or_answer_has_no_figures() -> None:
    normal, sdo, bad, apart = records()
    late = ticks(list(normal.whole), run_from=revision_probe.FROM + 1)
    with pytest.raises(AgainstError, match="it is not in RUN from tick 500 to the end"):
        against.figures_of("it", late, sdo, [bad, apart])
    abort = ticks(list(sdo.whole), answers=dict.fromkeys(sdo.answers, 0x80))
    for mute in (abort, ticks(list(sdo.whole))):
        with pytest.raises(AgainstError, match="it does not answer an SDO upload of 0x2180:1"):
            against.figures_of("it", normal, mute, [bad, apart])


def test_what_cannot_be_compared_is_a_sentence(monkeypatch, tmp_path: Path) -> None:
    assert "--quick leaves out what --against compares" in refused(
        "bench", "--against", "HEAD", "--quick"
    )
    monkeypatch.setattr(against.shutil, "which", lambda name: name if name == "git" else None)
    assert "valgrind is missing: --against counts instructions with it" in refused(
        "bench", "--against", "HEAD"
    )
    monkeypatch.setattr(against.shutil, "which", lambda name: None)
    with pytest.raises(AgainstError, match="git is missing: --against takes a revision out of"):
        against.find_commit(tmp_path, "HEAD")


def test_a_revision_that_is_not_there_is_a_sentence(monkeypatch, tmp_path: Path) -> None:
    a_repository(tmp_path / "repository")
    monkeypatch.setattr(against, "ROOT", tmp_path / "repository")
    for revision in ("nothing", "--help"):
        with pytest.raises(AgainstError, match=f"--against {revision}: this repository has no"):
            against.find_commit(tmp_path / "repository", revision)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "bare").mkdir()
    with pytest.raises(AgainstError, match=r"--against HEAD: .*bare is no git repository"):
        against.find_commit(tmp_path / "bare", "HEAD")


def a_repository(folder: Path) -> str:
    """A repository of one commit, whose tools are of no use; its name."""
    (folder / "tools" / "autarky").mkdir(parents=True)
    (folder / "tools" / "autarky" / "__init__.py").write_text("raise ImportError('too old')\n")
    git = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=n@localhost"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    return against.find_commit(folder, "HEAD")


def test_a_revision_that_cannot_be_built_is_a_sentence(tmp_path: Path) -> None:
    commit = a_repository(tmp_path / "repository")
    tree = against.Tree("0123abc", tmp_path / "tree", tmp_path)
    against.unpack(tmp_path / "repository", commit, tree.path)
    with pytest.raises(AgainstError) as failed:
        tree.ask("image")
    assert str(failed.value) == (
        "0123abc cannot be built with this environment: ImportError: too old"
    )


def test_the_environments_own_code_is_not_taken_for_the_revisions(tmp_path: Path) -> None:
    tree = against.Tree("0123abc", tmp_path, tmp_path)
    with pytest.raises(AgainstError, match=r"was imported, which is not of .*"):
        tree.ask("image")


def test_what_was_unpacked_is_gone_after_ctrl_c(monkeypatch, tmp_path: Path) -> None:
    a_repository(tmp_path / "repository")
    unpacked = []

    def interrupted(tree: against.Tree, valgrind: str) -> Figures:
        unpacked.append(tree.work.parent / "tree" / "tools")
        assert unpacked[0].is_dir()
        raise KeyboardInterrupt

    monkeypatch.setattr(against, "ROOT", tmp_path / "repository")
    monkeypatch.setattr(against, "_instructions", interrupted)
    monkeypatch.setattr(against.shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(KeyboardInterrupt):
        against.run_against(Console(quiet=True), "HEAD", 1.0)
    assert not unpacked[0].parent.parent.exists()


def test_without_the_arm_interpreter_a_line_says_how_to_get_it(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(counting, "_QEMU", tmp_path)
    (tmp_path / "work").mkdir()
    with pytest.raises(DebianError, match="run `make test-32` once to have ARM instructions"):
        arm_ticks.arm_ticks(tmp_path / "work")


def test_a_plugin_that_is_not_compiled_is_a_sentence(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(counting, "_PLUGIN", tmp_path / "none.so")
    monkeypatch.setattr(counting.shutil, "which", lambda name: None)
    with pytest.raises(DebianError, match="gcc is missing: it compiles the plugin"):
        counting._compiled()
    monkeypatch.setattr(counting.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(DebianError, match=r"gcc does not compile .*count\.c"):
        counting._compiled()


def test_files_that_git_cannot_give_are_a_sentence(tmp_path: Path) -> None:
    a_repository(tmp_path / "repository")
    with pytest.raises(AgainstError, match="git cannot read the files of 0000: is this clone"):
        against.unpack(tmp_path / "repository", "0000", tmp_path / "tree")


class Failed:
    """A replay that ended badly."""

    def wait(self) -> int:
        return 1


def test_a_record_that_is_not_replayed_is_a_sentence(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "sdo.said").write_text("MemoryError")
    tree = against.Tree("0123abc", tmp_path, tmp_path)
    with pytest.raises(
        AgainstError, match="0123abc did not replay its record `sdo`; it said:\nMemoryError"
    ):
        against._finish(tree, "sdo", Failed())
    monkeypatch.setattr(arm_ticks, "counting", lambda out: ["/bin/false"])
    monkeypatch.setattr(arm_ticks.image, "stage", lambda march: tmp_path)
    with pytest.raises(BracketError, match="the armhf interpreter did not replay `bad`; it said:"):
        arm_ticks._replay(tmp_path, "bad", False)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is missing")
def test_the_probe_brackets_ticks_of_our_own_image(tmp_path: Path) -> None:
    tree = against.Tree("ours", ROOT, tmp_path)
    rom = Path(tree.ask("image").strip())
    tree.ask("records", str(tmp_path))
    (tmp_path / "state").mkdir()
    command = brackets.probe_command(
        [image.tool("micropython")], rom, tmp_path / "normal", tmp_path / "state", 30, 5, True
    )
    done = subprocess.run(
        brackets.callgrind(str(shutil.which("valgrind")), tmp_path / "counts", command),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    with (tmp_path / "counts").open(encoding="utf-8") as lines:
        read = brackets.read_ticks(brackets.callgrind_counts(lines), done.stdout, True, 5)
    for whole, fast in zip(read.whole, read.fast, strict=True):
        assert 10_000 < fast < whole
