"""Where the cabinets of a site stand: segments, node ids, numbers, names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FIRST_NODE_ID = 2  # 1 is the coordinator's
CABINETS_MAX = 32  # of one segment: its bus carries no more
SEGMENTS_MAX = 4
_APART = 100  # from a segment's number to the next one's: a person sees which it is


def may_be_number(number: int) -> bool:
    """Whether a cabinet of some site may have it."""
    at, node_id = divmod(number, _APART)
    return at in range(SEGMENTS_MAX) and 0 <= node_id - FIRST_NODE_ID < CABINETS_MAX


@dataclass(frozen=True)
class Cabinet:
    """number: its own on the whole site; on the first segment that is the node id."""

    name: str
    node_id: int
    number: int


@dataclass(frozen=True)
class Segment:
    """One CAN bus; number: 0, 100, 200, 300, its cabinets' numbers are above."""

    name: str
    number: int
    cabinets: tuple[Cabinet, ...]


def segments(named: Sequence[tuple[str, int | Sequence[str]]]) -> tuple[Segment, ...]:
    """Segments of (name, how many cabinets or their names), node ids from 2 on each."""
    found = []
    for at, (name, cabinets) in enumerate(named):
        number = at * _APART
        first = number + FIRST_NODE_ID
        counted = isinstance(cabinets, int)
        names = [str(first + i) for i in range(cabinets)] if counted else cabinets
        places = (Cabinet(c, FIRST_NODE_ID + i, first + i) for i, c in enumerate(names))
        found.append(Segment(name, number, tuple(places)))
    return tuple(found)
