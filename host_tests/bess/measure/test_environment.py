"""Every analog channel of the cabinet: what is invalid is never fine."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from rigs.faults import protection_of

from autarky.plant.ltc6813 import ntc_ratio
from bess.measure import signals as s
from bess.measure.environment import Environment
from bess.measure.ntc import ntc_table
from bess.measure.signals import Signals
from bess.parameters import Parameters

NO_DC = -32768
BETA_K = 3435
WARM = 32768  # 25 degC
BOARD, COOLANT, AMBIENT, HUMIDITY, INLET = 1, 2, 4, 8, 16
STUCK = [0, 1, 65535]


class Channel:
    def __init__(self, raw: int) -> None:
        self.raw = raw

    def read_u16(self) -> int:
        return self.raw


def raw_of(celsius: float) -> int:
    table = ntc_table(BETA_K)
    wanted = round((celsius + 100) * 10)
    return min(range(1300, 64000), key=lambda raw: abs(table[raw >> 8] - wanted))


class Rig:
    """Channels by name, and what the environment makes of them."""

    def __init__(self, ntc: Sequence[int] | None = None) -> None:
        names = ("terminal_plus", "terminal_minus", "coolant_supply", "ambient", "board")
        self.analog = {name: Channel(WARM) for name in names}
        self.analog.update(supply=Channel(39322), reference=Channel(49648), humidity=Channel(26214))
        self.pcs = SimpleNamespace(status_ms=-1, temperature_dc=0)
        self.signals = Signals()
        parameters = Parameters()
        self.environment = Environment(
            self.analog, self.pcs, ntc or ntc_table(BETA_K), parameters, self.signals
        )

    def step(self) -> "Rig":
        self.environment.step_cells()
        self.environment.step_slow()
        return self

    def value(self, signal: int) -> int:
        return self.signals.value[signal]

    def renewed(self, signal: int) -> bool:
        """A whole sample comes with the next step."""
        before = self.signals.count[signal]
        self.step()
        return self.signals.count[signal] != before and not self.signals.partial[signal]


class LinearRig(Rig):
    """With sensors whose temperature is 0.1 K for 32 steps of the converter, from -50 degC on."""

    def __init__(self) -> None:
        super().__init__([500 + 8 * step for step in range(257)])

    def raw(self, dc: int) -> int:
        return (dc + 500) * 32


@pytest.fixture
def rig() -> Rig:
    return Rig().step()


def test_a_well_cabinet_tells_nothing(rig: Rig) -> None:
    for signal in (s.TERMINAL_SENSOR, s.CABINET_SENSOR, s.CONDENSATION):
        assert rig.value(signal) == 0
        assert rig.renewed(signal)
    assert abs(rig.value(s.TERMINAL_TEMP) - 250) <= 3
    assert abs(rig.value(s.SUPPLY) - 24_000) <= 5


@pytest.mark.parametrize("raw", STUCK)
@pytest.mark.parametrize("name", ["terminal_plus", "terminal_minus"])
def test_one_terminal_sensor_lost_is_told_and_the_other_clears_nothing(rig, name, raw) -> None:
    rig.analog[name].raw = raw
    assert rig.step().value(s.TERMINAL_SENSOR) == 1
    assert not rig.renewed(s.TERMINAL_TEMP)
    assert abs(rig.value(s.TERMINAL_TEMP) - 250) <= 3


@pytest.mark.parametrize("raw", STUCK)
def test_both_terminal_sensors_lost_are_no_temperature(rig: Rig, raw: int) -> None:
    rig.analog["terminal_plus"].raw = rig.analog["terminal_minus"].raw = raw
    before = rig.signals.count[s.TERMINAL_TEMP]
    assert rig.step().value(s.TERMINAL_SENSOR) == 2
    assert rig.signals.count[s.TERMINAL_TEMP] == before
    assert rig.environment.terminal_dc == NO_DC


def test_the_hotter_terminal_counts_whichever_it_is(rig: Rig) -> None:
    for name in ("terminal_plus", "terminal_minus"):
        rig.analog[name].raw = raw_of(85.0)
        assert abs(rig.step().value(s.TERMINAL_TEMP) - 850) <= 15, name
        rig.analog[name].raw = WARM


@pytest.mark.parametrize("celsius", [-40.3, -10.0, 24.8, 25.0, 46.1, 69.7, 79.9, 89.6, 100.2])
def test_a_sensor_reads_within_half_a_degree_between_the_steps_of_its_table(rig, celsius) -> None:
    rig.analog["board"].raw = round(65536 * float(ntc_ratio(np.array(celsius), BETA_K)))
    assert abs(rig.step().value(s.BOARD_TEMP) - 10 * celsius) <= 5


def test_equal_resistors_are_25_degrees(rig: Rig) -> None:
    assert rig.value(s.BOARD_TEMP) == 250


@pytest.mark.parametrize(("raw", "lost"), [
    (1299, BOARD), (1300, 0), (64000, 0), (64001, BOARD),
])  # fmt: skip
def test_a_sensor_is_lost_below_2_and_above_97_7_percent_of_the_scale(rig, raw, lost) -> None:
    rig.analog["board"].raw = raw
    assert rig.step().value(s.CABINET_SENSOR) == lost


@pytest.mark.parametrize(("raw", "supply_mv"), [(0, 0), (32768, 20_000), (65535, 39_999)])
def test_the_supply_divider_spans_40_v(rig: Rig, raw: int, supply_mv: int) -> None:
    rig.analog["supply"].raw = raw
    assert rig.step().value(s.SUPPLY) == rig.environment.supply_mv == supply_mv


@pytest.mark.parametrize(("raw", "permille"), [
    (49648, 0), (49697, 0), (49698, 1), (49599, 0), (49598, 1), (0, 1000), (65535, 319),
])  # fmt: skip
def test_the_reference_is_off_in_permille_of_its_2_5_v_both_ways(rig, raw, permille) -> None:
    rig.analog["reference"].raw = raw
    assert rig.step().value(s.ADC_REFERENCE) == permille


@pytest.mark.parametrize("raw", STUCK)
@pytest.mark.parametrize(("name", "bit"), [
    ("board", BOARD), ("coolant_supply", COOLANT), ("ambient", AMBIENT), ("humidity", HUMIDITY),
])  # fmt: skip
def test_each_lost_sensor_of_the_cabinet_is_told_and_clears_nothing(rig, name, bit, raw) -> None:
    rig.analog[name].raw = raw
    assert rig.step().value(s.CABINET_SENSOR) == bit
    assert not rig.renewed(s.BOARD_TEMP if name == "board" else s.CONDENSATION)
    rig.analog[name].raw = WARM
    assert rig.step().value(s.CABINET_SENSOR) == 0
    assert rig.renewed(s.BOARD_TEMP)
    assert rig.renewed(s.CONDENSATION)


def test_what_a_lost_sensor_gave_last_is_no_reading(rig: Rig) -> None:
    for name in ("board", "coolant_supply", "ambient", "humidity"):
        rig.analog[name].raw = 65535
    rig.step()
    environment = rig.environment
    assert environment.board_dc == environment.coolant_dc == environment.ambient_dc == NO_DC
    assert environment.humidity_permille == 0


def test_nothing_is_known_before_it_was_read() -> None:
    environment = Rig().environment
    assert environment.board_dc == environment.terminal_dc == NO_DC
    assert environment.coolant_dc == environment.ambient_dc == NO_DC
    assert environment.humidity_permille == environment.supply_mv == 0


def test_condensation_stands_while_a_sensor_is_broken(rig: Rig) -> None:
    """Rules 1 and 3: it cleared as soon as one of its sensors broke."""
    rig.analog["coolant_supply"].raw = raw_of(8.0)
    rig.analog["ambient"].raw = raw_of(30.0)
    rig.analog["humidity"].raw = 62_000
    assert rig.step().value(s.CONDENSATION) == 1
    for name in ("coolant_supply", "ambient", "humidity"):
        kept = rig.analog[name].raw
        for raw in STUCK:
            rig.analog[name].raw = raw
            rig.step()
            assert rig.signals.partial[s.CONDENSATION] == 1, name
        rig.analog[name].raw = kept
    assert rig.step().value(s.CONDENSATION) == 1


@pytest.mark.parametrize("raw", [0, 1310, 65209, 65535])
def test_without_humidity_the_air_counts_as_saturated(rig: Rig, raw: int) -> None:
    rig.analog["coolant_supply"].raw = raw_of(20.0)
    rig.analog["humidity"].raw = raw
    assert rig.step().value(s.CONDENSATION) == 1
    assert rig.value(s.CABINET_SENSOR) == HUMIDITY


@pytest.mark.parametrize("name", ["coolant_supply", "ambient"])
def test_a_lost_temperature_of_dry_air_tells_no_water(rig: Rig, name: str) -> None:
    rig.analog[name].raw = 0
    assert rig.step().value(s.CONDENSATION) == 0
    assert rig.signals.partial[s.CONDENSATION] == 1


@pytest.mark.parametrize(("humidity", "dew_dc"), [
    (26215, 105),  # 40 % at 25 degC
    (58983, 232),  # 90 %
    (65208, 249), (65535, 250), (0, 250),
])  # fmt: skip
def test_water_is_told_within_3_k_of_the_dew_point(humidity: int, dew_dc: int) -> None:
    rig = LinearRig()
    rig.analog["ambient"].raw = rig.raw(250)
    rig.analog["humidity"].raw = humidity
    for coolant_dc, wet in ((dew_dc + 30, 0), (dew_dc + 29, 1), (dew_dc - 200, 1)):
        rig.analog["coolant_supply"].raw = rig.raw(coolant_dc)
        assert rig.step().environment.coolant_dc == coolant_dc
        assert rig.value(s.CONDENSATION) == wet, coolant_dc


def test_the_dew_point_is_told_only_while_it_is_known(rig: Rig) -> None:
    assert abs(rig.environment.dew_dc - 105) <= 4
    for name in ("ambient", "humidity"):
        kept = rig.analog[name].raw
        rig.analog[name].raw = 0
        assert rig.step().environment.dew_dc == NO_DC, name
        rig.analog[name].raw = kept
    rig.analog["coolant_supply"].raw = 0  # the water is not the air
    assert rig.step().environment.dew_dc != NO_DC


@pytest.mark.parametrize("raw", [1311, 65208])
def test_humidity_at_the_ends_of_its_range_is_a_reading(rig: Rig, raw: int) -> None:
    rig.analog["humidity"].raw = raw
    assert rig.step().value(s.CABINET_SENSOR) == 0
    assert rig.environment.humidity_permille == raw * 1000 >> 16


def test_the_inlet_of_the_pcs_is_not_zero_before_its_first_status(rig: Rig) -> None:
    assert rig.signals.count[s.PCS_TEMP] == 0
    rig.pcs.status_ms, rig.pcs.temperature_dc = 100, 310
    rig.step()
    assert rig.signals.count[s.PCS_TEMP] == 1
    assert rig.value(s.PCS_TEMP) == 310
    rig.step()
    assert rig.signals.count[s.PCS_TEMP] == 1, "an old status is no fresh sample"


def test_an_inlet_that_was_told_at_time_0_is_told(rig: Rig) -> None:
    rig.pcs.status_ms, rig.pcs.temperature_dc = 0, 310
    assert rig.step().value(s.PCS_TEMP) == 310


@pytest.mark.parametrize("inlet_dc", [-500, 1200])
def test_the_ends_of_the_inlets_range_are_readings(rig: Rig, inlet_dc: int) -> None:
    rig.pcs.status_ms, rig.pcs.temperature_dc = 100, inlet_dc
    assert rig.step().value(s.CABINET_SENSOR) == 0
    assert rig.value(s.PCS_TEMP) == inlet_dc


@pytest.mark.parametrize("inlet_dc", [-1280, -510, -501, 1201, 1210, 1270])
def test_an_inlet_temperature_that_cannot_be_is_told_and_clears_nothing(rig, inlet_dc) -> None:
    rig.pcs.status_ms, rig.pcs.temperature_dc = 100, inlet_dc
    assert rig.step().value(s.CABINET_SENSOR) == INLET
    assert rig.signals.count[s.PCS_TEMP] == 0


@pytest.mark.parametrize("raw", [0, 65535])
@pytest.mark.parametrize(("name", "faults"), [
    ("supply", {"supply_low", "supply_high"}), ("reference", {"adc_reference"}),
])  # fmt: skip
def test_a_converter_channel_that_hangs_takes_the_power_away(rig, name, faults, raw) -> None:
    from autarky.tables import faults as table

    protection = protection_of(rig.signals, lambda *_: None)
    rig.analog[name].raw = raw
    for scan in range(20):
        rig.environment.step_cells()
        protection.evaluate_cells(100 * scan)
    levels = protection.levels()
    assert max(levels[table()[fault].id - 1] for fault in faults) >= 2
    assert protection.charge_blocked
    assert protection.discharge_blocked
