"""Coolant in the hoses between unit and modules: plug flow that keeps every joule."""

from __future__ import annotations

import numpy as np

from autarky.plant.cells import Bools, Floats

SLICES = 10  # of each hose


def plug(slices: float) -> tuple[Floats, Floats]:
    """What moving on by up to SLICES slices does to a hose whose row 0 is what enters.

    (SLICES + 1, SLICES): every slice afterwards, a mean of what lies in it; (SLICES,): mean of
    what has left.
    """
    edge = np.arange(SLICES)
    moved = np.zeros((SLICES + 1, SLICES))
    for new in edge:
        start = new - slices  # of the old places, where this slice's content begins
        for old in edge:
            moved[old + 1, new] = max(0.0, min(start + 1, old + 1) - max(start, old))
        moved[0, new] = max(0.0, min(start + 1, 0.0) - start)
    left = np.array([max(0.0, min(old + 1 - SLICES + slices, 1.0)) / slices for old in edge])
    return moved, left


class Hoses:
    """`slice_c` (cabinets, 2, SLICES): to the modules, and back, in the direction of flow."""

    def __init__(self, temperature_c: Floats, slice_j_k: Floats, air_w_k: Floats) -> None:
        self._entering_and_slices = np.repeat(
            np.repeat(temperature_c[:, None], 2, axis=1)[:, :, None], SLICES + 1, axis=2
        )
        self.slice_c: Floats = self._entering_and_slices[:, :, 1:]
        self.slice_j_k = slice_j_k
        self._air_w_k = air_w_k
        self._moved: Floats = np.zeros(0)
        self._left: Floats = np.zeros(0)

    def prepare(self, dt_s: float, transport_s: Floats) -> None:
        """Weights of one length of step; the hoses of all cabinets in one product."""
        each = [plug(SLICES * dt_s / delay) for delay in transport_s]
        if np.ptp(transport_s) == 0.0:
            each = each[:1]
        self._moved = np.array([moved for moved, _ in each])
        self._left = np.array([left for _, left in each])[:, :, None]
        self._follows = np.minimum(dt_s * self._air_w_k / (2 * SLICES * self.slice_j_k), 1.0)
        self._follows = self._follows[:, None, None]
        self._slice_w_k = self.slice_j_k / dt_s

    def leaving_c(self) -> Floats:
        """Mean of what leaves in the coming step while coolant flows, (cabinets, 2)."""
        return np.matmul(self.slice_c, self._left)[:, :, 0]

    def step(self, entering_c: Floats, back_c: Floats, flowing: Bools, air_c: Floats) -> Floats:
        """Move on where it flows; heat that the cabinet's air gets, W (cabinets,)."""
        whole = self._entering_and_slices
        whole[:, 0, 0] = entering_c
        whole[:, 1, 0] = back_c
        moved = np.matmul(whole, self._moved)
        np.copyto(self.slice_c, moved, where=flowing[:, None, None])
        lost = (self.slice_c - air_c[:, None, None]) * self._follows
        self.slice_c -= lost
        return np.add.reduce(lost, axis=(1, 2)) * self._slice_w_k
