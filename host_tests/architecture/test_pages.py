"""What a page says lies in the tree lies there, and a folder of tools names all of its modules."""

import re
import subprocess
from pathlib import Path

import pytest

from autarky.paths import ROOT

NAMES = {
    Path(name)
    for name in subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
        check=True,
    ).stdout.splitlines()
}  # fmt: skip
PAGES = sorted(name for name in NAMES if name.suffix == ".md")
# files that a user writes, that a run or a board has
OTHERS = {"cabinet.toml", "my.toml", "site.toml", "main.py"}
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_FILE = re.compile(r"`([\w./-]+\.(?:py|toml|html|md|dbc|eds|c|mjs))`")


def breaches(page: Path, text: str) -> list[str]:
    """Links that lead nowhere, files that there are not, modules of tools that no line names."""
    found = [
        f"{page}: the link {link} leads nowhere"
        for link in _LINK.findall(text)
        if not (ROOT / page.parent / link).exists()
    ]
    known = {name.name for name in NAMES}
    found += [
        f"{page}: there is no {name}"
        for name in sorted(set(_FILE.findall(text)))
        if Path(name).name not in known | OTHERS
    ]
    if page.parts[0] == "tools" and page.name == "README.md":
        words = set(re.findall(r"\w+", text))
        found += [
            f"{page}: says nothing of {name.name}"
            for name in sorted(NAMES)
            if name.parent == page.parent and name.suffix == ".py" and name.stem not in words
            if name.stem != "__init__"
        ]
    return found


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_what_a_page_names_is_there(page: Path) -> None:
    assert breaches(page, (ROOT / page).read_text(encoding="utf-8")) == []


def test_what_is_planted_on_a_page_is_caught() -> None:
    page = Path("tools/autarky/plant/README.md")
    text = (ROOT / page).read_text(encoding="utf-8")
    assert len(breaches(page, text + "[gone](gone.md) and `gone.py`")) == 2
    assert breaches(page, text.replace("`pcs.py`", "")) == [f"{page}: says nothing of pcs.py"]
