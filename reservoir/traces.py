"""From traces to features: scaled, or normalised by each cell's own history.

Normalised, ``x_i = (r_i - mu_i) / (sd_i + floor)`` times the scale, with mu and
sd^2 running averages of the trace r: every cell speaks in units of its own
fluctuations. It is local to a cell (a homeostatic gain), and it is what lets a
gradient rule learn as much from 100 trials as least squares (docs/model.md).
A new value weighs ``max(rate, 1/n)``, so the first averages are plain ones.

Traces and averages below 1e-18 (variances below its square) become 0: numbers too
small to be stored in full slow a processor down, and a silent cell's would never
reach 0 by decay. A spike leaves 1e-3 or more.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from spikewhen.reservoir.simd import Row, Vector, simd_function

TINY = 1e-18
"""Below it a trace is 0. Its square is still an ordinary float32."""


def or_zero(values, least: float):
    """Keep what is at least `least`, else 0, in plain NumPy."""
    return np.where(values >= values.dtype.type(least), values, values.dtype.type(0))


def features_reference(trace, mean, variance, readouts, rate, floor, scale, bias, x):
    """Write the features of one readout step in plain NumPy, the definition.

    Parameters
    ----------
    trace : (N,) ndarray
    mean, variance : (N,) ndarray
        Running averages, updated in place when ``rate > 0``.
    readouts : (1,) int64 ndarray
        Counts readout steps, updated in place.
    rate, floor, scale, bias : scalars of the run's precision
    x : (M,) ndarray
        Features: N traces, the bias, zeros.
    """
    n = trace.size
    readouts[0] += 1
    if rate > 0:
        real = trace.dtype.type
        weight = max(rate, real(1) / real(readouts[0]))
        deviation = trace - mean
        mean[:] = or_zero(mean + weight * deviation, TINY)
        variance[:] = or_zero(variance + weight * (deviation * deviation - variance), TINY**2)
        x[:n] = (trace - mean) / (np.sqrt(variance) + floor) * scale
    else:
        x[:n] = trace * scale
    x[n] = bias


def decay(trace: Row, rise: Row | None, keep: Vector, couple: Vector, rise_keep: Vector) -> None:
    """Carry traces through a readout step without spikes, as vector code; no `rise` = single exponential."""
    decayed = trace * keep
    if rise is not None:
        decayed = decayed + rise * couple
        rise.set((rise * rise_keep).or_zero(TINY))
    trace.set(decayed.or_zero(TINY))


@simd_function
def _decay(trace: Row, keep: Vector) -> None:
    decay(trace, None, keep, keep, keep)


@simd_function
def _rise_and_decay(trace: Row, rise: Row, keep: Vector, couple: Vector, rise_keep: Vector) -> None:
    decay(trace, rise, keep, couple, rise_keep)


@simd_function
def _scaled(trace: Row, scale: Vector, x: Row) -> None:
    x.set(trace * scale)


@simd_function
def _normalised(
    trace: Row, mean: Row, variance: Row, weight: Vector, floor: Vector, scale: Vector, x: Row
) -> None:
    deviation = trace - mean
    mean_next = (mean + deviation * weight).or_zero(TINY)
    variance_next = (variance + (deviation * deviation - variance) * weight).or_zero(TINY**2)
    mean.set(mean_next)
    variance.set(variance_next)
    x.set((trace - mean_next) / (variance_next.sqrt() + floor) * scale)


@nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
def decay_row(trace, i, rise, j, decays, double):
    """Carry the traces of 32 cells through a readout step without spikes.

    `decays` is ``(trace_decay, trace_couple, trace_rise_decay)`` per readout step;
    ``trace[i:]`` and ``rise[j:]`` are the cells' traces.
    """
    keep, couple, rise_keep = decays
    if double:
        _rise_and_decay(trace, i, rise, j, keep, couple, rise_keep)
    else:
        _decay(trace, i, keep)


@nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
def next_weight(rate, readouts):
    """Count a readout step; return how much a new value weighs in the running averages."""
    readouts[0] += 1
    return max(rate, type(rate)(1) / type(rate)(readouts[0]))


@nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
def feature_row(trace, i, mean, j, variance, k, weight, constants, x, r):
    """Write the features of 32 cells to ``x[r:]``; `constants` is ``(rate, floor, scale, bias)``."""
    rate, floor, scale, _ = constants
    if rate > 0:
        _normalised(trace, i, mean, j, variance, k, weight, floor, scale, x, r)
    else:
        _scaled(trace, i, scale, x, r)


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def follow_spikes(state, decays, constants, jump, rise_jump, ids, spike_steps, begin, end, step, n, x):
    """Advance traces by the readout step that starts at `step` and write its features.

    Equals what the engine does while it simulates, from spikes that are known.

    Parameters
    ----------
    state : tuple of ndarrays
        ``(trace, trace_rise, trace_mean, trace_variance, readouts)``, the first four
        ``(N_pad,)``, padded with zeros to whole rows of 32.
    decays, constants : tuple
        See `decay_row`, `feature_row`.
    jump, rise_jump : (m,) ndarrays
        What a spike in each sub-step leaves at the end; `rise_jump` (0,) = single exponential.
    ids, spike_steps : ndarrays
        Spikes ``begin : end`` belong to this readout step, ordered by step.
    n : int
        Number of neurons.
    x : (M,) ndarray
        Features; zero beyond n, or as written by an earlier call.
    """
    trace, rise, mean, variance, readouts = state
    double = rise_jump.size > 0
    for r in range(0, trace.size, 32):
        decay_row(trace, r, rise, r, decays, double)
    for e in range(begin, end):
        j, q = ids[e], spike_steps[e] - step
        trace[j] = trace[j] + jump[q]
        if double:
            rise[j] = rise[j] + rise_jump[q]
    weight = next_weight(constants[0], readouts)
    for r in range(0, trace.size, 32):
        feature_row(trace, r, mean, r, variance, r, weight, constants, x, r)
    x[n] = constants[3]
