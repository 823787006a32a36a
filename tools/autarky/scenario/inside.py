"""Hands inside a firmware that runs in this process: what no plant around it can bring about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bess.protect.history import MINUS_CLOSINGS, STOPS


def _parameters_conflict(app: Any) -> None:
    app.parameters.set("cell_ov_2_dmv", app.parameters.get("cell_ov_3_dmv") + 1)
    assert app.keeper._save()  # past the check, as a program of other rules stored it


def _task_overrun(app: Any) -> None:
    app.scheduler.overruns[0] += 1


def _log_full(app: Any) -> None:
    for n in range(200):
        app.log.put(0, 1, 1, 1, n, 0)


def _dead(name: str) -> Callable[[Any], None]:
    def kill(app: Any) -> None:
        def die(now_ms: int) -> None:
            raise ZeroDivisionError("provoked")

        app.scheduler._functions[app.scheduler.names.index(name)] = die

    return kill


def _status_disabled(app: Any) -> None:
    app.parameters.set("tpdo1_enabled", 0)
    app.node.load()


# the words of the action `inside`; each is handed the bess.app.Cabinet
HANDS: dict[str, Callable[[Any], object]] = {
    "many-closings": lambda app: app.history.put(MINUS_CLOSINGS, 95_000),
    "many-stops": lambda app: app.history.put(STOPS, 4),
    "parameters-conflict": _parameters_conflict,
    "task-overrun": _task_overrun,
    "task-dead": _dead("slow"),
    "part-dead": _dead("estimate"),
    "heap-used": lambda app: setattr(app.scheduler, "allocated", True),
    "log-full": _log_full,
    "soc-low": lambda app: app.string.estimator.soc.start(0.03, 1e-4, 3.0),
    "status-disabled": _status_disabled,
}
