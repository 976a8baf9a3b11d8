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

import numpy as np

TINY = 1e-18
"""Below it a trace is 0. Its square is still an ordinary float32."""


def or_zero(values, least: float):
    """Return the values, with 0 for those below `least`, in plain NumPy."""
    return np.where(values >= values.dtype.type(least), values, values.dtype.type(0))


def features_reference(trace, mean, variance, readouts, rate, floor, scale, bias, x):
    """Write the features of one readout step. This definition is in plain NumPy.

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
        variance[:] = or_zero(variance + weight * (deviation * deviation - variance), TINY * TINY)
        x[:n] = (trace - mean) / (np.sqrt(variance) + floor) * scale
    else:
        x[:n] = trace * scale
    x[n] = bias
