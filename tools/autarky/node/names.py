"""Names of a cabinet's objects, out of the generated EDS."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache

import canopen
from canopen import objectdictionary
from canopen.objectdictionary import ODVariable

from autarky.errors import AutarkyError
from autarky.paths import GENERATED

EDS = GENERATED / "cabinet.eds"


class NodeError(AutarkyError):
    """A cabinet refused, did not answer or has no such thing; the message is a sentence."""


@cache
def dictionary() -> objectdictionary.ObjectDictionary:
    """The object dictionary of cabinet.eds; node ids do not matter for names."""
    return canopen.import_od(str(EDS))


def variables() -> Iterator[ODVariable]:
    """Every entry of the EDS."""
    for entry in dictionary().values():
        if isinstance(entry, ODVariable):
            yield entry
        else:
            yield from entry.values()


@cache
def names() -> dict[str, ODVariable]:
    """Entries by name; counts and PDO mappings, which repeat, are left out."""
    return {
        v.name: v
        for v in variables()
        if v.name != "number_of_entries" and not v.name.startswith("mapping_")
    }


def find(name: str) -> ODVariable:
    """Entry of a name, or of 0xINDEX[.SUB]. Raises NodeError with the nearest names."""
    found = names().get(name)
    if found is not None:
        return found
    if name.lower().startswith("0x"):
        index, _, sub = name.partition(".")
        try:
            wanted = int(index, 16), int(sub or "0", 0)
        except ValueError:
            raise NodeError(f"{name!r} is no place: write it as 0xINDEX.SUB") from None
        for variable in variables():
            if (variable.index, variable.subindex) == wanted:
                return variable
    near = [known for known in names() if name.lower() in known.lower()][:8]
    near = near or difflib.get_close_matches(name, names(), 5)
    text = f"; similar: {', '.join(near)}" if near else "; `autarky node names` lists all"
    raise NodeError(f"nothing is named {name!r}{text}")
