"""Invariants 19 to 21: bleeding is safe, never the lowest, and never makes the spread grow."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def full_site(inline_site, spread: float):
    """A rested cabinet near full, whose cells stand apart."""
    site = inline_site(soc=0.99)
    rng = np.random.default_rng(4)
    cells = site.plants.cells
    cells.soc[0] = 0.998 - spread * rng.random(cells.soc.shape[1])
    cells._refresh_emf()
    site.coordinator.wanted_state = 0
    return site


def masks(site) -> list[int]:
    return site.plants.chains[0].discharge_masks


def test_bleeding_lowers_the_high_cells_and_the_spread(inline_site) -> None:
    site = full_site(inline_site, 0.006)
    site.run_for(20.0)
    app = site.cabinets[0].firmware.app
    assert app.string.balancing.bleeding > 20
    cells = site.plants.cells
    lowest = int(cells.soc[0].argmin())
    charge = cells.soc[0] * cells.capacity_ah[0]
    spread_before = float(charge.max() - charge.min())
    low_before = float(charge[lowest])
    for _ in range(3):
        site.run_for(20.0)
        charge = cells.soc[0] * cells.capacity_ah[0]
        spread = float(charge.max() - charge.min())
        assert spread <= spread_before + 1e-9
        spread_before = spread
    assert abs(float(charge[lowest]) - low_before) < 1e-3  # Ah: the lowest cell was left alone


def test_neighbours_are_never_bled_at_once(inline_site) -> None:
    site = full_site(inline_site, 0.006)
    for _ in range(30):
        site.run_for(1.0)
        for mask in masks(site):
            assert mask & mask << 1 == 0


@pytest.mark.parametrize("trouble", ["trip", "hot", "silent"])
def test_no_bleeding_in_fault_on_a_hot_board_or_blind(inline_site, trouble: str) -> None:
    site = full_site(inline_site, 0.006)
    site.run_for(20.0)
    app = site.cabinets[0].firmware.app
    assert app.string.balancing.bleeding > 0
    if trouble == "trip":
        site.plants.hvil_open[0] = True
    elif trouble == "hot":
        site.plants.chains[0].die_c[:] = 70.0
    else:
        site.plants.chains[0].dead.add(3)
        site.plants.chains[0].fault_changed()
    site.run_for(4.0)
    assert app.string.balancing.bleeding == 0
    if trouble != "silent":
        assert not any(masks(site))


def test_nothing_is_bled_on_the_plateau(inline_site) -> None:
    """By charge and not by the plateau's voltage: a spread at 50 % says nothing."""
    site = inline_site(soc=0.5)
    site.plants.cells.force_voltage(0, 17, 3.33)
    site.run_for(30.0)
    assert site.cabinets[0].firmware.app.string.balancing.bleeding == 0
