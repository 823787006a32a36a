"""Who leaves the plant and who joins it: the grant, and the ramp by which each share goes over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from autarky.coordinator.cabinet import CabinetView
from autarky.coordinator.law.removal import Grant, Reserve, grant
from autarky.coordinator.law.sharing import CabinetSnapshot

RAMP_MS = 3000  # of a whole share; hot_swap.md: to zero within 5 s
_ASK_AGAIN_MS = 1000


@dataclass
class _Leaving:
    released: bool = False


class Leaving:
    """By numbers of cabinets: `asked` by the host (besides those that an operator asks of the
    cabinet itself), `overruled` by somebody who answers for it, `answers` the newest grant or
    denial of each that asks.

    `reserve` must stay; `island`: the grid is away; on_answer(number, grant) when one changes.
    """

    def __init__(
        self, on_answer: Callable[[int, Grant], object] = lambda number, grant: None
    ) -> None:
        self.reserve = Reserve()
        self.island = False
        self.asked: set[int] = set()
        self.overruled: set[int] = set()
        self.answers: dict[int, Grant] = {}
        self.on_answer = on_answer
        self._leaving: dict[int, _Leaving] = {}
        self._share: dict[int, float] = {}  # 0..1 of what the cabinet could carry
        self._asked_ms: dict[int, int] = {}
        self._load_w = 0.0

    def decide(self, views: Sequence[CabinetView], now_ms: int, load_w: float = 0.0) -> None:
        """Answer all that ask, take back what does not hold any more, and forget those that came
        back. load_w: what the plant gives, > 0.
        """
        self._load_w = load_w
        for view in views:
            number = view.number
            wants = number in self.asked or view.removal_asked != 0
            leaving = self._leaving.get(number)
            if leaving is None:
                if wants:
                    self._answer(view, views, now_ms)
                else:
                    self.answers.pop(number, None)
                    self._asked_ms.pop(number, None)
                continue
            back = leaving.released and not view.released
            leaving.released = view.released
            if back or not wants:
                del self._leaving[number]
                self.asked.discard(number)
                self.overruled.discard(number)  # it was for this time
                self.answers.pop(number, None)
            elif not view.released:
                answer = self._judge(view, views, now_ms)
                if not answer.granted:  # another went meanwhile
                    del self._leaving[number]
                    self._say(number, answer)

    def _answer(self, view: CabinetView, views: Sequence[CabinetView], now_ms: int) -> None:
        number = view.number
        if now_ms - self._asked_ms.get(number, -_ASK_AGAIN_MS) < _ASK_AGAIN_MS:
            return
        self._asked_ms[number] = now_ms
        answer = self._judge(view, views, now_ms)
        if answer.granted:
            self._leaving[number] = _Leaving()
        self._say(number, answer)

    def _judge(self, view: CabinetView, views: Sequence[CabinetView], now_ms: int) -> Grant:
        number = view.number
        there = [v for v in views if v is view or v.number not in self._leaving]
        snapshots = {v.number: v.snapshot(now_ms) for v in there}
        staying = [snapshot for other, snapshot in snapshots.items() if other != number]
        of = sum(snapshot.available for snapshot in snapshots.values())
        return grant(
            staying, of, self.reserve, load_w=self._load_w, island=self.island,
            overruled=number in self.overruled,
        )  # fmt: skip

    def _say(self, number: int, answer: Grant) -> None:
        if answer != self.answers.get(number):
            self.answers[number] = answer
            self.on_answer(number, answer)

    def ramp(
        self, snapshots: Mapping[int, CabinetSnapshot], carries: bool, dt_ms: int
    ) -> dict[int, CabinetSnapshot]:
        """What each may take of the load now. carries: the plant gives or takes power, so that who
        comes takes its share slowly. Who is not available has none at once, and the others have it.
        """
        most = dt_ms / RAMP_MS
        ramped = {}
        for number, snapshot in snapshots.items():
            share = self._share.get(number, 0.0)
            if not snapshot.available:
                share = 0.0
            elif number in self._leaving:
                share = max(share - most, 0.0)
            else:
                share = min(share + most, 1.0) if carries else 1.0
            self._share[number] = share
            ramped[number] = _part(snapshot, share)
        return ramped

    def hurry(self, snapshots: Mapping[int, CabinetSnapshot]) -> dict[int, CabinetSnapshot]:
        """The same where that is not enough: who only just came takes all that it can at once."""
        for number, snapshot in snapshots.items():
            if snapshot.available and number not in self._leaving:
                self._share[number] = 1.0
        return {number: _part(one, self._share[number]) for number, one in snapshots.items()}

    def releases(self, number: int) -> bool:
        """Its power has gone over to the others: it may let its modules go."""
        return number in self._leaving and self._share.get(number, 0.0) == 0.0


def _part(snapshot: CabinetSnapshot, share: float) -> CabinetSnapshot:
    if share == 1.0:
        return snapshot
    return replace(
        snapshot,
        charge_limit_w=share * snapshot.charge_limit_w,
        discharge_limit_w=share * snapshot.discharge_limit_w,
    )
