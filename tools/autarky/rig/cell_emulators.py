"""Cell emulators with a driver of their own on PyPI, behind CellEmulator; neither is needed here.

absscpi (Bloomy ABS, 8 cells a unit), resource: addresses of the units, A,B,C in the order of
the string. bs120xenet (Bloomy BS1200 series, 12 cells a unit), resource:
INTERFACE/UNIT:UDP_PORT, as many, parted by commas. Calls after their own docstrings, releases
1.2.1 and 1.0.0.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Sequence
from typing import Any

from autarky.rig.instruments import InstrumentError

_ABS_CELLS = 8
_BS120X_CELLS = 12
_OFF_V = 0.5  # a cell that is off, by its own measurement
_SETTLE_S = 2.0


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise InstrumentError(
            f"the cell emulator wants the driver {name}: `.venv/bin/pip install {name}`, and its "
            "maker's library beside it"
        ) from None


class _Units:
    """Units in series, each a client of the maker's driver; cells: of one unit."""

    def __init__(self, driver: str, resource: str, channels: int, cells: int) -> None:
        self._driver = driver
        self._resource = resource
        self._cells = cells
        self._errors: tuple[type[Exception], ...] = (OSError,)
        self._stack = contextlib.ExitStack()
        self._units: list[Any] = []
        places = resource.split(",")
        if len(places) * cells < channels:
            raise InstrumentError(
                f"{driver}: {len(places)} units have {len(places) * cells} cells, and rig.yaml "
                f"says {channels} channels: name every unit in resource"
            )
        package = _package(driver)
        try:
            for place in places:
                self._units.append(self._open(package, place.strip()))
        except self._errors as error:
            self._stack.close()
            raise self._lost(error) from error

    def _open(self, package: Any, place: str) -> Any:
        raise NotImplementedError  # pragma: no cover  (abstract)

    def _lost(self, error: Exception) -> InstrumentError:
        return InstrumentError(
            f"the cell emulator at {self._resource} fails ({error}): is every unit on, its cable "
            "in, the maker's library installed?"
        )

    @contextlib.contextmanager
    def _asked(self) -> Any:
        try:
            yield
        except self._errors as error:
            raise self._lost(error) from error

    def _parts(self, volts: Sequence[float]) -> list[tuple[Any, list[float]]]:
        parts = [list(volts[i : i + self._cells]) for i in range(0, len(volts), self._cells)]
        if len(parts) > len(self._units):
            raise InstrumentError(f"{self._driver}: more cells than its units have: {len(volts)}")
        return list(zip(self._units, parts, strict=False))

    def close(self) -> None:
        self._stack.close()


class AbsCells(_Units):
    """Bloomy ABS units by TCP."""

    def __init__(self, resource: str, channels: int) -> None:
        super().__init__("absscpi", resource, channels, _ABS_CELLS)

    def _open(self, package: Any, place: str) -> Any:
        self._errors = (OSError, package.ScpiClientError)
        client = self._stack.enter_context(package.ScpiClient())
        client.open_tcp(place)
        return client

    def idn(self) -> str:
        with self._asked():
            info = [unit.get_device_info() for unit in self._units]
        return ", ".join(f"{one.get_part_number()} {one.get_serial()}" for one in info)

    def set_cells(self, volts: Sequence[float]) -> None:
        with self._asked():
            for unit, part in self._parts(volts):
                unit.set_all_cell_voltages(part)

    def measure_cells(self) -> list[float]:
        with self._asked():
            return [value for unit in self._units for value in unit.measure_all_cell_voltages()]

    def output(self, on: bool) -> None:
        with self._asked():
            for unit in self._units:
                unit.enable_all_cells([on] * _ABS_CELLS)
            states = [state for unit in self._units for state in unit.get_all_cells_enabled()]
        if any(bool(state) != on for state in states):
            raise InstrumentError(
                f"the ABS at {self._resource} has cells that stay {'off' if on else 'ON'}"
            )


class Bs120xCells(_Units):
    """Bloomy BS1200 units. They do not tell whether a cell is on: that it is off is measured."""

    def __init__(self, resource: str, channels: int) -> None:
        super().__init__("bs120xenet", resource, channels, _BS120X_CELLS)

    def _open(self, package: Any, place: str) -> Any:
        self._errors = (OSError, package.Bs120xEnetError)
        interface, slash, unit = place.partition("/")
        address, colon, port = unit.rpartition(":")
        if not (slash and colon and port.isdigit()):
            raise InstrumentError(f"bs120xenet: {place!r}: write INTERFACE/UNIT:UDP_PORT")
        client = self._stack.enter_context(package.Bs120xEnet())
        client.connect(interface, address, int(port))
        self._stack.callback(client.disconnect)
        client.query_config()
        return client

    def idn(self) -> str:
        with self._asked():
            info = [unit.get_unit_config() for unit in self._units]
        return ", ".join(f"BS120x {one.get_serial_number()}" for one in info)

    def set_cells(self, volts: Sequence[float]) -> None:
        with self._asked():
            for unit, part in self._parts(volts):
                for cell, value in enumerate(part):
                    unit.set_cell_voltage(cell, value)

    def measure_cells(self) -> list[float]:
        with self._asked():
            return [value for unit in self._units for value in unit.get_all_cell_voltage()]

    def output(self, on: bool) -> None:
        with self._asked():
            for unit in self._units:
                unit.enable_all_cells(on)
        end_s = time.monotonic() + _SETTLE_S
        while not on and max(self.measure_cells()) > _OFF_V:
            if time.monotonic() > end_s:
                raise InstrumentError(
                    f"the BS120x at {self._resource} still measures more than {_OFF_V} V at a cell "
                    "that is off: switch it off by hand"
                )
            time.sleep(0.05)
