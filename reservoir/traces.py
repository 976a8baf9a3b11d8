"""From traces to features: scaled, or normalised by each cell's own history.

Normalised, ``x_i = (r_i - mu_i) / (sd_i + floor)`` times the scale, with mu and
sd^2 running averages of the trace r: every cell speaks in units of its own
fluctuations. It is local to a cell (a homeostatic gain), and it is what lets a
gradient rule learn as much from 100 trials as least squares (docs/model.md).
A new value weighs ``max(rate, 1/n)``, so the first averages are plain ones.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from reservoir.lanes import Row, Vector, lane_code


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
        mean[:] = mean + weight * deviation
        variance[:] = variance + weight * (deviation * deviation - variance)
        x[:n] = (trace - mean) / (np.sqrt(variance) + floor) * scale
    else:
        x[:n] = trace * scale
    x[n] = bias


@lane_code
def _decay(trace: Row, keep: Vector) -> None:
    trace.set(trace * keep)


@lane_code
def _rise_and_decay(trace: Row, rise: Row, keep: Vector, couple: Vector, rise_keep: Vector) -> None:
    trace.set(trace * keep + rise * couple)
    rise.set(rise * rise_keep)


@lane_code
def _scaled(trace: Row, scale: Vector, x: Row) -> None:
    x.set(trace * scale)


@lane_code
def _normalised(
    trace: Row, mean: Row, variance: Row, weight: Vector, floor: Vector, scale: Vector, x: Row
) -> None:
    deviation = trace - mean
    mean_next = mean + deviation * weight
    variance_next = variance + (deviation * deviation - variance) * weight
    mean.set(mean_next)
    variance.set(variance_next)
    x.set((trace - mean_next) / (variance_next.sqrt() + floor) * scale)


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def advance_traces(trace, rise, decays, jump, rise_jump, ids, spike_steps, begin, end, step):
    """Advance the traces by one readout step that starts at `step`, with its spikes ``begin : end``.

    Parameters
    ----------
    trace, rise : (N_pad,) ndarrays
        Padded with zeros to whole rows of 32.
    decays : tuple
        ``(trace_decay, trace_couple, trace_rise_decay)`` per readout step.
    jump, rise_jump : (m,) ndarrays
        What a spike in each sub-step leaves at the end; `rise_jump` (0,) = single exponential.
    ids, spike_steps : ndarrays
    """
    keep, couple, rise_keep = decays
    double = rise_jump.size > 0
    for r in range(0, trace.size, 32):
        if double:
            _rise_and_decay(trace, r, rise, r, keep, couple, rise_keep)
        else:
            _decay(trace, r, keep)
    for e in range(begin, end):
        j, q = ids[e], spike_steps[e] - step
        trace[j] = trace[j] + jump[q]
        if double:
            rise[j] = rise[j] + rise_jump[q]


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def write_features(trace, mean, variance, readouts, constants, n, x):
    """Write the features of one readout step; equals `features_reference` bit for bit.

    Parameters
    ----------
    trace, mean, variance : (N_pad,) ndarrays
        Padded with zeros to whole rows of 32.
    constants : tuple
        ``(rate, floor, scale, bias)`` of `features_reference`.
    n : int
        Number of neurons.
    x : (M,) ndarray
        Zero beyond n, or as written by an earlier call.
    """
    rate, floor, scale, bias = constants
    readouts[0] += 1
    if rate > 0:
        weight = max(rate, trace.dtype.type(1) / trace.dtype.type(readouts[0]))
        for r in range(0, trace.size, 32):
            _normalised(trace, r, mean, r, variance, r, weight, floor, scale, x, r)
    else:
        for r in range(0, trace.size, 32):
            _scaled(trace, r, scale, x, r)
    x[n] = bias
