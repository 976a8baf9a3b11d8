"""Traces and features of `spikewhen.reservoir.traces`, compiled: rows of 32 cells, as vector code."""

from __future__ import annotations

import numba as nb

from spikewhen.reservoir.simd import simd_function
from spikewhen.reservoir.traces import TINY
from spikewhen.reservoir.vector import ArrayRow, Vector


@simd_function
def _decay(trace: ArrayRow, keep: Vector) -> None:
    trace.set((trace * keep).or_zero(TINY))


@simd_function
def _double_decay(
    trace: ArrayRow, inflow: ArrayRow, keep: Vector, couple: Vector, inflow_keep: Vector
) -> None:
    decayed = trace * keep + inflow * couple
    inflow.set((inflow * inflow_keep).or_zero(TINY))
    trace.set(decayed.or_zero(TINY))


@simd_function
def _scaled(trace: ArrayRow, scale: Vector, x: ArrayRow) -> None:
    x.set(trace * scale)


@simd_function
def _normalised(
    trace: ArrayRow,
    mean: ArrayRow,
    variance: ArrayRow,
    weight: Vector,
    floor: Vector,
    scale: Vector,
    x: ArrayRow,
) -> None:
    deviation = trace - mean
    mean_next = (mean + deviation * weight).or_zero(TINY)
    variance_next = (variance + (deviation * deviation - variance) * weight).or_zero(TINY * TINY)
    mean.set(mean_next)
    variance.set(variance_next)
    x.set((trace - mean_next) / (variance_next.sqrt() + floor) * scale)


@nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
def decay_row(trace, i, inflow, j, decays, double):
    """Carry the traces of 32 cells through a readout step without spikes.

    `decays` is ``(trace_factor, trace_couple, trace_inflow_factor)`` per readout step;
    ``trace[i:]`` and ``inflow[j:]`` are the cells' traces.
    """
    keep, couple, inflow_keep = decays
    if double:
        _double_decay(trace, i, inflow, j, keep, couple, inflow_keep)
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
def follow_spikes(state, decays, constants, jump, inflow_jump, ids, spike_steps, begin, end, step, n, x):
    """Advance traces by the readout step that starts at `step` and write its features.

    Equals what the engine does while it simulates, from spikes that are known.

    Parameters
    ----------
    state : tuple of ndarrays
        ``(trace, trace_inflow, trace_mean, trace_variance, readouts)``, the first four
        ``(N_pad,)``, padded with zeros to whole rows of 32.
    decays, constants : tuple
        See `decay_row`, `feature_row`.
    jump, inflow_jump : (m,) ndarrays
        What a spike in each sub-step leaves at the end; `inflow_jump` (0,) = single exponential.
    ids, spike_steps : ndarrays
        Spikes ``begin : end`` belong to this readout step, ordered by step.
    n : int
        Number of neurons.
    x : (M,) ndarray
        Features; zero beyond n, or as written by an earlier call.
    """
    trace, inflow, mean, variance, readouts = state
    double = inflow_jump.size > 0
    for r in range(0, trace.size, 32):
        decay_row(trace, r, inflow, r, decays, double)
    for e in range(begin, end):
        j, q = ids[e], spike_steps[e] - step
        trace[j] = trace[j] + jump[q]
        if double:
            inflow[j] = inflow[j] + inflow_jump[q]
    weight = next_weight(constants[0], readouts)
    for r in range(0, trace.size, 32):
        feature_row(trace, r, mean, r, variance, r, weight, constants, x, r)
    x[n] = constants[3]
