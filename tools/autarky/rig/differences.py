"""What two sides say differently, as data and for a terminal: a log, and a firmware given it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import Any

# nor is it a difference when one side is so much earlier, s: a period of the frame that tells of
# the cells, and of their scan
SHIFT_S = 1.2
_FRAMES_SHARE, _FRAMES_LEAST = 0.02, 2  # as many may be missing, or too many


@dataclass
class Signal:
    """largest: difference between what stood at the same time, at at_s; beyond: values further off
    than the tolerance from all that the firmware said within SHIFT_S; the first of them."""

    frame: str
    name: str
    unit: str
    tolerance: float
    compared: int = 0
    largest: float = 0.0
    at_s: float | None = None
    beyond: int = 0
    first_s: float | None = None
    in_log: str = ""
    in_replay: str = ""


@dataclass
class Frames:
    """How often a frame came."""

    frame: str
    in_log: int
    in_replay: int

    @property
    def differs(self) -> bool:
        allowed = max(_FRAMES_LEAST, _FRAMES_SHARE * self.in_log)
        return abs(self.in_log - self.in_replay) > allowed


@dataclass
class Course:
    """States or emergencies one after the other, with their times in s; apart_s: the furthest that
    two which belong together are apart."""

    name: str
    in_log: list[tuple[float, str]]
    in_replay: list[tuple[float, str]]

    @property
    def equal(self) -> bool:
        return [text for _, text in self.in_log] == [text for _, text in self.in_replay]

    @property
    def parts_s(self) -> float | None:
        """When they first differ; None: never."""
        for a, b in zip_longest(self.in_log, self.in_replay):
            if a is None or b is None or a[1] != b[1]:
                return min(one[0] for one in (a, b) if one is not None)
        return None

    @property
    def apart_s(self) -> float:
        pairs = zip(self.in_log, self.in_replay, strict=False)
        return max((abs(a[0] - b[0]) for a, b in pairs), default=0.0)


@dataclass
class Differences:
    """All of it. from_s: where the comparison begins."""

    node_id: int
    seconds: float
    from_s: float
    notes: list[str]
    courses: list[Course] = field(default_factory=list)
    frames: list[Frames] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Within the tolerances."""
        return (
            all(one.equal for one in self.courses)
            and not any(one.differs for one in self.frames)
            and not any(one.beyond for one in self.signals)
        )

    @property
    def first_s(self) -> float | None:
        """Where the two sides part: the log does not follow our firmware from there on."""
        found = [one.parts_s for one in self.courses] + [one.first_s for one in self.signals]
        return min((at_s for at_s in found if at_s is not None), default=None)

    def as_text(self) -> str:
        """For a terminal: what differs, and the largest difference of each signal."""
        word = "differs" if not self.equal else "no difference beyond the tolerances"
        if self.first_s is not None:
            word += f" from {self.first_s:.2f} s on; what comes later may follow from that"
        lines = [f"cabinet {self.node_id}, {self.seconds:.1f} s: {word}"]
        for one in self.courses:
            if one.equal:
                lines.append(f"{one.name}: equal, at most {one.apart_s:.2f} s apart")
            else:
                lines.append(f"{one.name}: differs")
                lines += [f"  log      {_told(one.in_log)}", f"  firmware {_told(one.in_replay)}"]
        lines += [
            f"{one.frame}: {one.in_log} frames in the log, {one.in_replay} of the firmware"
            for one in self.frames if one.differs
        ]  # fmt: skip
        moved = [one for one in self.signals if one.largest or one.beyond]
        if moved:
            lines.append(f"{'signal':34} {'largest':>10} {'allowed':>8}      at s  beyond it")
        for one in moved:
            said = ""
            if one.beyond:
                said = (
                    f"{one.beyond} times, first at {one.first_s} s: log {one.in_log}, firmware "
                    f"{one.in_replay}"
                )
            elif one.largest > one.tolerance:
                said = f"not for more than {SHIFT_S} s"
            lines.append(
                f"{one.frame + '.' + one.name:34} {one.largest:>10g} {one.tolerance:>8g} "
                f"{one.unit:4}{one.at_s or 0:>6.1f}  {said}".rstrip()
            )
        lines.append(f"{len(self.signals) - len(moved)} signals never differed")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)]) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        content = asdict(self)
        content.update(equal=self.equal, first_s=self.first_s)
        for row, one in zip(content["courses"], self.courses, strict=True):
            row.update(equal=one.equal, apart_s=round(one.apart_s, 3))
        for row, one in zip(content["frames"], self.frames, strict=True):
            row["differs"] = one.differs
        return content


def _told(changes: list[tuple[float, str]]) -> str:
    return ", ".join(f"{text} at {at_s:.2f} s" for at_s, text in changes) or "none"
