"""The cooling set contract (drivers/cooling.py), held by the relays and by a made-up chiller."""

from types import SimpleNamespace
from typing import Any, ClassVar

from bess.control.thermal import Thermal
from bess.drivers.cooling import RelayCooling
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.protect.history import SIZE, History, provision

ALL = ("pump", "heater", "chiller")


class CoolingContract:
    """Describe a set and what stands behind it; a subclass inherits the tests.

    on: names of what really runs; flows, heats, well: what its contacts say.
    """

    __test__ = False
    cooling: Any
    on: ClassVar[Any]

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    def build(self) -> Any:
        raise NotImplementedError

    def feel(self, flows: bool, heats: bool, well: bool) -> None:
        raise NotImplementedError

    def test_a_new_set_is_off(self) -> None:
        self.build()
        assert self.on == set()

    def test_each_part_is_switched_alone_and_again(self) -> None:
        cooling = self.build()
        for name in ALL:
            for _ in range(2):
                getattr(cooling, name)(True)
                assert self.on == {name}
            getattr(cooling, name)(False)
            assert self.on == set()

    def test_parts_are_switched_independently(self) -> None:
        cooling = self.build()
        cooling.pump(True)
        cooling.chiller(True)
        assert self.on == {"pump", "chiller"}
        cooling.pump(False)
        assert self.on == {"chiller"}

    def test_contacts_are_read_as_they_are_now(self) -> None:
        cooling = self.build()
        for bits in range(8):
            flows, heats, well = bool(bits & 1), bool(bits & 2), bool(bits & 4)
            self.feel(flows, heats, well)
            assert (cooling.flowing(), cooling.heating()) == (flows, heats)
            assert cooling.compressor_well() == well

    def test_thermal_control_heats_cools_and_rests_with_it(self) -> None:
        cooling = self.build()
        memory = bytearray(SIZE)
        provision(memory)
        cells = SimpleNamespace()
        thermal = Thermal(cooling, cells, Parameters(), History(memory), Signals())
        now_ms = 0
        for mean_dc, running in ((30, {"pump", "heater"}), (340, {"pump", "chiller"}), (260, ALL)):
            cells.temp_mean_dc = cells.temp_min_dc = cells.temp_max_dc = mean_dc
            for _ in range(400):
                self.feel("pump" in self.on, "heater" in self.on, True)
                thermal.step(now_ms, True)
                now_ms += 1000
            assert self.on == (set() if running is ALL else running)


class Pin:
    def __init__(self, level: int = 0) -> None:
        self.level = level

    def value(self, level: int | None = None) -> int:
        if level is not None:
            self.level = level
        return self.level


class TestRelays(CoolingContract):
    def build(self) -> RelayCooling:
        self.outputs = {name: Pin() for name in ALL}
        self.inputs = {name: Pin() for name in ("coolant_flow", "heater_on", "compressor_ok")}
        return RelayCooling(self.outputs, self.inputs)

    @property
    def on(self) -> set[str]:
        return {name for name, pin in self.outputs.items() if pin.level}

    def feel(self, flows: bool, heats: bool, well: bool) -> None:
        for name, level in zip(self.inputs, (flows, heats, well), strict=True):
            self.inputs[name].level = int(level)


class OtherChiller:
    """A made-up unit with a controller of its own: one word each way."""

    def __init__(self) -> None:
        self.wanted = 0
        self.status = 0

    def _switch(self, bit: int, on: bool) -> None:
        self.wanted = self.wanted | bit if on else self.wanted & ~bit

    def pump(self, on: bool) -> None:
        self._switch(0x10, on)

    def heater(self, on: bool) -> None:
        self._switch(0x20, on)

    def chiller(self, on: bool) -> None:
        self._switch(0x40, on)

    def flowing(self) -> bool:
        return self.status & 1 != 0

    def heating(self) -> bool:
        return self.status & 2 != 0

    def compressor_well(self) -> bool:
        return self.status & 4 != 0


class TestOtherChiller(CoolingContract):
    def build(self) -> OtherChiller:
        self.unit = OtherChiller()
        return self.unit

    @property
    def on(self) -> set[str]:
        bits = {"pump": 0x10, "heater": 0x20, "chiller": 0x40}
        return {name for name, bit in bits.items() if self.unit.wanted & bit}

    def feel(self, flows: bool, heats: bool, well: bool) -> None:
        self.unit.status = flows | heats << 1 | well << 2
