"""From traces to features: scaled, or normalised by each cell's own history.

Normalised, ``x_i = (r_i - mu_i) / (sd_i + floor)`` times the scale, with mu and
sd^2 running averages of the trace r: every cell speaks in units of its own
fluctuations. It is local to a cell (a homeostatic gain), and it is what lets a
gradient rule learn as much from 100 trials as least squares (docs/model.md).
A new value weighs ``max(rate, 1/n)``, so the first averages are plain ones.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np


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


@nb.njit(nogil=True, error_model="numpy")
def write_features(trace, mean, variance, readouts, rate, floor, scale, bias, x):
    """Write the features of one readout step; equals `features_reference` bit for bit."""
    n = trace.size
    readouts[0] += 1
    if rate > 0:
        weight = max(rate, trace.dtype.type(1) / trace.dtype.type(readouts[0]))
        for i in range(n):
            deviation = trace[i] - mean[i]
            mean[i] = mean[i] + weight * deviation
            variance[i] = variance[i] + weight * (deviation * deviation - variance[i])
            x[i] = (trace[i] - mean[i]) / (math.sqrt(variance[i]) + floor) * scale
    else:
        for i in range(n):
            x[i] = trace[i] * scale
    x[n] = bias
