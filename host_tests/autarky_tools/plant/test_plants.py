"""Each plant against a known answer."""

import itertools
import math

import numpy as np
import pytest

from autarky.plant.cells import OCV_SOC, OCV_V, CellModel, Cells
from autarky.plant.ltc6813 import pec15, with_pec
from autarky.plant.string import MINUS, PLUS, PRECHARGE, Strings


def one_string(cells: int = 240, **options: float) -> Strings:
    return Strings(Cells(1, cells, spread=0.0, **options), 5)


def close(strings: Strings, *poles: int) -> None:
    strings.contactors.command[:] = False
    for pole in poles:
        strings.contactors.command[0, pole] = True


def run(strings: Strings, seconds: float) -> None:
    for _ in range(round(seconds * 100)):
        strings.step(0.01)


def test_a_rested_cell_shows_its_open_circuit_voltage() -> None:
    for soc, volts in zip(OCV_SOC, OCV_V, strict=True):
        cells = Cells(1, 1, soc=soc, spread=0.0)
        assert cells.voltage(0, 0.0)[0] == pytest.approx(volts)


def test_a_string_is_empty_and_full_with_its_first_cell() -> None:
    cells = Cells(1, 3, spread=0.0)
    cells.soc[0] = 0.1, 0.5, 0.7
    assert cells.usable_soc()[0] == pytest.approx(0.1 / (0.1 + 0.3))
    cells.capacity_ah[0, 2] *= 0.5
    assert cells.usable_soc()[0] == pytest.approx(0.1 / (0.1 + 0.15))


def test_step_response_of_two_rc_pairs_is_the_analytic_one() -> None:
    model = CellModel(hysteresis_v=0.0, capacity_ah=1e9)
    cells = Cells(1, 1, model=model, spread=0.0)
    rest = cells.voltage(0, 0.0)[0]
    current = np.array([100.0])
    for i in range(1, 3001):
        cells.step(current, 0.1)
        if i % 500 == 0:
            t = 0.1 * i
            drop = 100.0 * (
                model.r0
                + model.r1 * (1 - math.exp(-t / model.tau1))
                + model.r2 * (1 - math.exp(-t / model.tau2))
            )
            assert rest - cells.voltage(0, 100.0)[0] == pytest.approx(drop, rel=1e-6)


def test_an_hour_at_one_c_empties_a_full_cell() -> None:
    cells = Cells(1, 1, soc=1.0, spread=0.0)
    for _ in range(36000):
        cells.step(np.array([280.0]), 0.1)
    assert cells.soc[0, 0] == pytest.approx(0.0, abs=1e-9)


def test_resistance_grows_as_the_design_page_says() -> None:
    warm, cold = Cells(1, 1, spread=0.0), Cells(1, 1, temperature_c=-20.0, spread=0.0)
    assert warm.r0[0, 0] == pytest.approx(0.45e-3)
    assert 3.0 <= cold.r0[0, 0] / warm.r0[0, 0] <= 4.0


def test_hysteresis_separates_charge_from_discharge() -> None:
    model = CellModel()
    up, down = Cells(1, 1, soc=0.45, spread=0.0), Cells(1, 1, soc=0.55, spread=0.0)
    for _ in range(3600):
        up.step(np.array([-28.0]), 1.0)
        down.step(np.array([28.0]), 1.0)
    up.soc[:] = down.soc[:] = 0.5
    for cells in (up, down):
        cells.v1[:] = cells.v2[:] = 0.0
        cells._refresh_emf()
    assert up.emf[0, 0] - down.emf[0, 0] == pytest.approx(2 * model.hysteresis_v, rel=0.01)


def test_precharge_is_the_analytic_exponential_and_its_energy_half_c_v_squared() -> None:
    strings = one_string()
    model = strings.model
    close(strings, MINUS, PRECHARGE)
    run(strings, 0.03)
    start = float(strings.link_v[0])
    run(strings, 1.0)
    emf = float(strings.cells.string_emf[0])
    tau = model.precharge_ohm * model.link_farad
    expected = emf - (emf - start) * math.exp(-1.0 / tau)
    assert strings.link_v[0] == pytest.approx(expected, rel=1e-6)
    run(strings, 5.0)
    assert strings.precharge_j[0] == pytest.approx(0.5 * model.link_farad * emf**2, rel=0.01)


def test_constant_power_on_a_resistance_is_the_quadratic_s_root() -> None:
    strings = one_string()
    close(strings, MINUS, PLUS)
    run(strings, 0.1)
    strings.gates[0] = strings.pcs_request[0] = True
    strings.pcs_setpoint_w[0] = 80_000.0
    run(strings, 2.0)
    current, volts = float(strings.current_a[0]), float(strings.string_v[0])
    assert current * volts == pytest.approx(80_000.0, rel=1e-6)


def test_gates_block_at_once_and_without_them_nothing_starts() -> None:
    strings = one_string()
    close(strings, MINUS, PLUS)
    strings.pcs_request[0] = True
    strings.pcs_setpoint_w[0] = 50_000.0
    run(strings, 2.0)
    assert strings.current_a[0] == 0.0
    strings.gates[0] = True
    run(strings, 1.0)
    assert strings.current_a[0] > 60
    strings.gates[0] = False
    run(strings, 0.01)
    assert strings.current_a[0] == 0.0


def test_contactors_travel_weld_and_stick() -> None:
    strings = one_string()
    poles = strings.contactors
    close(strings, MINUS)
    run(strings, 0.02)
    assert not poles.closed[0, MINUS]
    run(strings, 0.02)
    assert poles.closed[0, MINUS]
    poles.welded[0, MINUS] = True
    close(strings)
    run(strings, 1.0)
    assert poles.feedback[0, MINUS]
    poles.stuck_open[0, PLUS] = True
    close(strings, PLUS)
    run(strings, 1.0)
    assert not poles.closed[0, PLUS]


def test_a_bouncing_contact_opens_again_before_it_settles() -> None:
    strings = one_string()
    strings.contactors.bounce_ms[0, MINUS] = 50.0
    close(strings, MINUS)
    states = []
    for _ in range(20):
        run(strings, 0.01)
        states.append(bool(strings.contactors.closed[0, MINUS]))
    changes = sum(a != b for a, b in itertools.pairwise(states))
    assert changes >= 3
    assert all(states[-10:])


def test_fuse_blows_on_a_short_and_not_at_rated_current() -> None:
    strings = one_string()
    close(strings, MINUS, PLUS)
    strings.extra_a[0] = 500.0
    run(strings, 5.0)
    assert not strings.fuse_blown[0]
    strings.extra_a[0] = 3000.0
    run(strings, 0.5)
    assert strings.fuse_blown[0]
    assert strings.current_a[0] == 0.0


def test_a_pulled_module_parts_its_pins_after_its_presence() -> None:
    strings = one_string()
    close(strings, MINUS, PLUS)
    strings.extra_a[0] = 50.0
    run(strings, 0.1)
    strings.module_out[0, 2] = True
    run(strings, 0.05)
    assert strings.conducting[0]
    run(strings, 0.1)
    assert not strings.conducting[0]
    assert strings.current_at_parting_a[0] == pytest.approx(50.0, rel=0.01)


def test_half_c_makes_about_two_kilowatts_of_heat() -> None:
    cells = Cells(1, 240, spread=0.0)
    for _ in range(36000):
        cells.step(np.array([140.0]), 0.1)
        cells.soc[:] = 0.5
    heat_w = cells.heat_w(np.array([140.0])).sum()
    assert 2000 <= heat_w <= 4600  # 2.3 kW by ohmic R0 alone


def test_pec_of_the_chip_model_is_the_data_sheet_s() -> None:
    assert pec15(b"\x00\x01") == 0x3D6E


def test_pec_by_words_is_pec_by_bits() -> None:
    rng = np.random.default_rng(1)
    words = rng.integers(0, 65536, (200, 3)).astype("<u2")
    framed = with_pec(words)
    for row in framed:
        data = row.tobytes()
        assert data[6] << 8 | data[7] == pec15(data[:6])
