"""Cyclic load of the site bus, computed from the firmware's table of frames."""

from __future__ import annotations

from bess import objects
from bess.parameters import Parameters
from bess.table import rows

_SYNC_HZ = 10.0
_BIT_RATE = 500_000
_ONE_BYTE_BITS = 60  # heartbeat and SYNC, 11-bit identifier, worst case


def cyclic_load(cabinets: int, fast_streams: int, bits: float) -> float:
    """Share of the bus, 0..1, for a number of cabinets of which some stream fast.

    bits: of one frame of eight bytes; 135 is the worst case with stuffing.
    """
    parameters = Parameters()
    per_second = 0.0
    sent = 0
    for fields in rows(objects.PDO_TABLE):
        if fields[0] != "frame":
            continue
        if fields[3] == "rx":
            per_second += _SYNC_HZ
            continue
        sent += 1
        if fields[3] == "sync":
            per_second += _SYNC_HZ
        else:
            per_second += 1000 / parameters.get(f"tpdo{sent}_event_ms")
        if fields[1] == "cell_stream":
            slow = 1000 / parameters.get(f"tpdo{sent}_event_ms")
            fast = 1000 / parameters.get("fast_stream_ms")
    extra = fast_streams * (fast - slow)
    beats = cabinets * 1000 / parameters.get("heartbeat_ms") + 2 + _SYNC_HZ
    return ((cabinets * per_second + extra) * bits + beats * _ONE_BYTE_BITS) / _BIT_RATE
