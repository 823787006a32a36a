"""rig.yaml as Python: what stands on the bench, at which depth, and what it may never exceed."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from autarky.config.site import Name, Part

Depth = Literal["virtual", "processor", "hardware"]
_Text = Annotated[str, Field(min_length=1)]
_Volts = Annotated[float, Field(gt=0, le=1500)]
_Amps = Annotated[float, Field(gt=0, le=1000)]
_Watts = Annotated[float, Field(gt=0, le=1e6)]
_CellVolts = Annotated[float, Field(gt=0, le=6)]
_Seconds = Annotated[float, Field(gt=0, le=10)]
_Day = Annotated[date, Field(description="a day, 2026-03-01 say")]
_Channel = Annotated[int, Field(ge=0, le=255)]


class Board(Part):
    """board: the controller under test. port: a serial one, or `virtual` for a virtual board."""

    name: _Text = "unix"
    port: _Text = "virtual"


class CanBus(Part):
    """A bus as python-can opens it."""

    interface: _Text
    channel: _Text
    bit_rate_kbit_s: Literal[125, 250, 500, 1000] = 500


class Can(Part):
    """can: the cabinet's two buses. On cabinet the host plays current sensor, insulation monitor
    and PCS."""

    site: CanBus
    cabinet: CanBus


class Supply(Part):
    """supply: the controller's. watchdog_s: how long the instrument waits for the host before it
    switches its output off by itself."""

    driver: Literal["scpi"] = "scpi"
    resource: Annotated[str, Field(description="a VISA resource, TCPIP0::host::port::SOCKET say")]
    volts: _Volts = 24.0
    amps: _Amps = 2.0
    watchdog_s: _Seconds = 0.3


class Meter(Part):
    """meter: a multimeter at the supply's terminals, a witness beside the supply itself."""

    driver: Literal["scpi"] = "scpi"
    resource: Annotated[str, Field(description="a VISA resource, TCPIP0::host::port::SOCKET say")]


class Cells(Part):
    """cells: the emulator; its channel 1 is cell 1. resource: what its driver opens."""

    driver: Literal["scpi", "absscpi", "bs120xenet"] = "scpi"
    resource: _Text
    channels: Annotated[int, Field(ge=1, le=512)]


class Relays(Part):
    """relays: channels by the line of the cabinet that each closes, and `enable`, which must be
    closed for anything to be live and drops by itself when it is not renewed for drop_s."""

    driver: Literal["modbus-tcp", "modbus-rtu"] = "modbus-tcp"
    address: Annotated[str, Field(description="HOST:PORT, or a serial port for modbus-rtu")]
    unit: Annotated[int, Field(ge=1, le=247)] = 1
    channels: dict[str, _Channel]
    drop_s: _Seconds = 0.3

    @model_validator(mode="after")
    def _has_an_enable(self) -> Relays:
        if "enable" not in self.channels:
            raise ValueError("relays need a channel `enable`: what makes the bench safe by itself")
        used = list(self.channels.values())
        twice = sorted({channel for channel in used if used.count(channel) > 1})
        if twice:
            raise ValueError(f"channel {twice[0]} of the relays has two names")
        return self


class Daq(Part):
    """daq: a second board that sends the contactor outputs, time-stamped, as CAN frames."""

    bus: CanBus
    can_id: Annotated[int, Field(ge=0, le=0x7FF)] = 0x7F0


class Limits(Part):
    """limits: of the bench, whatever a scenario wants."""

    volts: _Volts
    amps: _Amps
    watts: _Watts
    cell_volts: _CellVolts = 5.0


class Rig(Part):
    """The whole file. features: words that tests of your own ask for; calibrated: instrument ->
    date, for the report."""

    name: Name
    depth: Depth
    seed: Annotated[int, Field(ge=0, le=2**31)] = 1
    pace: Literal["lock-step", "real-time"] = "lock-step"
    simulated: bool = False  # the instruments are processes that `autarky rig` starts
    board: Board | None = None
    can: Can | None = None
    supply: Supply | None = None
    meter: Meter | None = None
    cells: Cells | None = None
    relays: Relays | None = None
    daq: Daq | None = None
    limits: Limits | None = None
    features: list[Name] = []
    calibrated: dict[str, _Day] = {}

    @model_validator(mode="after")
    def _has_what_its_depth_needs(self) -> Rig:
        if self.depth != "virtual" and self.board is None:
            raise ValueError(f"depth {self.depth} needs a board")
        if self.depth == "hardware":
            wanted = ("can", "supply", "relays", "daq", "limits")
            missing = [name for name in wanted if getattr(self, name) is None]
            if missing:
                raise ValueError(f"depth hardware needs {', '.join(missing)}")
        return self

    @property
    def instruments(self) -> list[str]:
        """What it has, by the names of the file."""
        names = ("board", "can", "supply", "meter", "cells", "relays", "daq")
        return [name for name in names if getattr(self, name) is not None]
