"""Cyclic load of the site bus, computed from the firmware's table of frames."""

from __future__ import annotations

from autarky.tables import frames
from bess import objects
from bess.parameters import Parameters

_SYNC_HZ = 10.0
_SCHEDULE_HZ = 0.2  # repeated every five seconds (coordinator.ANNOUNCE_MS)
_BIT_RATE = 500_000
_ONE_BYTE_BITS = 60  # heartbeat and SYNC, 11-bit identifier, worst case


def cyclic_load(cabinets: int, fast_streams: int, bits: float) -> float:
    """Share of the bus, 0..1, for a number of cabinets of which some stream fast.

    bits: of one frame of eight bytes; 135 is the worst case with stuffing.
    """
    parameters = Parameters()
    slow_hz = 1000 / parameters.get("tpdo6_event_ms")  # the cell stream
    fast_hz = 1000 / parameters.get("fast_stream_ms")
    frames_hz = 0.0
    sent = 0
    for frame in frames(objects.PDO_TABLE):
        if frame.kind == "event":
            frames_hz += 1000 / parameters.get(f"tpdo{sent + 1}_event_ms")
        elif frame.name == "schedule":
            frames_hz += _SCHEDULE_HZ
        else:
            frames_hz += _SYNC_HZ
        sent += frame.kind != "rx"
    beats_hz = cabinets * 1000 / parameters.get("heartbeat_ms") + 2 + _SYNC_HZ
    frames_hz = cabinets * frames_hz + fast_streams * (fast_hz - slow_hz)
    return (frames_hz * bits + beats_hz * _ONE_BYTE_BITS) / _BIT_RATE
