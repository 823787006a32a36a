"""A smart chiller: its CAN face, our published protocol, and the controller inside the unit.

What it cools and heats is the loop of thermal.py: the controller works that one's inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from autarky.plant.thermal import Heat
from bess.drivers.chiller_can import (
    AUTOMATIC,
    CHILLER_TABLE,
    COMMAND_ID,
    COMPRESSOR_FAULT,
    COOL,
    HEAT,
    HEATER_FAULT,
    LEVEL_FAULT,
    OFF,
    PUMP,
    PUMP_FAULT,
    SENSOR_FAULT,
    STATUS_ID,
    command_ids,
    status_ids,
)
from bess.link.e2e import OK, Checker, Sender
from bess.link.frames import FrameCodec

STATUS_PERIOD_MS = 1000
SILENCE_S = 10.0  # without a good command it only pumps
LEAST_S = 180.0  # a compressor that runs, and one that stands
_NOTICE_S = 10.0  # until what differs from what is wanted is a fault
_BAND_K = 1.0  # about the set-point: beyond it heater and compressor start
_COLD_K = 2.0  # below the set-point at lowest speed: the compressor stops
_GAIN_1_K = 0.1  # of the compressor's speed
_RESET_S = 60.0
__all__ = ["COMMAND_ID", "STATUS_ID", "ChillerFace", "Defects"]


@dataclass
class Defects:
    """How a unit departs from what it owes; all may stand together, beside those of the plant.

    silent: no status; deaf: hears no command; frozen: its status is always the last one, counter
    and all; keeps_mode: new commands change nothing, nor does silence; outlet_lost: its outlet
    sensor is broken, which it notices; outlet_shift_k: it reads wrong, which it does not;
    claims_flow: what it says of flow whatever is so; low_level: the tank's float is down.
    """

    silent: bool = False
    deaf: bool = False
    frozen: bool = False
    keeps_mode: bool = False
    outlet_lost: bool = False
    outlet_shift_k: float = 0.0
    claims_flow: bool | None = None
    low_level: bool = False


@dataclass
class ChillerFace:
    """`mode`, `set_point_c` and `dryer` are what the cabinet commands; `state` is what it does.

    Modes: off, pump, cool or heat towards the set-point of its outlet, or both by itself.
    """

    defects: Defects = field(default_factory=Defects)
    mode: int = OFF
    set_point_c: float = 25.0
    dryer: bool = False
    state: int = OFF
    fault: int = 0
    outlet_c: float = 0.0
    inlet_c: float = 0.0
    feed: bool = True  # its own contactor in series with its heater
    _checker: Checker = field(default_factory=lambda: Checker(command_ids(), 3, 2))
    _sender: Sender = field(default_factory=lambda: Sender(status_ids()))
    _codec: FrameCodec = field(default_factory=lambda: FrameCodec(CHILLER_TABLE))
    _unheard_s: float = 0.0
    _still_s: float = LEAST_S  # how long the compressor has been as it is
    _integral: float = 0.0
    _dry_pump_s: float = 0.0
    _odd_heater_s: float = 0.0
    _pump: bool = False
    _heater: bool = False
    _compressor: bool = False
    _flow: bool = False
    _current: bool = False
    _runs: bool = False

    def __post_init__(self) -> None:
        self._told = self._codec.slot("chiller_command", "mode")
        self._said = self._codec.slot("chiller_status", "state")
        self._command = self._codec.frame("chiller_command")
        self._status = self._codec.frame("chiller_status")
        self._frame = bytearray(8)

    def command(self, data: bytes, now_ms: int) -> None:
        """A frame on the command identifier; refused ones change nothing.

        Its clock is that of its steps; now_ms is there as in every other face.
        """
        if self.defects.deaf or self._checker.check(data, len(data)) != OK:
            return
        self._unheard_s = 0.0
        if self.defects.keeps_mode:
            return
        self._codec.unpack(self._command, data)
        mode, outlet_dc, dryer = self._codec.image[self._told : self._told + 3]
        self.mode = mode if mode <= AUTOMATIC else OFF
        self.set_point_c = outlet_dc / 10.0
        self.dryer = bool(dryer)

    def step(self, heat: Heat, i: int, dt_s: float) -> None:
        """What it makes of cabinet i's loop in the next dt_s: works its inputs."""
        defects = self.defects
        self._unheard_s += dt_s
        self._still_s += dt_s
        if self._unheard_s > SILENCE_S and not defects.keeps_mode:
            self.mode, self.dryer = PUMP, False
            self._set_compressor(False)  # even inside its minimum time: nobody watches
        mode = self.mode
        self._read(heat, i)
        self._pump = mode != OFF and not defects.low_level
        self._dry_pump_s = self._dry_pump_s + dt_s if self._pump and not self._flow else 0.0
        usable = self._flow and not defects.outlet_lost and not defects.low_level
        self._run_compressor(mode in (COOL, AUTOMATIC), usable, not heat.compressor_well[i], dt_s)
        self._pump |= self._compressor
        self._run_heater(mode in (HEAT, AUTOMATIC), usable, dt_s)
        heat.pump[i], heat.heater[i], heat.dryer[i] = self._pump, self._heater, self.dryer
        heat.compressor[i], heat.feed[i] = self._compressor, self.feed
        heat.drive[i] = self._speed()
        self._tell(heat, i)

    def _read(self, heat: Heat, i: int) -> None:
        self.outlet_c = float(heat.supply_c[i]) + self.defects.outlet_shift_k
        self.inlet_c = float(heat.return_c[i])
        self._flow = bool(heat.flowing[i])
        self._current = bool(heat.heating[i])
        self._runs = bool(heat.compressor_running[i])

    def _set_compressor(self, on: bool) -> None:
        if on != self._compressor:
            self._compressor, self._still_s, self._integral = on, 0.0, 0.0

    def _run_compressor(self, wanted: bool, usable: bool, failed: bool, dt_s: float) -> None:
        over_k = self.outlet_c - self.set_point_c
        if not self._compressor:
            if wanted and usable and not failed and over_k > _BAND_K and self._still_s >= LEAST_S:
                self._set_compressor(True)
            return
        if not usable or failed:
            self._set_compressor(False)
            return
        if self._still_s >= LEAST_S and (not wanted or over_k < -_COLD_K):
            self._set_compressor(False)
            return
        share = self._integral + over_k * _GAIN_1_K * dt_s / _RESET_S
        self._integral = min(max(share, 0.0), 1.0)

    def _speed(self) -> float:
        if not self._compressor:
            return 0.0
        over_k = self.outlet_c - self.set_point_c
        return min(max(self._integral + over_k * _GAIN_1_K, 0.0), 1.0)

    def _run_heater(self, wanted: bool, usable: bool, dt_s: float) -> None:
        under_k = self.set_point_c - self.outlet_c
        allowed = wanted and usable and not self._compressor
        self._heater = allowed and (under_k > _BAND_K or (self._heater and under_k > -_BAND_K))
        self._odd_heater_s = (
            self._odd_heater_s + dt_s if self._current != (self._heater and self.feed) else 0.0
        )
        if self._odd_heater_s > _NOTICE_S and self._current:
            self.feed = False  # its contact has welded: for good, until service

    def _tell(self, heat: Heat, i: int) -> None:
        if self._compressor:
            self.state = COOL
        elif self._heater:
            self.state = HEAT
        else:
            self.state = PUMP if self._pump else OFF
        self.fault = (
            (0 if heat.compressor_well[i] else COMPRESSOR_FAULT)
            | (PUMP_FAULT if self._dry_pump_s > _NOTICE_S else 0)
            | (HEATER_FAULT if self._odd_heater_s > _NOTICE_S or not self.feed else 0)
            | (SENSOR_FAULT if self.defects.outlet_lost else 0)
            | (LEVEL_FAULT if self.defects.low_level else 0)
        )

    def status(self, now_ms: int) -> bytes | None:
        """The status frame when it is due in this tick."""
        defects = self.defects
        if defects.silent or now_ms % STATUS_PERIOD_MS:
            return None
        if defects.frozen:
            return bytes(self._frame)
        flow = self._flow if defects.claims_flow is None else defects.claims_flow
        said = (
            self.state, round(self.outlet_c * 10), round(self.inlet_c * 10), self._pump,
            self._current, self._runs, flow, self.fault,
        )  # fmt: skip
        for slot, value in enumerate(said, self._said):
            self._codec.image[slot] = int(value)
        self._codec.pack(self._status, self._frame)
        self._sender.protect(self._frame)
        return bytes(self._frame)
