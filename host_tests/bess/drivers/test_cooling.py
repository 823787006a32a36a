"""The cooling set contract (drivers/cooling.py), held by every set and by a made-up chiller."""

from types import SimpleNamespace
from typing import Any, ClassVar

from bess.control.thermal import Thermal
from bess.drivers import chiller_can as c
from bess.drivers.cooling import AIR, CHILLER, LIQUID, AirCooling, RelayCooling, set_of
from bess.link.e2e import OK, Checker, Sender
from bess.link.frames import FrameCodec
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.protect.history import SIZE, History, provision

ALL = ("pump", "heater", "chiller")


class CoolingContract:
    """Describe a set and what stands behind it; a subclass inherits the tests.

    on: names of what really runs; flows, heats, well: what its contacts say. apart: its parts are
    switched each by itself, and not by one mode.
    """

    apart = True

    __test__ = False
    cooling: Any
    on: ClassVar[Any]

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    def build(self) -> Any:
        raise NotImplementedError

    def feel(self, flows: bool, heats: bool, well: bool) -> None:
        raise NotImplementedError

    def switch(self, cooling: Any, **parts: int) -> None:
        """Tell it, and let the second pass in which it hears."""
        for name, on in parts.items():
            getattr(cooling, name)(on)
        cooling.step(self.second())

    def second(self) -> int:
        self.now_ms = getattr(self, "now_ms", 0) + 1000
        return self.now_ms

    def test_a_new_set_is_off(self) -> None:
        cooling = self.build()
        cooling.step(self.second())
        assert self.on == set()
        assert (cooling.age_ms(), cooling.fault_bits) == (0, 0)

    def test_each_part_is_switched_with_the_pump_and_again(self) -> None:
        cooling = self.build()
        self.switch(cooling, feed=1)
        for name in ("heater", "chiller"):
            for _ in range(2):
                self.switch(cooling, pump=1, **{name: 1})
                assert self.on == {"pump", name}
            self.switch(cooling, **{name: 0})
            assert self.on == {"pump"}
        self.switch(cooling, pump=0)
        assert self.on == set()

    def test_parts_are_switched_independently(self) -> None:
        cooling = self.build()
        self.switch(cooling, pump=1, chiller=1)
        assert self.on == {"pump", "chiller"}
        self.switch(cooling, pump=0)
        assert self.on == ({"chiller"} if self.apart else set())

    def test_the_dryer_is_switched_whatever_else_runs(self) -> None:
        cooling = self.build()
        for on in (1, 1, 0):
            self.switch(cooling, dry=on)
            assert self.dries == on

    def test_contacts_are_read_as_they_are_now(self) -> None:
        cooling = self.build()
        for bits in range(8):
            flows, heats, well = bool(bits & 1), bool(bits & 2), bool(bits & 4)
            self.feel(flows, heats, well)
            cooling.step(self.second())
            assert (cooling.flowing(), cooling.heating()) == (flows, heats)
            assert cooling.compressor_well() == well

    def test_thermal_control_heats_cools_and_rests_with_it(self) -> None:
        cooling = self.build()
        memory = bytearray(SIZE)
        provision(memory)
        cells = SimpleNamespace(temp_spread_dc=0)
        air = SimpleNamespace(ambient_dc=250, outside_dc=250, coolant_dc=250, dew_dc=50)
        thermal = Thermal(cooling, cells, air, Parameters(), History(memory), Signals())
        for mean_dc, running in ((30, {"pump", "heater"}), (340, {"pump", "chiller"}), (260, ALL)):
            cells.temp_mean_dc = cells.temp_min_dc = cells.temp_max_dc = mean_dc
            for _ in range(400):
                self.feel("pump" in self.on, "heater" in self.on, True)
                thermal.step(self.second(), True)
            assert self.on == (set() if running is ALL else running)


class Pin:
    def __init__(self, level: int = 0) -> None:
        self.level = level

    def value(self, level: int | None = None) -> int:
        if level is not None:
            self.level = level
        return self.level

    def duty(self, permille: int) -> None:
        self.level = permille

    def read_u16(self) -> int:
        return self.level


class TestRelays(CoolingContract):
    kind = RelayCooling

    def build(self) -> Any:
        self.outputs = {name: Pin() for name in (*ALL, "heater_feed", "dryer")}
        self.inputs = {name: Pin() for name in ("coolant_flow", "heater_on", "compressor_ok")}
        self.drive, self.tacho = Pin(), Pin()
        board = SimpleNamespace(
            outputs=self.outputs, inputs=self.inputs, drive=self.drive,
            analog={"fan_speed": self.tacho},
        )  # fmt: skip
        return self.kind(board, None, None)

    @property
    def on(self) -> set[str]:
        return {name for name in ALL if self.outputs[name].level}

    @property
    def dries(self) -> int:
        return self.outputs["dryer"].level

    def feel(self, flows: bool, heats: bool, well: bool) -> None:
        for name, level in zip(self.inputs, (flows, heats, well), strict=True):
            self.inputs[name].level = int(level)
        self.tacho.level = 52000 if flows else 3000

    def test_feed_and_speed_are_pins_of_their_own(self) -> None:
        cooling = self.build()
        for level in (1, 0):
            cooling.feed(level)
            assert self.outputs["heater_feed"].level == level
            assert self.on == set()
        cooling.drive(420, 250)
        assert self.drive.level == 420


class TestAir(TestRelays):
    kind = AirCooling

    def test_a_fan_turns_from_a_tenth_of_its_speed_on(self) -> None:
        cooling = self.build()
        self.inputs["coolant_flow"].level = 1  # the other set's contact proves nothing here
        for speed, flows in ((0, 0), (6553, 0), (6554, 1), (65535, 1)):
            self.tacho.level = speed
            assert cooling.flowing() == flows


class Port:
    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []

    def send(self, can_id: int, data: bytes) -> None:
        self.sent.append((can_id, bytes(data)))


class TestSmartChiller(CoolingContract):
    """Over its frames, as cantools would pack them: by the codec that the DBC is made of."""

    apart = False

    def build(self) -> c.ChillerCan:
        self.port = Port()
        self.codec = FrameCodec(c.CHILLER_TABLE)
        self.sender = Sender(c.status_ids())
        self.told = {"flows": False, "heats": False, "well": True}
        self.cooling = c.ChillerCan(None, self.port)
        for now_ms in (0, 1, 2):  # a counter is followed before it is believed
            self.say(now_ms)
        return self.cooling

    def second(self) -> int:
        """It answers once a second."""
        now_ms = super().second()
        self.say(now_ms=now_ms)
        return now_ms

    def say(self, now_ms: int, spoiled: bool = False) -> None:
        codec, at = self.codec, self.codec.slot("chiller_status", "state")
        told = self.told
        fault = 0 if told["well"] else c.COMPRESSOR_FAULT
        values = (c.OFF, 253, 267, 1, told["heats"], 0, told["flows"], fault)
        for slot, value in enumerate(values, at):
            codec.image[slot] = int(value)
        data = bytearray(8)
        codec.pack(codec.frame("chiller_status"), data)
        self.sender.protect(data)
        data[5] ^= 4 if spoiled else 0
        self.cooling.receive(c.STATUS_ID, data, 8, now_ms)

    @property
    def newest(self) -> tuple[int, ...]:
        """Mode, outlet, dryer of the newest command."""
        if not self.port.sent:
            return c.OFF, 0, 0
        can_id, data = self.port.sent[-1]
        assert can_id == c.COMMAND_ID
        self.codec.unpack(self.codec.frame("chiller_command"), data)
        at = self.codec.slot("chiller_command", "mode")
        return tuple(self.codec.image[at : at + 3])

    @property
    def on(self) -> set[str]:
        return {
            c.OFF: set(), c.PUMP: {"pump"}, c.COOL: {"pump", "chiller"}, c.HEAT: {"pump", "heater"}
        }[self.newest[0]]  # fmt: skip

    @property
    def dries(self) -> int:
        return self.newest[2]

    def feel(self, flows: bool, heats: bool, well: bool) -> None:
        self.told = {"flows": flows, "heats": heats, "well": well}

    def test_outlet_travels_and_every_second_a_command_goes_out(self) -> None:
        cooling = self.build()
        for n, outlet_dc in enumerate((250, -15, 400), 1):
            cooling.drive(500, outlet_dc)
            self.switch(cooling, pump=1)
            assert self.newest[:2] == (c.PUMP, outlet_dc)
            assert len(self.port.sent) == n

    def test_what_it_says_of_its_water_and_itself_is_kept(self) -> None:
        cooling = self.build()
        self.feel(True, False, False)
        self.switch(cooling)
        assert (cooling.outlet_dc, cooling.inlet_dc) == (253, 267)
        assert (cooling.fault_bits, cooling.status_ms) == (c.COMPRESSOR_FAULT, self.now_ms)

    def test_a_silent_unit_has_no_flow_and_its_age_is_told(self) -> None:
        cooling = self.build()
        self.feel(True, True, True)
        self.switch(cooling, pump=1, heater=1)
        assert (cooling.flowing(), cooling.heating()) == (1, 1)
        heard_ms = self.now_ms
        for later_ms, flows in ((5000, 1), (5001, 0), (60_000, 0)):
            cooling.step(heard_ms + later_ms)
            assert (cooling.flowing(), cooling.age_ms()) == (flows, later_ms)
        cooling.heater(0)
        assert cooling.heating() == 0  # what nobody says is no evidence against the heater
        for stamp_ms in (heard_ms, 1 << 29):
            cooling.hold_stamps(heard_ms + stamp_ms)

    def test_one_that_never_spoke_is_as_old_as_the_set(self) -> None:
        self.build()
        cooling = c.ChillerCan(None, self.port)
        for now_ms in (1000, 2000, 9000):
            cooling.step(now_ms)
        assert (cooling.age_ms(), cooling.flowing()) == (8000, 0)

    def test_spoiled_frames_change_nothing(self) -> None:
        cooling = self.build()
        self.feel(True, True, False)
        self.say(100, spoiled=True)
        assert (cooling.status_ms, cooling.flowing(), cooling.fault_bits) == (2, 0, 0)

    def test_its_commands_are_protected(self) -> None:
        cooling = self.build()
        checker = Checker(c.command_ids(), 3, 2)
        for _ in range(20):
            self.switch(cooling, pump=1)
        results = [checker.check(data, len(data)) for _, data in self.port.sent]
        assert results[3:] == [OK] * 17


class OtherChiller:
    """A made-up unit with a controller of its own: one word each way."""

    fault_bits = 0

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

    def dry(self, on: bool) -> None:
        self._switch(0x80, on)

    def feed(self, on: bool) -> None:
        """It has its own."""

    def drive(self, permille: int, outlet_dc: int) -> None:
        """It knows itself how hard to work."""

    def step(self, now_ms: int) -> None:
        """Its word travels at once."""

    def age_ms(self) -> int:
        return 0

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

    @property
    def dries(self) -> int:
        return int(self.unit.wanted & 0x80 != 0)

    def feel(self, flows: bool, heats: bool, well: bool) -> None:
        self.unit.status = flows | heats << 1 | well << 2


def test_the_parameter_names_the_sets() -> None:
    for kind, made in ((LIQUID, RelayCooling), (CHILLER, c.ChillerCan), (AIR, AirCooling)):
        parameters = Parameters()
        parameters.set("cooling_set", kind)
        assert set_of(parameters) is made
