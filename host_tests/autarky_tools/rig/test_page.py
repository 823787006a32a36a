"""report.html: what stands in it, that it needs nothing else, and that it stays small."""

import copy
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from autarky.rig import page, plots
from autarky.rig.recording import BUSES
from autarky.rig.requirements import NO_TEST, traced
from autarky.rig.results import Histogram, Result, Run
from autarky.tables import faults

VOID = {"meta"}


class Reader(HTMLParser):
    """Texts by the id of the nearest element that has one, and whether tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.by_id: dict[str, str] = {}
        self.sources: list[str] = []
        self.feed(text)
        assert self.open == [], "a tag is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append((tag, named.get("id") or (self.open[-1][1] if self.open else "")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("path", "line", "rect")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            found = self.by_id.get(self.open[-1][1], "")
            self.by_id[self.open[-1][1]] = " ".join(f"{found} {data}".split())


@pytest.fixture
def folder(tmp_path: Path, recorded: Path) -> Path:
    shutil.copytree(recorded, tmp_path / "cell_ov")
    return tmp_path


def test_every_row_of_the_fault_table_has_its_verdict(run: Run, folder: Path) -> None:
    seen = Reader(page.render(run, folder)).by_id
    for name in faults():
        assert f"row-{name}" in seen
    assert "FAIL 1480 ms 1120 ms +10" in seen["row-cell_ov"]
    assert "0x3210 3: trip: PCS blocked, contactors open, latched" in seen["row-cell_ov"]
    assert "not covered" in seen["row-door"]
    assert NO_TEST in seen["row-door"]
    assert "needs line gas: no relay has it" in seen["row-gas"]
    assert "error never" in seen["row-estop"]
    assert "pass 20 ms 80 ms" in seen["row-smoke"]
    assert seen["row-bus_off"].startswith("bus_off 35 pass 20 ms 1700 ms")


def test_the_page_opens_alone(run: Run, folder: Path) -> None:
    text = page.render(run, folder)
    links = Reader(text).sources
    assert f"cell_ov/{BUSES}" in links
    for link in links:
        target = link.partition("#")[0]
        assert not re.match(r"[a-z]+:|//", link)
        assert not target or (folder / target).is_file()
        assert not link.startswith("#") or f'id="{link[1:]}"' in text
    assert "@import" not in text
    assert "url(" not in text


def test_what_failed_stands_on_top_with_its_trace(run: Run, folder: Path) -> None:
    text = page.render(run, folder)
    order = [text.index(f'<h2 id="{name}">') for name in ("bad", "protections", "scenarios")]
    assert order == sorted(order)
    assert "1130 ms &lt;at most&gt;" in text
    assert text.count("<figure>") == len(plots.of_folder(folder / "cell_ov")) + 1  # and ticks
    assert "bench: <span" in text
    assert ">failed</span></h1>" in text


def test_the_controller_is_shown_where_it_was_measured(run: Run, folder: Path) -> None:
    text = " ".join(re.sub("<[^>]+>", " ", page.render(run, folder)).split())
    assert "tick, longest 1 3100 us 3100 us 3100 us" in text
    assert "1000..2000 us: 3" in text
    run.results[-1].measured, run.histograms = [], []
    assert "The controller itself" not in page.render(run, folder)


def test_what_moved_is_said_against_an_earlier_report(run: Run, folder: Path) -> None:
    assert "What moved" not in page.render(run, folder)
    assert "Nothing: the same tests" in page.render(run, folder, copy.deepcopy(run))
    old = copy.deepcopy(run)
    next(r for r in old.results if r.row == "cell_ov").outcome = "passed"
    next(r for r in old.results if r.row == "cell_ov").measured[0].value = 970.0
    old.results.append(Result("fault[door]", "door", "passed", row="door"))
    next(r for r in old.results if r.row == "estop").outcome = "passed"
    text = " ".join(re.sub("<[^>]+>", " ", page.render(run, folder, old)).split())
    assert "fault[cell_ov] reaction 970 ms 1480 ms +510 ms, +53 %" in text
    assert "fault[estop] passed error the supply is silent" in text
    assert "Gone: fault[door]." in text


def test_the_page_stays_below_two_megabytes_when_everything_fails(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for number in range(130):
        result = copy.deepcopy(next(r for r in run.results if r.row == "cell_ov"))
        result.test = f"fault[{number}]"
        results.append(result)
    run.results = results
    text = page.render(run, folder, copy.deepcopy(run))
    assert len(text.encode()) < 2_000_000
    assert "would make this page too large" not in text
    monkeypatch.setattr(page, "_PLOTS_MAX", 100_000)
    assert 60 < page.render(run, folder).count("would make this page too large") < 130


def test_why_there_is_no_mf4_is_said(run: Run, folder: Path) -> None:
    assert "no MF4 files, since." in page.render(run, folder, mf4_note="no MF4 files, since")


def test_a_run_without_anything_is_a_page(tmp_path: Path) -> None:
    empty = Run("none", "virtual", 1, "", {}, [])
    assert Reader(page.render(empty, tmp_path)).by_id["row-estop"].startswith("estop 1 not covered")


def test_a_row_is_proven_only_by_all_its_tests(run: Run) -> None:
    second = copy.deepcopy(next(r for r in run.results if r.row == "smoke"))
    second.test, second.outcome = "fault[smoke again]", "failed"
    run.results.append(second)
    row = next(row for row in traced(run) if row.name == "smoke")
    assert (row.verdict, len(row.proofs)) == ("FAIL", 2)


def test_a_folder_without_a_trace_has_no_plots(tmp_path: Path) -> None:
    assert plots.of_folder(tmp_path) == []
    (tmp_path / "trace.parquet").write_bytes(b"half of one")
    assert plots.of_folder(tmp_path) == []


def test_no_peak_is_lost_in_a_plot(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"time_s": i / 100, "node_id": 2, "state_number": 4, "level": 0, "outputs": 3,
         "current_a": 500.0 if i == 7777 else 0.0}
        for i in range(20_000)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "trace.parquet")
    current = next(p for p in plots.of_folder(tmp_path) if p.title == "Current, A")
    heights = [int(y) for y in re.findall(r"L\d+ (\d+)", current.lines[0].path)]
    assert min(heights) == pytest.approx(plots.HIGH * 0.08 / 1.16, abs=1)
    assert len(current.lines[0].path) < 200  # flat stretches cost nothing


def test_a_rare_long_tick_is_seen_in_a_histogram() -> None:
    plot = plots.of_histogram(Histogram("tick", "us", [1000.0, 2000.0, 3000.0], [99_999, 0, 1]))
    heights = [high for _, _, high, _ in plot.bars]
    assert heights[0] == pytest.approx(100, abs=0.1)
    assert heights[1] == 0
    assert heights[2] > 5
    assert plot.bars[2][3] == "2000..3000 us: 1"
