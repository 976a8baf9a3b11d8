"""Does an output follow probability? Regression over levels, and a proper score.

Fit each seed on its own, then average the fits: pooling seeds would let
differences between networks pass for noise around one line.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Line(NamedTuple):
    """Least-squares line of a value on probability, each ``(...)``."""

    r: np.ndarray  # Pearson correlation
    slope: np.ndarray
    intercept: np.ndarray


def fit_line(probability: np.ndarray, value: np.ndarray) -> Line:
    """Regress `value` on `probability` over the last axis.

    Parameters
    ----------
    probability, value : (..., L) array
        L levels; leading axes (seeds, channels) are fitted one by one. Levels
        where either is NaN are left out.

    Returns
    -------
    Line
        r is NaN for a constant value, everything is NaN below two distinct levels.
    """
    p, v = np.broadcast_arrays(np.asarray(probability, float), np.asarray(value, float))
    used = np.isfinite(p) & np.isfinite(v)
    n = np.maximum(used.sum(-1, keepdims=True), 1)
    mean_p = np.where(used, p, 0).sum(-1, keepdims=True) / n
    mean_v = np.where(used, v, 0).sum(-1, keepdims=True) / n
    dp, dv = np.where(used, p - mean_p, 0), np.where(used, v - mean_v, 0)
    pp, vv, pv = (dp * dp).sum(-1), (dv * dv).sum(-1), (dp * dv).sum(-1)
    tiny = 1e-24
    slope = np.where(pp > tiny, pv / np.where(pp > tiny, pp, 1), np.nan)
    both = (pp > tiny) & (vv > tiny)
    r = np.where(both, pv / np.sqrt(np.where(both, pp * vv, 1)), np.nan)
    return Line(r, slope, mean_v[..., 0] - slope * mean_p[..., 0])


def brier(probability: np.ndarray, event: np.ndarray) -> float:
    """Return the Brier score sum_k (p_k - o_k)^2, mean over trials.

    Parameters
    ----------
    probability : (n, K) array
        Predicted before each trial; clipped to [0, 1] as in the prediction.
    event : (n,) int
        What came, -1 = omission.

    Returns
    -------
    float
        The true p scores sum_k p_k (1 - p_k) on average; NaN without trials.
    """
    p = np.clip(np.asarray(probability, float), 0, 1)
    if len(p) == 0:
        return float("nan")
    outcome = np.asarray(event)[:, None] == np.arange(p.shape[1])
    return float(((p - outcome) ** 2).sum(1).mean())
