"""The smart chiller's face: what it owes by our published protocol, and how it may be bad."""

import itertools

import numpy as np
import pytest

from autarky.plant.chiller import ChillerFace, Defects
from autarky.plant.thermal import Heat, Kind
from bess.drivers import chiller_can
from bess.drivers.chiller_can import AUTOMATIC, COOL, HEAT, OFF, PUMP
from bess.link.e2e import OK, Checker, Sender
from bess.link.frames import FrameCodec

FIELDS = ("state", "outlet", "inlet", "pump", "heater", "compressor", "flow", "fault")


class Cabinet:
    """One with a smart chiller, second by second; it repeats its command unless it is `quiet`."""

    def __init__(self, temperature_c: float = 25.0, ambient_c: float | None = None) -> None:
        self.heat = Heat(1, 5, temperature_c, kinds=Kind.CHILLER)
        self.heat.ambient_c[0] = temperature_c if ambient_c is None else ambient_c
        self.face = ChillerFace()
        self.quiet = False
        self.loss_w = 0.0
        self.now_s = 0
        self.running: list[bool] = []
        self._codec = FrameCodec(chiller_can.CHILLER_TABLE)
        self._sender = Sender(chiller_can.command_ids())
        self._checker = Checker(chiller_can.status_ids(), 3, 2)

    def frame(self, mode: int, outlet_c: float, dryer: bool = False) -> bytearray:
        at = self._codec.slot("chiller_command", "mode")
        for slot, value in enumerate((mode, round(outlet_c * 10), int(dryer)), at):
            self._codec.image[slot] = value
        frame = bytearray(8)
        self._codec.pack(self._codec.frame("chiller_command"), frame)
        self._sender.protect(frame)
        return frame

    def run(self, seconds: int, mode: int = OFF, outlet_c: float = 25.0, dryer: bool = False):
        for _ in range(seconds):
            if not self.quiet:
                self.face.command(bytes(self.frame(mode, outlet_c, dryer)), 1000 * self.now_s)
            self.face.step(self.heat, 0, 1.0)
            self.heat.step(np.full((1, 5), self.loss_w / 5), 1.0)
            self.running.append(bool(self.heat.compressor_running[0]))
            self.now_s += 1
        return self

    def status(self) -> dict[str, int]:
        """What it says in the next frame."""
        data = self.face.status(1000 * self.now_s)
        assert data is not None
        assert self._checker.check(data, 8) in (OK, 5)
        self._codec.unpack(self._codec.frame("chiller_status"), data)
        at = self._codec.slot("chiller_status", "state")
        return dict(zip(FIELDS, self._codec.image[at : at + 8], strict=True))

    def stretches(self) -> list[tuple[bool, int]]:
        """The compressor's: ran or stood for how many seconds."""
        edges = [0, *(np.flatnonzero(np.diff(self.running)) + 1), len(self.running)]
        return [(self.running[start], int(end - start)) for start, end in itertools.pairwise(edges)]


def test_modes_do_what_they_say() -> None:
    cabinet = Cabinet()
    cabinet.run(20, OFF)
    assert cabinet.status() | {"outlet": 0, "inlet": 0} == dict.fromkeys(FIELDS, 0)
    said = cabinet.run(20, PUMP).status()
    assert (said["state"], said["pump"], said["flow"], said["heater"]) == (PUMP, 1, 1, 0)
    said = cabinet.run(20, HEAT, 40.0).status()
    assert (said["state"], said["heater"], said["compressor"]) == (HEAT, 1, 0)
    said = cabinet.run(20, COOL, 15.0).status()
    assert (said["state"], said["heater"], said["compressor"]) == (COOL, 0, 1)


def test_outlet_and_return_are_told_in_tenths() -> None:
    cabinet = Cabinet()
    said = cabinet.run(120, COOL, 15.0).status()
    assert said["outlet"] == round(cabinet.face.outlet_c * 10)
    assert said["outlet"] < said["inlet"] < 250
    assert cabinet.heat.supply_c[0] == pytest.approx(said["outlet"] / 10, abs=0.3)


def test_status_comes_once_a_second() -> None:
    face = ChillerFace()
    assert [t for t in range(0, 5000, 10) if face.status(t)] == [0, 1000, 2000, 3000, 4000]
    face.defects.silent = True
    assert face.status(5000) is None


def test_a_frame_that_is_not_well_changes_nothing() -> None:
    cabinet = Cabinet().run(5, PUMP)
    spoilt = cabinet.frame(HEAT, 40.0)
    spoilt[3] ^= 1
    cabinet.face.command(bytes(spoilt), 0)
    assert cabinet.face.mode == PUMP
    cabinet.face.command(bytes(7), 0)
    assert cabinet.face.mode == PUMP


@pytest.mark.parametrize("mode", [OFF, COOL, HEAT, AUTOMATIC])
def test_without_a_command_for_ten_seconds_it_only_pumps(mode: int) -> None:
    cabinet = Cabinet().run(60, mode, 40.0 if mode == HEAT else 15.0, dryer=True)
    before = cabinet.status()["state"]
    cabinet.quiet = True
    assert cabinet.run(8).status()["state"] == before
    said = cabinet.run(5).status()
    assert (said["state"], said["pump"]) == (PUMP, 1)
    assert (said["heater"], said["compressor"]) == (0, 0)
    assert not cabinet.heat.dryer[0]
    cabinet.run(300)
    assert cabinet.status()["state"] == PUMP
    # and does again what it is told
    cabinet.quiet = False
    cabinet.run(5, HEAT, 45.0)
    assert cabinet.status()["state"] == HEAT


def test_the_compressor_keeps_its_minimum_times_whatever_it_is_told() -> None:
    cabinet = Cabinet(30.0)
    rng = np.random.default_rng(5)
    for _ in range(300):
        mode = int(rng.choice([OFF, PUMP, COOL, HEAT, AUTOMATIC]))
        cabinet.run(int(rng.integers(1, 60)), mode, float(rng.uniform(10.0, 40.0)))
    stretches = cabinet.stretches()[1:-1]
    assert len(stretches) > 10
    assert min(length for _, length in stretches) >= 180


@pytest.mark.parametrize("ambient_c", [-30.0, 10.0, 30.0, 50.0])
def test_automatic_keeps_the_outlet_at_its_set_point(ambient_c: float) -> None:
    cabinet = Cabinet(25.0, ambient_c)
    cabinet.loss_w = 2000.0 if ambient_c > 20.0 else 0.0
    cabinet.run(3600, AUTOMATIC, 22.0)
    outlets = []
    for _ in range(900):
        cabinet.run(1, AUTOMATIC, 22.0)
        outlets.append(float(cabinet.heat.supply_c[0]))
    assert np.mean(outlets) == pytest.approx(22.0, abs=2.0)
    assert not (cabinet.heat.heating[0] and cabinet.heat.compressor_running[0])


def test_its_compressor_s_speed_settles_at_the_load() -> None:
    cabinet = Cabinet(25.0, 35.0)
    cabinet.loss_w = 2500.0
    cabinet.run(3 * 3600, COOL, 20.0)
    outlets = []
    for _ in range(600):
        cabinet.run(1, COOL, 20.0)
        outlets.append(float(cabinet.heat.supply_c[0]))
    assert outlets == pytest.approx([20.0] * 600, abs=0.5)
    assert 0.3 < cabinet.heat.drive[0] < 0.9


@pytest.mark.parametrize("mode", [HEAT, AUTOMATIC])
def test_no_heat_without_flow(mode: int) -> None:
    cabinet = Cabinet(10.0).run(60, mode, 40.0)
    assert cabinet.status()["heater"] == 1
    cabinet.heat.pump_failed[0] = True
    cabinet.run(2, mode, 40.0)
    assert not cabinet.heat.heating[0]
    said = cabinet.run(15, mode, 40.0).status()
    assert (said["heater"], said["flow"]) == (0, 0)
    assert said["fault"] == chiller_can.PUMP_FAULT


def test_a_failed_compressor_is_told_and_stands() -> None:
    cabinet = Cabinet(30.0).run(60, COOL, 15.0)
    cabinet.heat.compressor_failed[0] = True
    said = cabinet.run(2, COOL, 15.0).status()
    assert (said["compressor"], said["fault"]) == (0, chiller_can.COMPRESSOR_FAULT)


def test_a_welded_heater_loses_its_feed_for_good() -> None:
    cabinet = Cabinet(10.0).run(30, PUMP)
    cabinet.heat.heater_welded[0] = True
    cabinet.run(5, PUMP)
    assert cabinet.heat.heating[0]
    said = cabinet.run(10, PUMP).status()
    assert (said["heater"], said["fault"]) == (0, chiller_can.HEATER_FAULT)
    assert not cabinet.run(30, HEAT, 40.0).heat.heating[0]


def test_a_heater_that_does_not_come_is_told() -> None:
    cabinet = Cabinet(10.0)
    cabinet.heat.heater_failed[0] = True
    said = cabinet.run(30, HEAT, 40.0).status()
    assert (said["heater"], said["fault"]) == (0, chiller_can.HEATER_FAULT)


def test_a_lost_outlet_sensor_leaves_the_pump_alone() -> None:
    cabinet = Cabinet(30.0).run(60, COOL, 15.0)
    cabinet.face.defects.outlet_lost = True
    said = cabinet.run(5, COOL, 15.0).status()
    assert (said["state"], said["fault"]) == (PUMP, chiller_can.SENSOR_FAULT)


def test_a_low_level_stops_the_pump() -> None:
    cabinet = Cabinet(30.0).run(60, COOL, 15.0)
    cabinet.face.defects.low_level = True
    said = cabinet.run(5, COOL, 15.0).status()
    assert (said["state"], said["pump"], said["fault"]) == (OFF, 0, chiller_can.LEVEL_FAULT)


def test_bad_manners() -> None:
    cabinet = Cabinet(20.0).run(30, HEAT, 40.0)
    cabinet.face.defects = Defects(keeps_mode=True)
    assert cabinet.run(60, OFF).status()["state"] == HEAT
    cabinet.face.defects = Defects(deaf=True)
    assert cabinet.run(12, HEAT, 40.0).status()["state"] == PUMP
    cabinet.face.defects = Defects(outlet_shift_k=-5.0)
    shifted = cabinet.run(5, PUMP).status()["outlet"] / 10
    assert shifted == pytest.approx(cabinet.heat.supply_c[0] - 5.0, abs=0.2)
    cabinet.heat.pump_failed[0] = True
    cabinet.face.defects = Defects(claims_flow=True)
    assert cabinet.run(5, PUMP).status()["flow"] == 1
    first = cabinet.face.status(0)
    cabinet.face.defects.frozen = True
    assert cabinet.face.status(1000) == first


def test_the_dryer_runs_as_told() -> None:
    cabinet = Cabinet().run(5, OFF, dryer=True)
    assert cabinet.heat.dryer[0]
    assert not cabinet.run(2, OFF).heat.dryer[0]
