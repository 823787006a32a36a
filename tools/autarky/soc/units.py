"""Units of measured columns: what they are called, and what they are in ours."""

from __future__ import annotations

import re

# quantity -> unit as it is written, in lower case -> factor to s, A, V, 0..1, Ah
SCALES: dict[str, dict[str, float]] = {
    "time": {
        "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "ms": 1e-3, "msec": 1e-3,
        "millisecond": 1e-3, "milliseconds": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9,
        "min": 60, "mins": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hrs": 3600,
        "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400,
    },
    "current": {
        "a": 1, "amp": 1, "amps": 1, "ampere": 1, "amperes": 1, "ma": 1e-3, "milliamps": 1e-3,
        "ua": 1e-6, "µa": 1e-6, "ka": 1e3,
    },
    "voltage": {
        "v": 1, "volt": 1, "volts": 1, "mv": 1e-3, "millivolt": 1e-3, "millivolts": 1e-3,
        "uv": 1e-6, "µv": 1e-6,
    },
    "soc": {"1": 1, "-": 1, "pu": 1, "%": 0.01, "percent": 0.01, "pct": 0.01},
    "capacity": {"ah": 1, "mah": 1e-3},
    "temperature": {
        "degc": 1, "c": 1, "°c": 1, "celsius": 1, "deg c": 1, "k": 1, "kelvin": 1, "degf": 5 / 9,
        "f": 5 / 9, "°f": 5 / 9, "fahrenheit": 5 / 9,
    },
}  # fmt: skip
_ZERO = {"k": 273.15, "kelvin": 273.15, "degf": 32, "f": 32, "°f": 32, "fahrenheit": 32}
_BOXED = re.compile(r"(.*?)\s*[\[(]\s*([^\])]*?)\s*[\])]$")
_BARE = re.compile(r"(.*?)\s*[/_ ]\s*([^/_ ]+)$")


def is_unit(text: str) -> bool:
    """Whether a cell of a table can be a unit."""
    plain = text.strip("[]() ").lower()
    return any(plain in units for units in SCALES.values()) or plain in ("wh", "w", "ohm", "#")


def split_unit(name: str, quantity: str) -> tuple[str, str]:
    """(bare name, unit or "") of `Voltage(V)`, `I/mA`, `current_a` or `time [h]`.

    A unit in brackets that is none of the quantity's is kept: the caller refuses it by name.
    """
    boxed = _BOXED.match(name)
    if boxed:
        return boxed[1], boxed[2]
    bare = _BARE.match(name)
    return (bare[1], bare[2]) if bare and bare[2].lower() in SCALES[quantity] else (name, "")


def scale(quantity: str, unit: str) -> tuple[float, float]:
    """(factor, zero) with value * factor after subtracting zero. Raises KeyError."""
    plain = unit.strip().lower()
    return SCALES[quantity][plain], _ZERO.get(plain, 0.0)
