"""Digital inputs: each pin reaches its own signal and attribute, and a broken wire is danger."""

import pytest

from bess.lines import Contacts
from bess.measure import signals as s
from bess.measure.inputs import Inputs
from bess.measure.signals import Signals

WELL = {"hvil": 1, "estop": 1, "reset_key": 0, "door": 1, "smoke": 1, "gas": 1, "enable_ok": 1}
OTHERS = ("coolant_flow", "heater_on", "compressor_ok")
FEEDBACK = ("minus_closed", "plus_closed", "precharge_closed")
# pin: what level 0 at it, a broken wire among it, tells
FAIL_SAFE = {
    "hvil": s.HVIL_OPEN, "estop": s.ESTOP, "door": s.DOOR, "smoke": s.SMOKE, "gas": s.GAS,
    "enable_ok": s.ENABLE_LOST,
}  # fmt: skip
SLOTS = 5


class Pin:
    def __init__(self, level: int) -> None:
        self.level = level

    def value(self) -> int:
        return self.level


class Rig:
    def __init__(self) -> None:
        levels = WELL | dict.fromkeys((*FEEDBACK, *OTHERS), 0)
        levels |= {f"slot{i}": 1 for i in range(SLOTS)}
        self.pins = {name: Pin(level) for name, level in levels.items()}
        self.signals = Signals()
        self.contacts = Contacts(self.pins)
        self.contacts.bind()
        self.inputs = Inputs(self.contacts, SLOTS, self.signals)

    def sample(self, **levels: int) -> "Rig":
        for name, level in levels.items():
            self.pins[name].level = level
        self.inputs.sample()
        return self

    def told(self) -> dict[int, int]:
        """Signals that are not 0."""
        return {signal: value for signal, value in enumerate(self.signals.value) if value}


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_before_the_first_sample_nothing_is_safe_and_nothing_closed(rig: Rig) -> None:
    inputs = rig.inputs
    assert inputs.estop_pressed is True
    assert inputs.hvil_closed is False
    assert inputs.reset_key is False
    assert inputs.minus_closed is inputs.plus_closed is inputs.precharge_closed is False
    assert inputs.missing_slots == 0


def test_a_well_cabinet_tells_nothing_and_tells_it_once(rig: Rig) -> None:
    rig.sample().sample()
    assert rig.told() == {}
    for signal in (*FAIL_SAFE.values(), s.MODULES_MISSING):
        assert rig.signals.count[signal] == 1
        assert not rig.signals.partial[signal]
    assert rig.inputs.hvil_closed is True
    assert rig.inputs.estop_pressed is False


@pytest.mark.parametrize(("pin", "signal"), FAIL_SAFE.items())
def test_each_broken_wire_tells_its_own_danger_alone(rig: Rig, pin: str, signal: int) -> None:
    assert rig.sample(**{pin: 0}).told() == {signal: 1}
    assert rig.inputs.hvil_closed is (pin != "hvil")
    assert rig.inputs.estop_pressed is (pin == "estop")
    assert rig.sample(**{pin: 1}).told() == {}


@pytest.mark.parametrize("pin", ["reset_key", *FEEDBACK])
def test_key_and_feedback_are_read_each_from_its_own_pin(rig: Rig, pin: str) -> None:
    for level in (0, 1, 0):
        rig.sample(**{pin: level})
        for name in ("reset_key", *FEEDBACK):
            assert getattr(rig.inputs, name) is (name == pin and level == 1), name
        assert rig.told() == {}


@pytest.mark.parametrize("missing", [(0,), (1,), (4,), (0, 4), (1, 2, 3), (0, 1, 2, 3, 4)])
def test_each_missing_module_is_counted_and_named_by_its_bit(rig: Rig, missing) -> None:
    rig.sample(**{f"slot{slot}": 0 for slot in missing})
    assert rig.told() == {s.MODULES_MISSING: len(missing)}
    assert rig.inputs.missing_slots == sum(1 << slot for slot in missing)
    rig.sample(**{f"slot{slot}": 1 for slot in missing})
    assert rig.inputs.missing_slots == 0
    assert rig.told() == {}


@pytest.mark.parametrize("pin", [*FAIL_SAFE, "slot0", "slot4"])
def test_what_is_not_well_is_a_fresh_sample_in_every_tick(rig: Rig, pin: str) -> None:
    signal = FAIL_SAFE.get(pin, s.MODULES_MISSING)
    rig.sample(**{pin: 0})
    for count in (2, 3, 4):
        rig.sample()
        assert (rig.signals.count[signal], rig.signals.value[signal]) == (count, 1)
    rig.sample(**{pin: 1})
    rig.sample()
    assert (rig.signals.count[signal], rig.signals.value[signal]) == (5, 0)


def test_a_slot_that_the_cabinet_does_not_have_is_not_missing() -> None:
    rig = Rig()
    rig.pins["slot5"] = Pin(0)
    rig.contacts.bind()
    assert rig.sample().told() == {}
