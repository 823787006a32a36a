"""What the coordinator knows of one cabinet, and how a cabinet's frames are read into that."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from autarky.coordinator.law.sharing import CabinetSnapshot
from bess import modes, objects
from bess.link.frames import FrameCodec
from bess.table import rows

LOST_MS = 1500  # three heartbeats
MISSED_MS = 120  # a status follows every SYNC, 100 ms apart: the newest did not come
STATES = modes.NAMES.decode().split()
_NO_CELL = 0xFFFF
# frame of PDO_TABLE -> its fields that a view keeps, and as what
_KEPT = {
    "status": {
        "state": "state", "charge_limit": "charge_limit_w",
        "discharge_limit": "discharge_limit_w", "worst_fault": "worst_fault", "flags": "flags",
        "removal_asked": "removal_asked",
    },
    "power": {
        "dc_voltage": "dc_voltage_v", "dc_current": "dc_current_a", "active_power": "power_w",
    },
    "energy": {
        "soc": "soc", "soc_sigma": "soc_sigma", "energy_up": "energy_up_kwh",
        "energy_down": "energy_down_kwh",
    },
    "cells": {"cell_min": "cell_min_v", "cell_max": "cell_max_v"},
    "temperatures": {"temp_min": "temp_min_c", "temp_max": "temp_max_c"},
}  # fmt: skip
# a status keeps its last values: who reads them looks at its age
_FORGET_MS = {"power": LOST_MS, "energy": 3500, "cells": 3500, "temperatures": 3500}
_SI = {"%": Fraction(1, 100), "mV": Fraction(1, 1000)}


@dataclass(frozen=True)
class Wish:
    """What will be wanted of a cabinet, so that its cells are warm by then (bess.control.preheat).

    purpose: one of that module's; at_ms: from when on, in the coordinator's time; island: the
    grid is away; rate_c: how much current, in C, >= 0; 0: all that there is.
    """

    purpose: int
    at_ms: int
    island: bool = False
    rate_c: float = 0.0


@dataclass
class CabinetView:
    """What the coordinator knows of one cabinet, in SI units; None: not measured or long unheard.

    number: the cabinet's own on the whole site, its node id where no other is given; name: what
    people call it. heard_ms: its newest frame, -1 = never; `group_ms` the newest of each cyclic
    object.
    """

    node_id: int
    number: int = 0
    name: str = ""
    heard_ms: int = -1
    group_ms: dict[str, int] = field(default_factory=dict)
    booted: bool = False
    nmt_state: str = "?"
    state: int = -1  # not heard yet
    charge_limit_w: float = 0.0
    discharge_limit_w: float = 0.0
    worst_fault: int = 0
    flags: int = 0
    removal_asked: int = 0
    dc_voltage_v: float | None = None
    dc_current_a: float | None = None
    power_w: float | None = None
    soc: float | None = None
    soc_sigma: float | None = None
    energy_up_kwh: float | None = None
    energy_down_kwh: float | None = None
    cell_min_v: float | None = None
    cell_max_v: float | None = None
    temp_min_c: float | None = None
    temp_max_c: float | None = None
    cell_v: dict[int, float] = field(default_factory=dict)
    request: int = objects.REQUEST_STANDBY
    setpoint_w: float = 0.0

    def __post_init__(self) -> None:
        self.number = self.number or self.node_id
        self.name = self.name or str(self.number)

    @property
    def released(self) -> bool:
        """Modules may be drawn."""
        return self.state == modes.RELEASED

    @property
    def level(self) -> int:
        return self.flags & 7

    @property
    def state_name(self) -> str:
        if self.state < 0:
            return "unknown"
        return STATES[self.state] if self.state < len(STATES) else f"state {self.state}"

    def heard(self, group: str, now_ms: int) -> None:
        """A cyclic object came."""
        self.heard_ms = self.group_ms[group] = now_ms

    def forget(self, now_ms: int) -> None:
        """What was not heard of for three of its periods is not known any more."""
        for group, after_ms in _FORGET_MS.items():
            if group in self.group_ms and now_ms - self.group_ms[group] >= after_ms:
                del self.group_ms[group]
                for name in _KEPT[group].values():
                    setattr(self, name, None)

    def snapshot(self, now_ms: int, forced_w: float | None = None) -> CabinetSnapshot:
        """For the law; forced_w: the power that was asked of this cabinet alone."""
        status_ms = self.group_ms.get("status")
        energy_kwh = None
        if self.energy_up_kwh is not None and self.energy_down_kwh is not None:
            energy_kwh = max(self.energy_up_kwh + self.energy_down_kwh, 0.1)
        return CabinetSnapshot(
            available=status_ms is not None
            and now_ms - status_ms < MISSED_MS
            and self.state == modes.RUN,
            soc=self.soc,
            energy_kwh=energy_kwh,
            charge_limit_w=self.charge_limit_w,
            discharge_limit_w=self.discharge_limit_w,
            forced_w=forced_w,
        )


class Reader:
    """Reads the cyclic objects of cabinets into their views, as PDO_TABLE scales them."""

    def __init__(self, codec: FrameCodec) -> None:
        self._codec = codec
        # (slot, attribute, numerator, denominator), the latter 0 for what has no unit
        self._fields: dict[str, list[tuple[int, str, int, int]]] = {}
        self._stream = codec.slot("cell_stream", "first_index")
        frame = ""
        for row in rows(objects.PDO_TABLE):
            if row[0] == "frame":
                frame = row[1]
                self._fields[frame] = []
            elif row[1] in _KEPT.get(frame, {}):
                scale = Fraction(row[5]) * _SI.get(row[6], 1)
                over = 0 if row[6] == "-" else scale.denominator
                slot, attribute = codec.slot(frame, row[1]), _KEPT[frame][row[1]]
                self._fields[frame].append((slot, attribute, scale.numerator, over))

    def read(self, number: int, name: str, data: bytes, view: CabinetView) -> None:
        """One frame of eight bytes, by its number and name in PDO_TABLE."""
        self._codec.unpack(number, data)
        image = self._codec.image
        for slot, attribute, times, over in self._fields[name]:
            # one rounding at most: 3300 mV are 3.3 V
            setattr(view, attribute, image[slot] * times / over if over else image[slot])
        if name == "cell_stream":
            first = image[self._stream]
            for i in range(objects.STREAM_CELLS):
                millivolt = image[self._stream + 1 + i]
                if millivolt != _NO_CELL:
                    view.cell_v[first + i] = millivolt / 1000
                else:
                    view.cell_v.pop(first + i, None)
