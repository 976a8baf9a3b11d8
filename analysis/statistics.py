"""Intervals, tests and effect sizes; the seed is the unit.

How often each interval covers what it is of, at 3 to 50 seeds and for five shapes of
distribution, stands in docs/statistics.md and is tested by simulation.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import nctdtrinc, stdtr, stdtrit

EXACT_UP_TO = 16
"""Number of pairs up to which all sign flips are enumerated."""

MEAN_INTERVAL = "Student's t, widened for skewness by Hall's transformation"
"""What `mean_interval` computes, as texts beside it say it."""
MEDIAN_INTERVAL = "order statistics, by the binomial distribution"
FRACTION_INTERVAL = "Clopper and Pearson's, by the binomial distribution"


class Interval(NamedTuple):
    """A mean (or median, or fraction) with its interval."""

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


class Effect(NamedTuple):
    """The standardised mean difference d_z of pairs with its interval."""

    d_z: float
    low: float
    high: float


def mean_interval(values, level: float = 0.95) -> Interval:
    """Return the mean and an interval that is never narrower than Student's t.

    The interval is the smallest that holds both Student's t interval and the interval of
    Hall's transformation of t, which corrects the first for the skewness of the values
    (P. Hall, On the removal of skewness by transformation, J. R. Stat. Soc. B 54, 1992).
    With two values, of which no skewness can be known, it is Student's.

    Degenerate cases have no interval (NaN): no value, one value, a value that is infinite
    (never reached), and equal values, which say nothing of how other seeds would scatter.

    Parameters
    ----------
    values : (n,) array
        One per seed; NaN = undefined for that seed, left out and not counted.
    level : float
    """
    x = _known(values)
    n = x.size
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(x.mean())
    if n == 1 or not np.isfinite(mean) or all_equal(x):
        return Interval(mean, np.nan, np.nan, n)
    sd = float(x.std(ddof=1))
    error, quantile = sd / math.sqrt(n), float(stdtrit(n - 1, (1 + level) / 2))
    low, high = mean - error * quantile, mean + error * quantile
    skewness = _skewness((x - mean) / sd)
    if abs(skewness) > 1e-6:
        low = min(low, mean - error * _hall(quantile, skewness, n))
        high = max(high, mean - error * _hall(-quantile, skewness, n))
    return Interval(mean, low, high, n)


def _skewness(z: np.ndarray) -> float:
    """Return the third cumulant's unbiased estimate over the cube of the standard deviation."""
    n = z.size
    return 0.0 if n < 3 else float((z**3).sum()) * n / ((n - 1) * (n - 2))


def _hall(quantile: float, skewness: float, n: int) -> float:
    """Return the value of t whose transform is a quantile of Student's distribution."""
    root = math.sqrt(n)
    return 3 * root / skewness * (math.cbrt(1 + skewness * (quantile / root - skewness / (6 * n))) - 1)


def _known(values) -> np.ndarray:
    x = np.asarray(values, float).ravel()
    return x[~np.isnan(x)]


def all_equal(values) -> bool:
    """Whether several values differ by no more than rounding; NaN are left out."""
    x = _known(values)
    return bool(x.size > 1 and (np.all(x == x[0]) or np.ptp(x) <= 1e-12 * np.abs(x).max()))


def median_interval(values, level: float = 0.95) -> Interval:
    """Return the median with a distribution-free interval between two order statistics.

    For values that may be infinite ("never reached"), where means say nothing. The
    interval's ranks are those of a binomial test of the median; its level is at least
    `level`. Below six values no such interval exists at 95 %: NaN.

    Parameters
    ----------
    values : (n,) array
        One per seed; NaN = undefined for that seed, left out and not counted.
    level : float
    """
    x = np.sort(_known(values))
    if x.size == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    middle = float(x[(x.size - 1) // 2]), float(x[x.size // 2])
    median = middle[0] if middle[0] == middle[1] else (middle[0] + middle[1]) / 2
    from scipy.stats import quantile_test  # slow to import, and figures need it seldom

    low, high = quantile_test(x, q=0.0, p=0.5).confidence_interval(level)
    return Interval(median, float(low), float(high), x.size)


def fraction_interval(hits, level: float = 0.95) -> Interval:
    """Return the share of seeds in which something is so, with Clopper and Pearson's exact interval.

    It covers the true share at least as often as it says, at every number of seeds; with all
    of 3 seeds it reaches from 0.29 to 1.

    Parameters
    ----------
    hits : (n,) array
        One per seed: 1 or True where it is so, 0 where not; NaN is left out and not counted.
    level : float

    Raises
    ------
    ValueError
        If a value is neither 0 nor 1.
    """
    x = _known(hits)
    if not np.isin(x, (0, 1)).all():
        raise ValueError("a fraction is of values that are 0 or 1")
    if x.size == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    from scipy.stats import binomtest

    found = binomtest(int(x.sum()), x.size).proportion_ci(level, "exact")
    return Interval(float(x.mean()), float(found.low), float(found.high), x.size)


def sign_flip(differences, resamples: int = 99_999, seed: int = 0) -> float:
    """Return the two-sided p-value of a mean difference of 0 under random signs.

    Exact up to 16 pairs; beyond, Monte Carlo with the observed signs counted as
    one of the draws. NaN without pairs. No p is below `smallest_p`.

    Parameters
    ----------
    differences : (n,) array
        NaN are left out.
    """
    d = _known(differences)
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


def smallest_p(n: int) -> float:
    """Return the floor of the sign-flip test: of 2^n signs, two give the largest difference there is."""
    return min(1.0, 2.0 ** (1 - n))


def fewest_pairs(tests: int = 1, level: float = 0.05) -> int:
    """Return how many pairs it takes that the smallest of some p-values, corrected by Holm, can be below.

    Six for one test at 5 %.
    """
    n = 1
    while tests * smallest_p(n) >= level:
        n += 1
    return n


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


def differences(a, b) -> np.ndarray:
    """Return a - b; two runs that never reach a criterion differ by inf - inf, which is undefined."""
    with np.errstate(invalid="ignore"):
        return np.asarray(a, float) - np.asarray(b, float)


def paired_difference(a, b, level: float = 0.95, seed: int = 0) -> Paired:
    """Return the difference a - b over seeds with interval and sign-flip test.

    Parameters
    ----------
    a, b : (n,) array
        Same seeds in the same order; a pair with a NaN is left out.
    level : float
        Of the interval, which is that of `mean_interval`.
    seed : int
        Of the signs that are drawn where they are too many to enumerate.
    """
    d = differences(a, b)
    return Paired(*mean_interval(d, level), sign_flip(d, seed=seed))


def effect_size(paired_differences, level: float = 0.95) -> Effect:
    """Return d_z, the mean of paired differences over their standard deviation, with its interval.

    The interval inverts the noncentral t distribution, so it is exact for normal differences
    (G. Cumming and S. Finch, Educ. Psychol. Meas. 61, 2001). NaN below two pairs, and where all
    differences are equal.

    Parameters
    ----------
    paired_differences : (n,) array
        NaN are left out.
    level : float
    """
    d = _known(paired_differences)
    if d.size < 2 or not np.isfinite(d).all() or all_equal(d):
        return Effect(np.nan, np.nan, np.nan)
    root = math.sqrt(d.size)
    d_z = float(d.mean() / d.std(ddof=1))
    ends = (float(nctdtrinc(d.size - 1, p, d_z * root)) / root for p in ((1 + level) / 2, (1 - level) / 2))
    return Effect(d_z, *ends)


def equivalence(values, margin: float, level: float = 0.05) -> tuple[Interval, float]:
    """Test whether a mean lies within ``-margin`` and ``margin``: two one-sided tests (TOST).

    The interval is the one of level ``1 - 2 level`` (90 %); equivalence is shown where all of it
    lies inside the margins (D. J. Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987).

    Parameters
    ----------
    values : (n,) array
        Differences, one per seed; NaN are left out.
    margin : float
        The largest difference that does not matter, chosen before the data were seen.
    level : float

    Returns
    -------
    interval : Interval
    p : float
        The larger of the two p-values of Student's one-sided tests; NaN where there is no interval.
    """
    found = mean_interval(values, 1 - 2 * level)
    if not np.isfinite(found.low):
        return found, np.nan
    error = float(_known(values).std(ddof=1)) / math.sqrt(found.n)
    return found, float(stdtr(found.n - 1, (abs(found.mean) - margin) / error))
