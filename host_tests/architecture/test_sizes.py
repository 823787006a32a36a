"""A file is read in one sitting: 400 lines, but for tables; the enforcer tested."""

from collections.abc import Iterable, Mapping

from autarky.paths import ROOT

MOST = 400
FOLDERS = ("firmware", "boards", "tools", "host_tests")
# rows of data, which nobody reads from top to bottom
TABLES = {"firmware/bess/parameters.py"}


def lengths() -> dict[str, int]:
    """Lines of each source, by its name from the root."""
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
    }


def breaches(found: Mapping[str, int], tables: Iterable[str]) -> list[str]:
    """Files that are too long, and exceptions that no file needs (any more)."""
    excepted = set(tables)
    too_long = [
        f"{name} has {count} lines: split it by what has a reason of its own to change"
        for name, count in sorted(found.items())
        if count > MOST and name not in excepted
    ]
    return too_long + [
        f"{name} is excepted and needs it no more: take it out of {__name__}"
        for name in sorted(excepted)
        if found.get(name, 0) <= MOST
    ]


def test_no_file_is_longer_than_a_sitting() -> None:
    assert breaches(lengths(), TABLES) == []


def test_every_folder_is_looked_at() -> None:
    assert {name.split("/")[0] for name in lengths()} == set(FOLDERS)


def test_a_planted_long_file_is_caught() -> None:
    planted = {**lengths(), "tools/autarky/planted.py": MOST + 1, "boards/planted.py": MOST}
    assert breaches(planted, TABLES) == [
        "tools/autarky/planted.py has 401 lines: split it by what has a reason of its own to change"
    ]


def test_an_exception_goes_with_its_reason() -> None:
    (told,) = breaches({"boards/shrunk.py": MOST}, ["boards/shrunk.py"])
    assert told.startswith("boards/shrunk.py is excepted and needs it no more")
    (told,) = breaches({}, ["boards/gone.py"])
    assert told.startswith("boards/gone.py is excepted")
