"""Each sentence that tools/autarky makes an error of is quoted by a test that provoked it."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from autarky.paths import ROOT

TOOLS = ROOT / "tools" / "autarky"
# how `file: sentence` begins -> why no test provokes it
_DROPPED = "the server drops such a client; what the client then says is provoked"
EXCEPTIONS = {
    "bus/server.py: the client does not read": _DROPPED,
    "bus/server.py: the client left": _DROPPED,
    "bus/server.py: not an autarky client": _DROPPED,
    "bus/server.py: no such bus": _DROPPED,
    "arm/replay.py: this interpreter has no micropython.heap_lock": "no such MicroPython is here",
}
# what a sentence is handed to, whether it is raised there or elsewhere
MAKERS = re.compile(r"(Error|Exit|Lost|Reset|BadParameter|sys\.exit|_give_up)$")
QUOTATION = 3  # words in a row

Run = tuple[str, ...]


def literals(node: ast.AST) -> Iterator[str]:
    """Texts of an expression or a file, but for docstrings."""
    alone = {id(part.value) for part in ast.walk(node) if isinstance(part, ast.Expr)}
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and id(part) not in alone:
            yield part.value


def runs(text: str, *sizes: int) -> set[Run]:
    words = re.findall(r"[\w'-]+", text.lower())
    return {tuple(words[i : i + n]) for n in sizes for i in range(len(words) - n + 1)}


def sentences(source: str) -> dict[str, set[Run]]:
    """Runs of each sentence's fixed parts, those between two values; of two words all are one."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and MAKERS.search(ast.unparse(node.func)):
            parts = list(literals(node))
            own = set().union(*(runs(part, QUOTATION) or runs(part, 2) for part in parts))
            if own:
                found[" ".join("..".join(parts).split())] = own
    return found


def quoted(sources: list[str]) -> set[Run]:
    """Runs of all texts, without the escapes of patterns."""
    texts = {text for source in sources for text in literals(ast.parse(source))}
    return set().union(*(runs(re.sub(r"\\(.)", r"\1", text), 2, QUOTATION) for text in texts))


def unquoted(found: dict[str, set[Run]], said: set[Run]) -> list[str]:
    """Sentences of which no run is said; a run of several sentences tells of none."""
    count = Counter(run for own in found.values() for run in own)
    return [text for text, own in found.items() if all(count[run] > 1 for run in own & said)]


def test_every_sentence_is_quoted_by_a_test_or_excused() -> None:
    where: dict[str, str] = {}
    found: dict[str, set[Run]] = {}
    for path in sorted(TOOLS.rglob("*.py")):
        own = sentences(path.read_text())
        found.update(own)
        where.update(dict.fromkeys(own, str(path.relative_to(TOOLS))))
    tests = [path for path in (ROOT / "host_tests").rglob("*.py") if path != Path(__file__)]
    said = quoted([path.read_text() for path in tests])
    missing = [f"{where[text]}: {text}" for text in unquoted(found, said)]
    new = [text for text in missing if not text.startswith(tuple(EXCEPTIONS))]
    assert not new, "no test quotes three words in a row of\n" + "\n".join(new)
    idle = [start for start in EXCEPTIONS if not any(text.startswith(start) for text in missing)]
    assert not idle, f"excused, but quoted or gone: {idle}"


@pytest.mark.parametrize(
    ("said", "is_enough"),
    [
        ("the fan is stuck", True), (r"the fan \(is\) stuck", True), ("fan is .*hot", False),
        ("cabinet 7: the fan", False), ("is on fire", False), ("fire: run away", True),
    ],
)  # fmt: skip
def test_a_quotation_is_three_words_that_stand_in_one_sentence_only(said, is_enough) -> None:
    made = [
        "raise E.FanError(f'cabinet {n}: the fan is stuck')",
        "fail = FireLost(f'{n} is on fire: run away')",
        "raise FireError(f'{n} is on fire: stay here')",
    ]
    found = {text: own for source in made for text, own in sentences(source).items()}
    assert len(found) == 3
    left = unquoted(found, quoted(["'''the fan is stuck'''", f"match({said!r})"]))
    assert len(left) == (2 if is_enough else 3)
