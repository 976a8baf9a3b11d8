"""Intervals and tests; the seed is the unit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import bootstrap, quantile_test

EXACT_UP_TO = 16
"""Number of pairs up to which all sign flips are enumerated."""


class Interval(NamedTuple):
    """A mean with its interval."""

    mean: float
    low: float
    high: float
    n: int  # values that entered; NaN are left out


class Paired(NamedTuple):
    """Paired difference a - b."""

    mean: float
    low: float
    high: float
    n: int
    p: float  # two-sided sign-flip test, not corrected


def mean_interval(values, level: float = 0.95, resamples: int = 9999, seed: int = 0) -> Interval:
    """Return the mean and its BCa bootstrap interval.

    Degenerate cases: without values everything is NaN; one value, or one that
    is infinite (never reached), has no interval (NaN); equal values have an
    interval of width 0.

    Parameters
    ----------
    values : (n,) array
        One per seed; NaN = undefined for that seed, left out and not counted.
    level : float
    resamples : int
    seed : int
        Of the resampling, so that equal data give equal intervals.
    """
    x = np.asarray(values, float).ravel()
    x = x[~np.isnan(x)]
    if x.size == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(x.mean())
    if x.size == 1 or not np.isfinite(mean):
        return Interval(mean, np.nan, np.nan, x.size)
    if np.ptp(x) <= 1e-12 * np.abs(x).max():
        return Interval(mean, mean, mean, x.size)
    rng = np.random.default_rng(seed)
    found = bootstrap((x,), np.mean, confidence_level=level, n_resamples=resamples, method="BCa", rng=rng)
    low, high = found.confidence_interval
    return Interval(mean, float(low), float(high), x.size)


def median_interval(values, level: float = 0.95) -> Interval:
    """Return the median with a distribution-free interval between two order statistics.

    For values that may be infinite ("never reached"), where means say nothing. The
    interval's ranks are those of a binomial test of the median; its level is at least
    `level`. Below six values no such interval exists: NaN.

    Parameters
    ----------
    values : (n,) array
        One per seed; NaN = undefined for that seed, left out and not counted.
    level : float
    """
    x = np.sort(np.asarray(values, float).ravel())
    x = x[~np.isnan(x)]
    if x.size == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    middle = float(x[(x.size - 1) // 2]), float(x[x.size // 2])
    median = middle[0] if middle[0] == middle[1] else (middle[0] + middle[1]) / 2
    low, high = quantile_test(x, q=0.0, p=0.5).confidence_interval(level)
    return Interval(median, float(low), float(high), x.size)


def sign_flip(differences, resamples: int = 99_999, seed: int = 0) -> float:
    """Return the two-sided p-value of a mean difference of 0 under random signs.

    Exact up to 16 pairs; beyond, Monte Carlo with the observed signs counted as
    one of the draws. NaN without pairs.

    Parameters
    ----------
    differences : (n,) array
        NaN are left out.
    """
    d = np.asarray(differences, float).ravel()
    d = d[~np.isnan(d)]
    if d.size == 0:
        return np.nan
    rng = np.random.default_rng(seed)
    if exact := d.size <= EXACT_UP_TO:
        bits = np.arange(2**d.size)[:, None] >> np.arange(d.size) & 1
        sums = (1 - 2 * bits) @ d
    else:
        sums = np.concatenate([(1 - 2 * rng.integers(0, 2, (n, d.size))) @ d for n in _chunks(resamples)])
    # Rounding must not make a flip that equals the observed sum fall short of it.
    as_large = np.abs(sums) >= abs(d.sum()) - 1e-12 * np.abs(d).sum()
    return float(as_large.mean() if exact else (1 + as_large.sum()) / (1 + resamples))


def _chunks(total: int, size: int = 10_000):
    return [min(size, total - start) for start in range(0, total, size)]


def holm(p_values) -> np.ndarray:
    """Return Holm-adjusted p-values, NaN staying NaN and not counted.

    Parameters
    ----------
    p_values : (m,) array
    """
    p = np.asarray(p_values, float)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN sort last
    steps = p[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def paired_difference(a, b, level: float = 0.95, seed: int = 0) -> Paired:
    """Return the difference a - b over seeds with interval and sign-flip test.

    Parameters
    ----------
    a, b : (n,) array
        Same seeds in the same order; a pair with a NaN is left out.
    """
    # Two runs that never reach a criterion differ by inf - inf, which is undefined.
    with np.errstate(invalid="ignore"):
        d = np.asarray(a, float) - np.asarray(b, float)
    return Paired(*mean_interval(d, level, seed=seed), sign_flip(d, seed=seed))
