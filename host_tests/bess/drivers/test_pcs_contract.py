"""The PCS contract, held by our family, and by another one that is a single class below."""

import pytest
from built import Calls, built
from kit.pcs_contract import Frame, PcsContract

from autarky.plant.pcs import COMMAND_TIMEOUT_MS, PcsFace
from bess.app import Cabinet
from bess.drivers.pcs import FAULT, OFF, RUNNING, STARTING, STOPPING
from bess.drivers.pcs_can import COMMAND_ID, STATUS_ID, PcsCan
from bess.port.ticks import held


class Far:
    """What every device of the contract knows."""

    def __init__(self) -> None:
        self.state = OFF
        self.power_w = self.dc_voltage_dv = self.temperature_dc = self.fault = 0
        self.runs = False
        self.told_w = self.told_var = 0


class OurDevice(Far):
    """The plant's model of the PCS on the cabinet bus."""

    def __init__(self) -> None:
        super().__init__()
        self.face = PcsFace()
        self.reactive = self.face._codec.slot("pcs_command", "reactive_power")

    def hear(self, can_id: int, data: bytes, now_ms: int) -> None:
        assert can_id == COMMAND_ID
        self.face.command(data, now_ms)
        self.runs, self.told_w = self.face.follow, int(self.face.setpoint_w)
        self.told_var = self.face._codec.image[self.reactive] * 10

    def say(self, now_ms: int) -> list[Frame]:
        self.face.temperature_c = self.temperature_dc // 10
        data = self.face.status(
            now_ms, self.state, self.power_w, self.dc_voltage_dv / 10, self.fault
        )
        self.runs = self.runs and self.face.follow
        return [] if data is None else [(STATUS_ID, data)]


class TestPcsCan(PcsContract):
    family = PcsCan
    step_w = step_var = 10
    silence_ms = COMMAND_TIMEOUT_MS

    def device(self) -> OurDevice:
        return OurDevice()


def summed(data: bytearray) -> bytes:
    """Seven bytes and their sum."""
    return bytes(data[:7]) + bytes((sum(data[:7]) + 0x5A & 0xFF,))


class OtherPcs:
    """A made-up family: big-endian, 100 W and + = charge, its own numbers of states, a sum."""

    ids = (0x2A1,)
    filters = ((0x2A1, 0x7FF, 0),)
    states = {1: OFF, 2: STARTING, 4: RUNNING, 5: STOPPING, 7: FAULT}

    def __init__(self, port, leaves=None) -> None:
        self._port = port
        self._command = bytearray(7)
        self._counter = -1
        self.state = OFF
        self.power_actual_w = self.dc_voltage_dv = self.temperature_dc = self.fault = 0
        self.status_ms = -1
        self.crc_streak = 0

    def start(self) -> None:
        self._command[0] = 1

    def stop(self) -> None:
        self._command[0] = 0

    def set(self, power_w: int, reactive_var: int) -> None:
        for at, value in ((2, power_w), (4, reactive_var)):
            hundreds = -(value // 100) if value >= 0 else -value // 100
            self._command[at : at + 2] = hundreds.to_bytes(2, "big", signed=True)

    def transmit(self, now_ms: int) -> None:
        self._command[1] = (self._command[1] + 1) & 0xFF
        self._port.send(0x2A0, summed(self._command))

    def receive(self, can_id: int, data: bytes, length: int, now_ms: int) -> bool:
        if can_id != 0x2A1:
            return False
        if length != 8 or summed(bytearray(data)) != bytes(data) or data[1] == self._counter:
            self.crc_streak = min(self.crc_streak + 1, 250)
            return True
        self._counter = data[1]
        self.state = self.states.get(data[0] & 7, FAULT)
        self.fault = data[0] >> 3
        self.power_actual_w = -int.from_bytes(data[2:4], "big", signed=True) * 100
        self.dc_voltage_dv = int.from_bytes(data[4:6], "big")
        self.temperature_dc = data[6] * 10 - 500
        self.status_ms = now_ms
        self.crc_streak = 0
        return True

    def hold_stamps(self, now_ms: int) -> None:
        self.status_ms = held(now_ms, self.status_ms)


class OtherDevice(Far):
    def __init__(self) -> None:
        super().__init__()
        self._heard_ms = self._counter = 0

    def hear(self, can_id: int, data: bytes, now_ms: int) -> None:
        assert (can_id, summed(bytearray(data))) == (0x2A0, data)
        self.runs, self._heard_ms = data[0] == 1, now_ms
        self.told_w = -int.from_bytes(data[2:4], "big", signed=True) * 100
        self.told_var = -int.from_bytes(data[4:6], "big", signed=True) * 100

    def say(self, now_ms: int) -> list[Frame]:
        if now_ms - self._heard_ms > 100:
            self.runs = False
        if now_ms % 50:
            return []
        self._counter = (self._counter + 1) & 0xFF
        number = next(n for n, state in OtherPcs.states.items() if state == self.state)
        data = bytearray((self.fault << 3 | number, self._counter))
        data += (-self.power_w // 100).to_bytes(2, "big", signed=True)
        data += self.dc_voltage_dv.to_bytes(2, "big")
        data.append((self.temperature_dc + 500) // 10)
        return [(0x2A1, summed(data))]


class TestOtherPcs(PcsContract):
    family = OtherPcs
    step_w = step_var = 100
    silence_ms = 100

    def device(self) -> OtherDevice:
        return OtherDevice()


class Flipped(PcsCan):
    def set(self, power_w: int, reactive_var: int) -> None:
        super().set(-power_w, reactive_var)


class Greedy(PcsCan):
    def set(self, power_w: int, reactive_var: int) -> None:
        super().set(power_w + (9 if power_w > 0 else -9), reactive_var)


class Forgetful(PcsCan):
    def transmit(self, now_ms: int) -> None:
        if self._sent_ms < 0:
            super().transmit(now_ms)


class Credulous(PcsCan):
    def receive(self, can_id: int, data: bytes, length: int, now_ms: int) -> bool:
        own = super().receive(can_id, data, length, now_ms)
        self.status_ms = now_ms if own else self.status_ms
        return own


class Eager(PcsCan):
    def set(self, power_w: int, reactive_var: int) -> None:
        super().set(power_w, reactive_var)
        self.start()


class Deaf(PcsCan):
    filters = ((0x191, 0x7FF, 0),)


@pytest.mark.parametrize("family", [Flipped, Greedy, Forgetful, Credulous, Eager, Deaf])
def test_a_family_that_breaks_the_contract_is_noticed(family: type[PcsCan]) -> None:
    contract = type("Wrong", (TestPcsCan,), {"family": family})()
    failed = 0
    for name in dir(contract):
        if name.startswith("test_"):
            try:
                getattr(contract, name)()
            except AssertionError:
                failed += 1
    assert failed


def test_a_cabinet_is_built_on_another_family_by_its_class_alone(monkeypatch) -> None:
    monkeypatch.setattr(Cabinet, "pcs_family", OtherPcs)
    app = built()
    calls = Calls()
    calls.on(app.cabinet_port, "send", True)
    app.tasks.fast(0)
    assert [call[2][0] for call in calls if call[1] == 0x2A0] == [0]
    assert app.cabinet_bus._receivers[OtherPcs.ids[0]] == app.pcs_can.receive
    assert type(app.pcs_can) is OtherPcs
