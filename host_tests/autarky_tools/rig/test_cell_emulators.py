"""Makers' own drivers behind CellEmulator: their classes as absscpi 1.2.1 and bs120xenet 1.0.0 have
them, without their libraries."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from autarky.rig import cell_emulators
from autarky.rig.cell_emulators import AbsCells, Bs120xCells
from autarky.rig.instruments import InstrumentError


class DriverError(Exception):
    """ScpiClientError and Bs120xEnetError derive from Exception too."""


class AbsUnit:
    made: list["AbsUnit"] = []

    def __init__(self) -> None:
        self.volts, self.on, self.stuck, self.gone = [0.0] * 8, [False] * 8, False, False
        self.made.append(self)

    def __enter__(self) -> "AbsUnit":
        return self

    def __exit__(self, *exception: object) -> None:
        self.on = None

    def open_tcp(self, target_ip: str) -> None:
        if target_ip == "nowhere":
            raise DriverError("connection timed out")
        self.address = target_ip

    def get_device_info(self) -> SimpleNamespace:
        return SimpleNamespace(get_part_number=lambda: "ABS", get_serial=lambda: self.address[-1])

    def set_all_cell_voltages(self, voltages: list[float]) -> None:
        if self.gone:
            raise DriverError("send failed")
        self.volts[: len(voltages)] = voltages

    def measure_all_cell_voltages(self) -> list[float]:
        return [v if on else 0.0 for v, on in zip(self.volts, self.on, strict=True)]

    def enable_all_cells(self, en: list[bool]) -> None:
        self.on = list(en) if not self.stuck else self.on

    def get_all_cells_enabled(self) -> list[bool]:
        return self.on


class BsUnit:
    made: list["BsUnit"] = []

    def __init__(self) -> None:
        self.volts, self.on, self.residue, self.asked = [0.0] * 12, False, 0.0, False
        self.made.append(self)

    def __enter__(self) -> "BsUnit":
        return self

    def __exit__(self, *exception: object) -> None:
        """The handle is gone."""

    def connect(self, interface_ip, device_ip, udp_port, udp_timeout=1000, tcp_port=12345) -> None:
        self.place = (interface_ip, device_ip, udp_port)

    def disconnect(self) -> None:
        self.place = None

    def query_config(self) -> None:
        self.asked = True

    def get_unit_config(self) -> SimpleNamespace:
        assert self.asked
        return SimpleNamespace(get_serial_number=lambda: self.place[1][-1])

    def set_cell_voltage(self, cell: int, voltage: float) -> None:
        self.volts[cell] = voltage

    def get_all_cell_voltage(self) -> list[float]:
        return [v if self.on else self.residue for v in self.volts]

    def enable_all_cells(self, enable: bool) -> None:
        self.on = enable


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, attributes in {
        "absscpi": {"ScpiClient": AbsUnit, "ScpiClientError": DriverError},
        "bs120xenet": {"Bs120xEnet": BsUnit, "Bs120xEnetError": DriverError},
    }.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)
    AbsUnit.made, BsUnit.made = [], []


@pytest.mark.usefixtures("drivers")
def test_abs_units_are_one_string() -> None:
    cells = AbsCells("10.0.0.1, 10.0.0.2", 12)
    cells.set_cells([3.0 + i / 100 for i in range(12)])
    cells.output(True)
    assert AbsUnit.made[1].volts[:5] == [3.08, 3.09, 3.1, 3.11, 0.0]
    assert cells.measure_cells()[:9] == [3.0 + i / 100 for i in range(9)]
    assert cells.idn() == "ABS 1, ABS 2"
    cells.output(False)
    AbsUnit.made[0].stuck = True
    with pytest.raises(InstrumentError, match="has cells that stay off"):
        cells.output(True)
    AbsUnit.made[0].gone = True
    with pytest.raises(InstrumentError, match=r"the cell emulator at 10.* fails \(send failed\)"):
        cells.set_cells([3.0])
    with pytest.raises(InstrumentError, match="absscpi: more cells than its units have: 17"):
        cells.set_cells([3.0] * 17)
    cells.close()


@pytest.mark.usefixtures("drivers")
def test_bs120x_units_are_one_string(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = Bs120xCells("10.0.0.9/10.0.0.1:54321,10.0.0.9/10.0.0.2:54322", 13)
    assert BsUnit.made[1].place == ("10.0.0.9", "10.0.0.2", 54322)
    cells.set_cells([3.2] * 13)
    cells.output(True)
    assert cells.measure_cells()[:14] == [3.2] * 13 + [0.0]
    assert cells.idn() == "BS120x 1, BS120x 2"
    cells.output(False)
    monkeypatch.setattr(cell_emulators, "_SETTLE_S", 0.0)
    BsUnit.made[0].residue = 3.2
    with pytest.raises(InstrumentError, match=r"still measures more than 0.5 V at a cell"):
        cells.output(False)
    cells.close()
    assert BsUnit.made[0].place is None


@pytest.mark.usefixtures("drivers")
def test_resources_that_do_not_fit_are_told() -> None:
    with pytest.raises(InstrumentError, match=r"1 units have 8 cells, and rig.yaml says 12"):
        AbsCells("10.0.0.1", 12)
    with pytest.raises(InstrumentError, match=r"fails .connection timed out.: is every unit on"):
        AbsCells("10.0.0.1,nowhere", 16)
    assert AbsUnit.made[0].on is None  # what was open is closed
    with pytest.raises(InstrumentError, match=r"bs120xenet: '10.0.0.1': write INTERFACE/UNIT"):
        Bs120xCells("10.0.0.1", 12)


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "absscpi", None)
    with pytest.raises(InstrumentError, match="the cell emulator wants the driver absscpi"):
        AbsCells("10.0.0.1", 8)
