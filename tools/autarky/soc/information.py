"""How much of the charge a trace's voltage can tell: posterior Cramer-Rao bound.

Unknown are the start's deviation, offset and gain of the current sensor, all constant and with
priors, and the model's error. That error has two parts: one stands along charge, a Gaussian process
whose correlation falls exponentially, so that passing a charge again shows the same error again;
the rest is noise. All of it is linear about the true course, where the bound of van Trees
(Detection, Estimation and Modulation Theory I, 1968) is the inverse of the prior's information plus
the measurements': no estimator without a bias does better, causal ones included. Resistances,
hysteresis branch and temperature are taken as known, which only lowers the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.signal import correlate

from autarky.soc.traces import Floats, Trace
from bess.estimate.cell_model import CellModel
from bess.estimate.chemistry import Chemistry

FLAT_SOC = (0.2, 0.8)
_STEP_SOC = 0.01  # half of the span of charge that a slope is taken over
_NODE_SOC = 0.005  # the standing error is one number over so much charge
_AXIS_SOC = 0.005  # the reference itself is no better, so no table's charge axis is
_BIN_SOC = 0.01
_PIECE_S = 300.0


@dataclass(frozen=True)
class Prior:
    """Deviations: of the start's charge 0..1, of the sensor's offset in C, of its gain."""

    start_soc: float
    offset_c: float = 0.002
    gain: float = 0.005


@dataclass(frozen=True)
class VoltageError:
    """Error of a model's voltage.

    standing_v: rms of what stands along charge, its correlation falls to 1/e over span_soc;
    noise_v: rms of the rest, as good as one independent sample every noise_s.
    """

    standing_v: float
    span_soc: float
    noise_v: float
    noise_s: float


@dataclass(frozen=True)
class Course:
    """What a model makes of a trace at its reference charge, arrays (n,).

    time_s from 0; soc 0..1; moved: charge gone out since the start, 0..1 of capacity; slope_v: what
    the voltage changes for a charge of 0..1, of which branch_v is the hysteresis gap's and drop_v
    the drops'; missed_v: measured voltage less the model's.
    """

    time_s: Floats
    soc: Floats
    moved: Floats
    slope_v: Floats
    branch_v: Floats
    drop_v: Floats
    missed_v: Floats

    def inside(self, low_soc: float, high_soc: float) -> Course:
        """The longest stay between two charges, as a course that starts there."""
        within = np.flatnonzero((self.soc >= low_soc) & (self.soc <= high_soc))
        stays = np.split(within, np.flatnonzero(np.diff(within) > 1) + 1)
        part = max(stays, key=len)
        return Course(
            self.time_s[part] - self.time_s[part[0]], self.soc[part],
            self.moved[part] - self.moved[part[0]], self.slope_v[part], self.branch_v[part],
            self.drop_v[part], self.missed_v[part],
        )  # fmt: skip


def course(trace: Trace, chemistry: Chemistry, capacity_ah: float) -> Course:
    """The firmware's cell model along a trace with a reference.

    Its drops are scaled by one factor, least squares over the trace, as the estimator learns one.
    What its voltage depends on charge by is all in slope_v: rest voltage with the graphite steps,
    hysteresis gap, diffusion. The branch at the start is that of discharge below half, else charge.
    """
    assert trace.soc is not None
    time_s = trace.time_s - trace.time_s[0]
    dt_s = np.diff(time_s, prepend=0.0)
    current_c = trace.current_a / capacity_ah
    model = CellModel(chemistry)
    model.lean = -1.0 if trace.soc[0] > 0.5 else 1.0
    at_rest_v = np.empty((3, len(time_s)))  # below, at and above the reference charge
    drops_v, gaps_v = np.empty_like(at_rest_v), np.empty_like(at_rest_v)
    inputs = zip(
        dt_s.tolist(), current_c.tolist(), trace.temperature_c.tolist(), trace.soc.tolist(),
        strict=True,
    )  # fmt: skip
    for i, (step_s, now_c, celsius, soc) in enumerate(inputs):
        model.set_temperature(celsius)
        model.advance(now_c, now_c * step_s / 3600, step_s)
        for k, at in enumerate((soc - _STEP_SOC, soc, soc + _STEP_SOC)):
            at_rest_v[k, i] = model.now_v(at, now_c, 0.0)
            drops_v[k, i] = at_rest_v[k, i] - model.now_v(at, now_c, 1.0)
            gaps_v[k, i] = -model.lean * model.gap_v(at)
    lacks_v = at_rest_v[1] - trace.voltage_v
    scale = float(lacks_v @ drops_v[1] / max(drops_v[1] @ drops_v[1], 1e-12))
    level, branch, drop = (
        (v[2] - v[0]) / (2 * _STEP_SOC) for v in (at_rest_v, gaps_v, -scale * drops_v)
    )
    return Course(
        time_s, trace.soc, np.cumsum(current_c * dt_s) / 3600, level + drop, branch, drop,
        scale * drops_v[1] - lacks_v,
    )  # fmt: skip


def voltage_error(seen: Course) -> VoltageError:
    """What a model's error is like, from what it missed along a course.

    Standing: the means of what was missed over each percent of charge. Noise: what is left.
    """
    place = np.floor(seen.soc / _BIN_SOC).astype(int)
    place -= place.min()
    counts = np.bincount(place)
    means_v = np.bincount(place, weights=seen.missed_v) / np.maximum(counts, 1)
    standing_v, noise_v = means_v[counts > 0], seen.missed_v - means_v[place]
    along = _correlation(standing_v)
    near = int(np.argmax(along < 1 / np.e)) if (along < 1 / np.e).any() else len(along)
    over_time = _correlation(noise_v)
    crossing = int(np.argmax(over_time < 0)) if (over_time < 0).any() else len(over_time)
    dt_s = float(np.median(np.diff(seen.time_s)))
    noise_s = dt_s * max(2 * float(over_time[:crossing].sum()) - 1, 1.0)
    return VoltageError(_rms(standing_v), _BIN_SOC * max(near, 1), _rms(noise_v), noise_s)


def _correlation(signal: Floats) -> Floats:
    """Autocorrelation about zero by lag, unbiased, 1 at 0; zeros for a signal of zeros."""
    products = correlate(signal, signal, method="fft")[len(signal) - 1 :]
    products = products / np.arange(len(signal), 0, -1)
    return products / products[0] if products[0] > 0 else np.zeros(len(signal))


def _rms(signal: Floats) -> float:
    return float(np.sqrt(np.mean(signal**2)))


def counting_sigma(seen: Course, prior: Prior) -> Floats:
    """Deviation of counted charge (n,), 0..1: the bound where voltage says nothing."""
    return np.sqrt(
        prior.start_soc**2
        + (prior.offset_c * seen.time_s / 3600) ** 2
        + (prior.gain * seen.moved) ** 2
    )


def bound_sigma(seen: Course, error: VoltageError, prior: Prior) -> Floats:
    """Least deviation (n,), 0..1, of charge from all voltages so far.

    Information is summed in pieces of 300 s, and each sample already knows the rest of its piece.
    """
    node = np.rint(seen.soc / _NODE_SOC).astype(int)
    node -= node.min()
    nodes = int(node.max()) + 1
    apart = np.abs(np.subtract.outer(np.arange(nodes), np.arange(nodes))) * _NODE_SOC
    information = np.zeros((3 + nodes, 3 + nodes))
    priors = np.array([prior.start_soc, prior.offset_c, prior.gain])
    information[:3, :3] = np.diag(priors**-2.0)
    information[3:, 3:] = np.linalg.inv(np.exp(-apart / error.span_soc))
    # counted charge is off by start, offset and gain; voltage sees that times its slope
    counted = np.stack([np.ones(len(node)), -seen.time_s / 3600, -seen.moved], axis=1)
    standing_v = np.hypot(error.standing_v, seen.slope_v * _AXIS_SOC)
    dt_s = np.diff(seen.time_s, prepend=-error.noise_s)
    weight = np.minimum(dt_s / error.noise_s, 1.0) / error.noise_v**2
    out = np.empty(len(node))
    piece = (seen.time_s // _PIECE_S).astype(int)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(piece)) + 1, [len(node)]]).tolist()
    for start, stop in pairwise(edges):
        part = slice(start, stop)
        rows = np.zeros((stop - start, 3 + nodes))
        rows[:, :3] = seen.slope_v[part, None] * counted[part]
        rows[np.arange(stop - start), 3 + node[part]] = standing_v[part]
        information += rows.T @ (weight[part, None] * rows)
        covariance = np.linalg.inv(information)[:3, :3]
        out[part] = np.sqrt(np.einsum("ni,ij,nj->n", counted[part], covariance, counted[part]))
    return out
